/** From the data key to the values. The MAC must pass before anything leaves (sops.go, Decrypt). */
import { createHash } from 'node:crypto'
import { type Decrypted, decryptValue } from './cipher.ts'
import type { Envelope } from './envelope.ts'
import { damaged, SopsFault } from './fault.ts'
import { isList, isMap, isNumber, type JsonValue } from './json.ts'
import { goBool, goFloat, goInt, goNumber, parseGoBool, type Scalar, type ScalarOrOdd } from './scalar.ts'

/** SHA-256 of "sops": keeps a MAC over encrypted values alone from passing for one over all (sops.go). */
export const MAC_ONLY_ENCRYPTED = Buffer.from(
  '8a3fd2ad54ce66527b1034f3d147be0b0b975b3bf44f72c6fdadec8176f27d69',
  'hex',
)

/** An opened value: the bytes of a string, a number or boolean, or what no environment holds. */
export type Value =
  | { readonly kind: 'text'; readonly bytes: Buffer }
  | { readonly kind: 'scalar'; readonly scalar: Scalar }
  | { readonly kind: 'none'; readonly what: string }

export type OpenedItem =
  | { readonly kind: 'comment'; readonly line: number; readonly bytes: Buffer }
  | { readonly kind: 'value'; readonly line: number; readonly name: string; readonly value: Value }

function scalar(read: ScalarOrOdd): Value {
  if (read === 'odd') throw new SopsFault('declined', 'it holds a number in a form that only sops reads')
  if (read === undefined) throw damaged('a number that is none')
  return { kind: 'scalar', scalar: read }
}

/** A decrypted value by its type (aes/cipher.go, Decrypt). */
function typed(type: string, bytes: Buffer): Value {
  switch (type) {
    case 'str':
      return { kind: 'text', bytes }
    case 'int':
      return scalar(goInt(bytes.toString('latin1')))
    case 'float':
      return scalar(goFloat(bytes.toString('latin1')))
    case 'bool':
      return scalar(parseGoBool(bytes.toString('latin1')))
    default:
      // `bytes`, on which sops 3.13 itself crashes: it never writes that type. `comment`, of which it would make text of
      // its own: the type is not authenticated, so this may be a value that somebody has changed without a key.
      throw damaged('a value of an unknown type')
  }
}

/** The floats of Go that are not those of JavaScript, and its times; for comments, where nothing hangs on more. */
const GO_FLOAT = /^[+-]?(?:inf(?:inity)?|nan|0x[0-9a-f._]+p[+-]?[0-9]+)$/i
const GO_TIME = /^[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}/

/** Whether Go would read a comment of another type as a value of that type, on which sops stops (sops.go, walkBranch). */
function isValueOf(type: string, text: string): boolean {
  switch (type) {
    case 'int':
      return goInt(text) !== undefined
    case 'float': {
      const read = goFloat(text)
      return read === 'odd' ? GO_FLOAT.test(text) : read !== undefined
    }
    case 'bool':
      return parseGoBool(text) !== undefined
    default:
      return type === 'bytes' || (type === 'time' && GO_TIME.test(text))
  }
}

function unencrypted(value: JsonValue, encoding: BufferEncoding): Value {
  if (typeof value === 'string') return { kind: 'text', bytes: Buffer.from(value, encoding) }
  if (typeof value === 'boolean') return { kind: 'scalar', scalar: goBool(value) }
  if (isNumber(value)) return scalar(goNumber(value.number))
  throw damaged('a value of an unknown type')
}

/** The name of a list or map among the values, which the caller must refuse before it opens anything. */
export function nestedName({ items }: Envelope): { name: string; what: string } | undefined {
  for (const item of items) {
    if (item.kind !== 'value') continue
    if (isMap(item.value)) return { name: item.name, what: 'a map' }
    if (isList(item.value)) return { name: item.name, what: 'a list' }
  }
  return undefined
}

/** Decrypts all items and proves them whole, or throws SopsFault. */
export function openValues(envelope: Envelope, dataKey: Buffer): OpenedItem[] {
  const { encoding, macOnlyEncrypted, selector } = envelope
  const hash = createHash('sha512')
  if (macOnlyEncrypted) hash.update(MAC_ONLY_ENCRYPTED)

  const openComment = (text: string): Buffer => {
    const plain = Buffer.from(text, encoding)
    if (!selector.comment(text)) return plain
    let decrypted: Decrypted
    try {
      decrypted = decryptValue(text, dataKey, Buffer.from(':'))
    } catch {
      // Old versions of sops left comments as they were, so sops takes what it can't decrypt as plain.
      return plain
    }
    const { type, bytes } = decrypted
    if (type === 'comment') return bytes
    if (type === 'str') {
      // Only what comes out as a comment is left out of the MAC (sops 3.13.3, Decrypt).
      hash.update(bytes)
      return bytes
    }
    if (isValueOf(type, bytes.toString('latin1'))) throw damaged('a comment that is a number or the like')
    return plain
  }

  const openValue = (name: string, value: JsonValue): Value => {
    const encrypted = selector.value(name)
    if (value === null) return { kind: 'none', what: 'null' }
    let opened: Value
    if (!encrypted) opened = unencrypted(value, encoding)
    else if (value === '') opened = { kind: 'text', bytes: Buffer.alloc(0) }
    else if (typeof value === 'string') {
      const { type, bytes } = decryptValue(value, dataKey, Buffer.from(`${name}:`, encoding))
      opened = typed(type, bytes)
    } else throw damaged('a value that should be encrypted')
    if (encrypted || !macOnlyEncrypted) {
      if (opened.kind === 'text') hash.update(opened.bytes)
      else if (opened.kind === 'scalar') hash.update(opened.scalar.authenticated)
    }
    return opened
  }

  const items = envelope.items.map((item): OpenedItem => {
    const { line } = item
    if (item.kind === 'comment') return { kind: 'comment', line, bytes: openComment(item.text) }
    return { kind: 'value', line, name: item.name, value: openValue(item.name, item.value) }
  })
  const mac = decryptValue(envelope.mac, dataKey, Buffer.from(envelope.lastModified))
  if (mac.type !== 'str' || mac.bytes.toString('latin1') !== hash.digest('hex').toUpperCase()) {
    throw damaged('the values are not those that were encrypted')
  }
  return items
}
