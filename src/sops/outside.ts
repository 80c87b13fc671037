/**
 * What an encrypted file says of itself to somebody without a key. That is its names, every master key, its rule, its
 * age.
 * None of it is authenticated: it is shown and compared, and decides nothing.
 */
import type { Format, SopsFormat } from '../nouns.ts'
import { splitLines } from './dotenv-lines.ts'
import { KEY_KINDS, type KeyKind, nameAzureKey, nameKey, nameVaultKey, uniqueKeys } from './master-key.ts'
import type { AgeKey } from './metadata.ts'
import { DEFAULT_SUFFIX, RULE_NAMES, type Rule } from './rule.ts'

/** A value as it stands in a file. */
export interface SeenValue {
  readonly name: string
  /** All of its ciphertext; undefined where a part of it stands in the clear. */
  readonly ciphertext: string | undefined
}

export interface Outside {
  readonly format: Exclude<Format, 'plaintext'> | undefined
  /** The names of the values, in the file's order, each once; age files and binary ones do not tell. */
  readonly names: readonly string[]
  /** The master keys by key group (master-key.ts); one group where the file has no groups. */
  readonly groups: ReadonlyArray<readonly string[]>
  /** All master keys, each once. */
  readonly recipients: readonly string[]
  /** How many of the groups it takes. */
  readonly threshold: number
  /** The data key's copies for age recipients of all kinds, where there is one group. */
  readonly ageKeys: readonly AgeKey[]
  readonly rule: Rule
  readonly macOnlyEncrypted: boolean
  readonly lastModified: string | undefined
  readonly version: string | undefined
  readonly mac: string | undefined
  /** The names whose values, or values below them, stand in the clear. */
  readonly clear: readonly string[]
  /** The values in the file's order. */
  readonly values: readonly SeenValue[]
  /** The ciphertext of the comments in the file's order; undefined for one in the clear. */
  readonly comments: ReadonlyArray<string | undefined>
  /** How many comments do. */
  readonly clearComments: number
  /** Whether the file could be taken apart; if not, what it does not say may be there all the same. */
  readonly whole: boolean
}

/** What metadata is made of, whatever format it stood in. */
type Node = string | number | boolean | null | undefined | readonly Node[] | ReadonlyMap<string, Node>

function textOf(node: Node): string {
  return typeof node === 'string' || typeof node === 'number' ? String(node) : ''
}

function fieldsOf(node: Node): ReadonlyMap<string, Node> {
  return node instanceof Map ? node : new Map()
}

function entriesOf(node: Node): readonly Node[] {
  return Array.isArray(node) ? node : []
}

/** A parsed tree of JSON or YAML as nodes. */
function nodeOf(value: unknown): Node {
  if (value === null || value === undefined) return null
  if (typeof value === 'string' || typeof value === 'number' || typeof value === 'boolean') return value
  if (Array.isArray(value)) return value.map(nodeOf)
  if (typeof value === 'object')
    return new Map(Object.entries(value).map(([name, part]) => [name, nodeOf(part)]))
  return String(value)
}

const NAMED_BY: Readonly<Record<KeyKind, (field: (name: string) => string) => string>> = {
  age: (field) => nameKey('age', field('recipient')),
  pgp: (field) => nameKey('pgp', field('fp')),
  kms: (field) => nameKey('kms', field('role') === '' ? field('arn') : `${field('arn')}+${field('role')}`),
  gcp_kms: (field) => nameKey('gcp_kms', field('resource_id')),
  hckms: (field) => nameKey('hckms', field('key_id')),
  azure_kv: (field) => nameAzureKey(field('vault_url'), field('name')),
  hc_vault: (field) => nameVaultKey(field('vault_address'), field('engine_path'), field('key_name')),
}

function keysIn(group: ReadonlyMap<string, Node>): string[] {
  return uniqueKeys(
    KEY_KINDS.flatMap((kind) =>
      entriesOf(group.get(kind)).map((entry) => {
        const fields = fieldsOf(entry)
        return NAMED_BY[kind]((name) => textOf(fields.get(name)))
      }),
    ),
  )
}

function ageKeysIn(group: ReadonlyMap<string, Node>): AgeKey[] {
  return entriesOf(group.get('age')).map((entry) => {
    const fields = fieldsOf(entry)
    return { recipient: textOf(fields.get('recipient')), enc: textOf(fields.get('enc')) }
  })
}

