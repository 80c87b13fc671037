/** The builtin engine: SOPS and age files opened in process, to what sops makes of them. */
import { isUtf8 } from 'node:buffer'
import { dearmor } from '../age/armor.ts'
import { AgeFault } from '../age/fault.ts'
import {
  isNativeRecipient,
  openAgeFile,
  openByPackage,
  openNatively,
  parseAgeFile,
  parseBinaryAgeFile,
  wantsPackage,
} from '../age/file.ts'
import type { Identity } from '../age/identities.ts'
import { failure } from '../errors.ts'
import { damageOf } from '../load/damage.ts'
import {
  type Document,
  type DotenvItem,
  EVERY_KEY_TYPE,
  type KeyType,
  type Plaintext,
  type SopsFormat,
} from '../nouns.ts'
import { isClear } from './clear-names.ts'
import { type Envelope, parseEnvelope } from './envelope.ts'
import { SopsFault } from './fault.ts'
import { type AgeKey, type Declined, KEY_TYPE_TITLES } from './metadata.ts'
import { nestedName, type OpenedItem, openValues, type Value } from './values.ts'

/** Where a key is looked for last, for a caller that does not know better. */
const USUAL_KEY_FILES = ['~/.config/sops/age/keys.txt']

/** Stanzas that this engine can open, and the one that is there to keep readers honest (age, "grease"). */
const OPENABLE_STANZA = /^(?:X25519|mlkem768x25519)$/

function fits(recipient: string, identity: Identity): boolean {
  if (identity.kind === 'x25519') return identity.recipient === recipient
  return identity.kind === 'package' && recipient.startsWith('age1pq1')
}

/** Why sops might open it with a key of another kind than age; a kind that is not allowed is no reason. */
function declinesOthers({ otherKeys }: Envelope, allowed: ReadonlySet<KeyType>): string | undefined {
  const other = otherKeys.find((type) => allowed.has(type))
  return other === undefined ? undefined : `it has ${KEY_TYPE_TITLES[other]}`
}

/** Why sops, with its SSH keys, plugins and pass phrases, might open what our identities do not. */
function declinesKeys(keys: readonly AgeKey[], identities: readonly Identity[]): string | undefined {
  if (keys.some(({ recipient }) => identities.some((identity) => fits(recipient, identity)))) return undefined
  const foreign = keys.find(({ recipient }) => !isNativeRecipient(recipient))
  if (foreign !== undefined) return 'it is encrypted to a recipient of an SSH key or a plugin'
  const identity = identities.find(({ kind }) => kind === 'foreign')
  return identity?.kind === 'foreign' ? `there is ${identity.what}, which it can't use` : undefined
}

function declinesAge(bytes: Buffer, identities: readonly Identity[]): string | undefined {
  const { stanzas } = parseAgeFile(bytes).header
  if (!stanzas.some(({ type }) => OPENABLE_STANZA.test(type))) {
    return `it is encrypted by ${stanzas.map(({ type }) => type).join(', ') || 'nothing'}`
  }
  const foreign = identities.find((identity) => identity.kind === 'foreign')
  const only = identities.every((identity) => identity.kind === 'foreign')
  return foreign !== undefined && only ? `there is ${foreign.what}, which it can't use` : undefined
}

/** Turns what went wrong below into what the user reads. */
function explained(error: unknown, { source, bytes }: Document, recipients: readonly string[]): unknown {
  const { path } = source
  const tampered = () => damageOf(path, bytes) ?? failure('file-tampered', { path })
  if (error instanceof AgeFault)
    return error.kind === 'no-match' ? failure('key-wrong', { path, recipients }) : tampered()
  if (!(error instanceof SopsFault)) return error
  return error.kind === 'declined' ? failure('engine-declines', { path, reason: error.message }) : tampered()
}

/**
 * The data key: from the first of its copies that opens, in the order of the file, as sops does. A label says for whom a
 * copy is, and may lie. Rejects with AgeFault when none opens.
 */
export async function dataKeyOf(
  { keys }: Pick<Envelope, 'keys'>,
  identities: readonly Identity[],
): Promise<Buffer> {
  let broken: unknown
  for (const { recipient, enc } of keys) {
    try {
      const file = parseBinaryAgeFile(dearmor(enc))
      const wanted = wantsPackage(file, identities)
      const dataKey =
        openNatively(file, identities) ?? (wanted ? await openByPackage(file, identities) : undefined)
      if (dataKey !== undefined) return dataKey
      if (!wanted && identities.some((identity) => fits(recipient, identity)))
        broken = new AgeFault('header', 'a key addressed to us that does not open')
    } catch (error) {
      if (!(error instanceof AgeFault)) throw error
      broken = error
    }
  }
  throw broken ?? new AgeFault('no-match', 'no identity fits')
}

/** What sops prints for a value in a dotenv file (stores/dotenv/store.go, EmitPlainFile). */
function dotenvBytes(value: Value): Buffer {
  if (value.kind !== 'text') return Buffer.from(value.kind === 'scalar' ? value.scalar.shown : '')
  if (!value.bytes.includes(0x0a)) return value.bytes
  return Buffer.from(value.bytes.toString('latin1').replaceAll('\n', '\\n'), 'latin1')
}

