/** From the bytes of a SOPS file to its metadata and its encrypted tree. No cryptography. */
import { isUtf8 } from 'node:buffer'
import { damaged } from './fault.ts'
import { isMap, type JsonMap, type JsonValue, parseJson } from './json.ts'
import { type Declined, type Metadata, readMetadata } from './metadata.ts'
import { selectorOf } from './rule.ts'
import type { SopsFormat } from '../nouns.ts'

/** One line or member, as it stands in the file: its value may be encrypted. */
export type Item =
  | { readonly kind: 'comment'; readonly text: string }
  | { readonly kind: 'value'; readonly name: string; readonly value: JsonValue }

/** A file that this engine can open, given a key. */
export interface Envelope extends Metadata {
  readonly format: 'sops-dotenv' | 'sops-json' | 'sops-binary'
  /** How the strings here were made from bytes: a dotenv file may hold any. */
  readonly encoding: 'utf8' | 'latin1'
  readonly items: readonly Item[]
}

const SOPS_PREFIX = 'sops_'
/** Go matches in linear time; here a hostile pattern gets no long text to chew on. */
const MAX_SUBJECT = 1024

/** Undoes the flattening of metadata (stores/flatten.go) for the one list that this engine reads. */
function unflatten(lines: ReadonlyArray<readonly [name: string, value: string]>): JsonMap | Declined {
  const plain = new Map<string, JsonValue>()
  const nested = new Map<string, JsonValue>()
  const keys: Array<Map<string, string>> = []
  for (const [name, value] of lines) {
    const [, position, field] = /^age__list_(0|[1-9]\d{0,3})__map_(enc|recipient)$/.exec(name) ?? []
    const separator = name.search(/__(?:list|map)_/)
    if (position !== undefined && field !== undefined) {
      const key = keys[Number(position)] ?? new Map<string, string>()
      if (key.has(field)) throw damaged('a metadata line twice')
      keys[Number(position)] = key.set(field, value)
    } else if (separator < 0) {
      if (plain.has(name)) throw damaged('a metadata line twice')
      plain.set(name, value)
    } else {
      // Enough to tell which kind of keys the file has: none of them is read here.
      if (name.startsWith('age__')) return { declines: 'its age keys have entries unknown here' }
      nested.set(name.slice(0, separator), true)
    }
  }
  for (let at = 0; at < keys.length; at++) if (keys[at] === undefined) throw damaged('an age key is missing')
  if (keys.length > 0)
    nested.set(
      'age',
      keys.map((key) => ({ members: [...key] })),
    )
  for (const name of nested.keys()) if (plain.has(name)) throw damaged('a metadata line that is a list too')
  return { members: [...nested, ...plain] }
}

interface Tree {
  readonly encoding: 'utf8' | 'latin1'
  readonly items: readonly Item[]
  readonly metadata: JsonMap
}

/** stores/dotenv/store.go: lines end with a line feed alone, nothing is trimmed, `\n` means a line feed. */
function parseDotenvTree(bytes: Buffer): Tree | Declined {
  const encoding = isUtf8(bytes) ? 'utf8' : 'latin1'
  const items: Item[] = []
  const metadata: Array<[string, string]> = []
  for (const line of bytes.toString(encoding).split('\n')) {
    if (line === '') continue
    if (line.startsWith('#')) {
      items.push({ kind: 'comment', text: line.slice(1) })
      continue
    }
    const equals = line.indexOf('=')
    if (equals < 0) throw damaged('a line that assigns nothing')
    const name = line.slice(0, equals)
    const value = line.slice(equals + 1).replaceAll('\\n', '\n')
    if (name.startsWith(SOPS_PREFIX)) metadata.push([name.slice(SOPS_PREFIX.length), value])
    else items.push({ kind: 'value', name, value })
  }
  const tree = unflatten(metadata)
  return 'declines' in tree ? tree : { encoding, items, metadata: tree }
}

/** stores/json/store.go */
function parseJsonTree(bytes: Buffer): Tree | Declined {
  if (!isUtf8(bytes)) return { declines: 'it is not UTF-8' }
  const root = parseJson(bytes.toString())
  if (!isMap(root)) throw damaged('not a JSON object')
  const names = new Set(root.members.map(([name]) => name))
  if (names.size !== root.members.length) return { declines: 'a name occurs twice in it' }
  const items: Item[] = []
  let metadata: JsonMap | undefined
  for (const [name, value] of root.members) {
    if (name !== 'sops') items.push({ kind: 'value', name, value })
    else if (isMap(value)) metadata = value
  }
  if (metadata === undefined) throw damaged('no metadata')
  return { encoding: 'utf8', items, metadata }
}

/** Timestamps come from YAML alone, and Go writes them anew before it hashes them. */
function hasTimestamp({ items }: Tree): boolean {
  return items.some(
    (item) => item.kind === 'value' && typeof item.value === 'string' && item.value.includes(',type:time]'),
  )
}

/**
 * Parses a SOPS file, or says why this engine leaves it to sops: from the metadata and the shape alone, before any
 * key is looked for. Throws SopsFault when sops would refuse it as well.
 */
export function parseEnvelope(bytes: Buffer, format: SopsFormat): Envelope | Declined {
  if (format === 'sops-yaml') return { declines: 'it is SOPS YAML' }
  if (format === 'sops-ini') return { declines: 'it is SOPS INI' }
  const tree = format === 'sops-dotenv' ? parseDotenvTree(bytes) : parseJsonTree(bytes)
  if ('declines' in tree) return tree
  const metadata = readMetadata(tree.metadata)
  if ('declines' in metadata) return metadata
  const { name } = metadata.rule
  if (name.endsWith('_regex')) {
    if (selectorOf(metadata.rule) === undefined)
      return { declines: `its ${name} might mean something else here` }
    if (tree.encoding === 'latin1') return { declines: `it has an ${name} and is not UTF-8` }
    // Folding and Unicode apart, both languages match alike.
    const subjects = tree.items.map((item) => (item.kind === 'comment' ? item.text : item.name))
    if (subjects.some((subject) => subject.length > MAX_SUBJECT))
      return { declines: `it has an ${name} and long names or comments` }
    if (metadata.rule.text.startsWith('(?i)') && !subjects.every((subject) => /^[\0-\x7f]*$/.test(subject))) {
      return { declines: `its ${name} ignores case, and its names or comments are not ASCII` }
    }
  }
  if (hasTimestamp(tree)) return { declines: 'it holds a timestamp' }
  return { ...metadata, format, encoding: tree.encoding, items: tree.items }
}
