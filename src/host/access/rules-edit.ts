/**
 * Changes to whom a .sops.yaml names. Each is read again before it counts: it gives every rule the keys that were wanted
 * and changes nothing else, or there is no change. Comments and order stay.
 */
import type { Document, Node, YAMLMap, YAMLSeq } from 'yaml'
import { areSameKeys, hasKey, type KeyKind, keysWithout, kindOf } from '../../sops/master-key.ts'
import { readDocument } from '../../yaml.ts'
import { failure } from '../errors.ts'
import {
  type CreationRule,
  type CreationRules,
  GROUP_FIELDS,
  groupEntries,
  groupEntryName,
  keyNamed,
  parseRules,
  RULE_FIELDS,
} from './rules.ts'
import type { RawGroup } from './rules-text.ts'

/** The key groups that a rule is to have; the array that it has for no change. New keys are age recipients. */
export type Change = (rule: CreationRule) => ReadonlyArray<readonly string[]>

type Yaml = typeof import('yaml')

/** How one try at an edit treats what several rules share. */
type Sharing = 'together' | 'apart'

/** Whether two rules are for the same keys, group by group. */
export function areSameGroups(
  one: ReadonlyArray<readonly string[]>,
  other: ReadonlyArray<readonly string[]>,
): boolean {
  return one.length === other.length && one.every((keys, at) => areSameKeys(keys, other[at] ?? []))
}

/** A rule without the keys that may open its files, and without these fields: what it says beside them. */
function remainder({ raw }: CreationRule, without: readonly string[] = []): string {
  const keys = ['key_groups', ...Object.values(RULE_FIELDS), ...without]
  return JSON.stringify(Object.entries(raw).filter(([name]) => !keys.includes(name)))
}

/** Whether two rules say the same of the files that they are for. */
export function saysTheSame(one: CreationRule, other: CreationRule): boolean {
  return (
    remainder(one, ['path_regex']) === remainder(other, ['path_regex']) &&
    areSameGroups(one.groups, other.groups)
  )
}

/** The rules' text as a document to be changed. Throws rules-uneditable, yaml-limit. */
async function documentOf({ path, text }: CreationRules): Promise<Document> {
  const document = await readDocument(path, text, true)
  if (document === undefined) throw failure('rules-uneditable', { path })
  return document
}

/** Edits one document of YAML. */
class Editor {
  readonly #yaml: Yaml
  readonly #document: Document
  readonly #sharing: Sharing

  constructor(yaml: Yaml, document: Document, sharing: Sharing) {
    this.#yaml = yaml
    this.#document = document
    this.#sharing = sharing
  }

  /** An editor of the rules' text as it is on disk. Throws rules-uneditable, yaml-limit. */
  static async of(rules: CreationRules, sharing: Sharing): Promise<Editor> {
    return new Editor(await import('yaml'), await documentOf(rules), sharing)
  }

  get text(): string {
    return this.#document.toString({ lineWidth: 0 })
  }

  /** Gives a rule its new groups. */
  setGroups(rule: CreationRule, groups: ReadonlyArray<readonly string[]>): void {
    const { isMap, isSeq } = this.#yaml
    const list = this.#resolved(this.#document.get('creation_rules'))
    if (!isSeq(list)) return
    const at = list.items[rule.index] as Node | undefined
    const node = this.#own(at, (made) => list.set(rule.index, made))
    if (!isMap(node)) return
    const raw = rule.raw.key_groups ?? []
    if (raw.length === 0) this.#setFlat(node, rule, groups[0] ?? [])
    else this.#setGroups(node, raw, groups)
  }

