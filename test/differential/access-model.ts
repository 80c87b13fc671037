/** What must be true of who can open what, told in a few lines, beside the program that does it. */

export type Key = 'me' | 'bob' | 'carol' | 'ssh' | 'agents' | 'stranger'
export type Groups = ReadonlyArray<readonly Key[]>

/** Who each rule names; `shared` is one rule for all files. */
export interface Rules {
  readonly env: Groups
  readonly secrets: Groups
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
  return file === '.env.enc' ? rules.env : rules.secrets
}

/** Who was not accepted for a rule, our own key apart. */
function newcomers(rules: Rules, accepted: Rules, which: 'env' | 'secrets'): Key[] {
  const before = flat(accepted[which])
  const own: readonly Key[] = which === 'env' ? ['me', 'agents'] : ['me']
  return flat(rules[which]).filter((key) => !before.includes(key) && !own.includes(key))
}

/** Whether nobody is asked about for some files. */
export function isAccepted({ rules, accepted }: World, which: 'env' | 'secrets'): boolean {
  return newcomers(rules, accepted, which).length === 0
}

/**
 * Whether nobody is asked about before all of .sops.yaml counts as accepted: `except` is being added to a rule just now. A rule
 * for other files than before is a new one.
 */
export function isAllAccepted(
  { rules, accepted }: World,
  except: (which: 'env' | 'secrets') => readonly Key[] = () => [],
): boolean {
  return (['env', 'secrets'] as const).every((one) => {
    const isNew = rules.patterns[one] !== accepted.patterns[one]
    const keys = isNew ? flat(rules[one]).filter((key) => key !== 'me') : []
    return [...newcomers(rules, accepted, one), ...keys].every((key) => except(one).includes(key))
  })
}

/** Who a file is for when it is written again: whom it names and the rule names, and those that are given. */
export function rewritten(file: File, rule: Groups, given: readonly Key[] = []): File {
  const labels = flat(file.labels)
  const groups = rule.map((keys) => keys.filter((key) => labels.includes(key) || given.includes(key)))
  return { labels: groups, holders: groups }
}

/** Whether a key alone opens a file: it is in every group. */
export function opens(file: File, key: Key): boolean {
  return file.holders.every((keys) => keys.includes(key))
}

function mapRules(
  rules: Rules,
  which: readonly ('env' | 'secrets')[],
  change: (groups: Groups) => Groups,
): Rules {
  const chosen = rules.shared ? (['env', 'secrets'] as const) : which
  return {
    ...rules,
    env: chosen.includes('env') ? change(rules.env) : rules.env,
    secrets: chosen.includes('secrets') ? change(rules.secrets) : rules.secrets,
  }
}

/** The rules with a key in the first group of these. */
export function withKey(rules: Rules, which: readonly ('env' | 'secrets')[], key: Key): Rules {
  return mapRules(rules, which, (groups) =>
    flat(groups).includes(key) ? groups : groups.map((keys, at) => (at === 0 ? [...keys, key] : keys)),
  )
}

/** The rules without a key; undefined when a group would be empty. */
export function withoutKey(rules: Rules, key: Key): Rules | undefined {
  const made = mapRules(rules, ['env', 'secrets'], (groups) =>
    groups.map((keys) => keys.filter((one) => one !== key)),
  )
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
  return !shared && JSON.stringify(env) === JSON.stringify(secrets) && env.length === 1 && style % 7 === 6
}

/** A .sops.yaml that says so, in one of the ways that YAML and sops have for it. */
export function rulesText(rules: Rules, recipients: ReadonlyMap<Key, string>, style: number): string {
  const named = (key: Key): string => JSON.stringify(recipients.get(key) ?? '')
  const list = (keys: readonly Key[]) => `[${keys.map(named).join(', ')}]`
  const anchors = [...recipients].map(([key, recipient]) => `  - &${key} ${JSON.stringify(recipient)}`)
  const aliases = (keys: readonly Key[]) => `[${keys.map((key) => `*${key}`).join(', ')}]`
  const text = (keys: readonly Key[]) =>
    JSON.stringify(keys.map((key) => recipients.get(key) ?? '').join(','))
  const keysOf = (groups: Groups): string[] => {
    const [first = []] = groups
    if (groups.length > 1)
      return [
        `shamir_threshold: ${groups.length}`,
        'key_groups:',
        ...groups.map((keys) =>
          style % 2 === 0 ? `  - age: ${list(keys)}` : `  - merge: [{age: ${list(keys)}}]`,
        ),
      ]
    switch (style % 5) {
      case 0:
        return [`age: ${text(first)}`]
      case 1:
        return [`age: ${list(first)}`]
      case 2:
        return [`age: ${aliases(first)}`]
      case 3:
        return ['key_groups:', `  - merge:`, ...first.map((key) => `      - age: [*${key}]`)]
      default:
        return ['<<:', `  age: ${list(first)}`]
    }
  }
  const rule = (pattern: string | undefined, groups: Groups) => {
    const lines = [...(pattern === undefined ? [] : [`path_regex: ${pattern}`]), ...keysOf(groups)]
    return lines.map((line, at) => `${at === 0 ? '  - ' : '    '}${line}`)
  }
  const { env, secrets } = rules.patterns
  const anchored = isAnchored(rules, style)
    ? [`  - path_regex: ${env}`, `    age: &all ${list(rules.env[0] ?? [])}`, '  - age: *all']
    : undefined
  const two = [...rule(env, rules.env), ...rule(secrets, rules.secrets)]
  const body = rules.shared ? rule(undefined, rules.env) : (anchored ?? two)
  return `keys:\n${anchors.join('\n')}\ncreation_rules:\n${body.join('\n')}\n`
}
