/** From the bytes of a SOPS file to its metadata and its encrypted tree. No cryptography. */
import { isUtf8 } from 'node:buffer'
import type { SopsFormat } from '../nouns.ts'
import { splitLines } from './dotenv-lines.ts'
import { damaged } from './fault.ts'
import { isMap, type JsonMap, type JsonValue, parseJson } from './json.ts'
import { type Declined, type Metadata, readMetadata } from './metadata.ts'
import { agreesWithGo } from './pattern.ts'
import { type Selector, selectorOf } from './rule.ts'

/** One line or member, as it stands in the file: its value may be encrypted. Members of JSON have no line: 0. */
export type Item =
  | { readonly kind: 'comment'; readonly line: number; readonly text: string }
  | { readonly kind: 'value'; readonly line: number; readonly name: string; readonly value: JsonValue }

/** A file that this engine can open, given a key. */
export interface Envelope extends Metadata {
  readonly format: 'sops-dotenv' | 'sops-json' | 'sops-binary'
  /** How the strings here were made from bytes: a dotenv file may hold any. */
  readonly encoding: 'utf8' | 'latin1'
  readonly items: readonly Item[]
  /** Which items are encrypted: asked once, from the first to the last. */
  readonly selector: Selector
}

/** A matcher takes a step for each letter of the pattern and of the text: more than this is no rule, but an attack. */
const MAX_MATCHING = 2 ** 28

/** A field of an age key, as metadata are flattened. */
const AGE_FIELD = /^age__list_(0|[1-9]\d{0,3})__map_(enc|recipient)$/

/** The age keys of flattened metadata, each with its fields. */
class AgeFields {
  readonly #keys: Array<Map<string, string>> = []

  /** Takes a line that is one of theirs; false for any other. */
  take(name: string, value: string): boolean {
    const [, position, field] = AGE_FIELD.exec(name) ?? []
    if (position === undefined || field === undefined) return false
    const key = this.#keys[Number(position)] ?? new Map<string, string>()
    if (key.has(field)) throw damaged('a metadata line twice')
    this.#keys[Number(position)] = key.set(field, value)
    return true
  }

  /** Returns them as JSON has them. Throws SopsFault where one is missing in between. */
  list(): JsonMap[] {
    // Array.from visits holes, too.
    return Array.from(this.#keys, (key: Map<string, string> | undefined) => {
      if (key === undefined) throw damaged('an age key is missing')
      return { members: [...key] }
    })
  }
}

/** Undoes the flattening of metadata (stores/flatten.go) for the one list that this engine reads. */
function unflatten(lines: ReadonlyArray<readonly [name: string, value: string]>): JsonMap | Declined {
  const plain = new Map<string, JsonValue>()
  const nested = new Map<string, JsonValue>()
  const age = new AgeFields()
  for (const [name, value] of lines) {
    if (age.take(name, value)) continue
    const separator = name.search(/__(?:list|map)_/)
    if (separator < 0) {
      if (plain.has(name)) throw damaged('a metadata line twice')
      plain.set(name, value)
      continue
    }
    // Enough to tell which kind of keys the file has: none of them is read here.
    if (name.startsWith('age__')) return { declines: 'its age keys have entries unknown here' }
    nested.set(name.slice(0, separator), true)
  }
  const keys = age.list()
  if (keys.length > 0) nested.set('age', keys)
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
  for (const raw of splitLines(bytes.toString(encoding))) {
    const { line } = raw
    if (raw.kind === 'comment') items.push(raw)
    else if (raw.kind === 'nothing') throw damaged('a line that assigns nothing')
    else if (raw.kind === 'metadata') metadata.push([raw.name, raw.text.replaceAll('\\n', '\n')])
    else items.push({ kind: 'value', line, name: raw.name, value: raw.text.replaceAll('\\n', '\n') })
  }
  const tree = unflatten(metadata)
  return 'declines' in tree ? tree : { encoding, items, metadata: tree }
}

/** stores/json/store.go */
function parseJsonTree(bytes: Buffer): Tree | Declined {
  if (!isUtf8(bytes)) return { declines: 'it is not UTF-8' }
  const root = parseJson(bytes.toString())
  if (!isMap(root)) throw damaged('not a JSON object')
  const items: Item[] = []
  let metadata: JsonMap | undefined
  for (const [name, value] of root.members) {
    if (name !== 'sops') items.push({ kind: 'value', line: 0, name, value })
    else if (metadata !== undefined) throw damaged('two metadata')
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

/** Why the rule's pattern can't be relied on here; undefined when it can. Throws SopsFault for one that would take ages. */
function declinesPattern({ rule }: Metadata, { encoding, items }: Tree): string | undefined {
  const { name, text } = rule
  if (!name.endsWith('_regex')) return undefined
  if (encoding === 'latin1') return `it has an ${name} and is not UTF-8`
  const subjects = items.map((item) => (item.kind === 'comment' ? item.text : item.name))
  if (text.length * subjects.reduce((sum, subject) => sum + subject.length + 1, 0) > MAX_MATCHING)
    throw damaged('a pattern too long for so many names and comments')
  return agreesWithGo(text, subjects) ? undefined : `its ${name} might mean something else here`
}

/**
 * Parses a SOPS file, or says why this engine leaves it to sops: from the metadata and the shape alone, before any
 * key is looked for. Rejects with SopsFault when sops would refuse it as well.
 */
export async function parseEnvelope(bytes: Buffer, format: SopsFormat): Promise<Envelope | Declined> {
  if (format === 'sops-yaml') return { declines: 'it is SOPS YAML' }
  if (format === 'sops-ini') return { declines: 'it is SOPS INI' }
  const tree = format === 'sops-dotenv' ? parseDotenvTree(bytes) : parseJsonTree(bytes)
  if ('declines' in tree) return tree
  const metadata = readMetadata(tree.metadata)
  if ('declines' in metadata) return metadata
  const declines = declinesPattern(metadata, tree)
  if (declines !== undefined) return { declines }
  const selector = await selectorOf(metadata.rule)
  if (selector === undefined) return { declines: `its ${metadata.rule.name} might mean something else here` }
  if (hasTimestamp(tree)) return { declines: 'it holds a timestamp' }
  return { ...metadata, format, encoding: tree.encoding, items: tree.items, selector }
}
