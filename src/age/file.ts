/** Whole age files: opened and made (c2sp.org/age). */
import { randomBytes } from 'node:crypto'
import { armor, dearmor, isArmored } from './armor.ts'
import { AgeFault } from './fault.ts'
import { checkHeader, type Header, parseHeader, writeHeader } from './header.ts'
import type { Identity } from './identities.ts'
import { POST_QUANTUM_RECIPIENT, POST_QUANTUM_STANZA, sealByPackage, unwrapByPackage } from './package.ts'
import { openPayload, sealPayload } from './stream.ts'
import { parseX25519Recipient, unwrapX25519, wrapX25519 } from './x25519.ts'

const FILE_KEY_BYTES = 16

/** The parts of an age file that are readable without a key. */
export interface AgeFile {
  readonly header: Header
  readonly payload: Buffer
}

/** Parses a binary age file. */
export function parseBinaryAgeFile(bytes: Buffer): AgeFile {
  const header = parseHeader(bytes)
  return { header, payload: bytes.subarray(header.bytes.length) }
}

/** Parses a binary or armored age file. */
export function parseAgeFile(bytes: Buffer): AgeFile {
  return parseBinaryAgeFile(isArmored(bytes) ? dearmor(bytes.toString('latin1')) : bytes)
}

/** Whether only the age-encryption package could open this file with these identities. */
export function wantsPackage(file: AgeFile, identities: readonly Identity[]): boolean {
  return (
    identities.some(({ kind }) => kind === 'package') &&
    file.header.stanzas.some(({ type }) => type === POST_QUANTUM_STANZA)
  )
}

function unlock({ header, payload }: AgeFile, fileKey: Buffer): Buffer {
  checkHeader(header, fileKey)
  return openPayload(fileKey, payload)
}

/** Opens a file with the X25519 identities alone. None of them fits: undefined. The file is broken: throws. */
export function openNatively(file: AgeFile, identities: readonly Identity[]): Buffer | undefined {
  for (const identity of identities) {
    if (identity.kind !== 'x25519') continue
    const fileKey = unwrapX25519(file.header.stanzas, identity)
    if (fileKey !== undefined) return unlock(file, fileKey)
  }
  return undefined
}

/** Opens a file with the identities that need the package. None of them fits: undefined. Broken: rejects. */
export async function openByPackage(
  file: AgeFile,
  identities: readonly Identity[],
): Promise<Buffer | undefined> {
  const fitting = identities.filter((identity) => identity.kind === 'package')
  const fileKey = await unwrapByPackage(file.header, fitting)
  return fileKey === undefined ? undefined : unlock(file, fileKey)
}

/**
 * The plaintext of an age file. At once for X25519; a promise only where the package is needed. Throws or rejects
 * with AgeFault, of kind `no-match` when the file is none of ours.
 */
export function openAgeFile(bytes: Buffer, identities: readonly Identity[]): Buffer | Promise<Buffer> {
  const noMatch = () => new AgeFault('no-match', 'no identity fits')
  const file = parseAgeFile(bytes)
  const plain = openNatively(file, identities)
  if (plain !== undefined) return plain
  if (!wantsPackage(file, identities)) throw noMatch()
  return openByPackage(file, identities).then((opened) => {
    if (opened === undefined) throw noMatch()
    return opened
  })
}

/** Whether disinto itself can encrypt to this recipient. */
export function isNativeRecipient(recipient: string): boolean {
  return recipient.startsWith(POST_QUANTUM_RECIPIENT) || parseX25519Recipient(recipient) !== undefined
}

function sealNatively(plain: Buffer, recipients: readonly Buffer[]): Buffer {
  const fileKey = randomBytes(FILE_KEY_BYTES)
  const stanzas = recipients.map((recipient) => wrapX25519(fileKey, recipient))
  return Buffer.concat([writeHeader(stanzas, fileKey), sealPayload(fileKey, plain)])
}

/**
 * An age file for these recipients. Post-quantum recipients can't be mixed with others in one file: whoever breaks
 * the weaker has the file (c2sp.org/age, "Post-quantum hybrid"; sops makes a file for each).
 */
export async function sealAgeFile(
  plain: Buffer,
  recipients: readonly string[],
  options: { readonly armored?: boolean } = {},
): Promise<Buffer> {
  const keys = recipients.map(parseX25519Recipient)
  const classic = keys.filter((key) => key !== undefined)
  if (recipients.length === 0 || (classic.length > 0 && classic.length < recipients.length)) {
    throw new AgeFault('header', 'recipients that can’t be combined')
  }
  const file =
    classic.length === recipients.length
      ? sealNatively(plain, classic)
      : await sealByPackage(plain, recipients)
  return options.armored === true ? Buffer.from(armor(file), 'latin1') : file
}
