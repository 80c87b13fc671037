/** The builtin engine: SOPS and age files opened in process, to what sops makes of them. */
import { isUtf8 } from 'node:buffer'
import { dearmor } from '../age/armor.ts'
import { AgeFault } from '../age/fault.ts'
import {
  type AgeFile,
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
import { type Envelope, parseEnvelope } from './envelope.ts'
import { SopsFault } from './fault.ts'
import { type AgeKey, type Declined, KEY_TYPE_TITLES } from './metadata.ts'
import { nestedName, type OpenedItem, openValues, type Value } from './values.ts'
import { type Document, EVERY_KEY_TYPE, type KeyType, type Plaintext } from '../nouns.ts'

/** Where a key is looked for last, for a caller that does not know better. */
const USUAL_KEY_FILES = ['~/.config/sops/age/keys.txt']

/** Stanzas that this engine can open, and the one that is there to keep readers honest (age, "grease"). */
const OPENABLE_STANZA = /^(?:X25519|mlkem768x25519)$/

// Asked whether it declines and then to open: parsed once.
const envelopes = new WeakMap<Document, Envelope | Declined>()

function envelopeOf(document: Document): Envelope | Declined {
  const known = envelopes.get(document)
  if (known !== undefined) return known
  const { format } = document
  if (format === 'age' || format === 'plaintext') return { declines: 'it is no SOPS file' }
  const envelope = parseEnvelope(document.bytes, format)
  envelopes.set(document, envelope)
  return envelope
}

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

/**
 * Why this engine leaves the document to another, from what can be read without a key; undefined when it does not.
 * A damaged file is not declined: nothing would make it good.
 */
export function builtinDeclines(
  document: Document,
  identities: readonly Identity[],
  allowed: ReadonlySet<KeyType> = EVERY_KEY_TYPE,
): string | undefined {
  try {
    if (document.format === 'age') return declinesAge(document.bytes, identities)
    const envelope = envelopeOf(document)
    if ('declines' in envelope) return envelope.declines
    return declinesOthers(envelope, allowed) ?? declinesKeys(envelope.keys, identities)
  } catch (error) {
    if (error instanceof SopsFault || error instanceof AgeFault) return undefined
    throw error
  }
}

/** Turns what went wrong below into what the user reads. */
function explained(error: unknown, path: string, recipients: readonly string[]): unknown {
  if (error instanceof AgeFault) {
    return error.kind === 'no-match'
      ? failure('key-wrong', { path, recipients })
      : failure('file-tampered', { path })
  }
  if (!(error instanceof SopsFault)) return error
  return error.kind === 'declined'
    ? failure('engine-declines', { path, reason: error.message })
    : failure('file-tampered', { path })
}

/** Keys whose label says that they are ours come first: a label may lie, so the others follow. */
function inOrder(keys: readonly AgeKey[], identities: readonly Identity[]): AgeKey[] {
  const ours = ({ recipient }: AgeKey) => identities.some((identity) => fits(recipient, identity))
  return keys.length === 1 ? [...keys] : [...keys.filter(ours), ...keys.filter((key) => !ours(key))]
}

/** The data key, from the first of its copies that opens, as sops does; throws AgeFault when none does. */
export function dataKeyOf(
  { keys }: Pick<Envelope, 'keys'>,
  identities: readonly Identity[],
): Buffer | Promise<Buffer> {
  let broken: unknown
  const waiting: AgeFile[] = []
  for (const { recipient, enc } of inOrder(keys, identities)) {
    try {
      const file = parseBinaryAgeFile(dearmor(enc))
      const dataKey = openNatively(file, identities)
      if (dataKey !== undefined) return dataKey
      if (wantsPackage(file, identities)) waiting.push(file)
      else if (identities.some((identity) => fits(recipient, identity))) {
        broken = new AgeFault('header', 'a key of ours that does not open')
      }
    } catch (error) {
      if (!(error instanceof AgeFault)) throw error
      broken = error
    }
  }
  const failed = () => broken ?? new AgeFault('no-match', 'no identity fits')
  if (waiting.length === 0) throw failed()
  return (async () => {
    for (const file of waiting) {
      try {
        const dataKey = await openByPackage(file, identities)
        if (dataKey !== undefined) return dataKey
      } catch (error) {
        if (!(error instanceof AgeFault)) throw error
        broken = error
      }
    }
    throw failed()
  })()
}

/** What sops prints for a value in a dotenv file (stores/dotenv/store.go, EmitPlainFile). */
function dotenvBytes(value: Value): Buffer {
  if (value.kind !== 'text') return Buffer.from(value.kind === 'scalar' ? value.scalar.shown : '')
  if (!value.bytes.includes(0x0a)) return value.bytes
  return Buffer.from(value.bytes.toString('latin1').replaceAll('\n', '\\n'), 'latin1')
}

const HASH = Buffer.from('#')
const EQUALS = Buffer.from('=')
const LINE_FEED = Buffer.from('\n')

function dotenvText(items: readonly OpenedItem[], encoding: BufferEncoding): Buffer {
  const lines = items.flatMap((item) =>
    item.kind === 'comment'
      ? [HASH, item.bytes, LINE_FEED]
      : [Buffer.from(item.name, encoding), EQUALS, dotenvBytes(item.value), LINE_FEED],
  )
  return Buffer.concat(lines)
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
  const item = items.find((candidate) => candidate.kind === 'value' && candidate.name === 'data')
  if (item?.kind !== 'value' || item.value.kind !== 'text') {
    throw failure('value-type', { path, name: 'data', type: 'not the text of a file' })
  }
  return item.value.bytes
}

function plaintextOf(envelope: Envelope, dataKey: Buffer, path: string): Plaintext {
  const nested = nestedName(envelope)
  if (nested !== undefined) throw failure('value-type', { path, name: nested.name, type: nested.what })
  const items = openValues(envelope, dataKey)
  if (envelope.format === 'sops-json') return { kind: 'values', values: exactValues(items, path) }
  const bytes =
    envelope.format === 'sops-dotenv' ? dotenvText(items, envelope.encoding) : binaryContent(items, path)
  return { kind: 'bytes', bytes }
}

/** Runs the next step at once, or when the promise is there; either way with errors explained. */
function then<In, Out>(
  value: In | Promise<In>,
  next: (value: In) => Out,
  explain: (error: unknown) => unknown,
): Out | Promise<Out> {
  if (value instanceof Promise) {
    return value.then(next).catch((error: unknown) => {
      throw explain(error)
    })
  }
  return next(value)
}

/**
 * Opens a document to what `sops decrypt` prints (dotenv, binary), to the exact values (JSON), or to the content of
 * an age file. At once, unless a post-quantum key is needed. Throws or rejects with DisintoError; nothing of a file
 * is given out before all of it has proved whole.
 */
export function openBuiltin(
  document: Document,
  identities: readonly Identity[],
  allowed: ReadonlySet<KeyType> = EVERY_KEY_TYPE,
): Plaintext | Promise<Plaintext> {
  const { path } = document.source
  let recipients: readonly string[] = []
  const explain = (error: unknown) => explained(error, path, recipients)
  try {
    if (document.format === 'age') {
      if (identities.length === 0) throw failure('key-missing', { path, files: USUAL_KEY_FILES })
      return then(openAgeFile(document.bytes, identities), (bytes) => ({ kind: 'bytes', bytes }), explain)
    }
    const envelope = envelopeOf(document)
    const declines = 'declines' in envelope ? envelope.declines : declinesOthers(envelope, allowed)
    if ('declines' in envelope || declines !== undefined)
      throw failure('engine-declines', { path, reason: declines ?? '' })
    if (identities.length === 0) throw failure('key-missing', { path, files: USUAL_KEY_FILES })
    recipients = envelope.keys.map(({ recipient }) => recipient)
    return then(dataKeyOf(envelope, identities), (dataKey) => plaintextOf(envelope, dataKey, path), explain)
  } catch (error) {
    throw explain(error)
  }
}