function ruleIn(metadata: ReadonlyMap<string, Node>): Rule {
  for (const name of RULE_NAMES) {
    const text = textOf(metadata.get(name))
    if (text !== '') return { name, text }
  }
  return { name: 'unencrypted_suffix', text: DEFAULT_SUFFIX }
}

type Keys = Omit<Outside, 'format' | 'names' | 'clear' | 'values' | 'comments' | 'clearComments' | 'whole'>

function readMetadata(metadata: ReadonlyMap<string, Node>): Keys {
  const flat = keysIn(metadata)
  // As sops has it: groups count only where no key stands outside of them (stores.go, internalKeygroups).
  const groups = flat.length > 0 ? [flat] : entriesOf(metadata.get('key_groups')).map(fieldsOf).map(keysIn)
  const threshold = Number(textOf(metadata.get('shamir_threshold')))
  return {
    groups,
    recipients: uniqueKeys(groups.flat()),
    threshold: threshold > 0 ? threshold : groups.length,
    ageKeys: ageKeysIn(metadata),
    rule: ruleIn(metadata),
    macOnlyEncrypted: String(metadata.get('mac_only_encrypted')) === 'true',
    lastModified: textOf(metadata.get('lastmodified')) || undefined,
    version: textOf(metadata.get('version')) || undefined,
    mac: textOf(metadata.get('mac')) || undefined,
  }
}

/** Whether a text is what SOPS makes of a value. */
export function isCiphertext(text: string): boolean {
  return text.startsWith('ENC[AES256_GCM,data:') && text.endsWith(']')
}

/** Whether a value, or one below it, can be read as it stands. What is empty is never encrypted. */
function hasClear(node: Node): boolean {
  if (node === null || node === undefined || node === '') return false
  if (Array.isArray(node)) return node.some(hasClear)
  if (node instanceof Map) return [...node.values()].some(hasClear)
  return typeof node === 'string' ? !isCiphertext(node) : true
}

/** All that is encrypted of a value, in its order. */
function ciphertextIn(node: Node): string {
  if (Array.isArray(node)) return node.map(ciphertextIn).join(' ')
  if (node instanceof Map) return [...node].map(([name, part]) => `${name} ${ciphertextIn(part)}`).join(' ')
  return textOf(node)
}

/** A file taken apart. */
export interface Tree {
  readonly values: ReadonlyArray<readonly [name: string, value: Node]>
  readonly comments: readonly string[]
  readonly metadata: ReadonlyMap<string, Node>
}

/** Reads YAML; in a file of its own, as the shim never does (outside-yaml.ts). */
export type ReadYaml = (text: string) => Promise<Tree>

const MAP = '__map_'
const LIST = '__list_'

/** The path that a flattened name stands for (stores/flatten.go, tokenize): names, and positions in lists. */
function pathOf(flattened: string): Array<string | number> {
  const path: Array<string | number> = []
  flattened.split(MAP).forEach((part, at) => {
    const [name = '', ...positions] = part.split(LIST)
    if (at > 0 || path.length === 0) path.push(name)
    for (const position of positions) path.push(Number.parseInt(position, 10) || 0)
  })
  return path
}

type Growing = Map<string | number, Growing | string>

function finished(node: Growing | string): Node {
  if (typeof node === 'string') return node
  const entries = [...node]
  if (entries.length > 0 && entries.every(([key]) => typeof key === 'number')) {
    return entries.sort(([one], [other]) => Number(one) - Number(other)).map(([, value]) => finished(value))
  }
  return new Map(entries.map(([key, value]) => [String(key), finished(value)]))
}

/** Undoes the flattening of metadata, for every kind of key. */
function unflatten(lines: ReadonlyArray<readonly [name: string, value: string]>): ReadonlyMap<string, Node> {
  const root: Growing = new Map()
  for (const [name, value] of lines) {
    const path = pathOf(name)
    let node = root
    for (const step of path.slice(0, -1)) {
      const next = node.get(step)
      const inner: Growing = next instanceof Map ? next : new Map()
      node.set(step, inner)
      node = inner
    }
    node.set(path.at(-1) ?? '', value.replaceAll('\\n', '\n'))
  }
  return fieldsOf(finished(root))
}

function dotenvTree(text: string): Tree {
  const lines = splitLines(text)
  const pairsOf = (wanted: 'value' | 'metadata') =>
    lines.flatMap((line) => (line.kind === wanted ? [[line.name, line.text] as const] : []))
  return {
    values: pairsOf('value'),
    comments: lines.flatMap((line) => (line.kind === 'comment' ? [line.text] : [])),
    metadata: unflatten(pairsOf('metadata')),
  }
}

