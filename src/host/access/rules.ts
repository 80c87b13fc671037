/** The creation rules of .sops.yaml: who may open which file. sops reads them alike (config/config.go). */
import { readFileSync } from 'node:fs'
import { basename, dirname, join } from 'node:path'
import * as v from 'valibot'
import { isNativeRecipient } from '../../age/file.ts'
import { errnoOf } from '../../errors.ts'
import { translatePattern } from '../../sops/pattern.ts'
import { DEFAULT_SUFFIX } from '../../sops/rule.ts'
import { failure } from '../errors.ts'

const Recipients = v.union([v.string(), v.array(v.string())])
const RuleSchema = v.looseObject({
  path_regex: v.nullish(v.string()),
  age: v.nullish(Recipients),
  key_groups: v.nullish(v.array(v.looseObject({ age: v.nullish(Recipients) }))),
  unencrypted_suffix: v.nullish(v.string()),
})
const ConfigSchema = v.looseObject({ creation_rules: v.nullish(v.array(RuleSchema)) })
type RawRule = v.InferOutput<typeof RuleSchema>

/** A rule: its recipients, and why it takes the sops program where it does. */
export interface CreationRule {
  readonly index: number
  /** The file that it was asked for, by the name that it matched. */
  readonly path: string
  /** The age recipients that it names, native or not. */
  readonly recipients: readonly string[]
  readonly unencryptedSuffix: string
  readonly needsSops: string | undefined
}

export interface CreationRules {
  readonly path: string
  readonly text: string
  /** The first rule for a file, or throws rule-none. */
  for(path: string): CreationRule
}

/** Entries of a rule that we follow ourselves. */
const FOLLOWED = ['path_regex', 'age', 'key_groups', 'unencrypted_suffix']

function listOf(recipients: string | readonly string[] | null | undefined): string[] {
  return (typeof recipients === 'string' ? [recipients] : (recipients ?? []))
    .flatMap((part) => part.split(','))
    .map((part) => part.trim())
    .filter((part) => part !== '')
}

function isNothing(value: unknown): boolean {
  return (
    value === undefined ||
    value === null ||
    value === '' ||
    value === false ||
    (Array.isArray(value) && value.length === 0)
  )
}

function readRule(raw: RawRule, index: number, path: string): CreationRule {
  const groups = raw.key_groups ?? []
  const recipients = [...listOf(raw.age), ...groups.flatMap((group) => listOf(group.age))]
  const others = Object.entries(raw).filter(([name, value]) => !FOLLOWED.includes(name) && !isNothing(value))
  const groupOthers = groups.flatMap((group) =>
    Object.entries(group).filter(([name, value]) => name !== 'age' && !isNothing(value)),
  )
  const foreign = recipients.find((recipient) => !isNativeRecipient(recipient))
  let needsSops: string | undefined
  const [other] = [...others, ...groupOthers]
  if (other !== undefined) needsSops = `its rule has ${other[0]}`
  else if (groups.length > 1) needsSops = 'its rule has several key groups'
  else if (foreign !== undefined) needsSops = 'its rule has a recipient of an SSH key or a plugin'
  else if (recipients.length === 0) needsSops = 'its rule names no age recipient'
  return { index, path, recipients, unencryptedSuffix: raw.unencrypted_suffix || DEFAULT_SUFFIX, needsSops }
}

/** Reads the text of a .sops.yaml. */
export async function parseRules(path: string, text: string): Promise<CreationRules> {
  const { parse } = await import('yaml')
  let parsed: unknown
  try {
    parsed = parse(text)
  } catch {
    throw failure('sops-config', { path, reason: 'is no YAML' })
  }
  const result = v.safeParse(ConfigSchema, parsed ?? {})
  if (!result.success) {
    const [issue] = result.issues
    throw failure('sops-config', {
      path,
      reason: `not what sops expects${issue === undefined ? '' : ` at ${v.getDotPath(issue) ?? 'its top'}`}`,
    })
  }
  const raw = result.output.creation_rules ?? []
  const directory = dirname(path)
  const ruleFor = (file: string): CreationRule | undefined => {
    const relative = file.startsWith(`${directory}/`) ? file.slice(directory.length + 1) : file
    for (const [index, rule] of raw.entries()) {
      if (isNothing(rule.path_regex)) return readRule(rule, index, file)
      const matches = translatePattern(rule.path_regex ?? '')
      // Whether it is this rule only sops can tell; it picks the rule itself, too.
      if (matches === undefined)
        return { ...readRule(rule, index, file), needsSops: 'a path_regex might mean something else here' }
      if (matches(relative)) return readRule(rule, index, file)
    }
    return undefined
  }
  return {
    path,
    text,
    for: (file) => {
      // Many a project has a rule for `.env` alone, since `sops encrypt .env > .env.enc` asks for that name.
      const rule =
        ruleFor(file) ?? (basename(file) === '.env.enc' ? ruleFor(join(dirname(file), '.env')) : undefined)
      if (rule === undefined) throw failure('rule-none', { config: path, path: file })
      return rule
    },
  }
}

/** The .sops.yaml that is in force for a directory: its own, or that of the nearest one above, as in sops. */
export async function findRules(root: string): Promise<CreationRules | undefined> {
  for (let directory = root; ; directory = dirname(directory)) {
    const path = join(directory, '.sops.yaml')
    let text: string | undefined
    try {
      text = readFileSync(path, 'utf8')
    } catch (error) {
      const errno = errnoOf(error)
      if (errno !== 'ENOENT' && errno !== 'ENOTDIR')
        throw failure('source-unreadable', { path, reason: errno })
    }
    if (text !== undefined) return parseRules(path, text)
    if (directory === dirname(directory)) return undefined
  }
}

/** The rules in force; a project that has none yet is told how it gets them. */
export async function rulesOf(root: string): Promise<CreationRules> {
  const rules = await findRules(root)
  if (rules === undefined) throw failure('rules-missing', { path: join(root, '.sops.yaml') })
  return rules
}
