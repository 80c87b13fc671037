import { dirname } from 'node:path'
import { describe, expect, test } from 'vitest'
import { sealAgeFile } from '../../../src/age/file.ts'
import { generateKey } from '../../../src/age/keygen.ts'
import { detectFormat } from '../../../src/load/format.ts'
import type { Document, EngineName, KeyType } from '../../../src/nouns.ts'
import { type OpenerOptions, opener } from '../../../src/sops/engines.ts'
import { sealJson } from '../../../src/sops/seal.ts'
import { SOPS } from '../../helpers/parts.ts'
import { MARK, Place } from '../../helpers/place.ts'

const key = generateKey()
const other = generateKey()
const PATH = '/p/secrets/A.enc'
const NO_SOPS = { PATH: '/nowhere' }
const WITH_KEY = { ...NO_SOPS, SOPS_AGE_KEY: key.text }
const WITH_OTHER = { ...NO_SOPS, SOPS_AGE_KEY: other.text }

const documentOf = (bytes: Buffer): Document => ({
  source: { role: 'secret', name: 'A', path: PATH },
  bytes,
  format: detectFormat(bytes) ?? 'plaintext',
})
const SEALED = await sealJson([['A', MARK]], [key.recipient])
const JSON_FILE = documentOf(SEALED)
const AGE_FILE = documentOf(await sealAgeFile(Buffer.from(MARK), [key.recipient], { armored: true }))
const YAML_FILE: Document = {
  ...documentOf(
    Buffer.from('A: ENC[x]\nsops:\n    age:\n        - recipient: age1x\n          enc: x\n    mac: m\n'),
  ),
  format: 'sops-yaml',
}
const KMS = [{ arn: 'arn:aws:kms:eu:1:key/2', created_at: '2026-11-25T00:00:00Z', enc: 'x' }]

/** The file with other entries in its metadata. */
function withEntries(entries: object): Document {
  const { sops, ...values } = JSON.parse(SEALED.toString())
  return documentOf(Buffer.from(JSON.stringify({ ...values, sops: { ...sops, ...entries } })))
}

const open = (
  engine: EngineName,
  document: Document,
  variables: Readonly<Record<string, string>>,
  options?: OpenerOptions,
) => opener(engine, new Map(Object.entries(variables)), '/', options)(document)
const only = (...types: KeyType[]): OpenerOptions => ({ keyTypes: new Set(types) })

describe('the builtin engine opens', () => {
  test.each(['auto', 'builtin'] as const)('what it can, if %s is asked for', async (engine) => {
    expect(await open(engine, JSON_FILE, WITH_KEY)).toEqual({
      plaintext: { kind: 'values', values: [['A', MARK]], covers: 'all' },
      by: 'builtin',
    })
  })

  test.each(['auto', 'builtin', 'sops'] as const)('an age file, if %s is asked for', async (engine) => {
    expect(await open(engine, AGE_FILE, WITH_KEY)).toEqual({
      plaintext: { kind: 'bytes', bytes: Buffer.from(MARK) },
      by: 'builtin',
    })
  })

  test('by a key of the working directory, or in another home', async () => {
    const place = new Place()
    place.write('k', key.text)
    place.write('/agent/.config/sops/age/keys.txt', key.text)
    const variables = new Map(Object.entries({ ...NO_SOPS, SOPS_AGE_KEY_FILE: 'k' }))
    expect((await opener('builtin', variables, place.root)(JSON_FILE)).by).toBe('builtin')
    expect((await open('builtin', JSON_FILE, NO_SOPS, { homes: [`${place.base}/agent`] })).by).toBe('builtin')
  })

  test('several files by keys that are read once', async () => {
    const place = new Place()
    const command = place.write(
      'key',
      `#!/bin/sh\necho >> ${place.root}/asked\nprintf %s '${key.text}'\n`,
      0o700,
    )
    const openOne = opener(
      'builtin',
      new Map(Object.entries({ PATH: '/usr/bin:/bin', SOPS_AGE_KEY_CMD: command })),
      '/',
    )
    await Promise.all([openOne(JSON_FILE), openOne(AGE_FILE)])
    expect(place.read('asked')).toBe('\n')
  })
})

