/** The payload of an age file: STREAM over ChaCha20-Poly1305 (c2sp.org/age, "Payload"). */
import { createCipheriv, createDecipheriv, randomBytes } from 'node:crypto'
import { AgeFault } from './fault.ts'
import { deriveKey } from './header.ts'

const NONCE_BYTES = 16
const TAG_BYTES = 16
const CHUNK_BYTES = 64 * 1024
const CIPHER = 'chacha20-poly1305'

/** ChaCha20-Poly1305; undefined when the tag does not match. */
export function openSealed(key: Buffer, nonce: Buffer, sealed: Buffer): Buffer | undefined {
  const decipher = createDecipheriv(CIPHER, key, nonce, { authTagLength: TAG_BYTES })
  decipher.setAuthTag(sealed.subarray(sealed.length - TAG_BYTES))
  const plain = decipher.update(sealed.subarray(0, sealed.length - TAG_BYTES))
  try {
    decipher.final()
  } catch {
    return undefined
  }
  return plain
}

/** ChaCha20-Poly1305: ciphertext and tag. */
export function seal(key: Buffer, nonce: Buffer, plain: Buffer): Buffer {
  const cipher = createCipheriv(CIPHER, key, nonce, { authTagLength: TAG_BYTES })
  return Buffer.concat([cipher.update(plain), cipher.final(), cipher.getAuthTag()])
}

/** An 11-byte big-endian counter and a byte that is 1 for the last chunk. */
function chunkNonce(counter: number, last: boolean): Buffer {
  const nonce = Buffer.alloc(12)
  nonce.writeUIntBE(counter, 5, 6)
  nonce[11] = last ? 1 : 0
  return nonce
}

/** The plaintext of a payload; nothing of it leaves before the last chunk has proved good. */
export function openPayload(fileKey: Buffer, payload: Buffer): Buffer {
  if (payload.length < NONCE_BYTES) throw new AgeFault('header', 'the nonce is cut off')
  if (payload.length < NONCE_BYTES + TAG_BYTES) throw new AgeFault('payload', 'the payload is cut off')
  const key = deriveKey(fileKey, payload.subarray(0, NONCE_BYTES), 'payload')
  const sealed = payload.subarray(NONCE_BYTES)
  const size = CHUNK_BYTES + TAG_BYTES
  const count = Math.ceil(sealed.length / size)
  const chunks: Buffer[] = []
  for (let at = 0; at < count; at++) {
    const chunk = sealed.subarray(at * size, (at + 1) * size)
    const last = at === count - 1
    // Only an empty file has an empty last chunk.
    if (chunk.length < TAG_BYTES || (chunk.length === TAG_BYTES && count > 1)) {
      throw new AgeFault('payload', 'the last chunk is too short')
    }
    const plain = openSealed(key, chunkNonce(at, last), chunk)
    if (plain === undefined) throw new AgeFault('payload', 'the payload was changed or cut off')
    chunks.push(plain)
  }
  const only = chunks[0]
  return chunks.length === 1 && only !== undefined ? only : Buffer.concat(chunks)
}

/** A payload of this plaintext. */
export function sealPayload(fileKey: Buffer, plain: Buffer): Buffer {
  const nonce = randomBytes(NONCE_BYTES)
  const key = deriveKey(fileKey, nonce, 'payload')
  const parts: Buffer[] = [nonce]
  const count = Math.max(1, Math.ceil(plain.length / CHUNK_BYTES))
  for (let at = 0; at < count; at++) {
    const chunk = plain.subarray(at * CHUNK_BYTES, (at + 1) * CHUNK_BYTES)
    parts.push(seal(key, chunkNonce(at, at === count - 1), chunk))
  }
  return Buffer.concat(parts)
}
