/** Files encrypted anew, for the recipients that rules now give them: every file or none. */
import { isUtf8 } from 'node:buffer'
import { read } from '../../load/read.ts'
import { parseEnvelope } from '../../sops/envelope.ts'
import { sopsRunner } from '../../sops/program.ts'
import type { HostContext } from '../context.ts'
import type { CreationRules } from '../access/rules.ts'
import { outsideOf } from './inventory.ts'
import { openWith, plaintextOf } from './open.ts'
import { type Content, prepareSealed } from './seal.ts'
import { type Prepared, prepareFile } from '../files/write.ts'
import type { Document, Plaintext, Source } from '../../nouns.ts'
import { failure } from '../errors.ts'

/** Whether our own sealing writes such a file just so: strings alone, all encrypted, under the usual rule. */
function isPlain({ bytes, format }: Document): boolean {
  if (format === 'age' || format === 'plaintext') return false
  const envelope = parseEnvelope(bytes, format)
  if ('declines' in envelope || envelope.macOnlyEncrypted || envelope.rule.name !== 'unencrypted_suffix')
    return false
  return envelope.items.every(
    (item) =>
      item.kind === 'comment' ||
      item.value === '' ||
      (typeof item.value === 'string' && /^ENC\[.*,type:str\]$/.test(item.value)),
  )
}

/** A file with a new data key and other recipients, made by sops: what is in it never leaves that program. */
async function rotatedBySops(
  { variables, workingDirectory }: HostContext,
  document: Document,
  recipients: readonly string[],
): Promise<Buffer> {
  const { source, format } = document
  const { recipients: old } = await outsideOf(source)
  const added = recipients.filter((recipient) => !old.includes(recipient))
  const removed = old.filter((recipient) => !recipients.includes(recipient))
  const type = format.replace('sops-', '')
  const words = [
    'rotate',
    ...['--input-type', type, '--output-type', type],
    ...(added.length === 0 ? [] : ['--add-age', added.join(',')]),
    ...(removed.length === 0 ? [] : ['--rm-age', removed.join(',')]),
    source.path,
  ]
  const missing = () => failure('sops-needed', { path: source.path, reason: 'of its format' })
  const ended = await sopsRunner(variables, workingDirectory)(words, source.path, missing)
  if (ended.status !== 0)
    throw failure('sops-failed', { path: source.path, text: 'it could not be encrypted anew' })
  return ended.stdout
}

async function contentOf(
  context: HostContext,
  document: Document,
  plaintext: Plaintext,
  rules: CreationRules,
): Promise<Content> {
  const { format, source } = document
  if (isPlain(document)) {
    if (format === 'sops-json' && plaintext.kind === 'values')
      return { kind: 'json', entries: plaintext.values }
    if (plaintext.kind === 'bytes' && format === 'sops-binary')
      return { kind: 'binary', bytes: plaintext.bytes }
    if (plaintext.kind === 'bytes' && format === 'sops-dotenv' && isUtf8(plaintext.bytes))
      return { kind: 'dotenv', text: plaintext.bytes.toString() }
  }
  if (format === 'age') throw failure('age-left', { path: source.path })
  const bytes = await rotatedBySops(context, document, rules.for(source.path).recipients)
  return { kind: 'sealed', bytes, plaintext }
}

export interface Reencryption {
  readonly rules: CreationRules
  /** The keys that must open what the recipient `opener.recipient` is given; else those at hand. */
  readonly opener?: { readonly recipient: string; readonly variables: ReadonlyMap<string, string> }
}

/** Opens all files, then writes all anew beside the old ones, opened and compared. Nothing is replaced yet. */
async function prepareAll(
  context: HostContext,
  sources: readonly Source[],
  { rules, opener }: Reencryption,
  config: string,
): Promise<Prepared[]> {
  const open = openWith(context)
  const opened: Array<{ document: Document; content: Content }> = []
  for (const source of sources) {
    const document = read(source)
    opened.push({
      document,
      content: await contentOf(context, document, await plaintextOf(document, open), rules),
    })
  }
  const prepared: Prepared[] = []
  for (const { document, content } of opened) {
    const { source } = document
    const { lastModified } = await outsideOf(source)
    const then = new Date(lastModified ?? Number.NaN)
    const byNew = opener !== undefined && rules.for(source.path).recipients.includes(opener.recipient)
    const target = {
      source,
      rules,
      config,
      // The age of the value, which is as old as it was.
      ...(!Number.isNaN(then.getTime()) && { lastModified: then }),
      ...(byNew && { openers: opener.variables, mustOpen: true }),
    }
    prepared.push(await prepareSealed(context, content, target, document.bytes))
  }
  return prepared
}

/** Puts new rules and all files encrypted by them in place of the old, once every one is there and opens. */
export async function reencrypt(
  context: HostContext,
  old: CreationRules,
  sources: readonly Source[],
  reencryption: Reencryption,
): Promise<void> {
  const { rules } = reencryption
  const config = await prepareFile(rules.path, Buffer.from(rules.text), { over: Buffer.from(old.text) })
  const files = await prepareAll(context, sources, reencryption, config.temporary)
  // The rules first: a file that is written meanwhile, or after a kill, is for the new recipients.
  const all = [config, ...files]
  for (const file of all) file.check()
  for (const file of all) file.commit()
}
