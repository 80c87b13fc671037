/** An encrypted file as entries that can be merged by name, and back. */
import type { Document, DotenvItem, Plaintext } from '../../nouns.ts'
import { isMap, type JsonValue, parseJson } from '../../sops/json.ts'
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

/** The names whose values are no strings: numbers and booleans, encrypted or in the clear. */
function literalNames(bytes: Buffer): Set<string> {
  const tree = parseJson(bytes.toString())
  const members = isMap(tree) ? tree.members : []
  const isText = (value: JsonValue) =>
    typeof value === 'string' && !/^ENC\[.*,type:(?:int|float|bool)\]$/s.test(value)
  return new Set(members.flatMap(([name, value]) => (isText(value) ? [] : [name])))
}

/** Each value as JSON writes it, so that a number stays one. */
function jsonEntries(
  values: ReadonlyArray<readonly [name: string, value: string]>,
  literals: ReadonlySet<string>,
): Entry[] {
  return values.map(([name, value]) => ({
    kind: 'value',
    name,
    content: literals.has(name) ? value : JSON.stringify(value),
  }))
}

/** Returns the version that an opened document is, or why it can't be merged by name. */
export function versionOf(document: Document, plaintext: Plaintext): Version | Unmergeable {
  const { format, source } = document
  if (plaintext.kind === 'values') {
    if (format !== 'sops-json') return { reason: `it is ${format}` }
    return { kind: 'json', entries: jsonEntries(plaintext.values, literalNames(document.bytes)) }
  }
  if (plaintext.kind === 'items') {
    const entries = entriesOf(plaintext.items)
    return hasLineEnd(entries) ? { reason: 'a comment in it has several lines' } : { kind: 'dotenv', entries }
  }
  if (source.role === 'secret' && format === 'sops-binary') {
    const content = plaintext.bytes.toString('latin1')
    return { kind: 'binary', entries: [{ kind: 'value', name: WHOLE, content }] }
  }
  return {
    reason: format === 'age' ? 'it is an age file, which does not say who can open it' : `it is ${format}`,
  }
}

/** Returns what is to be encrypted for a version. */
export function contentOf({ kind, entries }: Version): Content {
  const contents = entries.map((entry) => (entry.kind === 'value' ? entry.content : `#${entry.text}`))
  if (kind === 'binary') return { kind, bytes: Buffer.from(contents.join(''), 'latin1') }
  if (kind === 'json') {
    const values = entries.flatMap((entry) => {
      if (entry.kind === 'comment') return []
      const value: unknown = JSON.parse(entry.content)
      const isText = typeof value === 'string'
      return [{ name: entry.name, text: isText ? value : entry.content, isText }]
    })
    return {
      kind,
      entries: values.map(({ name, text }) => [name, text] as const),
      literals: new Set(values.filter(({ isText }) => !isText).map(({ name }) => name)),
    }
  }
  const text = contents.map((line) => `${line}\n`).join('')
  return { kind, text: Buffer.from(text, 'latin1').toString() }
}
