import { inspect } from 'node:util'
import { describe, expect, it } from 'vitest'
import { sealAgeFile } from '../../../src/age/file.ts'
import { type Identity, parseIdentities } from '../../../src/age/identities.ts'
import { generateKey, generatePostQuantumKey } from '../../../src/age/keygen.ts'
import { DisintoError } from '../../../src/errors.ts'
import { textOf } from '../../../src/load/dotenv.ts'
import { detectFormat } from '../../../src/load/format.ts'
import type { Document, Format } from '../../../src/nouns.ts'
import { openBuiltin, prepareBuiltin } from '../../../src/sops/builtin.ts'
import { CannotHold, sealDotenv, sealJson, unholdableLine } from '../../../src/sops/seal.ts'

const PATH = 'secrets/A.enc'
const SECRET = 'correct horse battery staple'
const mine = generateKey()
const other = generateKey()
const identities = parseIdentities(mine.text)

function documentOf(bytes: Buffer, format: Format | undefined = detectFormat(bytes)): Document {
  return {
    source: { role: 'secret', name: 'A', path: PATH } as Document['source'],
    bytes,
    format: format ?? 'sops-json',
  }
}

async function refusal(bytes: Buffer, ids: readonly Identity[] = identities): Promise<DisintoError> {
  const error = await Promise.resolve()
    .then(() => openBuiltin(documentOf(bytes), ids))
    .then(() => undefined)
    .catch((thrown: unknown) => thrown)
  if (!(error instanceof DisintoError)) throw new Error('opened, or failed without an error of ours')
  expect(inspect(error, { depth: 9 }) + error.hint).not.toContain(SECRET)
  return error
}

