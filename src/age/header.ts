/** The textual header of an age file (c2sp.org/age, "Header"). */
import { createHmac, timingSafeEqual } from 'node:crypto'
import { AgeFault } from './fault.ts'

const VERSION_LINE = 'age-encryption.org/v1'
const MAC_BYTES = 32
const BYTES_PER_LINE = 48

/** One recipient's stanza: who it is for, and the file key wrapped for them. */
export interface Stanza {
  readonly type: string
  readonly args: readonly string[]
  readonly body: Buffer
}

export interface Header {
  readonly stanzas: readonly Stanza[]
  readonly mac: Buffer
  /** The whole header, its last line feed included. */
  readonly bytes: Buffer
  /** What the MAC is over: everything up to and including `---`. */
  readonly authenticated: Buffer
}

/** Canonical base64 without padding, the only kind a header has; undefined when it is not. */
export function decodeBase64(text: string): Buffer | undefined {
  const bytes = Buffer.from(text, 'base64')
  return encodeBase64(bytes) === text ? bytes : undefined
}

/** Base64 without padding. */
export function encodeBase64(bytes: Buffer): string {
  return bytes.toString('base64').replace(/=+$/, '')
}

function hmac(key: Uint8Array, message: Uint8Array | string): Buffer {
  return createHmac('sha256', key).update(message).digest()
}

/**
 * HKDF-SHA-256 to one 32-byte key, which is all that age needs: one round of RFC 5869. HMAC is needed anyway, and
 * hkdfSync takes half as long again on Node 20.
 */
export function deriveKey(secret: Uint8Array, salt: Uint8Array, info: string): Buffer {
  return hmac(hmac(salt, secret), `${info}\u0001`)
}

function malformed(what: string): AgeFault {
  return new AgeFault('header', `malformed ${what}`)
}

/** Reads the header at the start of a binary age file. */
export function parseHeader(file: Buffer): Header {
  let at = 0
  const line = (): string => {
    const end = file.indexOf(0x0a, at)
    if (end < 0) throw malformed('header: it has no end')
    const text = file.toString('latin1', at, end)
    at = end + 1
    return text
  }
  const body = (): Buffer => {
    const parts: Buffer[] = []
    for (;;) {
      const part = decodeBase64(line())
      if (part === undefined || part.length > BYTES_PER_LINE) throw malformed('stanza body')
      parts.push(part)
      // A body ends with a short line, even if that is an empty one.
      if (part.length < BYTES_PER_LINE) return parts.length === 1 ? part : Buffer.concat(parts)
    }
  }

  if (line() !== VERSION_LINE) throw malformed('version line')
  const stanzas: Stanza[] = []
  for (;;) {
    const start = at
    const text = line()
    if (text.startsWith('---')) {
      const mac = text.startsWith('--- ') ? decodeBase64(text.slice(4)) : undefined
      if (mac?.length !== MAC_BYTES) throw malformed('last line')
      return { stanzas, mac, bytes: file.subarray(0, at), authenticated: file.subarray(0, start + 3) }
    }
    // The arrow, then arguments of visible ASCII with one space before each.
    if (!/^->(?: [!-~]+)+$/.test(text)) throw malformed('stanza')
    const [type = '', ...args] = text.slice(3).split(' ')
    stanzas.push({ type, args, body: body() })
  }
}

function macOf(fileKey: Buffer, authenticated: Uint8Array): Buffer {
  return createHmac('sha256', deriveKey(fileKey, Buffer.alloc(0), 'header'))
    .update(authenticated)
    .digest()
}

/** Throws unless the header is the one that this file key was made for (c2sp.org/age, "Header MAC"). */
export function checkHeader(header: Header, fileKey: Buffer): void {
  if (!timingSafeEqual(macOf(fileKey, header.authenticated), header.mac)) {
    throw new AgeFault('mac', 'the header was changed')
  }
}

/** A header of these stanzas. */
export function writeHeader(stanzas: readonly Stanza[], fileKey: Buffer): Buffer {
  const text = stanzas.map(({ type, args, body }) => {
    const lines: string[] = encodeBase64(body).match(/.{1,64}/g) ?? []
    if (body.length % BYTES_PER_LINE === 0) lines.push('')
    return `-> ${[type, ...args].join(' ')}\n${lines.join('\n')}\n`
  })
  const authenticated = Buffer.from(`${VERSION_LINE}\n${text.join('')}---`, 'latin1')
  const mac = encodeBase64(macOf(fileKey, authenticated))
  return Buffer.concat([authenticated, Buffer.from(` ${mac}\n`, 'latin1')])
}
