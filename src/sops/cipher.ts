/** One encrypted value: `ENC[AES256_GCM,data:…,iv:…,tag:…,type:…]` (aes/cipher.go). */
import { createCipheriv, createDecipheriv, randomBytes } from 'node:crypto'
import { damaged } from './fault.ts'

const TAG_BYTES = 16
/** sops takes IVs of 32 bytes, not of the usual 12. */
const IV_BYTES = 32
const START = 'ENC[AES256_GCM,data:'

/** Base64 as Go's StdEncoding reads it: padded, and carriage returns skipped. */
function decode(text: string): Buffer {
  const plain = text.replaceAll('\r', '')
  if (plain.length % 4 !== 0 || !/^[A-Za-z0-9+/]*={0,2}$/.test(plain)) throw damaged('not base64')
  return Buffer.from(plain, 'base64')
}

/** The parts of the text; undefined when it is not of the form. Only the first line counts, and up to its last bracket. */
function split(text: string): [data: string, iv: string, tag: string, type: string] | undefined {
  if (!text.startsWith(START)) return undefined
  const feed = text.indexOf('\n')
  const line = feed < 0 ? text : text.slice(0, feed)
  // Commas occur in none of the parts, so the first of each mark is the only one, or the file is bad anyway.
  const iv = line.indexOf(',iv:', START.length)
  const tag = line.indexOf(',tag:', iv)
  const type = line.indexOf(',type:', tag)
  const end = line.lastIndexOf(']')
  if (iv < 0 || tag < 0 || type < 0 || end < type) return undefined
  const parts = [line.slice(START.length, iv), line.slice(iv + 4, tag), line.slice(tag + 5, type)] as const
  const kind = line.slice(type + 6, end)
  return parts.includes('') || kind === '' ? undefined : [...parts, kind]
}

/** The key length is what Go's aes.NewCipher takes; sops itself makes 32 bytes. */
function algorithm(key: Buffer): 'aes-128-gcm' | 'aes-192-gcm' | 'aes-256-gcm' {
  if (key.length === 32) return 'aes-256-gcm'
  if (key.length === 24) return 'aes-192-gcm'
  if (key.length === 16) return 'aes-128-gcm'
  throw damaged('a data key of the wrong length')
}

export interface Decrypted {
  readonly type: string
  readonly bytes: Buffer
}

/** Decrypts one value bound to `context`; throws SopsFault when it is malformed, changed, or bound to another. */
export function decryptValue(text: string, key: Buffer, context: Buffer): Decrypted {
  const parts = split(text)
  if (parts === undefined) throw damaged('not an encrypted value')
  const [data, iv, tag, type] = parts
  const nonce = decode(iv)
  // Go appends the tag to the data and takes the last 16 bytes again.
  const sealed = Buffer.concat([decode(data), decode(tag)])
  if (sealed.length < TAG_BYTES) throw damaged('a tag too short')
  try {
    const decipher = createDecipheriv(algorithm(key), key, nonce, { authTagLength: TAG_BYTES })
    decipher.setAuthTag(sealed.subarray(-TAG_BYTES))
    decipher.setAAD(context)
    const bytes = decipher.update(sealed.subarray(0, -TAG_BYTES))
    decipher.final()
    return { type, bytes }
  } catch {
    throw damaged('a value that was changed')
  }
}

/** Encrypts one value; an empty one stays empty, as in sops. */
export function encryptValue(plain: Buffer, type: string, key: Buffer, context: string): string {
  if (plain.length === 0) return ''
  const iv = randomBytes(IV_BYTES)
  const cipher = createCipheriv(algorithm(key), key, iv, { authTagLength: TAG_BYTES })
  cipher.setAAD(Buffer.from(context))
  const data = Buffer.concat([cipher.update(plain), cipher.final()]).toString('base64')
  const tag = cipher.getAuthTag().toString('base64')
  return `${START}${data},iv:${iv.toString('base64')},tag:${tag},type:${type}]`
}
