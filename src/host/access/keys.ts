/** The keys of a person and of services: what there is, and how a new one comes to be. */
import { mkdirSync, readdirSync, readFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { type Identity, MalformedIdentity, parseIdentities } from '../../age/identities.ts'
import { generateKey, generatePostQuantumKey, type NewKey, recipientOf } from '../../age/keygen.ts'
import { keyFileWarnings } from '../../age/places.ts'
import { readKeyring } from '../../age/sources.ts'
import { DisintoError, errnoOf } from '../../errors.ts'
import { quote } from '../../quote.ts'
import type { HostContext } from '../context.ts'
import { failure } from '../errors.ts'
import { writeFile } from '../files/write.ts'

/** The public halves of identities; those that only another program can use have none that we know. */
export async function recipientsOf(identities: readonly Identity[]): Promise<string[]> {
  const recipients = await Promise.all(identities.map(recipientOf))
  return recipients.filter((recipient) => recipient !== undefined)
}

/**
 * The recipients of the keys at hand, in sops' order; none when there is no key. A key that is there and can't be
 * read is an error: a new one in its place would open nothing of what there is.
 */
export async function ownRecipients({ variables, workingDirectory }: HostContext): Promise<string[]> {
  const { identities, unusable } = await readKeyring(variables, workingDirectory)
  const recipients = await recipientsOf(identities)
  const [place] = unusable
  // A file that a variable names and that does not exist yet is where the new key goes.
  if (recipients.length === 0 && place !== undefined && place.reason !== 'ENOENT')
    throw failure('key-unusable', { place: place.place, reason: place.reason })
  return recipients
}

/** What the keys at hand are, where only another program can use them: "an encrypted identity file". */
export async function foreignKeys({ variables, workingDirectory }: HostContext): Promise<string[]> {
  const { identities } = await readKeyring(variables, workingDirectory)
  return [...new Set(identities.flatMap((identity) => (identity.kind === 'foreign' ? [identity.what] : [])))]
}

/** Says what is wrong with the key files that there are. */
export function warnOfKeyFiles({ variables, workingDirectory, speak }: HostContext): void {
  for (const warning of keyFileWarnings(variables, workingDirectory)) speak.warning(warning)
}

/** A new key of the kind that is wanted. */
export function newKey(postQuantum: boolean): NewKey | Promise<NewKey> {
  return postQuantum ? generatePostQuantumKey() : generateKey()
}

/** The recipients of a key file; undefined where there is no such file. */
export async function recipientsOfFile(path: string): Promise<string[] | undefined> {
  let text: string
  try {
    text = readFileSync(path, 'utf8')
  } catch (error) {
    const errno = errnoOf(error)
    // Beside the keys of services is the file that says whose directory this is.
    if (errno === 'ENOENT' || errno === 'ENOTDIR') return undefined
    throw failure('key-unusable', { place: path, reason: errno })
  }
  try {
    return await recipientsOf(parseIdentities(text))
  } catch (error) {
    if (error instanceof MalformedIdentity)
      throw failure('key-unusable', { place: path, reason: error.message })
    throw error
  }
}

/** The services that have a key here, each with its recipients; a key that can't be read has none. */
export async function recipientsOfServices({
  project,
}: HostContext): Promise<Map<string, readonly string[]>> {
  const { serviceKeysDir } = project
  const found = new Map<string, readonly string[]>()
  let services: string[] = []
  try {
    if (serviceKeysDir !== undefined) services = readdirSync(serviceKeysDir).sort()
  } catch {
    // None has been made.
  }
  for (const service of services) {
    const recipients = await recipientsOfFile(join(serviceKeysDir ?? '', service, 'keys.txt')).catch(() => [])
    if (recipients !== undefined) found.set(service, recipients)
  }
  return found
}

/** Whose each recipient is, as far as the keys on this machine tell: `you`, or a service. A key that can't be read tells nothing. */
export async function ownersOf(context: HostContext): Promise<Map<string, string>> {
  const owners = new Map<string, string>()
  for (const [service, recipients] of await recipientsOfServices(context))
    for (const recipient of recipients) owners.set(recipient, `service ${quote(service)}`)
  for (const recipient of await ownRecipients(context).catch(() => [])) owners.set(recipient, 'you')
  return owners
}

/** Makes the directory of a key, for its owner alone. */
export function makeKeyDirectory(path: string): void {
  try {
    mkdirSync(dirname(path), { recursive: true, mode: 0o700 })
  } catch (error) {
    throw failure('write-failed', { path, reason: errnoOf(error) })
  }
}

/** Whether an error says that another process was first. */
export function wasFirst(error: unknown): boolean {
  return error instanceof DisintoError && error.code === 'file-exists'
}

/** The recipient of the key in a file, which is made if it does not exist. */
export async function keyAt(
  path: string,
  postQuantum = false,
): Promise<{ recipient: string; made: boolean }> {
  const [existing] = (await recipientsOfFile(path)) ?? []
  if (existing !== undefined) return { recipient: existing, made: false }
  const { text, recipient } = await newKey(postQuantum)
  makeKeyDirectory(path)
  try {
    await writeFile(path, Buffer.from(text), { over: 'new' })
    return { recipient, made: true }
  } catch (error) {
    if (!wasFirst(error)) throw error
    const [theirs] = (await recipientsOfFile(path)) ?? []
    if (theirs === undefined) throw failure('key-unusable', { place: path, reason: 'it holds no identity' })
    return { recipient: theirs, made: false }
  }
}
