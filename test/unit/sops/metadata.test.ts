import { describe, expect, test } from 'vitest'
import { isMap, parseJson } from '../../../src/sops/json.ts'
import { readMetadata } from '../../../src/sops/metadata.ts'

const AGE = [{ recipient: 'age1x', enc: 'armor' }]
const GOOD = { age: AGE, lastmodified: '2026-11-25T00:00:00Z', mac: 'ENC[]', version: '3.13.2' }

/** What is made of JSON text; of an object, with `more` in place of what is good. */
function read(more: object | string): unknown {
  const root = parseJson(typeof more === 'string' ? more : JSON.stringify({ ...GOOD, ...more }))
  if (!isMap(root)) throw new Error('no object')
  try {
    return readMetadata(root)
  } catch (error) {
    return error
  }
}
const damaged = (message: string) => ({ name: 'SopsFault', kind: 'damaged', message })

test('metadata are taken as they are, without entries that say nothing', () => {
  const plain = {
    keys: AGE,
    otherKeys: [],
    lastModified: GOOD.lastmodified,
    mac: 'ENC[]',
    macOnlyEncrypted: false,
    rule: { name: 'unencrypted_suffix', text: '_unencrypted' },
  }
  expect(read(GOOD)).toEqual(plain)
  for (const nothing of [null, ''])
    expect(
      read({
        mac_only_encrypted: nothing,
        shamir_threshold: nothing,
        encrypted_regex: nothing,
        encrypted_suffix: nothing,
      }),
    ).toEqual(plain)
  for (const none of [null, []])
    expect(read({ pgp: none, kms: none, hc_vault: none, key_groups: none })).toEqual(plain)
  for (const zero of [0, '0']) expect(read({ shamir_threshold: zero })).toEqual(plain)
  expect(read({ pgp: [{}], kms: [], hc_vault: [{}], encrypted_suffix: '_x' })).toEqual({
    ...plain,
    otherKeys: ['pgp', 'hc_vault'],
    rule: { name: 'encrypted_suffix', text: '_x' },
  })
})

test.each([
  [true, true],
  ['true', true],
  [false, false],
  ['false', false],
])('mac_only_encrypted: %j', (flag, macOnlyEncrypted) => {
  expect(read({ mac_only_encrypted: flag })).toMatchObject({ macOnlyEncrypted })
})

describe('what sops may read otherwise is left to it', () => {
  test.each([
    [
      'its mac_only_encrypted is neither true nor false',
      [{ mac_only_encrypted: 'yes' }, { mac_only_encrypted: 1 }],
    ],
    [
      'it has a Shamir threshold',
      [{ shamir_threshold: 1 }, { shamir_threshold: '1' }, { shamir_threshold: false }],
    ],
    ['its encrypted_regex is no text', [{ encrypted_regex: 1 }, { encrypted_regex: [] }]],
    ['its metadata has entries unknown here', [{ more: null }, { more: [] }, { Age: AGE }]],
    ['it has key groups', [{ key_groups: [{}] }, { key_groups: '' }]],
    ['its age keys are no list', [{ age: 'age1x' }, { age: { recipient: 'age1x', enc: 'armor' } }]],
    [
      'its age keys have entries unknown here',
      [
        { age: [...AGE, 'age1x'] },
        { age: [{ recipient: 'age1x' }] },
        { age: [{ recipient: 1, enc: 'armor' }] },
        { age: [{ recipient: 'age1x', enc: null }] },
        { age: [{ recipient: 'age1x', other: 'armor' }] },
      ],
    ],
    [
      'it has PGP keys',
      [
        { pgp: [{}], age: [] },
        { kms: [], pgp: '', age: null },
      ],
    ],
    [
      'its version is unusual',
      [
        { version: null },
        { version: ['3.13.2'] },
        { version: '3.13' },
        { version: '3.013.2' },
        { version: '3.13.2.1' },
      ],
    ],
    [
      'its lastmodified is not in the form sops writes',
      [
        { lastmodified: '2026-11-25 00:00:00Z' },
        { lastmodified: '2026-11-25T00:00:00.5Z' },
        { lastmodified: '0999-11-25T00:00:00Z' },
        { lastmodified: '2026-11-25T00:60:00Z' },
        { lastmodified: '2026-02-30T00:00:00Z' },
      ],
    ],
  ])('%s', (declines, all) => {
    for (const more of all) expect(read(more)).toEqual({ declines })
  })

  test('its metadata has an entry twice', () => {
    const twice = JSON.stringify(GOOD).replace('}]', '}],"version":"3.13.2"')
    expect(read(twice)).toEqual({ declines: 'its metadata has an entry twice' })
  })
})

describe('what sops refuses is refused', () => {
  test.each([
    ['no keys', [{ age: [] }, { age: null, pgp: [] }]],
    ['no MAC', [{ mac: '' }, { mac: null }, { mac: 1 }]],
    [
      'lastmodified is no time',
      [
        { lastmodified: '' },
        { lastmodified: ['2026-11-25T00:00:00Z'] },
        { lastmodified: ' 2026-11-25T00:00:00Z' },
      ],
    ],
    ['lines that end otherwise', [{ lastmodified: '2026-11-25T00:00:00Z\r' }]],
    ['more than one rule about what is encrypted', [{ encrypted_suffix: '_x', unencrypted_regex: 'x' }]],
  ])('%s', (message, all) => {
    for (const more of all) expect(read(more)).toMatchObject(damaged(message))
  })
})
