import { afterEach, describe, expect, test, vi } from 'vitest'
import { DisintoError } from '../../../../src/errors.ts'
import { secretSource } from '../../../../src/host/store/inventory.ts'
import {
  allowed,
  documentOf,
  entriesAt,
  entriesOf,
  isForOthers,
  openWith,
  plaintextOf,
  withOnlyIdentity,
  withOnlyKey,
} from '../../../../src/host/store/open.ts'
import { read } from '../../../../src/load/read.ts'
import type { Source } from '../../../../src/nouns.ts'
import { sealJson } from '../../../../src/sops/seal.ts'
import { MARK, Place } from '../../../helpers/place.ts'

/** What was said to be going on, where a terminal would have been told after a second. */
const progress = vi.hoisted(() => ({ told: [] as string[] }))
vi.mock('../../../../src/host/terminal.ts', async (load) => ({
  ...(await load<typeof import('../../../../src/host/terminal.ts')>()),
  withProgress: (_: unknown, what: string, work: () => Promise<unknown>) => {
    progress.told.push(what)
    return work()
  },
}))
afterEach(() => {
  progress.told = []
})

describe('opening', () => {
  test.each([
    ['', false],
    ['age', false],
    ['pgp', false],
    ['age,pgp', false],
    ['age,kms', true],
    ['hc_vault', true],
  ])('with key types %j says what goes on where a KMS may be slow: %s', async (types, says) => {
    const place = new Place().withKey()
    await place.secret('A')
    const context = place.context(types === '' ? {} : { DISINTO_KEY_TYPES: types })
    const document = read(secretSource(context.project, 'A'))
    const opened = plaintextOf(document, openWith(context))
    if (types.includes('age') || types === '') expect(await opened).toMatchObject({ kind: 'values' })
    else await expect(opened).rejects.toMatchObject({ code: expect.stringMatching(/^key-/) })
    expect(progress.told).toEqual(says ? [`opening ${document.source.path}`] : [])
  })

  test('takes the builtin engine where it can: no sops is on PATH', async () => {
    const place = new Place().withKey()
    await place.secret('A')
    const context = place.context({ PATH: '/nowhere' })
    const entries = await entriesAt(secretSource(context.project, 'A'), openWith(context), new Set())
    expect(entries.map(({ name }) => name)).toEqual(['A'])
    const yaml = documentOf({ role: 'secret', name: 'B', path: '/B' }, Buffer.from('B: x\nsops:\n  mac: y\n'))
    await expect(plaintextOf(yaml, openWith(context))).rejects.toMatchObject({ code: 'sops-missing' })
  })
})

test('one key is all that a run has', () => {
  const variables = new Map(
    Object.entries({
      ...{ A: '1', HOME: '/h', XDG_CONFIG_HOME: '/x', XDG_CONFIG_HOMES: '/y', MY_HOME: '/z' },
      ...{ SOPS_AGE_KEY: 'k', SOPS_AGE_KEY_FILE: 'f', SOPS_AGE_KEY_CMD: 'c', SOPS_CONFIG: 's' },
    }),
  )
  const kept = { A: '1', XDG_CONFIG_HOMES: '/y', MY_HOME: '/z', SOPS_CONFIG: 's' }
  expect(Object.fromEntries(withOnlyKey(variables, '/own'))).toEqual({ ...kept, SOPS_AGE_KEY_FILE: '/own' })
  expect(Object.fromEntries(withOnlyIdentity(variables, 'own'))).toEqual({ ...kept, SOPS_AGE_KEY: 'own' })
})

test('names are allowed by the environment and by words, with commas between them', () => {
  expect([...allowed(new Map())]).toEqual([''])
  expect([...allowed(new Map([['DISINTO_ALLOW', 'A, B']]), ['C ,D', 'A'])]).toEqual(['A', 'B', 'C', 'D'])
})

describe('a document of bytes', () => {
  const formatOf = (text: string, source: Source) => documentOf(source, Buffer.from(text)).format
  const plain: Source = { role: 'env-file', path: '/.env', plaintextAllowed: true }
  const encrypted: Source = { role: 'env-file', path: '/.env.enc', plaintextAllowed: false }
  const secret = (name: string): Source => ({ role: 'secret', name, path: `/secrets/${name}.enc` })

  test('is a SOPS file that lost its MAC, unless plaintext may stand there', () => {
    for (const text of ['A=1\nsops_version=3.9.0\n', '[sops]\nversion=3\n', 'A: 1\nsops:\n  version: 3\n'])
      expect([plain, encrypted, secret('A')].map((source) => formatOf(text, source) === 'plaintext')).toEqual(
        [true, false, false],
      )
    expect(formatOf('A=1\n', encrypted)).toBe('plaintext')
  })

  test('holds bytes where its one name is data, but for a secret that is called so', () => {
    const text = '{"data":"x","sops":{"mac":"y"}}'
    expect([secret('A'), secret('data'), encrypted].map((source) => formatOf(text, source))).toEqual([
      'sops-binary',
      'sops-json',
      'sops-binary',
    ])
    expect(formatOf('{"A":"x","sops":{"mac":"y"}}', secret('A'))).toBe('sops-json')
  })
})

test('what no environment holds is read of a secret file, for --as-file, and of an env file refused', async () => {
  const place = new Place().withKey()
  const context = place.context()
  const seal = (entries: ReadonlyArray<readonly [string, string]>) => sealJson(entries, [place.key.recipient])
  const zero = [['A', `${MARK}\0`]] as const
  const secret: Source = { role: 'secret', name: 'A', path: '/secrets/A.enc' }
  const envFile: Source = { role: 'env-file', path: '/.env.enc', plaintextAllowed: false }
  const of = async (
    source: Source,
    entries: ReadonlyArray<readonly [string, string]>,
    allow: string[] = [],
  ) => entriesOf(documentOf(source, await seal(entries)), openWith(context), new Set(allow))
  expect((await of(secret, zero)).map(({ name, value }) => [name, value.reveal()])).toEqual(zero)
  await expect(of(envFile, [...zero, ['B', '1']])).rejects.toMatchObject({ code: 'value-nul' })
  const path = [
    ['PATH', '/x'],
    ['B', '1'],
  ] as const
  await expect(of(envFile, path)).rejects.toMatchObject({ code: 'name-refused' })
  expect((await of(envFile, path, ['PATH'])).map(({ name }) => name)).toEqual(['PATH', 'B'])
})

test.each([
  ['key-missing', true],
  ['key-wrong', true],
  ['key-unreadable', true],
  ['key-passphrase', true],
  ['key-types', false],
  ['key-missing-x', false],
  ['no-key-missing', false],
])('an error %s says that a file is for others: %s', (code, expected) => {
  expect(isForOthers(new DisintoError(code, { message: 'x', hint: 'x' }))).toBe(expected)
  expect(isForOthers(Object.assign(new Error('x'), { code }))).toBe(false)
})
