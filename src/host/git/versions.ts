/** An encrypted file as entries that can be merged by name, and back. */
import type { Document, DotenvItem, Plaintext } from '../../nouns.ts'
import { parseEnvelope } from '../../sops/envelope.ts'
import type { Content } from '../store/seal.ts'
import type { Entry } from './merge.ts'

/** The formats that hold names, or one value that has the file's. */
type Kind = 'dotenv' | 'json' | 'binary'

/** A version of a file, opened. */
export interface Version {
  readonly kind: Kind
  readonly entries: readonly Entry[]
}

/** Why a version can't be taken apart into entries. */
export interface Unmergeable {
  readonly reason: string
}

/** The name of the only entry of a file without names: no variable is called so. */
const WHOLE = 'the file'

/** Returns the name that a line of SOPS dotenv sets: SOPS keeps `export` with it. */
function nameOf(key: string): string {
  return key.replace(/^\s*(?:export\s+)?/, '').trim()
}

/** Each item by itself: a line end within one makes no second. */
function entriesOf(items: readonly DotenvItem[]): Entry[] {
  return items.map((item) => {
    if (item.kind === 'comment') return { kind: 'comment', text: item.bytes.toString('latin1') }
    const content = `${item.name.toString('latin1')}=${item.bytes.toString('latin1')}`
    return { kind: 'value', name: nameOf(item.name.toString()), content }
  })
}

/** Whether what stands in an entry would be two in the text that is encrypted again. */
function hasLineEnd(entries: readonly Entry[]): boolean {
  return entries.some((entry) => (entry.kind === 'comment' ? entry.text : entry.content).includes('\n'))
}

/** The reason why a JSON file can't be written again as it was: a number, say, would come back as a string. */
async function unlikeStrings(document: Document): Promise<string | undefined> {
  if (document.format !== 'sops-json') return undefined
  const envelope = await parseEnvelope(document.bytes, document.format)
  if ('declines' in envelope) return undefined
  const odd = envelope.items.find(
    (item) =>
      item.kind === 'value' &&
      item.value !== '' &&
      !(typeof item.value === 'string' && /,type:str\]$/.test(item.value)),
  )
  return odd?.kind === 'value' ? 'a value in it is no string' : undefined
}

/** Returns the version that an opened document is, or why it can't be merged by name. */
export async function versionOf(document: Document, plaintext: Plaintext): Promise<Version | Unmergeable> {
  const { format, source } = document
  if (plaintext.kind === 'values') {
    if (format !== 'sops-json') return { reason: `it is ${format}` }
    const reason = await unlikeStrings(document)
    if (reason !== undefined) return { reason }
    const entries = plaintext.values.map(([name, value]): Entry => ({ kind: 'value', name, content: value }))
    return { kind: 'json', entries }
  }
  if (plaintext.kind === 'items') {
    const entries = entriesOf(plaintext.items)
    return hasLineEnd(entries) ? { reason: 'a comment in it has several lines' } : { kind: 'dotenv', entries }
  }
  if (source.role === 'secret' && format === 'sops-binary') {
    const content = plaintext.bytes.toString('latin1')
    return { kind: 'binary', entries: [{ kind: 'value', name: WHOLE, content }] }
  }
  return { reason: format === 'age' ? 'it is an age file, which knows no recipients' : `it is ${format}` }
}

/** Returns what is to be encrypted for a version. */
export function contentOf({ kind, entries }: Version): Content {
  const contents = entries.map((entry) => (entry.kind === 'value' ? entry.content : `#${entry.text}`))
  if (kind === 'binary') return { kind, bytes: Buffer.from(contents.join(''), 'latin1') }
  if (kind === 'json') {
    const values = entries.flatMap((entry) =>
      entry.kind === 'value' ? [[entry.name, entry.content] as const] : [],
    )
    return { kind, entries: values }
  }
  const text = contents.map((line) => `${line}\n`).join('')
  return { kind, text: Buffer.from(text, 'latin1').toString() }
}
