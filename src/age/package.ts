/**
 * What the age-encryption package does for us: the post-quantum recipient type. It is loaded only when a key or a
 * stanza asks for it, because loading it takes longer than all else the shim does.
 */
import { AgeFault } from './fault.ts'
import type { Header } from './header.ts'
import type { PackageIdentity } from './identities.ts'

/** The stanza that post-quantum identities open (c2sp.org/age, "mlkem768x25519 recipient stanza"). */
export const POST_QUANTUM_STANZA = 'mlkem768x25519'
export const POST_QUANTUM_RECIPIENT = 'age1pq1'

function load() {
  return import('age-encryption')
}

/** The file key, when a post-quantum stanza is for one of these identities. Not ours: undefined; broken: throws. */
export async function unwrapByPackage(
  header: Header,
  identities: readonly PackageIdentity[],
): Promise<Buffer | undefined> {
  if (!header.stanzas.some(({ type }) => type === POST_QUANTUM_STANZA)) return undefined
  const { Decrypter } = await load()
  const decrypter = new Decrypter()
  for (const { text } of identities) decrypter.addIdentity(text.reveal())
  try {
    return Buffer.from(await decrypter.decryptHeader(header.bytes))
  } catch (error) {
    const message = error instanceof Error ? error.message : ''
    if (message.startsWith('no identity matched')) return undefined
    throw message.includes('HMAC')
      ? new AgeFault('mac', 'the header was changed')
      : new AgeFault('header', 'malformed post-quantum stanza')
  }
}

/** A binary age file, for recipients of any kind the package has. */
export async function sealByPackage(plain: Buffer, recipients: readonly string[]): Promise<Buffer> {
  const { Encrypter } = await load()
  const encrypter = new Encrypter()
  for (const recipient of recipients) encrypter.addRecipient(recipient)
  return Buffer.from(await encrypter.encrypt(plain))
}

/** A new post-quantum identity and its recipient. */
export async function generatePostQuantum(): Promise<{ identity: string; recipient: string }> {
  const { generateHybridIdentity, identityToRecipient } = await load()
  const identity = await generateHybridIdentity()
  return { identity, recipient: await identityToRecipient(identity) }
}

export async function recipientByPackage(identity: PackageIdentity): Promise<string> {
  const { identityToRecipient } = await load()
  return identityToRecipient(identity.text.reveal())
}
