/** What must be true of who can open what, told in a few lines, beside the program that does it. */

import { kindOf } from '../../src/sops/master-key.ts'

/** `kms` is a key that nobody here can use: what has to be encrypted to it is not written. */
export type Key = 'me' | 'bob' | 'carol' | 'ssh' | 'plugin' | 'pgp' | 'kms' | 'agents' | 'web' | 'stranger'
export type Groups = ReadonlyArray<readonly Key[]>

export const RULES = ['env', 'secrets', 'other'] as const
export type Which = (typeof RULES)[number]

/** Who each rule names; `shared` is one rule for all files but those of `other`, which the project does not have yet. */
export interface Rules {
  readonly env: Groups
  readonly secrets: Groups
  readonly other: Groups
  /** The rules that single files have of their own, since a service was granted them. */
  readonly own: Readonly<Partial<Record<string, Groups>>>
  readonly shared: boolean
  /** Which files they are for, in Go's regular expressions; a rule without is for all. */
  readonly patterns: { readonly env: string | undefined; readonly secrets: string | undefined }
}

export interface File {
  /** Whom the file names, group by group: claims. */
  readonly labels: Groups
  /** Who holds the data key, or a part of it. */
  readonly holders: Groups
}

export interface World {
  readonly rules: Rules
  readonly accepted: Rules
  readonly files: ReadonlyMap<string, File>
}

const flat = (groups: Groups): Key[] => [...new Set(groups.flat())]

/** The rule that is for a file. */
export function ruleFor(rules: Rules, file: string): Groups {
  return rules.own[file] ?? rules[generalFor(file)]
}

/** The rule that is for a file unless it has one of its own. */
export function generalFor(file: string): 'env' | 'secrets' {
  return file === '.env.enc' ? 'env' : 'secrets'
}

/** Who was not accepted for a rule, our own key apart. */
function newcomers(rules: Rules, accepted: Rules, which: Which): Key[] {
  const before = flat(accepted[which])
  const own: readonly Key[] = which === 'env' ? ['me', 'agents'] : ['me']
  return flat(rules[which]).filter((key) => !before.includes(key) && !own.includes(key))
}

/** Whether nobody is asked about for a file. */
export function isAccepted({ rules, accepted }: World, file: string): boolean {
  if (rules.own[file] === undefined) return newcomers(rules, accepted, generalFor(file)).length === 0
  const before = flat(ruleFor(accepted, file))
  return flat(ruleFor(rules, file)).every((key) => before.includes(key) || key === 'me')
}

/** Whether one rule asks for more than another did before: keys of its own, fewer groups, keys of other groups. */
function isMore(groups: Groups, before: Groups): boolean {
  const moved = before.length > 1 && groups.some((keys, at) => keys.some((key) => !before[at]?.includes(key)))
  const strangers = flat(groups).filter((key) => !flat(before).includes(key) && key !== 'me')
  return strangers.length > 0 || groups.length < before.length || moved
}

/**
 * Whether somebody is asked about because of a rule that is for other files than before. Those of the old one may belong to any
 * rule behind it now, and the new one may name nobody but us.
 */
function isMoved({ rules, accepted }: World, which: 'env' | 'secrets', allowed: readonly Key[]): boolean {
  if (rules.patterns[which] === accepted.patterns[which]) return false
  const heirs = which === 'env' ? [rules.env, rules.secrets] : [rules.secrets]
  return (
    flat(rules[which]).some((key) => key !== 'me' && !allowed.includes(key)) ||
    heirs.some((groups) => isMore(groups, accepted[which]))
  )
}

/** Whether nobody is asked about before all of .sops.yaml counts as accepted: `except` is being added to a rule just now. */
export function isAllAccepted(
  world: World,
  except: (which: Which | 'own') => readonly Key[] = () => [],
): boolean {
  const { rules, accepted } = world
  if (isMoved(world, 'env', except('env')) || isMoved(world, 'secrets', except('secrets'))) return false
  const ownFiles = Object.keys(rules.own).map((file) => {
    const before = flat(ruleFor(accepted, file))
    return flat(ruleFor(rules, file)).filter((key) => !before.includes(key) && key !== 'me')
  })
  if (ownFiles.flat().some((key) => !except('own').includes(key))) return false
  return RULES.every((one) => newcomers(rules, accepted, one).every((key) => except(one).includes(key)))
}

