/** Who a file is for when it is written: the accepted rules decide, and nobody is gained. */
import { isNativeRecipient } from '../../age/file.ts'
import { hasKey, keysWithout, kindOf, uniqueKeys } from '../../sops/master-key.ts'
import type { Outside } from '../../sops/outside.ts'
import { type Rule, selectorOf } from '../../sops/rule.ts'
import {
  type CreationRule,
  GROUP_FIELDS,
  groupEntries,
  groupEntryName,
  keyNamed,
  RULE_FIELDS,
} from '../access/rules.ts'
import { failure } from '../errors.ts'

export interface Audience {
  /** The master keys by group. */
  readonly groups: ReadonlyArray<readonly string[]>
  readonly threshold: number
  /** Who could open the file and can't open the new one: no accepted rule names them. */
  readonly lost: readonly string[]
  /** Whom the rules name and who could not open the file: they still can't. */
  readonly lacking: readonly string[]
}

/** All that a rule names: for a file that is new. */
export function audienceOfRule({ groups, threshold }: CreationRule): Audience {
  return { groups, threshold, lost: [], lacking: [] }
}

/** Those of a rule who stay, for a file whose rule names more than may have it. Throws readers-none. */
export function audienceWithin(rule: CreationRule, stays: (key: string) => boolean): Audience {
  const groups = rule.groups.map((keys) => keys.filter(stays))
  if (groups.some((keys) => keys.length === 0)) throw failure('readers-none', { path: rule.path })
  return { ...audienceOfRule(rule), groups }
}

/**
 * Who a file is for when it is written again. What the file says of its readers only ever takes away: those whom the rule
 * does not name, but for our own keys, are lost, and nobody is gained but those that are `given`. Throws readers-none.
 */
export function audienceOfFile(
  file: Outside,
  rule: CreationRule,
  own: readonly string[],
  given: readonly string[] = [],
): Audience {
  const mayOpen = (name: string) => hasKey(rule.recipients, name) || hasKey(own, name)
  const stays = (name: string) =>
    (hasKey(file.recipients, name) && mayOpen(name)) || (hasKey(given, name) && hasKey(rule.recipients, name))
  // Of two ways to put keys together, the one that wants more of them.
  const byFile = file.groups.length > rule.groups.length
  const shape = byFile ? file.groups : rule.groups
  const groups = shape.map((keys) =>
    uniqueKeys([...keys, ...(shape.length === 1 ? file.recipients : [])]).filter(stays),
  )
  if (groups.length === 0 || groups.some((keys) => keys.length === 0))
    throw failure('readers-none', { path: rule.path })
  const all = groups.flat()
  return {
    groups,
    threshold: Math.min(Math.max(byFile ? file.threshold : rule.threshold, 1), groups.length),
    lost: keysWithout(file.recipients, all),
    lacking: keysWithout(rule.recipients, all),
  }
}

/** Why an audience takes the sops program; undefined where we encrypt to it ourselves. */
export async function reasonForSops({ groups }: Audience, encrypts: Rule): Promise<string | undefined> {
  if (groups.length > 1) return 'its rule has several key groups'
  const keys = groups.flat()
  const other = keys.find((name) => kindOf(name) !== 'age')
  if (other !== undefined) return `its rule has a key of ${kindOf(other)}`
  if (!keys.every(isNativeRecipient)) return 'its rule has a recipient of an SSH key or a plugin'
  return (await selectorOf(encrypts)) === undefined
    ? `its ${encrypts.name} is a pattern that only sops reads`
    : undefined
}

/** Entries of a rule for key groups: those of its own groups, or the texts of its fields. */
function entriesByName(rule: CreationRule): Array<readonly [field: string, name: string, entry: unknown]> {
  return (rule.raw.key_groups ?? [])
    .flatMap(groupEntries)
    .map(([field, entry]) => [field, groupEntryName(field, entry), entry] as const)
}

function plainGroup(rule: CreationRule, keys: readonly string[]): Partial<Record<string, unknown[]>> {
  const group: Partial<Record<string, unknown[]>> = {}
  const entries = entriesByName(rule)
  for (const field of GROUP_FIELDS) {
    const kept = entries.filter(([where, name]) => where === field && hasKey(keys, name))
    if (kept.length > 0) group[field] = kept.map(([, , entry]) => entry)
  }
  const known = entries.map(([, name]) => name)
  const more = keysWithout(keys, known).filter((name) => kindOf(name) === 'age')
  if (more.length > 0) group['age'] = [...(group['age'] ?? []), ...more]
  return group
}

function flatFields(rule: CreationRule, keys: readonly string[]): Record<string, unknown> {
  const raw = new Map<string, unknown>(Object.entries(rule.raw))
  const fields: Record<string, unknown> = {}
  for (const [kind, field] of Object.entries(RULE_FIELDS)) {
    const value = raw.get(field)
    const parts = typeof value === 'string' ? value.split(',') : value
    const texts = Array.isArray(parts) ? parts.map(String) : []
    const kept = texts
      .map((text) => text.trim())
      .filter((text) => hasKey(keys, keyNamed(kindOf(`${kind}:`), text)))
    if (kept.length > 0) fields[field] = kept
  }
  const ages = keys.filter((name) => kindOf(name) === 'age')
  if (ages.length > 0) fields['age'] = ages
  if (raw.get('aws_profile')) fields['aws_profile'] = raw.get('aws_profile')
  return fields
}

/** A .sops.yaml with one rule, for every path, which has sops encrypt to an audience and as a file was encrypted. */
export function sopsConfigFor(
  rule: CreationRule,
  { groups, threshold }: Audience,
  encrypts: Rule,
  macOnlyEncrypted: boolean,
): string {
  const flat = groups.length === 1 && (rule.raw.key_groups ?? []).length === 0
  const keys = flat
    ? flatFields(rule, groups[0] ?? [])
    : {
        key_groups: groups.map((group) => plainGroup(rule, group)),
        ...(groups.length > 1 && { shamir_threshold: threshold }),
      }
  const made = { ...keys, [encrypts.name]: encrypts.text, mac_only_encrypted: macOnlyEncrypted }
  // JSON is YAML.
  return JSON.stringify({ creation_rules: [made] })
}
