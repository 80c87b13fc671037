/**
 * A SOPS file as sops may see it, without the master keys that are not allowed. The metadata is outside the
 * MAC, so that leaving entries out changes nothing that was authenticated, and what sops is given is written anew from
 * what was read: what this reader does not see, sops does not either.
 */
import { failure } from '../errors.ts'
import type { Covers, Document, KeyType } from '../nouns.ts'
import { Allowance } from './allowance.ts'
import { splitLines } from './dotenv-lines.ts'
import { isMap, type JsonMap, type JsonValue, parseJson } from './json.ts'
import { jsonText } from './json-text.ts'
import { isKeyType, PLAIN_ENTRIES } from './metadata.ts'

/** What sops is to be given. */
export interface Restricted {
  readonly bytes: Buffer
  /** sops' name for its format, which need not be the file's: INI is handed over as JSON. */
  readonly type: 'dotenv' | 'json' | 'yaml' | 'binary'
  /** The kinds of keys that are in it. */
  readonly held: ReadonlySet<KeyType>
  /** The kinds that were left out. */
  readonly left: ReadonlySet<KeyType>
  /** Vaults that were left out, as nothing in the environment says that they may be asked. */
  readonly vaults: readonly string[]
  /** What its MAC covers, by the entry that sops is given, and so sees as well. */
  readonly covers: Covers
}

function restrictJson(bytes: Buffer, path: string, allowance: Allowance): Buffer {
  const root = parseJson(bytes.toString())
  if (root === undefined || !isMap(root)) throw failure('source-not-encrypted', { path })
  const own = root.members.filter(([name]) => name === 'sops')
  // Before 3.11 sops took any spelling of it for its metadata, the last one for all of it.
  const alike = root.members.filter(([name]) => name.replaceAll('\u017f', 's').toLowerCase() === 'sops')
  if (own.length !== 1 || alike.length !== 1) allowance.unclear('metadata twice')
  const members = root.members.map(([name, value]): [string, JsonValue] => {
    if (name !== 'sops') return [name, value]
    return isMap(value) ? [name, allowance.metadata(value)] : allowance.unclear('metadata that is no map')
  })
  return Buffer.from(jsonText({ members }))
}

/** Deeper than a field of a key's map no entry that sops writes goes: more would only be there to be searched. */
const FLAT_KEY = /^([a-z_]{1,32})__list_(?:0|[1-9]\d{0,5})__map_[a-z_]{1,32}(?:__map_.{0,256})?$/
const GROUP = /^key_groups__list_(?:0|[1-9]\d{0,5})__map_/

/** What the names of all fields of one Vault begin with. */
const VAULT_ENTRY = /^((?:key_groups__list_\d+__map_)?hc_vault__list_\d+__map_)/

function typeOf(name: string): KeyType | undefined {
  const type = FLAT_KEY.exec(name.replace(GROUP, ''))?.[1]
  return type !== undefined && isKeyType(type) ? type : undefined
}

/** Which vaults, by the beginnings of their entries' names, may not be asked. */
function foreignVaults(entries: ReadonlyArray<readonly [string, string]>, allowance: Allowance): string[] {
  const addresses = entries.filter(([name]) => /hc_vault__list_\d+__map_vault_address$/.test(name))
  return addresses
    .filter(([, address]) => !allowance.allowsVault(address))
    .map(([name]) => name.slice(0, -'vault_address'.length))
}

/** Flattened metadata (stores/flatten.go), as dotenv and INI files have it: the names of entries that may stay. */
function restrictFlat(entries: ReadonlyArray<readonly [string, string]>, allowance: Allowance): Set<string> {
  if (new Set(entries.map(([name]) => name)).size !== entries.length) allowance.unclear('an entry twice')
  const kept = entries.filter(([name, value]) => {
    if (PLAIN_ENTRIES.includes(name)) {
      allowance.plain(name, value)
      return true
    }
    const type = typeOf(name)
    return type === undefined ? allowance.unclear('an entry that is unknown here') : allowance.allows(type)
  })
  const foreign = new Set(foreignVaults(kept, allowance))
  const names = kept.map(([name]) => name).filter((name) => !foreign.has(VAULT_ENTRY.exec(name)?.[1] ?? ''))
  for (const name of names) {
    const type = typeOf(name)
    if (type !== undefined) allowance.held.add(type)
  }
  return new Set(names)
}

