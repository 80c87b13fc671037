/** The X25519 recipient type on node:crypto (c2sp.org/age, "X25519 recipient stanza"). */
import {
  createPrivateKey,
  createPublicKey,
  diffieHellman,
  type KeyExportOptions,
  type KeyObject,
  type PrivateKeyInput,
  type PublicKeyInput,
  randomBytes,
} from 'node:crypto'
import { decodeBech32, encodeBech32 } from './bech32.ts'
import { AgeFault } from './fault.ts'
import { decodeBase64, deriveKey, encodeBase64, type Stanza } from './header.ts'
import { openSealed, seal } from './stream.ts'

const INFO = 'age-encryption.org/v1/X25519'
const KEY_BYTES = 32
const WRAPPED_BYTES = 16 + 16
const ZERO_NONCE = Buffer.alloc(12)

/** What stands before the 32 bytes of a private key in PKCS #8 (RFC 8410). */
const PKCS8 = Buffer.from('302e020100300506032b656e04220420', 'hex')

/** An X25519 identity, ready for use: the key object is made once, however many files it opens. */
export interface X25519Identity {
  readonly kind: 'x25519'
  readonly recipient: string
  readonly privateKey: KeyObject
  readonly publicKey: Buffer
}

/**
 * Whether Node takes and gives the bare bytes of keys (from 26; its types do not know that yet): the least work, and
 * for the first private key 1 ms less than starting the reader of DER.
 */
let takesBareKeys = true

/** Does it with bare bytes, or the other way where Node does not take them. */
function bareOr<Result>(bare: () => Result, other: () => Result): Result {
  if (!takesBareKeys) return other()
  try {
    return bare()
  } catch {
    takesBareKeys = false
    return other()
  }
}

/** The bytes of a public key. JWK holds them bare, too: on Node 20 a tenth of the work of DER. */
function rawPublic(key: KeyObject): Buffer {
  return bareOr(
    () => key.export({ format: 'raw-public' } as object as KeyExportOptions<'der'>),
    () => Buffer.from(key.export({ format: 'jwk' }).x ?? '', 'base64url'),
  )
}

function publicFrom(raw: Buffer): KeyObject {
  const bare: object = { key: raw, format: 'raw-public', asymmetricKeyType: 'x25519' }
  return bareOr(
    () => createPublicKey(bare as PublicKeyInput),
    () =>
      createPublicKey({ key: { kty: 'OKP', crv: 'X25519', x: raw.toString('base64url') }, format: 'jwk' }),
  )
}

function privateFrom(scalar: Buffer): KeyObject {
  const bare: object = { key: scalar, format: 'raw-private', asymmetricKeyType: 'x25519' }
  return bareOr(
    () => createPrivateKey(bare as PrivateKeyInput),
    () => createPrivateKey({ key: Buffer.concat([PKCS8, scalar]), format: 'der', type: 'pkcs8' }),
  )
}

/** The shared secret; undefined for a point of low order, which the format forbids. */
function agree(privateKey: KeyObject, raw: Buffer): Buffer | undefined {
  try {
    const shared = diffieHellman({ privateKey, publicKey: publicFrom(raw) })
    return shared.some((byte) => byte !== 0) ? shared : undefined
  } catch {
    return undefined
  }
}

/** The two halves of a key whose scalar these 32 bytes are. */
function keyPair(scalar: Buffer): { readonly privateKey: KeyObject; readonly publicKey: Buffer } {
  const privateKey = privateFrom(scalar)
  return { privateKey, publicKey: rawPublic(createPublicKey(privateKey)) }
}

/** The identity of a scalar of 32 bytes. */
export function x25519Identity(scalar: Buffer): X25519Identity {
  const { privateKey, publicKey } = keyPair(scalar)
  return { kind: 'x25519', recipient: encodeBech32('age', publicKey), privateKey, publicKey }
}

/**
 * The file key, when one of the stanzas is for this identity. Not mine: undefined. Mine or possibly mine, but
 * broken: throws.
 */
export function unwrapX25519(stanzas: readonly Stanza[], identity: X25519Identity): Buffer | undefined {
  for (const { type, args, body } of stanzas) {
    if (type !== 'X25519') continue
    const share = args.length === 1 ? decodeBase64(args[0] ?? '') : undefined
    if (share?.length !== KEY_BYTES || body.length !== WRAPPED_BYTES) {
      throw new AgeFault('header', 'malformed X25519 stanza')
    }
    const shared = agree(identity.privateKey, share)
    if (shared === undefined) throw new AgeFault('header', 'malformed X25519 share')
    const key = deriveKey(shared, Buffer.concat([share, identity.publicKey]), INFO)
    const fileKey = openSealed(key, ZERO_NONCE, body)
    if (fileKey !== undefined) return fileKey
  }
  return undefined
}

/** The public key of an `age1…` recipient; undefined when it is of another kind or malformed. */
export function parseX25519Recipient(recipient: string): Buffer | undefined {
  if (!recipient.startsWith('age1')) return undefined
  const raw = decodeBech32(recipient, 'age')
  return raw?.length === KEY_BYTES ? raw : undefined
}

/** Wraps a file key for a recipient, with a key pair made for this once. */
export function wrapX25519(fileKey: Buffer, recipient: Buffer): Stanza {
  // Not generateKeyPairSync: on Node 20 a collection of garbage while such a key is exported waits for itself for ever.
  const { privateKey, publicKey: share } = keyPair(randomBytes(KEY_BYTES))
  const shared = agree(privateKey, recipient)
  if (shared === undefined) throw new AgeFault('header', 'a recipient of low order')
  const key = deriveKey(shared, Buffer.concat([share, recipient]), INFO)
  return { type: 'X25519', args: [encodeBase64(share)], body: seal(key, ZERO_NONCE, fileKey) }
}