  #resolved(node: unknown): unknown {
    return this.#yaml.isAlias(node) ? node.resolve(this.#document) : node
  }

  /** Whether an alias anywhere stands for this node. */
  #isShared(node: Node): boolean {
    if (node.anchor === undefined) return false
    let shared = false
    this.#yaml.visit(this.#document, {
      Alias: (_, alias) => {
        if (alias.resolve(this.#document) === node) shared = true
      },
    })
    return shared
  }

  /**
   * The node that may be changed for one rule: itself, or, where others share it and the change is not theirs, a copy
   * that takes its place. The node moves to the first alias of it.
   */
  #own(node: Node | undefined, replace: (made: Node) => void): Node | undefined {
    const { isAlias, visit } = this.#yaml
    const real = this.#resolved(node) as Node | undefined
    if (real === undefined || (!isAlias(node) && !this.#isShared(real))) return real
    if (this.#sharing === 'together') return real
    const copy = this.#document.createNode(real.toJS(this.#document, { maxAliasCount: 10_000 })) as Node
    replace(copy)
    if (isAlias(node)) return copy
    let moved = false
    visit(this.#document, {
      Alias: (_, alias) => {
        if (moved || alias.source !== (real as { anchor?: string }).anchor) return undefined
        moved = true
        return real
      },
    })
    return copy
  }

  #setFlat(node: YAMLMap, rule: CreationRule, keys: readonly string[]): void {
    const old = rule.groups[0] ?? []
    const changed = new Set([...keysWithout(old, keys), ...keysWithout(keys, old)].map(kindOf))
    for (const kind of changed) {
      const wanted = keys.filter((name) => kindOf(name) === kind)
      this.#setList(node, kind, wanted, (entry) => keyNamed(kind, String(entry)))
    }
  }

  #setGroups(
    node: YAMLMap,
    raw: ReadonlyArray<RawGroup | null>,
    groups: ReadonlyArray<readonly string[]>,
  ): void {
    const { isSeq } = this.#yaml
    const own = node.get('key_groups', true) as Node | undefined
    const list = this.#own(own, (made) => node.set('key_groups', made))
    if (!isSeq(list)) {
      // From a merge key: groups of its own, which win.
      node.set(
        'key_groups',
        this.#document.createNode(raw.map((group, at) => this.#plainGroup(group, groups[at] ?? []))),
      )
      return
    }
    for (const [at, group] of raw.entries()) this.#setGroup(list, at, group, groups[at] ?? [])
  }

  #setGroup(list: YAMLSeq, at: number, raw: RawGroup | null, keys: readonly string[]): void {
    const { isMap } = this.#yaml
    const old = groupEntries(raw).map(([field, entry]) => groupEntryName(field, entry))
    if (areSameKeys(old, keys)) return
    const node = this.#own(list.items[at] as Node | undefined, (made) => list.set(at, made))
    const merges = (raw?.merge ?? []).length > 0
    const lost = keysWithout(old, keys)
    const inOwn =
      isMap(node) && !merges && lost.every((name) => kindOf(name) === 'age' || kindOf(name) === 'pgp')
    if (!inOwn || this.#hasMergeKey(node)) {
      list.set(at, this.#document.createNode(this.#plainGroup(raw, keys)))
      return
    }
    const changed = new Set([...lost, ...keysWithout(keys, old)].map(kindOf))
    for (const kind of changed) {
      const wanted = keys.filter((name) => kindOf(name) === kind)
      this.#setList(node, kind, wanted, (entry) => groupEntryName(RULE_FIELDS[kind], entry))
    }
  }

  /** Whether a map has a `<<`, which its document has for a symbol. */
  #hasMergeKey(map: YAMLMap): boolean {
    const { isScalar } = this.#yaml
    return map.items.some(({ key }) => isScalar(key) && typeof key.value === 'symbol')
  }

  /** A group that merges nothing and shares nothing. */
  #plainGroup(raw: RawGroup | null, keys: readonly string[]): Partial<Record<string, unknown[]>> {
    const group: Partial<Record<string, unknown[]>> = {}
    const entries = groupEntries(raw)
    for (const field of GROUP_FIELDS) {
      const kept = entries.filter(
        ([where, entry]) => where === field && hasKey(keys, groupEntryName(field, entry)),
      )
      if (kept.length > 0) group[field] = kept.map(([, entry]) => entry)
    }
    const known = entries.map(([field, entry]) => groupEntryName(field, entry))
    const added = keysWithout(keys, known)
    if (added.length > 0) group['age'] = [...(group['age'] ?? []), ...added]
    return group
  }

  /** Gives a list of keys, or a text with commas, these entries; in their place those that stay. */
  #setList(
    node: YAMLMap,
    kind: KeyKind,
    wanted: readonly string[],
    nameOf: (entry: unknown) => string,
  ): void {
    const field = RULE_FIELDS[kind]
    const { isScalar, isSeq } = this.#yaml
    const texts = wanted.map((name) => (kind === 'age' ? name : name.slice(kind.length + 1)))
    const own = node.get(field, true) as Node | undefined
    const value = this.#own(own, (made) => node.set(field, made))
    if (isScalar(value) && typeof value.value === 'string') {
      const old = value.value.split(',').map((part) => part.trim())
      const kept = old.filter((part) => hasKey(wanted, nameOf(part)))
      const names = kept.map(nameOf)
      value.value = [...kept, ...texts.filter((_, at) => !hasKey(names, wanted[at] ?? ''))].join(',')
    } else if (isSeq(value)) {
      const named = value.items.map((item) => {
        const real = this.#resolved(item)
        const text = isScalar(real) ? String(real.value) : ''
        return [item, text.split(',').map((part) => nameOf(part))] as const
      })
      const kept = named.filter(([, names]) => names.every((name) => hasKey(wanted, name)))
      const names = kept.flatMap(([, list]) => list)
      const added = texts.filter((_, at) => !hasKey(names, wanted[at] ?? ''))
      value.items = [...kept.map(([item]) => item), ...added.map((text) => this.#document.createNode(text))]
    } else node.set(field, texts.join(','))
  }

  /** Puts one key in the place of another wherever that stands, anchors included. */
  rename(old: string, now: string): void {
    this.#yaml.visit(this.#document, {
      Scalar: (_, node) => {
        if (typeof node.value !== 'string' || !node.value.includes(old)) return
        node.value = node.value
          .split(',')
          .map((part) => (part.trim() === old ? part.replace(old, () => now) : part))
          .join(',')
      },
    })
  }
}

