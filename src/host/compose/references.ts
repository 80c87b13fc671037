/** What a compose file refers to, found by parsing its YAML: variables and other files. */
import type { Document, Node, YAMLMap } from 'yaml'
import { readDocuments } from '../../yaml.ts'
import { type Absent, referencesIn } from './template.ts'

/** A variable where it stands. */
export interface Reference {
  readonly name: string
  readonly absent: Absent
  /** The keys that lead to it, from the root; `*` for a place in a list. */
  readonly path: readonly string[]
  /** What stands before and behind it in the same text. */
  readonly before: string
  readonly after: string
}

/** A file that this one takes in. */
export interface Follow {
  /** `beside`: compose reads it, and no container has what is in it. */
  readonly kind: 'include' | 'extends' | 'env-file' | 'beside'
  /** As it is written, references and all. */
  readonly file: string
  /** The service that has it, but for `include`. */
  readonly service: string | undefined
}

export interface FileReferences {
  readonly references: readonly Reference[]
  readonly follows: readonly Follow[]
  /** `NAME=value` of every text without a reference that may be in an environment. */
  readonly literals: ReadonlySet<string>
}

/** So many nodes are no compose file but a bomb of aliases. */
const MOST_NODES = 200_000
const MOST_LEVELS = 200
/** So many files nobody includes: a list of aliases of a list has the square of what it is long. */
const MOST_ENTRIES = 1000

/** Keys whose entries, without a value, pass on the variable of that name. */
const PASSED_ON = new Set(['environment', 'args'])

type Yaml = typeof import('yaml')

/** A document, and what each alias in it stands for: the package looks through the whole document for each. */
interface Source {
  readonly yaml: Yaml
  readonly document: Document
  readonly targets: ReadonlyMap<unknown, unknown>
}

interface Walk extends Source {
  readonly references: Reference[]
  readonly literals: Set<string>
  nodes: number
  depth: number
}

function addText(walk: Walk, text: string, path: readonly string[]): void {
  for (const { name, absent, start, end } of referencesIn(text))
    walk.references.push({ name, absent, path, before: text.slice(0, start), after: text.slice(end) })
  const parent = path.at(-2)
  // Without `=`, or with null for a value, the variable of that name is passed on.
  if (path.at(-1) === '*' && parent !== undefined && PASSED_ON.has(parent) && /^[A-Za-z_]\w*$/.test(text))
    walk.references.push({ name: text, absent: 'default', path, before: '', after: '' })
  if (!text.includes('$') && text.includes('=')) walk.literals.add(text)
}

function addScalar(walk: Walk, value: unknown, path: readonly string[]): void {
  const [key, parent, top] = [path.at(-1) ?? '', path.at(-2) ?? '', path[0]]
  if (value === null && PASSED_ON.has(parent) && /^[A-Za-z_]\w*$/.test(key))
    walk.references.push({ name: key, absent: 'default', path, before: '', after: '' })
  if (typeof value === 'string') addText(walk, value, path)
  if (value !== null && !String(value).includes('$')) walk.literals.add(`${key}=${String(value)}`)
  // `secrets:` and `configs:` from the environment name their variable without a dollar sign.
  const named = path.length === 3 && key === 'environment' && (top === 'secrets' || top === 'configs')
  if (named && typeof value === 'string' && !value.includes('$'))
    walk.references.push({ name: value, absent: 'default', path, before: '', after: '' })
}

/** The last node before an alias that has its anchor (YAML 1.2.2, 3.2.2.2), for each alias. */
function targetsIn(yaml: Yaml, document: Document): Map<unknown, unknown> {
  const anchors = new Map<string, unknown>()
  const targets = new Map<unknown, unknown>()
  yaml.visit(document, {
    Alias: (_, alias) => void targets.set(alias, anchors.get(alias.source)),
    Value: (_, node) => {
      if (node.anchor !== undefined) anchors.set(node.anchor, node)
    },
  })
  return targets
}

/** What a node is once aliases are followed: an anchor's content stands where it is used, too. */
function follow({ yaml, targets }: Source, node: unknown): unknown {
  return yaml.isAlias(node) ? targets.get(node) : node
}