/** Who a file is for when it is written again: whom it names and the rule names, and those that are given. */
export function rewritten(file: File, rule: Groups, given: readonly Key[] = []): File {
  const labels = flat(file.labels)
  const groups = rule.map((keys) => keys.filter((key) => labels.includes(key) || given.includes(key)))
  return { labels: groups, holders: groups }
}

/** Whether a file can be written for these: none of them is a key that can't be used here. */
export function isWritable(groups: Groups): boolean {
  return !groups.flat().includes('kms')
}

/** Whether a key alone opens a file: it is in every group. */
export function opens(file: File, key: Key): boolean {
  return file.holders.every((keys) => keys.includes(key))
}

function mapRules(rules: Rules, which: readonly Which[], change: (groups: Groups) => Groups): Rules {
  const changed = (one: Which) => (chosenOf(rules, which).includes(one) ? change(rules[one]) : rules[one])
  // A rule of a file's own is none of those that two kinds of files share.
  const secrets = which.includes('secrets')
  const own = Object.entries(rules.own).map(
    ([file, groups = []]) => [file, secrets ? change(groups) : groups] as const,
  )
  return {
    ...rules,
    env: changed('env'),
    secrets: changed('secrets'),
    other: changed('other'),
    own: Object.fromEntries(own),
  }
}

/** The rules that are meant where some are named. */
export function chosenOf({ shared }: Rules, which: readonly Which[]): readonly Which[] {
  const both = shared && which.some((one) => one !== 'other')
  return both ? [...which, 'env', 'secrets'] : which
}

/** The rules with a key in the first group of these. */
export function withKey(rules: Rules, which: readonly Which[], key: Key): Rules {
  return mapRules(rules, which, (groups) =>
    flat(groups).includes(key) ? groups : groups.map((keys, at) => (at === 0 ? [...keys, key] : keys)),
  )
}

/** The rules with a secret granted to a service, in a rule of the file's own. */
export function withGrant(rules: Rules, file: string): Rules {
  const groups = ruleFor(rules, file)
  if (rules.own[file]?.flat().includes('web')) return rules
  return { ...rules, own: { ...rules.own, [file]: groups.map((keys) => [...keys, 'web']) } }
}

/** The rules without that; a rule that then says what the one behind it says is not kept. */
export function withoutGrant(rules: Rules, file: string): Rules {
  const { [file]: groups, ...rest } = rules.own
  if (!groups?.flat().includes('web')) return rules
  const left = groups.map((keys) => keys.filter((key) => key !== 'web'))
  const general = rules[generalFor(file)]
  const needless =
    left.length === general.length &&
    left.every((keys, at) => {
      const others = general[at] ?? []
      return keys.length === others.length && keys.every((key) => others.includes(key))
    })
  return { ...rules, own: needless ? rest : { ...rules.own, [file]: left } }
}

/** The rules without a key; undefined when a group would be empty. */
export function withoutKey(rules: Rules, key: Key): Rules | undefined {
  const made = mapRules(rules, RULES, (groups) => groups.map((keys) => keys.filter((one) => one !== key)))
  return [...made.env, ...made.secrets].some((keys) => keys.length === 0) ? undefined : made
}

/** The rules for the files that one style of .sops.yaml has them for. */
export function styled(rules: Rules, style: number): Rules {
  const env = ['^\\.env(\\.enc)?$', '(^|/)\\.env(\\..*)?$', '\\.env\\.enc$', '^[.]env[.](?:enc|e[n]c)$'][
    style % 4
  ]
  const secrets = style % 3 === 0 && !isAnchored(rules, style) ? 'secrets/[^/]+\\.enc$' : undefined
  return { ...rules, patterns: rules.shared ? { env: undefined, secrets: undefined } : { env, secrets } }
}

/** Whether both rules get their keys by one anchor: who changes one must not change the other. */
function isAnchored({ env, secrets, shared }: Omit<Rules, 'patterns'>, style: number): boolean {
  const isAge = env.flat().every((key) => key !== 'pgp' && key !== 'kms')
  const isSame = JSON.stringify(env) === JSON.stringify(secrets)
  return !shared && isSame && isAge && env.length === 1 && style % 7 === 6
}

export const OTHER_PATTERN = '^prod/'