function dotenvItems(items: readonly OpenedItem[], encoding: BufferEncoding): DotenvItem[] {
  return items.map((item) =>
    item.kind === 'comment'
      ? item
      : {
          kind: 'value',
          line: item.line,
          name: Buffer.from(item.name, encoding),
          bytes: dotenvBytes(item.value),
        },
  )
}

function exactValues(items: readonly OpenedItem[], path: string): Array<readonly [string, string]> {
  return items.flatMap((item) => {
    if (item.kind !== 'value') return []
    const { name, value } = item
    if (value.kind === 'none') throw failure('value-type', { path, name, type: value.what })
    if (value.kind === 'scalar') return [[name, value.scalar.shown] as const]
    if (!isUtf8(value.bytes)) throw failure('value-not-utf8', { path, name })
    return [[name, value.bytes.toString()] as const]
  })
}

/** A binary file is the one value of its tree (stores/json/store.go, BinaryStore). */
function binaryContent(items: readonly OpenedItem[], path: string): Buffer {
  const [item, ...more] = items.filter((candidate) => candidate.kind === 'value' && candidate.name === 'data')
  if (more.length > 0) throw failure('name-twice', { path, name: 'data' })
  if (item?.kind !== 'value' || item.value.kind !== 'text') {
    throw failure('value-type', { path, name: 'data', type: 'not the text of a file' })
  }
  return item.value.bytes
}

function unprovedIn({ items }: Envelope): string[] {
  return items.flatMap((item) => (item.kind === 'value' && isClear(item.value) ? [item.name] : []))
}

function plaintextOf(envelope: Envelope, dataKey: Buffer, path: string): Plaintext {
  const nested = nestedName(envelope)
  if (nested !== undefined) throw failure('value-type', { path, name: nested.name, type: nested.what })
  const items = openValues(envelope, dataKey)
  const covers = envelope.macOnlyEncrypted ? 'encrypted' : 'all'
  const unproved = envelope.macOnlyEncrypted ? { unproved: unprovedIn(envelope) } : {}
  switch (envelope.format) {
    case 'sops-json':
      return { kind: 'values', values: exactValues(items, path), covers, ...unproved }
    case 'sops-dotenv':
      return { kind: 'items', items: dotenvItems(items, envelope.encoding), covers, ...unproved }
    case 'sops-binary':
      return { kind: 'bytes', bytes: binaryContent(items, path) }
  }
}

/** A document that this engine can open, if an identity fits. */
export interface Openable {
  /**
   * Opens it to its lines (dotenv), to the exact values (JSON), or to the content (binary, age). Rejects with
   * DisintoError; nothing of a file is given out before all of it has proved whole.
   */
  open(): Promise<Plaintext>
}

/** Whether this engine opens a SOPS file with these keys, from what can be read without one. */
async function prepareSops(
  document: Document,
  format: SopsFormat,
  identities: readonly Identity[],
  allowed: ReadonlySet<KeyType>,
): Promise<Declined | Openable> {
  const { path } = document.source
  const envelope = await parseEnvelope(document.bytes, format)
  if ('declines' in envelope) return envelope
  const declines = declinesOthers(envelope, allowed) ?? declinesKeys(envelope.keys, identities)
  if (declines !== undefined) return { declines }
  const recipients = envelope.keys.map(({ recipient }) => recipient)
  return {
    open: async () => {
      if (identities.length === 0) throw failure('key-missing', { path, files: USUAL_KEY_FILES })
      try {
        return plaintextOf(envelope, await dataKeyOf(envelope, identities), path)
      } catch (error) {
        throw explained(error, document, recipients)
      }
    },
  }
}

/**
 * Opens a document, or returns why this engine leaves it to another: from what can be read without a key. A damaged file
 * is not declined, as nothing would make it good: rejects with file-tampered and the like. Kinds of keys that are not
 * `allowed` are no reason to decline.
 */
export async function prepareBuiltin(
  document: Document,
  identities: readonly Identity[],
  allowed: ReadonlySet<KeyType> = EVERY_KEY_TYPE,
): Promise<Declined | Openable> {
  const { format, bytes, source } = document
  const { path } = source
  try {
    if (format === 'plaintext') return { declines: 'it is no SOPS file' }
    if (format !== 'age') return await prepareSops(document, format, identities, allowed)
    const declines = declinesAge(bytes, identities)
    if (declines !== undefined) return { declines }
  } catch (error) {
    throw explained(error, document, [])
  }
  return {
    open: async () => {
      if (identities.length === 0) throw failure('key-missing', { path, files: USUAL_KEY_FILES })
      try {
        return { kind: 'bytes', bytes: await openAgeFile(bytes, identities) }
      } catch (error) {
        throw explained(error, document, [])
      }
    },
  }
}

/** Opens a document by this engine alone. Rejects with engine-declines where it is another's, and as `open` does. */
export async function openBuiltin(document: Document, identities: readonly Identity[]): Promise<Plaintext> {
  const prepared = await prepareBuiltin(document, identities)
  if ('open' in prepared) return prepared.open()
  throw failure('engine-declines', { path: document.source.path, reason: prepared.declines })
}
