/** An encrypted file as entries that can be merged by name, and back. */
import { textOf } from '../../load/dotenv.ts'
import type { Document, Plaintext } from '../../nouns.ts'
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

function linesOf(bytes: Buffer): Entry[] {
  const encoded = bytes.toString('latin1')
  return encoded
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => {
      if (line.startsWith('#')) return { kind: 'comment', text: line.slice(1) }
      const equals = line.indexOf('=')
      const name = Buffer.from(nameOf(line.slice(0, equals)), 'latin1').toString()
      return { kind: 'value', name, content: line }
    })
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
  if (plaintext.kind === 'items') return { kind: 'dotenv', entries: linesOf(textOf(plaintext.items)) }
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