describe('the builtin engine', () => {
  it('opens dotenv to its text, comments and order kept', async () => {
    const text = '# first\nB=2\n#\nA="quoted # not a comment"\nC_unencrypted=x\\ny\nB=again\n'
    const sealed = await sealDotenv(text, [other.recipient, mine.recipient])
    expect(sealed.toString()).toContain('C_unencrypted=x\\ny\n')
    const opened = await openBuiltin(documentOf(sealed), identities)
    expect(opened.kind === 'items' && textOf(opened.items).toString()).toBe(text)
  })

  it('opens JSON to exact values, in order', async () => {
    const values = [
      ['Z', 'line\nfeed\r\n'],
      ['10', ''],
      ['A', '\u0000 ü "'],
    ] as const
    const opened = await openBuiltin(documentOf(await sealJson(values, [mine.recipient])), identities)
    expect(opened).toEqual({ kind: 'values', values, covers: 'all' })
  })

  it('opens age files, binary and armored', async () => {
    for (const armored of [false, true]) {
      const sealed = await sealAgeFile(Buffer.from(SECRET), [other.recipient, mine.recipient], { armored })
      expect(await openBuiltin(documentOf(sealed), identities)).toEqual({
        kind: 'bytes',
        bytes: Buffer.from(SECRET),
      })
    }
  })

  it('opens what is for a post-quantum key', async () => {
    const quantum = await generatePostQuantumKey()
    const ids = parseIdentities(quantum.text)
    const json = await sealJson([['A', SECRET]], [other.recipient, quantum.recipient])
    expect(await openBuiltin(documentOf(json), ids)).toEqual({
      kind: 'values',
      values: [['A', SECRET]],
      covers: 'all',
    })
    const age = await sealAgeFile(Buffer.from(SECRET), [quantum.recipient])
    expect(await openBuiltin(documentOf(age), ids)).toEqual({ kind: 'bytes', bytes: Buffer.from(SECRET) })
    const tampered = json.toString().replace(/ENC\[AES256_GCM,data:../, 'ENC[AES256_GCM,data:AA')
    expect((await refusal(Buffer.from(tampered), ids)).code).toBe('file-tampered')
    expect((await refusal(json, parseIdentities((await generatePostQuantumKey()).text))).code).toBe(
      'key-wrong',
    )
  })

  it('says which recipients a file is for when no identity fits', async () => {
    const error = await refusal(await sealJson([['A', SECRET]], [other.recipient]))
    expect(error.code).toBe('key-wrong')
    expect(error.message).toContain(other.recipient)
    expect((await refusal(await sealAgeFile(Buffer.from(SECRET), [other.recipient]))).code).toBe('key-wrong')
  })

  it('says where it looked when there is no identity at all', async () => {
    const error = await refusal(await sealJson([['A', SECRET]], [mine.recipient]), [])
    expect(error.code).toBe('key-missing')
    expect((await refusal(await sealAgeFile(Buffer.from(SECRET), [mine.recipient]), [])).code).toBe(
      'key-missing',
    )
  })

  it('calls a file tampered whose copy of the data key for us is broken', async () => {
    const sealed = await sealJson([['A', SECRET]], [mine.recipient])
    const text = sealed.toString().replace(/(BEGIN AGE ENCRYPTED FILE-----\\n)(.{10})../, '$1$2AA')
    expect((await refusal(Buffer.from(text))).code).toBe('file-tampered')
  })

  it('refuses values that were swapped, dropped, reordered or emptied', async () => {
    const sealed = (
      await sealJson(
        [
          ['A', 'one'],
          ['B', 'two'],
          ['C', ''],
        ],
        [mine.recipient],
      )
    ).toString()
    const [a = '', b = ''] = [...sealed.matchAll(/^\t"[AB]": .*\n/gm)].map(([line]) => line)
    const value = (line: string) => line.slice(line.indexOf(':'))
    for (const text of [
      sealed.replace(value(a), value(b)),
      sealed.replace(a, ''),
      sealed.replace(a + b, b + a),
      sealed.replace(value(a), ': "",\n'),
      sealed.replace('"C": ""', '"C": "plain"'),
      sealed.replace('"C": ""', '"C_unencrypted": "plain"'),
    ]) {
      expect(text).not.toBe(sealed)
      expect((await refusal(Buffer.from(text))).code).toBe('file-tampered')
    }
  })

  it('refuses lists, maps and null by name', async () => {
    const sealed = (await sealJson([['A', 'one']], [mine.recipient])).toString()
    for (const [odd, what] of [
      ['[1]', 'a list'],
      ['{"x": 1}', 'a map'],
      ['null', 'null'],
    ] as const) {
      const error = await refusal(Buffer.from(sealed.replace('{', `{"ODD": ${odd},`)))
      expect(error.code).toBe('value-type')
      expect(error.message).toContain(`ODD is ${what}`)
    }
  })

  it('declines, from what is readable without a key', async () => {
    const sealed = await sealJson([['A', 'one']], [mine.recipient])
    const kms = documentOf(Buffer.from(sealed.toString().replace('"sops": {', '"sops": {"kms": [{}],')))
    const reason = async (document: Document, ids = identities) => {
      const prepared = await prepareBuiltin(document, ids)
      return 'declines' in prepared ? prepared.declines : undefined
    }
    expect(await reason(kms)).toBe('it has AWS KMS keys')
    await expect(openBuiltin(kms, identities)).rejects.toThrow(/AWS KMS/)
    expect(await reason(documentOf(sealed))).toBeUndefined()
    const ssh = documentOf(Buffer.from(sealed.toString().replace(mine.recipient, 'ssh-ed25519 AAAA')))
    expect(await reason(ssh)).toContain('SSH key or a plugin')
    const plugin = parseIdentities('AGE-PLUGIN-YUBIKEY-1XXX')
    expect(await reason(documentOf(sealed), plugin)).toContain('a plugin identity')
    expect(await reason(documentOf(sealed), [...plugin, ...identities])).toBeUndefined()
    const damaged = documentOf(Buffer.from('A=x\nsops_mac=x\n'), 'sops-dotenv')
    await expect(reason(damaged)).rejects.toMatchObject({ code: 'file-tampered' })
  })
})

describe('sealing', () => {
  it('makes every value and file key anew', async () => {
    const one = (
      await sealJson(
        [
          ['A', 'x'],
          ['B', 'x'],
        ],
        [mine.recipient],
      )
    ).toString()
    const two = (
      await sealJson(
        [
          ['A', 'x'],
          ['B', 'x'],
        ],
        [mine.recipient],
      )
    ).toString()
    const ivs = [...(one + two).matchAll(/iv:([^,]*)/g)].map(([, iv]) => iv)
    expect(new Set(ivs).size).toBe(6)
    expect(ivs.every((iv) => Buffer.from(iv ?? '', 'base64').length === 32)).toBe(true)
  })

  it('says which line or name a format can not hold', async () => {
    expect(unholdableLine('A=1\n\n# c\nno assignment\n')).toMatchObject({ line: 4 })
    expect(unholdableLine('A="one\ntwo"\n')).toMatchObject({ line: 2 })
    expect(unholdableLine('sops_A=1')).toMatchObject({ line: 1 })
    expect(unholdableLine('A=1\n\n# c\n=\n')).toBeUndefined()
    await expect(sealDotenv('nothing', [mine.recipient])).rejects.toThrow(CannotHold)
    await expect(
      sealJson(
        [
          ['A', '1'],
          ['A', '2'],
        ],
        [mine.recipient],
      ),
    ).rejects.toThrow(CannotHold)
    await expect(sealJson([['sops', '1']], [mine.recipient])).rejects.toThrow(CannotHold)
    await expect(sealJson([['A', '1']], [])).rejects.toThrow(CannotHold)
  })

  it('never takes an empty suffix for "leave everything in the clear"', async () => {
    const sealed = await sealJson([['A', SECRET]], [mine.recipient], {
      rule: { name: 'unencrypted_suffix', text: '' },
    })
    expect(sealed.toString()).not.toContain(SECRET)
  })
})
