import { createCipheriv, createDecipheriv } from 'node:crypto'
import { describe, expect, test } from 'vitest'
import { decryptValue, encryptValue } from '../../../src/sops/cipher.ts'

const KEY = Buffer.alloc(32, 7)
const CONTEXT = Buffer.from('A:')

interface Parts {
  readonly data: Buffer | string
  readonly iv: Buffer | string
  readonly tag: Buffer | string
  readonly type: string
}

/** The text of these parts. */
function textOf({ data, iv, tag, type }: Parts): string {
  const shown = (part: Buffer | string) => (typeof part === 'string' ? part : part.toString('base64'))
  return `ENC[AES256_GCM,data:${shown(data)},iv:${shown(iv)},tag:${shown(tag)},type:${type}]`
}

/** What sops makes of a text, by OpenSSL alone. */
function partsOf(plain: string) {
  const iv = Buffer.alloc(32, 3)
  const cipher = createCipheriv('aes-256-gcm', KEY, iv)
  cipher.setAAD(CONTEXT)
  const data = Buffer.concat([cipher.update(plain), cipher.final()])
  return { data, iv, tag: cipher.getAuthTag(), type: 'str' }
}

function opened(text: string, key = KEY): unknown {
  try {
    const { type, bytes } = decryptValue(text, key, CONTEXT)
    return `${type}: ${bytes}`
  } catch (error) {
    return error
  }
}
const damaged = (message: string) => ({ name: 'SopsFault', kind: 'damaged', message })

const parts = partsOf('said')
const good = textOf(parts)

describe('a value', () => {
  test('is opened to its type and bytes, bound to its context', () => {
    expect(opened(good)).toBe('str: said')
    expect(opened(good, Buffer.alloc(32))).toMatchObject(damaged('a value that was changed'))
    expect(() => decryptValue(good, KEY, Buffer.from('B:'))).toThrow('a value that was changed')
  })

  test.each([16, 24, 32])('is opened and made with a key of %d bytes', (length) => {
    const key = KEY.subarray(0, length)
    const text = encryptValue(Buffer.from('said'), 'comment', key, 'A:')
    expect(opened(text, key)).toBe('comment: said')
    const [data = '', iv = '', tag = ''] = text.match(/(?<=:)[A-Za-z0-9+/=]+(?=,)/g) ?? []
    const decipher = createDecipheriv(
      length === 32 ? 'aes-256-gcm' : `aes-${length === 24 ? 192 : 128}-gcm`,
      key,
      Buffer.from(iv, 'base64'),
    )
    decipher.setAAD(CONTEXT)
    decipher.setAuthTag(Buffer.from(tag, 'base64'))
    expect(decipher.update(data, 'base64', 'utf8') + decipher.final('utf8')).toBe('said')
    expect([iv, tag].map((part) => Buffer.from(part, 'base64').length)).toEqual([32, 16])
  })

  test('is not made with a key of another length; an empty one is left as it is', () => {
    expect(() => encryptValue(Buffer.from('x'), 'str', KEY.subarray(1), 'A:')).toThrow(
      'a data key of the wrong length',
    )
    expect(opened(good, KEY.subarray(1))).toMatchObject(damaged('a value that was changed'))
    expect(encryptValue(Buffer.alloc(0), 'str', KEY, 'A:')).toBe('')
  })
})

describe('the form of a value, as the expression of sops and the base64 of Go have it', () => {
  const base64 = (part: Buffer) => part.toString('base64')
  const wrapped = `${base64(parts.iv).slice(0, 8)}\r${base64(parts.iv).slice(8)}\r`

  test.each([
    ['carriage returns in base64', textOf({ ...parts, iv: wrapped })],
    ['anything after the last bracket', `${good}, more`],
    ['more lines', `${good}\nmore]`],
  ])('takes %s', (_, text) => {
    expect(opened(text)).toBe('str: said')
  })

  test('has its type up to the last bracket of the line', () => {
    expect(opened(`${good}]`)).toBe('str]: said')
  })

  test.each([
    ['', ''],
    ['text in the clear', 'said'],
    ['something before it', ` ${good}`],
    ['another cipher', good.replace('256', '128')],
    ['no data', textOf({ ...parts, data: '' })],
    ['no IV', textOf({ ...parts, iv: '' })],
    ['no tag', textOf({ ...parts, tag: '' })],
    ['no type', textOf({ ...parts, type: '' })],
    ['no mark of the IV', good.replace(',iv:', ',vi:')],
    ['no mark of the tag', good.replace(',tag:', ',gat:')],
    ['no mark of the type', good.replace(',type:', ',epyt:')],
    ['marks in another order', `ENC[AES256_GCM,data:x,tag:x,iv:x,type:str]`],
    ['no bracket', good.slice(0, -1)],
    ['a bracket before the type alone', good.slice(0, -1).replace(',type:', '],type:')],
    ['its end on the next line', good.replace(',type:', '\n,type:')],
  ])('does not take %j', (_, text) => {
    expect(opened(text)).toMatchObject(damaged('not an encrypted value'))
  })

  test.each([
    ['no padding', base64(parts.tag).replaceAll('=', '')],
    ['too much padding', 'A==='],
    ['letters after padding', `${base64(parts.tag)}AAAA`],
    ['another letter at the start', `*${base64(parts.tag).slice(1)}`],
    ['another letter at the end', `${base64(parts.tag).slice(0, -1)}*`],
    ['the letters of URLs', '_-AA'],
  ])('does not take %s', (_, odd) => {
    for (const part of ['data', 'iv', 'tag'])
      expect(opened(textOf({ ...parts, [part]: odd }))).toMatchObject(damaged('not base64'))
  })

  test('does not tell data from tag: the last 16 bytes of both are the tag', () => {
    const { data, tag } = parts
    const long = { ...parts, data: data.subarray(0, 1), tag: Buffer.concat([data.subarray(1), tag]) }
    const short = { ...parts, data: Buffer.concat([data, tag.subarray(0, 4)]), tag: tag.subarray(4) }
    expect([opened(textOf(long)), opened(textOf(short))]).toEqual(['str: said', 'str: said'])
    const empty = partsOf('')
    const halves = { ...empty, data: empty.tag.subarray(0, 8), tag: empty.tag.subarray(8) }
    expect(opened(textOf(halves))).toBe('str: ')
    expect(opened(textOf({ ...halves, data: empty.tag.subarray(1, 8) }))).toMatchObject(
      damaged('a tag too short'),
    )
  })
})
