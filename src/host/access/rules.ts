/** The creation rules of .sops.yaml: who may open which file. Read as sops reads them (config/config.go). */
import { lstatSync, statSync } from 'node:fs'
import { basename, dirname, join } from 'node:path'
import { readIfThere } from '../../load/read.ts'
import { type KeyKind, nameAzureKey, nameKey, uniqueKeys } from '../../sops/master-key.ts'
import type { Matches } from '../../sops/pattern.ts'
import { DEFAULT_SUFFIX, RULE_NAMES, type Rule } from '../../sops/rule.ts'
import { failure } from '../errors.ts'
import { matcherOf } from './path-pattern.ts'
import type { RawGroup, RawRule } from './rules-text.ts'

/** Who may open what a rule is for. */
export interface RuleKeys {
  /** The master keys by key group (sops/master-key.ts); without groups there is one. */
  readonly groups: ReadonlyArray<readonly string[]>
  /** How many of the groups it takes. */
  readonly threshold: number
}

/** A rule: its recipients, and what it encrypts. */
export interface CreationRule extends RuleKeys {
  /** The file that it stands in, and its place there. */
  readonly config: string
  readonly index: number
  /** The file that it was asked for, by the name that it matched. */
  readonly path: string
  /** All its master keys, each once. */
  readonly recipients: readonly string[]
  readonly encrypts: Rule
  readonly macOnlyEncrypted: boolean
  /** The rule without aliases and merge keys, as another .sops.yaml could have it. */
  readonly raw: RawRule
}

/** What a .sops.yaml says. */
export interface CreationRules {
  readonly path: string
  readonly text: string
  /** All its rules, in order. */
  readonly rules: readonly CreationRule[]
  /** The first rule for a file. Throws rule-none, or sops-config where sops gives up, or only it could tell. */
  for(path: string): CreationRule
}

function listOf(keys: string | readonly string[] | null | undefined): string[] {
  return (typeof keys === 'string' ? [keys] : (keys ?? []))
    .flatMap((part) => part.split(','))
    .map((part) => part.trim())
    .filter((part) => part !== '')
}

function azureName(url: string): string {
  const [vault = '', key = ''] = url.split('/keys/')
  return nameAzureKey(vault, key.split('/')[0] ?? '')
}

/** Where each kind stands in a rule without groups, and how its texts are named. */
export const RULE_FIELDS: Readonly<Record<KeyKind, string>> = {
  age: 'age',
  pgp: 'pgp',
  kms: 'kms',
  gcp_kms: 'gcp_kms',
  hckms: 'hckms',
  azure_kv: 'azure_keyvault',
  hc_vault: 'hc_vault_transit_uri',
}

/** The name of a key from the text that a rule has for it. */
export function keyNamed(kind: KeyKind, text: string): string {
  if (kind === 'azure_kv') return azureName(text)
  // The context and profile of an AWS key are no part of who it is.
  return nameKey(kind, kind === 'kms' ? (text.split('|')[0] ?? text) : text)
}

function flatKeys(raw: RawRule): string[] {
  const kinds: readonly KeyKind[] = ['age', 'pgp', 'kms', 'gcp_kms', 'hckms', 'azure_kv', 'hc_vault']
  return kinds.flatMap((kind) => {
    const field: unknown = Object.entries(raw).find(([name]) => name === RULE_FIELDS[kind])?.[1]
    const texts = typeof field === 'string' || Array.isArray(field) ? listOf(field) : []
    return texts.map((text) => keyNamed(kind, text))
  })
}

/** The name of one entry of a key group: a text, or a map with the parts. */
export function groupEntryName(field: string, entry: unknown): string {
  if (typeof entry === 'string')
    return nameKey(field === 'pgp' || field === 'hc_vault' ? field : 'age', entry)
  const parts = new Map<string, unknown>(
    typeof entry === 'object' && entry !== null ? Object.entries(entry) : [],
  )
  const text = (name: string) => String(parts.get(name) ?? '')
  switch (field) {
    case 'kms':
      return nameKey('kms', text('role') === '' ? text('arn') : `${text('arn')}+${text('role')}`)
    case 'gcp_kms':
      return nameKey('gcp_kms', text('resource_id'))
    case 'hckms':
      return nameKey('hckms', text('key_id'))
    default:
      return nameAzureKey(text('vaultUrl'), text('key'))
  }
}

/** The lists of a key group, in sops' order. */
export const GROUP_FIELDS = ['age', 'pgp', 'kms', 'gcp_kms', 'hckms', 'azure_keyvault', 'hc_vault'] as const

/** The entries of a group with those that it merges, as sops puts them together (config.go, extractMasterKeys). */
export function groupEntries(group: RawGroup | null): Array<readonly [field: string, entry: unknown]> {
  if (group === null) return []
  const own = GROUP_FIELDS.flatMap((field) => {
    const entries: unknown = group[field]
    return Array.isArray(entries) ? entries.map((entry: unknown) => [field, entry] as const) : []
  })
  return [...(group.merge ?? []).flatMap(groupEntries), ...own]
}

function groupKeys(group: RawGroup | null): string[] {
  const keys = groupEntries(group).flatMap(([field, entry]) =>
    // Only age recipients may stand with commas between them.
    field === 'age' && typeof entry === 'string'
      ? listOf(entry).map((text) => nameKey('age', text))
      : [groupEntryName(field, entry)],
  )
  return uniqueKeys(keys)
}