function visitMap(walk: Walk, items: YAMLMap['items'], path: readonly string[]): void {
  for (const { key, value } of items) {
    const name = walk.yaml.isScalar(key) ? String(key.value) : ''
    const here = name === '<<' ? path : [...path, name]
    if (value === null) addScalar(walk, null, here)
    else visit(walk, value, here, name === '<<')
  }
}

/** `merged`: whether it is what `<<` takes in, of which a list is several mappings at the same place. */
function visit(walk: Walk, aliased: unknown, path: readonly string[], merged = false): void {
  walk.nodes += 1
  // An alias of what it stands in has no end.
  if (walk.nodes > MOST_NODES || walk.depth > MOST_LEVELS) return
  walk.depth += 1
  const { isMap, isScalar, isSeq } = walk.yaml
  const node = follow(walk, aliased)
  if (isScalar(node)) addScalar(walk, node.value, path)
  else if (isMap(node)) visitMap(walk, node.items, path)
  else if (isSeq(node)) {
    const place = merged ? path : [...path, '*']
    for (const item of node.items) visit(walk, item, place)
  }
  walk.depth -= 1
}

/** A node below another, by keys, aliases followed. */
function at(source: Source, ...keys: readonly string[]): unknown {
  let node: unknown = source.document.contents
  for (const key of keys) {
    node = follow(source, node)
    if (!source.yaml.isMap(node)) return undefined
    node = node.get(key, true)
  }
  return follow(source, node)
}

const textOf = (node: unknown, { yaml }: Source): string[] =>
  yaml.isScalar(node) && typeof node.value === 'string' ? [node.value] : []

/** The first entries of a list, or the one node that stands in the place of a list. */
function entriesOf(node: unknown, source: Source): unknown[] {
  const entries = source.yaml.isSeq(node) ? node.items.slice(0, MOST_ENTRIES) : [node]
  return entries.map((entry) => follow(source, entry))
}

/** The texts of a list of texts, of one text, or of a list of mappings that have it, or such a list, under a key. */
function filesIn(node: unknown, source: Source, key: string): string[] {
  return entriesOf(follow(source, node), source).flatMap((entry) => {
    if (!source.yaml.isMap(entry)) return textOf(entry, source)
    const under = entriesOf(follow(source, entry.get(key, true)), source)
    return under.flatMap((text) => textOf(text, source))
  })
}

function followsOf(source: Source): Follow[] {
  const { isMap, isScalar } = source.yaml
  const included = filesIn(at(source, 'include'), source, 'path')
  const found: Follow[] = included.map((file) => ({ kind: 'include', file, service: undefined }))
  for (const file of filesIn(at(source, 'include'), source, 'env_file'))
    if (!included.includes(file)) found.push({ kind: 'beside', file, service: undefined })
  const services = at(source, 'services')
  for (const { key } of isMap<Node, Node>(services) ? services.items : []) {
    const service = isScalar(key) ? String(key.value) : ''
    for (const file of textOf(at(source, 'services', service, 'extends', 'file'), source))
      found.push({ kind: 'extends', file, service })
    for (const file of filesIn(at(source, 'services', service, 'env_file'), source, 'path'))
      found.push({ kind: 'env-file', file, service })
    for (const file of filesIn(at(source, 'services', service, 'label_file'), source, 'path'))
      found.push({ kind: 'beside', file, service })
  }
  return found
}

/**
 * Reads the text of a compose file. Tags (`!reset`, `!override`) and keys that compose does not know are taken as
 * they are: whether the file is good is compose's to say, so a text that is no YAML refers to nothing. Throws yaml-limit.
 */
export async function readReferences(path: string, text: string): Promise<FileReferences> {
  // Most commands never read a compose file.
  const yaml = await import('yaml')
  const references: Reference[] = []
  const literals = new Set<string>()
  const follows: Follow[] = []
  for (const document of await readDocuments(path, text, { merge: false })) {
    const source = { yaml, document, targets: targetsIn(yaml, document) }
    visit({ ...source, references, literals, nodes: 0, depth: 0 }, document.contents, [])
    follows.push(...followsOf(source))
  }
  return { references, follows, literals }
}
