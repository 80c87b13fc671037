/** Files encrypted anew, with new data keys, for whom they are to be now: every file or none. */
import { isUtf8 } from 'node:buffer'
import { textOf } from '../../load/dotenv.ts'
import { read } from '../../load/read.ts'
import type { Document, Plaintext, Source } from '../../nouns.ts'
import { parseEnvelope } from '../../sops/envelope.ts'
import { areSameKeys, hasKey, uniqueKeys } from '../../sops/master-key.ts'
import type { Outside } from '../../sops/outside.ts'
import { acceptRules } from '../access/accepted.ts'
import { ownRecipients } from '../access/keys.ts'
import { type CreationRule, type CreationRules, overRules } from '../access/rules.ts'
import type { HostContext } from '../context.ts'
import { failure } from '../errors.ts'
import { checkUnlinked, type Prepared, prepareFile } from '../files/write.ts'
import { type Advance, withProgress } from '../terminal.ts'
import { type Audience, audienceOfFile, sopsConfigFor } from './audience.ts'
import { outsideOf } from './inventory.ts'
import { openWith, plaintextOf } from './open.ts'
import { checkReaders } from './proved-readers.ts'
import { type Content, prepareSealed } from './seal.ts'
import { rekeyBySops, rotateBySops } from './sops-encrypt.ts'

/** Whether our own sealing writes such a file just so: strings alone, each encrypted or left as the file's rule says. */
async function isPlain({ bytes, format }: Document): Promise<boolean> {
  if (format === 'age' || format === 'plaintext') return false
  const envelope = await parseEnvelope(bytes, format)
  if ('declines' in envelope) return false
  return envelope.items.every(
    (item) =>
      item.kind === 'comment' ||
      (typeof item.value === 'string' &&
        (!item.value.startsWith('ENC[') || item.value.endsWith(',type:str]'))),
  )
}

/** A file that has been opened, and whom it is to be for. */
interface Opened {
  readonly document: Document
  readonly file: Outside
  readonly rule: CreationRule
  readonly audience: Audience
  readonly plaintext: Plaintext
}

/**
 * A file with a new data key, made by the sops program on a copy. First it is for these readers and us alone, so that
 * nothing is sent to a key that only the file names. Numbers and lists stay what they are.
 */
async function rotatedBySops(
  context: HostContext,
  { document, file, audience, rule }: Opened,
  ours: readonly string[],
): Promise<Buffer> {
  const configFor = (readers: Audience) => sopsConfigFor(rule, readers, file.rule, file.macOnlyEncrypted)
  const mine = ours.filter((name) => hasKey(file.recipients, name))
  const groups = audience.groups.map((keys) => uniqueKeys([...keys, ...mine]))
  const narrowed = await rekeyBySops(context, document, configFor({ ...audience, groups }))
  const rotated = await rotateBySops(context, { ...document, bytes: narrowed })
  if (mine.every((name) => audience.groups.every((keys) => hasKey(keys, name)))) return rotated
  return rekeyBySops(context, { ...document, bytes: rotated }, configFor(audience))
}

async function contentOf(context: HostContext, opened: Opened, ours: readonly string[]): Promise<Content> {
  const { document, plaintext } = opened
  const { format } = document
  if (await isPlain(document)) {
    if (format === 'sops-json' && plaintext.kind === 'values')
      return { kind: 'json', entries: plaintext.values }
    if (plaintext.kind === 'bytes' && format === 'sops-binary')
      return { kind: 'binary', bytes: plaintext.bytes }
    if (plaintext.kind === 'items') {
      const text = textOf(plaintext.items)
      if (isUtf8(text)) return { kind: 'dotenv', text: text.toString() }
    }
  }
  return {
    kind: 'sealed',
    bytes: await rotatedBySops(context, opened, ours),
    plaintext,
  }
}

export interface Reencryption {
  readonly rules: CreationRules
  /** Our keys, which a file stays open to whatever the rules say. */
  readonly own: readonly string[]
  /** Keys that are to open a file that the rules name them for, though they could not before. */
  readonly given: (file: Outside) => readonly string[]
  /** Done when all is prepared, before the first file takes its place. */
  readonly ready?: () => Promise<void>
  /** The keys that must open what the recipient `opener.recipient` is given; else those at hand. */
  readonly opener?: { readonly recipient: string; readonly variables: ReadonlyMap<string, string> }
}

/** Opens all files, then writes all anew beside the old ones, opened and compared. Nothing is replaced yet. */
async function prepareAll(
  context: HostContext,
  sources: readonly Source[],
  { rules, own, given, opener }: Reencryption,
  advance: Advance,
): Promise<Array<Prepared & { readonly source: Source; readonly audience: Audience }>> {
  const open = openWith(context)
  const ours = await ownRecipients(context)
  const opened = []
  for (const [at, source] of sources.entries()) {
    advance(at, sources.length)
    checkUnlinked(context.project.root, source.path)
    const document = read(source)
    if (document.format === 'age') throw failure('age-left', { path: source.path })
    await checkReaders(context, document)
    const file = await outsideOf(source)
    const rule = rules.for(source.path)
    const audience = audienceOfFile(file, rule, own, given(file))
    const one = { document, file, rule, audience, plaintext: await plaintextOf(document, open) }
    opened.push({ ...one, content: await contentOf(context, one, ours) })
  }
  const prepared = []
  for (const { document, content, file, audience } of opened) {
    const { source } = document
    const then = new Date(file.lastModified ?? Number.NaN)
    const byNew = opener !== undefined && audience.groups.flat().includes(opener.recipient)
    const target = {
      source,
      rules,
      audience,
      // The age of the value, which is as old as it was.
      ...(!Number.isNaN(then.getTime()) && { lastModified: then }),
      ...(byNew && { openers: opener.variables, mustOpen: true }),
    }
    prepared.push({ ...(await prepareSealed(context, content, target, document.bytes)), source, audience })
  }
  return prepared
}

/**
 * Puts new rules and all files encrypted by them in place of the old, once every one is there, opens, and is for those
 * whom it is meant for; afterwards each is read once more. Throws readers-unchecked when one is not as it should be.
 */
export async function reencrypt(
  context: HostContext,
  old: CreationRules,
  sources: readonly Source[],
  reencryption: Reencryption,
): Promise<void> {
  const { rules } = reencryption
  const config = await prepareFile(rules.path, Buffer.from(rules.text), overRules(old))
  let files: Awaited<ReturnType<typeof prepareAll>>
  try {
    files = await withProgress(context.variables, 'encrypting files again', (advance) =>
      prepareAll(context, sources, reencryption, advance),
    )
    // The rules first: a file that is written meanwhile, or after a kill, is for the new recipients.
    for (const file of [config, ...files]) file.check()
  } catch (error) {
    config.discard()
    throw error
  }
  await reencryption.ready?.()
  config.commit()
  await acceptRules(context, rules)
  for (const file of files) file.commit()
  for (const { source, audience } of files) {
    const { groups } = await outsideOf(source)
    if (!groups.every((keys, at) => areSameKeys(keys, audience.groups[at] ?? [])))
      throw failure('readers-unchecked', { path: source.path })
  }
}