/** stores/ini/store.go: the section `sops` holds the metadata, flattened. */
function iniTree(text: string): Tree {
  const values: Array<[string, Node]> = []
  const comments: string[] = []
  const metadata: Array<[string, string]> = []
  let section = ''
  for (const raw of text.split('\n')) {
    const line = raw.trim()
    const equals = line.indexOf('=')
    if (line.startsWith('[') && line.endsWith(']')) section = line.slice(1, -1)
    else if (line.startsWith('#') || line.startsWith(';')) comments.push(line.slice(1).trim())
    else if (equals < 0) continue
    else {
      const pair = [line.slice(0, equals).trim(), line.slice(equals + 1).trim()] as const
      if (section === 'sops') metadata.push([...pair])
      else values.push([...pair])
    }
  }
  return { values, comments, metadata: unflatten(metadata) }
}

/** The tree of a parsed map; its metadata is the member `sops`. */
export function mapTree(root: unknown, comments: readonly string[]): Tree {
  const fields = fieldsOf(nodeOf(root))
  return {
    values: [...fields].filter(([name]) => name !== 'sops'),
    comments,
    metadata: fieldsOf(fields.get('sops')),
  }
}

async function treeOf(text: string, format: SopsFormat, readYaml: ReadYaml | undefined): Promise<Tree> {
  switch (format) {
    case 'sops-dotenv':
      return dotenvTree(text)
    case 'sops-ini':
      return iniTree(text)
    case 'sops-yaml':
      if (readYaml === undefined) throw new Error('no YAML reader here')
      return readYaml(text)
    default:
      return mapTree(JSON.parse(text), [])
  }
}

/** SOPS keeps dotenv lines as they are: "export NAME" is the name there, and NAME is what a command gets. */
function givenName(name: string, format: SopsFormat): string {
  if (format !== 'sops-dotenv') return name
  const trimmed = name.trim()
  return /^export\s/.test(trimmed) ? trimmed.slice('export'.length).trim() : trimmed
}

const NOTHING: Omit<Outside, 'format' | 'whole'> = {
  ...readMetadata(new Map()),
  names: [],
  clear: [],
  values: [],
  comments: [],
  clearComments: 0,
}

/**
 * Reads what a file says without a key, in time proportional to its size. Never throws: a file that can't be taken
 * apart is not `whole`. `format` is what detectFormat says of it.
 */
export async function readOutside(
  bytes: Buffer,
  format: Format | undefined,
  readYaml?: ReadYaml,
): Promise<Outside> {
  if (format === undefined || format === 'plaintext') return { ...NOTHING, format: undefined, whole: false }
  if (format === 'age') return { ...NOTHING, format, whole: true }
  let tree: Tree
  try {
    tree = await treeOf(bytes.toString(), format, readYaml)
  } catch {
    return { ...NOTHING, format, whole: false }
  }
  const named = tree.values.map(([name, value]) => [givenName(name, format), value] as const)
  const unique = (names: readonly string[]) => [...new Set(names)]
  return {
    ...readMetadata(tree.metadata),
    format,
    // A binary file is one value, which has no name.
    names: format === 'sops-binary' ? [] : unique(named.map(([name]) => name)),
    values: named.map(([name, value]) => ({
      name,
      ciphertext: hasClear(value) ? undefined : ciphertextIn(value),
    })),
    comments: tree.comments.map((comment) => (isCiphertext(comment) ? comment : undefined)),
    clear: unique(named.filter(([, value]) => hasClear(value)).map(([name]) => name)),
    clearComments: tree.comments.filter((comment) => comment.trim() !== '' && !isCiphertext(comment)).length,
    whole: true,
  }
}

/**
 * The names whose values, or values below them, stand in the clear, with what stands there: to compare two files, never to
 * be shown. None where the file can't be taken apart.
 */
export async function readClear(
  bytes: Buffer,
  format: Outside['format'],
  readYaml: ReadYaml,
): Promise<Map<string, string>> {
  if (format === undefined || format === 'age') return new Map()
  try {
    const { values } = await treeOf(bytes.toString(), format, readYaml)
    const clear = values.filter(([, value]) => hasClear(value))
    return new Map(clear.map(([name, value]) => [givenName(name, format), ciphertextIn(value)]))
  } catch {
    return new Map()
  }
}
