import { createHash, randomBytes } from 'node:crypto'
import { describe, expect, it } from 'vitest'
import { sealAgeFile } from '../../src/age/file.ts'
import { parseIdentities } from '../../src/age/identities.ts'
import { encryptValue } from '../../src/sops/cipher.ts'
import { goFloat, goInt } from '../../src/sops/scalar.ts'
import fc from '../helpers/property.ts'
import { builtin, deep, keys, recipients, seed, sopsValues } from './reference.ts'

const timeout = deep ? 600_000 : 120_000
const own = parseIdentities(keys[0].text)

/** A file with one value of a type that sops would not write so, and a MAC over the text given. */
async function craft(value: (key: Buffer) => string, authenticated: string, keyBytes = 32): Promise<Buffer> {
  const key = randomBytes(keyBytes)
  const enc = (await sealAgeFile(key, recipients.slice(0, 1), { armored: true })).toString()
  const digest = createHash('sha512').update(authenticated, 'utf8').digest('hex').toUpperCase()
  const lastmodified = '2026-11-25T00:00:00Z'
  const mac = encryptValue(Buffer.from(digest), 'str', key, lastmodified)
  const sops = { age: [{ recipient: recipients[0], enc }], lastmodified, mac, version: '3.13.2' }
  return Buffer.from(JSON.stringify({ A: value(key), sops }))
}

/** Builtin may be stricter where it says so, and never more lenient. */
async function expectSame(bytes: Buffer, type = ''): Promise<boolean> {
  const answer = await builtin(bytes, 'json', own)
  const expected = await sopsValues(bytes)
  if (answer.kind === 'opened') {
    expect(answer.plaintext).toEqual({ kind: 'values', values: expected, covers: 'all' })
    return true
  }
  const careful = answer.kind === 'declined' || answer.code === 'engine-declines' || type === 'comment'
  if (!careful) expect(expected).toBeUndefined()
  return false
}

const TYPES = ['str', 'int', 'float', 'bool', 'bytes', 'time', 'comment', 'none', 'STR', 'str]']
const TEXTS = [
  '5',
  '+5',
  '-0',
  '007',
  '1_0',
  '0x10',
  '0x1p-2',
  '1.',
  '.5',
  '1e3',
  '1E+03',
  'inf',
  '-Inf',
  'NaN',
  '1e999',
  '9223372036854775807',
  '9223372036854775808',
  '-9223372036854775808',
  't',
  'T',
  'True',
  'TRUE',
  'true',
  'yes',
  '0',
  '1',
  'F',
  ' 1',
  '1 ',
  '',
  '-',
  '2001-12-14T21:59:43Z',
  'abc',
]

/** What a MAC may have been made over, for a value of this type and text. */
function authenticatedBy(type: string, text: string): Set<string> {
  const [asInt, asFloat] = [goInt(text), goFloat(text)]
  const macs = new Set([
    text,
    asInt?.authenticated ?? '',
    typeof asFloat === 'object' ? asFloat.authenticated : '',
  ])
  return type === 'bool' ? macs.add('True').add('False') : macs
}

describe('files that only someone with the data key could write', () => {
  it('read alike whatever type a value claims to have', { timeout }, async () => {
    let opened = 0
    const all = TYPES.flatMap((type) => TEXTS.map((text) => [type, text] as const))
    for (const [type, text] of all) {
      for (const mac of authenticatedBy(type, text)) {
        const file = await craft((key) => encryptValue(Buffer.from(text), type, key, 'A:'), mac)
        if (await expectSame(file, type)) opened++
      }
    }
    expect(opened).toBeGreaterThan(deep ? 50 : 5)
  })

  it('read alike whatever their numbers are', { timeout }, async () => {
    const property = fc.asyncProperty(
      fc.double({ noNaN: true, noDefaultInfinity: true }),
      fc.nat(20),
      async (value, digits) => {
        for (const text of [String(value), value.toExponential(), value.toExponential(digits)]) {
          const float = goFloat(text)
          // Rounded up to a few digits, the largest are larger than any.
          if (typeof float !== 'object') continue
          const file = await craft(
            (key) => encryptValue(Buffer.from(text), 'float', key, 'A:'),
            float.authenticated,
          )
          expect(await expectSame(file)).toBe(true)
        }
      },
    )
    await fc.assert(property, { numRuns: deep ? 500 : 10, seed })
  })

  it('read alike whatever the encrypted text looks like', { timeout }, async () => {
    const parts = (key: Buffer) => {
      const text = encryptValue(Buffer.from('value'), 'str', key, 'A:')
      const [, data = '', iv = '', tag = '', type = ''] =
        /data:(.*),iv:(.*),tag:(.*),type:(.*)\]/.exec(text) ?? []
      return { text, data, iv, tag, type }
    }
    const join = (data: string, iv: string, tag: string, type = 'str') =>
      `ENC[AES256_GCM,data:${data},iv:${iv},tag:${tag},type:${type}]`
    const shapes: ReadonlyArray<(key: Buffer) => string> = [
      (key) => parts(key).text,
      (key) => `${parts(key).text} and more`,
      (key) => `${parts(key).text}\nand more`,
      (key) => `${parts(key).text}]`,
      (key) => `${parts(key).text}\n]`,
      (key) => ` ${parts(key).text}`,
      (key) => `\n${parts(key).text}`,
      (key) => parts(key).text.replace(',iv', ',\niv'),
      (key) => parts(key).text.replace('=', '\r='),
      (key) => parts(key).text.replace('=', ''),
      (key) => parts(key).text.replaceAll('/', '_').replaceAll('+', '-'),
      (key) => parts(key).text.toLowerCase(),
      (key) => {
        const { data, iv, tag } = parts(key)
        const whole = Buffer.concat([Buffer.from(data, 'base64'), Buffer.from(tag, 'base64')])
        return join(whole.subarray(0, 2).toString('base64'), iv, whole.subarray(2).toString('base64'))
      },
      (key) => {
        const { data, iv, tag } = parts(key)
        const whole = Buffer.concat([Buffer.from(data, 'base64'), Buffer.from(tag, 'base64')])
        return join(whole.subarray(0, -3).toString('base64'), iv, whole.subarray(-3).toString('base64'))
      },
      (key) => join('\r', parts(key).iv, parts(key).tag),
      (key) => join(parts(key).data, '\r', parts(key).tag),
      (key) => join(parts(key).data, 'AA==', parts(key).tag),
      (key) => join(parts(key).data, parts(key).iv, parts(key).tag, 'str,x:y'),
      (key) => join(`${parts(key).data},iv:AAAA`, parts(key).iv, parts(key).tag),
      (key) => encryptValue(Buffer.from('value'), 'str', key, 'B:'),
      (key) => encryptValue(Buffer.from('value'), 'str', key, ''),
      () => 'value',
      () => '',
    ]
    let opened = 0
    for (const shape of shapes) {
      for (const mac of ['value', '']) if (await expectSame(await craft(shape, mac))) opened++
    }
    for (const length of [0, 1, 15, 16, 24, 31, 32, 33, 64]) {
      const file = craft((key) => encryptValue(Buffer.from('value'), 'str', key, 'A:'), 'value', length)
      // Our own cipher makes none of a length that no AES key has.
      await file.then(expectSame, (error: unknown) => expect(String(error)).toContain('data key'))
    }
    expect(opened).toBeGreaterThan(6)
  })
})
