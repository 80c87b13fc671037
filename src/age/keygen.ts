/** New identities, written as age-keygen(1) writes them. */
import { randomBytes } from 'node:crypto'
import { encodeBech32 } from './bech32.ts'
import type { Identity } from './identities.ts'
import { generatePostQuantum, recipientByPackage } from './package.ts'
import { x25519Identity } from './x25519.ts'

export interface NewKey {
  /** The text of a key file, which holds the secret. */
  readonly text: string
  readonly recipient: string
}

function keyFile(identity: string, recipient: string, now: Date): NewKey {
  const created = now.toISOString().replace(/\.\d+/, '')
  return { text: `# created: ${created}\n# public key: ${recipient}\n${identity}\n`, recipient }
}

/** A new X25519 key. */
export function generateKey(now = new Date()): NewKey {
  const scalar = randomBytes(32)
  const identity = encodeBech32('age-secret-key-', scalar).toUpperCase()
  return keyFile(identity, x25519Identity(scalar).recipient, now)
}

/** A new post-quantum key (`age-keygen -pq`). */
export async function generatePostQuantumKey(now = new Date()): Promise<NewKey> {
  const { identity, recipient } = await generatePostQuantum()
  return keyFile(identity, recipient, now)
}

/** The public half of an identity; undefined for one that only another program can use. */
export async function recipientOf(identity: Identity): Promise<string | undefined> {
  if (identity.kind === 'foreign') return undefined
  return identity.kind === 'x25519' ? identity.recipient : recipientByPackage(identity)
}
