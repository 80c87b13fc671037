/** From the text of a key source to identities. */
import { Secret } from '../secret.ts'
import { decodeBech32 } from './bech32.ts'
import { type X25519Identity, x25519Identity } from './x25519.ts'

/** An identity that the age-encryption package uses in process: the post-quantum hybrid. */
export interface PackageIdentity {
  readonly kind: 'package'
  readonly text: Secret
}

/** An identity that only another program can use: `what` says which kind it is. */
export interface ForeignIdentity {
  readonly kind: 'foreign'
  readonly what: string
}

export type Identity = X25519Identity | PackageIdentity | ForeignIdentity

/** A line that is no identity. Says which one, and never what is in it. */
export class MalformedIdentity extends Error {
  override readonly name = 'MalformedIdentity'
  readonly line: number

  constructor(line: number, what = 'is no age identity') {
    super(`line ${line} ${what}`)
    this.line = line
  }
}

const SCALAR_BYTES = 32

function parseIdentity(text: string): Identity | undefined {
  if (text.startsWith('AGE-PLUGIN-')) return { kind: 'foreign', what: 'a plugin identity' }
  if (text.startsWith('AGE-SECRET-KEY-PQ-1')) {
    const seed = decodeBech32(text, 'AGE-SECRET-KEY-PQ-')
    return seed?.length === SCALAR_BYTES ? { kind: 'package', text: new Secret(text) } : undefined
  }
  if (text.startsWith('AGE-SECRET-KEY-1')) {
    const scalar = decodeBech32(text, 'AGE-SECRET-KEY-')
    return scalar?.length === SCALAR_BYTES ? x25519Identity(scalar) : undefined
  }
  return undefined
}

/** What a line is that is no identity, where it is a usual mistake. */
function whatIs(line: string): string | undefined {
  if (line.startsWith('\ufeff')) return 'begins with a byte order mark'
  if (/^["']/.test(line)) return 'is in quotes'
  return /^age1[a-z0-9]{20,}$/.test(line) ? 'is a public key, not an identity' : undefined
}

/**
 * The identities of a key file or variable, in their order: one a line, `#` comments and empty lines between
 * (age(1), "identity file"). `words` allows several on a line, which sops does for SOPS_AGE_KEY alone. Throws
 * MalformedIdentity, as sops refuses the whole source then.
 */
export function parseIdentities(text: string, options: { readonly words?: boolean } = {}): Identity[] {
  if (text.startsWith('age-encryption') || text.startsWith('-----BEGIN AGE')) {
    return [{ kind: 'foreign', what: 'an encrypted identity file' }]
  }
  if (/^\s*-----BEGIN [A-Z ]*PRIVATE KEY-----/.test(text)) return [{ kind: 'foreign', what: 'an SSH key' }]
  const identities: Identity[] = []
  text.split('\n').forEach((whole, at) => {
    const line = whole.endsWith('\r') ? whole.slice(0, -1) : whole
    if (line === '' || line.startsWith('#')) return
    const words = options.words === true ? line.split(/\s+/).filter((word) => word !== '') : [line]
    for (const word of words) {
      const identity = parseIdentity(word)
      if (identity === undefined) throw new MalformedIdentity(at + 1, whatIs(word))
      identities.push(identity)
    }
  })
  return identities
}
