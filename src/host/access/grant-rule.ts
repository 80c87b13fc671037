/** The rule of a secret file that services were granted: for that file and no other. */
import { hasKey, keysWithout } from '../../sops/master-key.ts'
import { failure } from '../errors.ts'
import type { Project } from '../project.ts'
import type { CreationRule, CreationRules } from './rules.ts'
import { changeKeys, insertRule, removeRule, saysTheSame } from './rules-edit.ts'
import { anchoredPattern, ruleFor } from './service-rule.ts'

/** No file can have so long a name, so that a rule for it is one for secret files in general. */
const NO_NAME = 'NO_SUCH_NAME_'.repeat(24)

const escaped = (name: string) => name.replaceAll('.', '\\.')

/** The path_regex of the rule for one secret file. */
function patternFor(rules: CreationRules, project: Project, secret: string): string {
  return anchoredPattern(rules.path, project.root, `secrets/${escaped(secret)}\\.enc`)
}

/** The names of the secrets that have a rule of their own, whether or not there is such a file. */
export function namesInRules(rules: CreationRules, project: Project): string[] {
  return rules.rules.flatMap(({ raw }) => {
    const [, name] = /secrets\/([\w@\\.-]+)\\\.enc\$$/.exec(raw.path_regex ?? '') ?? []
    const secret = name?.replaceAll('\\.', '.')
    return secret !== undefined && raw.path_regex === patternFor(rules, project, secret) ? [secret] : []
  })
}

/** Whether a rule is for secret files in general: also for those that are not there yet. */
export function isGeneral(rules: CreationRules, project: Project, { index }: CreationRule): boolean {
  return ruleFor(rules, project.secretFile(NO_NAME))?.index === index
}

/**
 * Whether rules grant a secret to one of these keys: a rule for this file, or for some files, names it. The rule for secret
 * files in general grants nothing: it would grant what is not there yet.
 */
export function isGranted(
  rules: CreationRules,
  project: Project,
  secret: string,
  keys: readonly string[],
): boolean {
  const rule = ruleFor(rules, project.secretFile(secret))
  if (rule === undefined || isGeneral(rules, project, rule)) return false
  return keys.some((key) => hasKey(rule.recipients, key))
}

/**
 * The rules with a secret granted to a recipient; the same object when it is already. Throws rule-none where there is no
 * rule for the file, grant-groups, and rules-uneditable.
 */
export async function withGrant(
  rules: CreationRules,
  project: Project,
  secret: string,
  recipient: string,
): Promise<CreationRules> {
  const rule = rules.for(project.secretFile(secret))
  if (isGranted(rules, project, secret, [recipient])) return rules
  if (rule.groups.length > 1) throw failure('grant-groups', { path: rules.path, secret })
  const pattern = patternFor(rules, project, secret)
  const isOwn = rule.raw.path_regex === pattern
  const made = isOwn ? rules : await insertRule(rules, rule.index, pattern, rule.raw)
  return changeKeys(made, ({ index, groups, recipients }) =>
    index === rule.index && !hasKey(recipients, recipient)
      ? groups.map((keys) => [...keys, recipient])
      : groups,
  )
}

/** The rules without the rule at an index, where the file that it is for is for the same readers by those that are left. */
async function withoutNeedless(rules: CreationRules, rule: CreationRule): Promise<CreationRules> {
  const left = await removeRule(rules, rule.index)
  const other = left && ruleFor(left, rule.path)
  return left !== undefined && other !== undefined && saysTheSame(rule, other) ? left : rules
}

/**
 * The rules that let these keys open a secret no more; the same object where they do not. Throws recipient-last where
 * nobody would be left, and rules-uneditable.
 */
export async function withoutGrant(
  rules: CreationRules,
  project: Project,
  secret: string,
  keys: readonly string[],
): Promise<CreationRules> {
  const path = project.secretFile(secret)
  const rule = ruleFor(rules, path)
  if (rule === undefined || !keys.some((key) => hasKey(rule.recipients, key))) return rules
  const left = rule.groups.map((group) => keysWithout(group, keys))
  const [key = ''] = keys
  if (left.some((group) => group.length === 0))
    throw failure('recipient-last', { recipient: key, where: `rule ${rule.index + 1} of ${rules.path}` })
  const pattern = patternFor(rules, project, secret)
  const isOwn = rule.raw.path_regex === pattern
  const base = isOwn ? rules : await insertRule(rules, rule.index, pattern, rule.raw)
  const made = await changeKeys(base, ({ index, groups }) => (index === rule.index ? left : groups))
  return withoutNeedless(made, made.for(path))
}