/** The keys of services that a rule for other files names beside those of people, in two ways of writing them. */
export function foreignKeys(style: number): Record<string, unknown> {
  const arn = 'arn:aws:kms:eu-west-1:111122223333:key/2'
  const role = 'arn:aws:iam::111122223333:role/r'
  const key = 'projects/p/locations/l/keyRings/r/cryptoKeys/k'
  const vault = 'https://vault.example:8200/v1/transit/keys/k'
  return style % 2 === 0
    ? {
        kms: `${arn}+${role}|a:b`,
        gcp_kms: key,
        azure_keyvault: 'https://v.vault.azure.net/keys/k/1',
        hc_vault_transit_uri: vault,
      }
    : {
        kms: [{ arn, role, context: { a: 'b' } }],
        gcp_kms: [{ resource_id: key }],
        azure_keyvault: [{ vaultUrl: 'https://v.vault.azure.net', key: 'k', version: '1' }],
        hc_vault: [vault],
      }
}

/** A .sops.yaml that says so, in one of the ways that YAML and sops have for it. */
export function rulesText(rules: Rules, recipients: ReadonlyMap<Key, string>, style: number): string {
  const kind = (key: Key) => kindOf(recipients.get(key) ?? '')
  const text = (key: Key) => (recipients.get(key) ?? '').replace(/^(?:pgp|kms):/, '')
  const anchors = [...recipients.keys()].map((key) => `  - &${key} ${JSON.stringify(text(key))}`)
  const quoted = (key: Key) => JSON.stringify(text(key))
  /** A field for each kind of key that there is, with the keys as `write` writes them. */
  const fields = (keys: readonly Key[], write: (keys: readonly Key[]) => string): string[] =>
    (['age', 'pgp', 'kms'] as const).flatMap((one) => {
      const some = keys.filter((key) => kind(key) === one)
      return some.length === 0 ? [] : [`${one}: ${write(some)}`]
    })
  const list = (keys: readonly Key[]) => `[${keys.map(quoted).join(', ')}]`
  const aliases = (keys: readonly Key[]) => `[${keys.map((key) => `*${key}`).join(', ')}]`
  const commas = (keys: readonly Key[]) => JSON.stringify(keys.map(text).join(','))
  /** Keys of a KMS are maps in a group. */
  const inGroup = (keys: readonly Key[]) =>
    fields(keys, (some) => (some[0] === 'kms' ? `[{arn: ${quoted('kms')}}]` : list(some))).join(', ')
  const keysOf = (groups: Groups): string[] => {
    const [first = []] = groups
    if (groups.length > 1)
      return [
        `shamir_threshold: ${groups.length}`,
        'key_groups:',
        ...groups.map((keys) =>
          style % 2 === 0 ? `  - {${inGroup(keys)}}` : `  - merge: [{${inGroup(keys)}}]`,
        ),
      ]
    switch (style % 5) {
      case 0:
        return fields(first, commas)
      case 1:
        return fields(first, list)
      case 2:
        return fields(first, aliases)
      case 3:
        return ['key_groups:', `  - merge:`, ...first.map((key) => `      - {${inGroup([key])}}`)]
      default:
        return ['<<:', ...fields(first, list).map((line) => `  ${line}`)]
    }
  }
  const asRule = (lines: readonly string[]) => lines.map((line, at) => `${at === 0 ? '  - ' : '    '}${line}`)
  const rule = (pattern: string | undefined, groups: Groups) =>
    asRule([...(pattern === undefined ? [] : [`path_regex: ${pattern}`]), ...keysOf(groups)])
  const foreign = Object.entries(foreignKeys(style)).map(
    ([name, value]) => `${name}: ${JSON.stringify(value)}`,
  )
  const others = rules.other.flat()
  const other = asRule([
    `path_regex: ${OTHER_PATTERN}`,
    ...(style % 2 === 0
      ? [...foreign, ...fields(others, commas)]
      : ['key_groups:', `  - {${[...foreign, inGroup(others)].join(', ')}}`]),
  ])
  const { env, secrets } = rules.patterns
  const anchored = isAnchored(rules, style)
    ? [`  - path_regex: ${env}`, `    age: &all ${list(rules.env[0] ?? [])}`, '  - age: *all']
    : undefined
  const two = [...rule(env, rules.env), ...rule(secrets, rules.secrets)]
  const body = rules.shared ? rule(undefined, rules.env) : (anchored ?? two)
  return `keys:\n${anchors.join('\n')}\ncreation_rules:\n${[...other, ...body].join('\n')}\n`
}