describe('sops is asked', () => {
  test('for what the other engine declines, which is the reason that is told', async () => {
    await expect(open('auto', YAML_FILE, WITH_KEY)).rejects.toMatchObject({
      code: 'sops-missing',
      message: expect.stringMatching(/the builtin engine can't open it: .*YAML/),
    })
  })

  test.each<[what: string, engine: EngineName, types: KeyType[]]>([
    ['where it is named', 'sops', ['age']],
    ['where no age key may be used', 'auto', ['pgp']],
    ['where no age key may be used, whatever is named', 'builtin', ['pgp']],
  ])('%s, and there is no reason to tell', async (_, engine, types) => {
    const file = withEntries({ pgp: [{ fp: 'A', created_at: '2026-11-25T00:00:00Z', enc: 'x' }] })
    await expect(open(engine, file, WITH_KEY, only(...types))).rejects.toMatchObject({
      code: 'sops-missing',
      message: `${PATH}: needs the sops program, which is not on PATH`,
    })
  })

  test('and opens it with the kinds of keys that it had', async () => {
    const opened = await open('sops', JSON_FILE, { ...WITH_KEY, PATH: `${dirname(SOPS)}:/usr/bin:/bin` })
    expect(opened).toEqual({
      plaintext: { kind: 'values', values: [['A', MARK]], covers: 'all' },
      keyTypes: ['age'],
      by: 'sops',
    })
  })
})

describe('it is an error of its own where', () => {
  test('the builtin engine is named and declines', async () => {
    await expect(open('builtin', YAML_FILE, WITH_KEY)).rejects.toMatchObject({
      code: 'engine-declines',
      message: expect.stringMatching(/^\/p\/secrets\/A\.enc: the builtin engine can't open it: .*YAML/),
    })
  })

  test('an age file is for others than the builtin engine', async () => {
    const header = 'age-encryption.org/v1\n-> ssh-ed25519 AAAA BBBB\n'
    const file = documentOf(
      Buffer.from(`${header}${'A'.repeat(43)}\n--- ${'A'.repeat(43)}\n${'x'.repeat(32)}`),
    )
    await expect(open('auto', { ...file, format: 'age' }, WITH_KEY)).rejects.toMatchObject({
      code: 'age-declines',
      message: `${PATH}: is an age file that can't be opened here: it is encrypted by ssh-ed25519`,
    })
  })

  test('an age file comes where no age key may be used', async () => {
    await expect(open('auto', AGE_FILE, WITH_KEY, only('pgp', 'kms'))).rejects.toMatchObject({
      code: 'key-type-needed',
      message: `${PATH}: no type of key that is allowed here opens it; it is also encrypted to age, which is not allowed`,
      hint: 'to allow it: --key-types or DISINTO_KEY_TYPES=pgp,kms,age',
    })
  })

  test.each([
    ['a SOPS file', JSON_FILE, `; it is encrypted to ${key.recipient}`],
    ['an age file', AGE_FILE, ''],
  ])('none of our keys is for %s, which are named', async (_, document, forWhom) => {
    await expect(open('auto', document, WITH_OTHER)).rejects.toMatchObject({
      code: 'key-wrong',
      message: `${PATH}: none of the age identities at hand opens it${forWhom}; tried ${other.recipient}`,
    })
  })

  test('there is no key at all', async () => {
    for (const document of [JSON_FILE, AGE_FILE])
      await expect(open('auto', document, NO_SOPS)).rejects.toMatchObject({ code: 'key-missing' })
  })

  test('a kind of key that may not be used might have opened it', async () => {
    await expect(open('auto', withEntries({ kms: KMS }), WITH_OTHER)).rejects.toMatchObject({
      code: 'key-type-needed',
      message: `${PATH}: none of the keys at hand opens it; it is also encrypted to kms, which is not allowed`,
      hint: 'to allow it: --key-types or DISINTO_KEY_TYPES=age,pgp,kms',
    })
    // One that the environment names may be used.
    await expect(
      open('auto', withEntries({ kms: KMS }), { ...WITH_OTHER, DISINTO_KEY_TYPES: 'age,kms' }),
    ).rejects.toMatchObject({ code: 'sops-missing' })
  })

  test('a file was changed, whatever keys it has', async () => {
    await expect(open('auto', withEntries({ mac: 'x', kms: KMS }), WITH_KEY)).rejects.toMatchObject({
      code: 'file-tampered',
    })
  })
})