/** What an edit makes of the text; undefined when that would not be what was wanted, and nothing else. */
async function tried(
  rules: CreationRules,
  wanted: ReadonlyArray<ReadonlyArray<readonly string[]>>,
  edit: () => Promise<string>,
): Promise<CreationRules | undefined> {
  let made: CreationRules
  try {
    made = await parseRules(rules.path, await edit())
  } catch {
    return undefined
  }
  const good =
    made.rules.length === rules.rules.length &&
    made.rules.every((rule, at) => {
      const before = rules.rules[at]
      return (
        before !== undefined &&
        remainder(rule) === remainder(before) &&
        areSameGroups(rule.groups, wanted[at] ?? [])
      )
    })
  return good ? made : undefined
}

/**
 * The rules with other keys; the same object for no change. `renamed` is a key that takes the place of another, as far
 * as `change` says so as well. Throws rules-uneditable where the change can't be made exactly.
 */
export async function changeKeys(
  rules: CreationRules,
  change: Change,
  renamed?: { readonly old: string; readonly now: string },
): Promise<CreationRules> {
  const wanted = rules.rules.map(change)
  const changed = rules.rules.filter((rule, at) => !areSameGroups(rule.groups, wanted[at] ?? []))
  if (changed.length === 0) return rules
  if (renamed !== undefined) {
    const made = await tried(rules, wanted, async () => {
      const editor = await Editor.of(rules, 'together')
      editor.rename(renamed.old, renamed.now)
      return editor.text.replaceAll(/^\s*#.*/gm, (line) => line.replaceAll(renamed.old, () => renamed.now))
    })
    if (made !== undefined) return made
  }
  for (const sharing of ['together', 'apart'] as const) {
    const made = await tried(rules, wanted, async () => {
      const editor = await Editor.of(rules, sharing)
      for (const rule of changed) editor.setGroups(rule, wanted[rule.index] ?? [])
      return editor.text
    })
    if (made !== undefined) return made
  }
  throw failure('rules-uneditable', { path: rules.path })
}

const withoutOne = (rules: readonly CreationRule[], index: number) => rules.filter((_, at) => at !== index)

/** Whether rules are the same, in the same order. */
function hasSameRules(one: readonly CreationRule[], other: readonly CreationRule[]): boolean {
  return (
    one.length === other.length &&
    one.every((rule, at) => JSON.stringify(rule.raw) === JSON.stringify(other[at]?.raw))
  )
}

/**
 * The rules with one more before the rule at an index, or behind all of them: for the paths of a pattern, with what the
 * given rule says but for its keys. Throws rules-uneditable.
 */
export async function insertRule(
  rules: CreationRules,
  index: number | undefined,
  pattern: string,
  raw: object,
): Promise<CreationRules> {
  const { isSeq } = await import('yaml')
  const document = await documentOf(rules)
  const rest = Object.entries(raw).filter(([name]) => name !== 'path_regex')
  const rule = document.createNode({ path_regex: pattern, ...Object.fromEntries(rest) })
  const list: unknown = document.get('creation_rules')
  const at = index ?? rules.rules.length
  if (isSeq(list)) list.items.splice(at, 0, rule)
  else if (list === undefined) document.set('creation_rules', document.createNode([rule]))
  else throw failure('rules-uneditable', { path: rules.path })
  const made = await parseRules(rules.path, document.toString({ lineWidth: 0 })).catch(() => undefined)
  if (made === undefined || !hasSameRules(rules.rules, withoutOne(made.rules, at)))
    throw failure('rules-uneditable', { path: rules.path })
  return made
}

/**
 * The rules without the one at an index; undefined where the others would not be what they were, since they share
 * something with it.
 */
export async function removeRule(rules: CreationRules, index: number): Promise<CreationRules | undefined> {
  const { isSeq } = await import('yaml')
  const document = await documentOf(rules)
  const list: unknown = document.get('creation_rules')
  if (!isSeq(list)) return undefined
  list.items.splice(index, 1)
  try {
    const made = await parseRules(rules.path, document.toString({ lineWidth: 0 }))
    return hasSameRules(withoutOne(rules.rules, index), made.rules) ? made : undefined
  } catch {
    // An alias of what was in it.
    return undefined
  }
}
