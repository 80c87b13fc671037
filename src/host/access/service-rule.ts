/** The rule of .env.enc, which names the services that may open it, and of no other file. */
import { dirname, join, relative } from 'node:path'
import { hasKey, keysWithout } from '../../sops/master-key.ts'
import { failure } from '../errors.ts'
import type { Project } from '../project.ts'
import type { CreationRule, CreationRules } from './rules.ts'
import { changeKeys, insertRule } from './rules-edit.ts'

/** The rule for a file; undefined where there is none, or what it is can't be told. */
export function ruleFor(rules: CreationRules, path: string): CreationRule | undefined {
  try {
    return rules.for(path)
  } catch {
    return undefined
  }
}

/** A pattern for the files of a project and no others: from the directory of .sops.yaml on, to the end. */
export function anchoredPattern(rules: string, root: string, rest: string): string {
  const below = relative(dirname(rules), root)
  const prefix = below === '' ? '' : `${below.replaceAll(/[\\^$.*+?()[\]{}|]/g, '\\$&')}/`
  return `^${prefix}${rest}$`
}

/** Whether a rule is for other files than the project's env file, as far as a look at a few of them tells. */
export function isShared(rules: CreationRules, { index }: CreationRule, project: Project): boolean {
  const others = [project.secretFile('ANY'), project.secretFile('ANY_UNENCRYPTED')]
  const above = dirname(rules.path)
  // Below a .sops.yaml of several projects, those of the others.
  if (above !== project.root)
    others.push(
      ...[above, join(above, '~'), join(dirname(project.root), '~')].map((at) => join(at, '.env.enc')),
    )
  return others.some((path) => ruleFor(rules, path)?.index === index)
}

/**
 * The rules with a service's recipient added for .env.enc and for nothing else; the same object when it is there
 * already. `own` are our keys, for rules that say nothing of the file. Throws rules-foreign, rules-uneditable.
 */
export async function withService(
  rules: CreationRules,
  project: Project,
  recipient: string,
  own: readonly string[],
): Promise<CreationRules> {
  const rule = ruleFor(rules, project.envFile)
  if (rule !== undefined && hasKey(rule.recipients, recipient)) return rules
  if (rule !== undefined && rule.groups.length > 1)
    throw failure('rules-foreign', { path: rules.path, what: 'needs keys from several groups' })
  if (rule !== undefined && !isShared(rules, rule, project)) {
    const wanted = rule.groups.map((keys) => [...keys, recipient])
    return changeKeys(rules, ({ index, groups }) => (index === rule.index ? wanted : groups))
  }
  if (rule === undefined && own.length === 0)
    throw failure('rules-foreign', { path: rules.path, what: 'names nobody' })
  const pattern = anchoredPattern(rules.path, project.root, '\\.env(\\.enc)?')
  const before = rule ?? { raw: { age: own.join(',') }, index: undefined }
  const made = await insertRule(rules, before.index, pattern, before.raw)
  const inserted = before.index ?? made.rules.length - 1
  return changeKeys(made, ({ index, groups }) =>
    index === inserted ? groups.map((keys) => [...keys, recipient]) : groups,
  )
}

/**
 * The rules without these keys for .env.enc, and for no other file otherwise than before; the same object where they do
 * not name them. Throws recipient-last, rules-uneditable.
 */
export async function withoutService(
  rules: CreationRules,
  project: Project,
  keys: readonly string[],
): Promise<CreationRules> {
  const rule = ruleFor(rules, project.envFile)
  if (rule === undefined || !keys.some((key) => hasKey(rule.recipients, key))) return rules
  const left = rule.groups.map((group) => keysWithout(group, keys))
  const [recipient = ''] = keys
  if (left.some((group) => group.length === 0))
    throw failure('recipient-last', { recipient, where: `rule ${rule.index + 1} of ${rules.path}` })
  const pattern = anchoredPattern(rules.path, project.root, '\\.env(\\.enc)?')
  const base = isShared(rules, rule, project) ? await insertRule(rules, rule.index, pattern, rule.raw) : rules
  return changeKeys(base, ({ index, groups }) => (index === rule.index ? left : groups))
}