function encryptionsOf(raw: RawRule): Rule[] {
  const fields = new Map<string, unknown>(Object.entries(raw))
  return RULE_NAMES.flatMap((name) => {
    const text = fields.get(name)
    return typeof text === 'string' && text !== '' ? [{ name, text }] : []
  })
}

function encryptsBy(raw: RawRule): Rule {
  return encryptionsOf(raw)[0] ?? { name: 'unencrypted_suffix', text: DEFAULT_SUFFIX }
}

function readRule(raw: RawRule, index: number, config: string, path: string): CreationRule {
  const groups = raw.key_groups ?? []
  // Keys outside of the groups count only where there are none (config.go, getKeyGroupsFromCreationRule).
  const keys = groups.length > 0 ? groups.map(groupKeys) : [uniqueKeys(flatKeys(raw))]
  return {
    config,
    index,
    path,
    groups: keys,
    threshold: raw.shamir_threshold || keys.length,
    recipients: uniqueKeys(keys.flat()),
    encrypts: encryptsBy(raw),
    macOnlyEncrypted: raw.mac_only_encrypted ?? false,
    raw,
  }
}

/** Loaded where a text has to be read: YAML and its schema are a third of the code of a command that writes. */
async function readText(path: string, text: string): Promise<readonly RawRule[]> {
  const { readRules } = await import('./rules-text.ts')
  return readRules(path, text)
}

/** Reads the text of a .sops.yaml. Throws sops-config for what sops does not read either, or not surely alike. */
export async function parseRules(path: string, text: string): Promise<CreationRules> {
  return rulesFrom(path, text, await readText(path, text))
}

/** What a text of rules means that was read before, as `raw`: the same as by parseRules. */
export async function rulesFrom(path: string, text: string, raw: readonly RawRule[]): Promise<CreationRules> {
  const matchers: Array<Matches | undefined> = []
  for (const { path_regex: pattern } of raw) matchers.push(pattern ? await matcherOf(pattern) : () => true)
  const directory = dirname(path)
  const find = (file: string): CreationRule | undefined => {
    const relative = file.startsWith(`${directory}/`) ? file.slice(directory.length + 1) : file
    for (const [index, rule] of raw.entries()) {
      const matches = matchers[index]
      // sops gives up at a pattern that it can't read, so the rules behind it are for nothing.
      if (matches === undefined)
        throw failure('sops-config', {
          path,
          reason: `rule ${index + 1} has a path_regex that is not a regular expression`,
        })
      if (!matches(relative)) continue
      if (encryptionsOf(rule).length > 1)
        throw failure('sops-config', {
          path,
          reason: `rule ${index + 1} has two settings for what is encrypted`,
        })
      return readRule(rule, index, path, file)
    }
    return undefined
  }
  return {
    path,
    text,
    rules: raw.map((rule, index) => readRule(rule, index, path, path)),
    for: (file) => {
      // Many a project has a rule for `.env` alone, since `sops encrypt .env > .env.enc` asks for that name.
      const rule =
        find(file) ?? (basename(file) === '.env.enc' ? find(join(dirname(file), '.env')) : undefined)
      if (rule === undefined) throw failure('rule-none', { config: path, path: file })
      return rule
    },
  }
}

/** How new rules are written over these: while they are what was read, and through no link that leads elsewhere. */
export function overRules({ path, text }: CreationRules): { over: Buffer; within: string } {
  return { over: Buffer.from(text), within: dirname(path) }
}

/** Whether users other than this one, root and the project's owner can't change a file. */
export function isOurs(path: string, root: string): boolean {
  const owners = [process.geteuid?.(), 0, statSync(root).uid]
  return [lstatSync(path), statSync(path)].every(({ uid, gid, mode }, at) => {
    // The mode of a link says nothing.
    const writable = at === 1 ? mode & 0o022 : 0
    // A group that is called after its only member.
    const byGroup = (writable & 0o020) !== 0 && gid !== uid
    return owners.includes(uid) && (writable & 0o002) === 0 && !byGroup
  })
}

/**
 * The creation rules that are in force for a project: of its .sops.yaml, or of the nearest above, as for a sops that runs
 * in it; one above the project that others can write does not count. undefined: there are none. `before` returns what a
 * text was read as, where that is known. Throws sops-config or source-unreadable.
 */
export async function findRules(
  root: string,
  before: (path: string, text: string) => readonly RawRule[] | undefined = () => undefined,
): Promise<CreationRules | undefined> {
  for (let directory = root; ; directory = dirname(directory)) {
    const path = join(directory, '.sops.yaml')
    const text = readIfThere(path)?.toString()
    if (text !== undefined && (directory === root || isOurs(path, root)))
      return rulesFrom(path, text, before(path, text) ?? (await readText(path, text)))
    if (directory === dirname(directory)) return undefined
  }
}

/** The rules in force; a project that has none yet is told how it gets them (rules-missing). */
export async function rulesOf(root: string): Promise<CreationRules> {
  const rules = await findRules(root)
  if (rules === undefined) throw failure('rules-missing', { path: join(root, '.sops.yaml') })
  return rules
}