/** SOPS dotenv without the lines of metadata that may not stay. */
function restrictDotenv(bytes: Buffer, allowance: Allowance): Buffer {
  const text = bytes.toString('latin1')
  const metadata = splitLines(text).flatMap((line) => (line.kind === 'metadata' ? [line] : []))
  const kept = restrictFlat(
    metadata.map(({ name, text: value }) => [name, value]),
    allowance,
  )
  const gone = new Set(metadata.filter(({ name }) => !kept.has(name)).map(({ line }) => line))
  const stays = text.split('\n').filter((_, at) => !gone.has(at + 1))
  return Buffer.from(stays.join('\n'), 'latin1')
}

/** The sections of INI as sops writes it, each with its names and texts; what stands before the first is in DEFAULT. */
function iniSections(ini: string, allowance: Allowance): Map<string, Array<[string, JsonValue]>> {
  const sections = new Map<string, Array<[string, JsonValue]>>()
  let section = 'DEFAULT'
  for (const line of ini.split('\n')) {
    const text = line.trim()
    if (text === '' || text.startsWith(';') || text.startsWith('#')) continue
    const [, named] = /^\[([^[\]"`]+)\]$/.exec(text) ?? []
    if (named !== undefined) section = named
    const [, name, value] = /^(\w+) *= *(?![ "`'])(.*)$/.exec(text) ?? []
    if (named === undefined && name === undefined)
      allowance.unclear('INI that is not in the form sops writes')
    const entries = sections.get(section) ?? []
    if (name !== undefined) entries.push([name, (value ?? '').replaceAll('\\n', '\n')])
    sections.set(section, entries)
  }
  return sections
}

/** SOPS INI as JSON, which has the same paths and the same MAC: each section is a map of texts. */
function restrictIni(bytes: Buffer, path: string, allowance: Allowance): Buffer {
  const sections = iniSections(bytes.toString(), allowance)
  const flat = (sections.get('sops') ?? []).map(([name, value]): [string, string] => [name, String(value)])
  if (flat.length === 0) throw failure('source-not-encrypted', { path })
  const kept = restrictFlat(flat, allowance)
  const members = [...sections]
    .filter(([name, values]) => name !== 'sops' && values.length > 0)
    .map(([name, values]): [string, JsonValue] => [name, { members: values }])
  const metadata = unflatten(
    flat.filter(([name]) => kept.has(name)),
    allowance,
  )
  return Buffer.from(jsonText({ members: [...members, ['sops', metadata]] }))
}

/** What flattened entries were before; what is nested deeper, which no INI file of a person's has, is not undone. */
function unflatten(entries: ReadonlyArray<readonly [string, string]>, allowance: Allowance): JsonMap {
  const plain: Array<[string, JsonValue]> = []
  const lists = new Map<string, Map<string, Array<[string, JsonValue]>>>()
  for (const [name, value] of entries) {
    const [, type, position, field] = /^([a-z_]+?)__list_(\d+)__map_([a-z]+(?:_[a-z]+)*)$/.exec(name) ?? []
    if (type === undefined || position === undefined || field === undefined) {
      if (name.includes('__')) allowance.unclear('key groups or a context in INI')
      plain.push([name, value])
      continue
    }
    const list = lists.get(type) ?? new Map<string, Array<[string, JsonValue]>>()
    const fields = list.get(position) ?? []
    fields.push([field, value])
    lists.set(type, list.set(position, fields))
  }
  const keys = [...lists].map(([type, list]): [string, JsonValue] => [
    type,
    [...list.values()].map((members) => ({ members })),
  ])
  return { members: [...keys, ...plain] }
}

/**
 * A document as sops may see it. Throws key-types-unclear where the kinds can't be told for certain, value-type for a
 * value in YAML that no environment can hold, and source-not-encrypted for what is no SOPS file.
 */
export async function restrictKeyTypes(
  document: Document,
  allowed: ReadonlySet<KeyType>,
  variables: ReadonlyMap<string, string>,
): Promise<Restricted> {
  const { bytes, format, source } = document
  const { path } = source
  const allowance = new Allowance(path, allowed, variables)
  const { held, left, vaults } = allowance
  const restricted = (text: Buffer, type: Restricted['type']) => ({
    bytes: text,
    type,
    held,
    left,
    vaults,
    covers: allowance.covers,
  })
  if (format === 'age' || format === 'plaintext') throw failure('source-not-encrypted', { path })
  if (format === 'sops-dotenv') return restricted(restrictDotenv(bytes, allowance), 'dotenv')
  if (format === 'sops-ini') return restricted(restrictIni(bytes, path, allowance), 'json')
  if (format !== 'sops-yaml') {
    return restricted(restrictJson(bytes, path, allowance), format === 'sops-binary' ? 'binary' : 'json')
  }
  const { restrictYaml } = await import('./restrict-yaml.ts')
  return restricted(await restrictYaml(bytes, path, allowance), 'yaml')
}
