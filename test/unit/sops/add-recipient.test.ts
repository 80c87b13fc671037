import { expect, test } from 'vitest'
import type { SopsFormat } from '../../../src/nouns.ts'
import { appendAgeKey } from '../../../src/sops/add-recipient.ts'
import { SopsFault } from '../../../src/sops/fault.ts'

const KEY = { recipient: 'age1new', enc: '-----BEGIN\nnew\n-----END\n' }

const append = async (text: string, format: SopsFormat) =>
  (await appendAgeKey(Buffer.from(text), format, KEY)).toString()

const YAML = `A: ENC[x]
sops:
    age:
        - enc: |
            -----BEGIN
            old
            -----END
          recipient: age1old
    lastmodified: "2026-01-01T00:00:00Z"
`

test('YAML gets one more entry in the list, written as sops writes it, and every other byte stays', async () => {
  const [before = '', after = ''] = YAML.split('    lastmodified')
  expect(await append(YAML, 'sops-yaml')).toBe(
    `${before}        - enc: |
            -----BEGIN
            new
            -----END
          recipient: age1new
    lastmodified${after}`,
  )
})

test('YAML whose last entry is the end of the text gets a line end first', async () => {
  const cut = YAML.replace(/\n {4}lastmodified.*\n/, '')
  expect(await append(cut, 'sops-yaml')).toBe(`${cut}
        - enc: |
            -----BEGIN
            new
            -----END
          recipient: age1new
`)
})

test.each([
  ['no list', 'A: x\nsops:\n    kms: []\n'],
  ['an empty list', 'A: x\nsops:\n    age: []\n'],
  ['a list in one line', 'A: x\nsops:\n    age: [{enc: x, recipient: age1old}]\n'],
  ['an entry in one line', 'A: x\nsops:\n    age:\n        - {enc: x, recipient: age1old}\n'],
  ['texts in place of entries', 'A: x\nsops:\n    age:\n        - age1old\n'],
  ['two documents', 'A: x\n---\nsops: {}\n'],
])('YAML with %s is declined', async (_, text) => {
  await expect(append(text, 'sops-yaml')).rejects.toThrow(SopsFault)
})

test('dotenv gets two more lines behind those of the last key, whatever its number, with its line ends', async () => {
  const text = (end: string) =>
    [
      'A=x',
      'sops_age__list_3__map_enc=old',
      'sops_age__list_3__map_recipient=age1old',
      'sops_mac=m',
      '',
    ].join(end)
  for (const end of ['\n', '\r\n']) {
    expect(await append(text(end), 'sops-dotenv')).toBe(
      text(end).replace(
        `sops_mac`,
        `sops_age__list_4__map_enc=-----BEGIN\\nnew\\n-----END\\n${end}sops_age__list_4__map_recipient=age1new${end}sops_mac`,
      ),
    )
  }
})

test('INI has blanks around the sign, and no prefix', async () => {
  expect(await append('[sops]\nage__list_0__map_recipient = age1old\n', 'sops-ini')).toBe(
    '[sops]\nage__list_0__map_recipient = age1old\nage__list_1__map_enc = -----BEGIN\\nnew\\n-----END\\n\nage__list_1__map_recipient = age1new\n',
  )
})

test.each(['A=x\n', 'sops_age__list_x__map_enc=y\n'])(
  'dotenv without numbered keys is declined: %j',
  async (text) => {
    await expect(append(text, 'sops-dotenv')).rejects.toThrow(SopsFault)
  },
)

test.each([
  ['in one line', '{"A":"x","sops":{"age":[{"recipient":"age1old","enc":"x"}]}}', undefined],
  [
    'by tabs',
    JSON.stringify({ sops: { age: [{ recipient: 'age1old', enc: '}"]' }], mac: 1 } }, undefined, '\t'),
    '\t',
  ],
  [
    'by blanks',
    JSON.stringify({ sops: { age: [{ recipient: 'age1old', enc: 'x' }] } }, undefined, '  '),
    '  ',
  ],
])('JSON laid out %s gets one more entry, laid out alike', async (_, text, unit) => {
  const done = await append(text, 'sops-json')
  const value = JSON.parse(text)
  value.sops.age.push({ enc: KEY.enc, recipient: KEY.recipient })
  expect(done).toBe(JSON.stringify(value, undefined, unit))
})

test('JSON with the name twice gets it in the last, as Go reads it', async () => {
  const text = '{"sops":{"age":[]},"sops":{"age":[{"recipient":"age1old"}] , "n": 1}}'
  expect(JSON.parse(await append(text, 'sops-json')).sops).toEqual({
    age: [{ recipient: 'age1old' }, { enc: KEY.enc, recipient: KEY.recipient }],
    n: 1,
  })
})

test.each([
  '{}',
  '[]',
  '{"sops":{}}',
  '{"sops":{"age":{}}}',
  '{"sops":{"age":[]}}',
  '{"sops":{"age":["x"]}}',
])('JSON without age keys is declined: %s', async (text) => {
  await expect(append(text, 'sops-json')).rejects.toThrow(SopsFault)
})
