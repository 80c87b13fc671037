/** What a compose file refers to, found by parsing its YAML: variables and other files. */
import type { Document, Node, YAMLMap } from 'yaml'
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

/** Keys whose entries, without a value, pass on the variable of that name. */
const PASSED_ON = new Set(['environment', 'args'])

type Yaml = typeof import('yaml')

interface Walk {
  readonly yaml: Yaml
  readonly document: Document
  readonly references: Reference[]
  readonly literals: Set<string>
  /** What each alias stands for: the package looks through the whole document for it. */
  readonly resolved: Map<unknown, unknown>
  nodes: number
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

/** What a node is once aliases are followed: an anchor's content stands where it is used, too. */
function follow({ yaml, document, resolved }: Walk, node: unknown): unknown {
  if (!yaml.isAlias(node)) return node
  if (!resolved.has(node)) resolved.set(node, node.resolve(document))
  return resolved.get(node)
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
  if (walk.nodes > MOST_NODES) return
  const { isMap, isScalar, isSeq } = walk.yaml
  const node = follow(walk, aliased)
  if (isScalar(node)) addScalar(walk, node.value, path)
  else if (isMap(node)) visitMap(walk, node.items, path)
  else if (isSeq(node)) {
    const place = merged ? path : [...path, '*']
    for (const item of node.items) visit(walk, item, place)
  }
}

interface Source {
  readonly yaml: Yaml
  readonly document: Document
}

/** A node below another, by keys, aliases followed. */
function at({ yaml, document }: Source, ...keys: readonly string[]): unknown {
  const { isAlias, isMap } = yaml
  let node: unknown = document.contents
  for (const key of keys) {
    if (isAlias(node)) node = node.resolve(document)
    if (!isMap(node)) return undefined
    node = node.get(key, true)
  }
  return isAlias(node) ? node.resolve(document) : node
}

const textOf = (node: unknown, { yaml }: Source): string[] =>
  yaml.isScalar(node) && typeof node.value === 'string' ? [node.value] : []

/** The texts of a list of texts, of one text, or of a list of mappings that have it under a key. */
function filesIn(node: unknown, source: Source, key: string): string[] {
  const { yaml, document } = source
  const { isAlias, isMap, isSeq } = yaml
  const resolved = isAlias(node) ? node.resolve(document) : node
  if (isSeq(resolved)) return resolved.items.flatMap((item) => filesIn(item, source, key))
  if (isMap(resolved)) return filesIn(resolved.get(key, true), source, key)
  return textOf(resolved, source)
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
 * they are: whether the file is good is compose's to say, so a text that is no YAML refers to nothing.
 */
export async function readReferences(text: string): Promise<FileReferences> {
  // Most commands never read a compose file.
  const yaml = await import('yaml')
  const references: Reference[] = []
  const literals = new Set<string>()
  const follows: Follow[] = []
  const documents = yaml.parseAllDocuments(text, { logLevel: 'silent', merge: false, uniqueKeys: false })
  if (!Array.isArray(documents)) return { references, follows, literals }
  for (const document of documents) {
    visit({ yaml, document, references, literals, resolved: new Map(), nodes: 0 }, document.contents, [])
    follows.push(...followsOf({ yaml, document }))
  }
  return { references, follows, literals }
}
