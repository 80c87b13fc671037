/** The rule of .env.enc in .sops.yaml, which names the services that may open it. */
import type { YAMLSeq } from 'yaml'
import { type CreationRule, type CreationRules, parseRules } from './rules.ts'
import { changeRecipients } from './rules-edit.ts'
import type { Project } from '../project.ts'
import { failure } from '../errors.ts'

function ruleFor(rules: CreationRules, path: string): CreationRule | undefined {
  try {
    return rules.for(path)
  } catch {
    return undefined
  }
}

/** A rule for .env.enc alone, before the one that it had in common with secret files. */
async function withOwnRule(
  rules: CreationRules,
  shared: CreationRule | undefined,
  recipients: readonly string[],
): Promise<CreationRules> {
  const { isSeq, parseDocument } = await import('yaml')
  const document = parseDocument(rules.text)
  const rule = document.createNode({ path_regex: '(^|/)\\.env(\\.enc)?$', age: recipients.join(',') })
  const list: unknown = document.get('creation_rules')
  if (isSeq(list)) (list as YAMLSeq).items.splice(shared?.index ?? 0, 0, rule)
  else if (list === undefined || list === null) document.set('creation_rules', document.createNode([rule]))
  else throw failure('sops-config', { path: rules.path, reason: 'has no list of creation rules' })
  return parseRules(rules.path, document.toString({ lineWidth: 0 }))
}

/**
 * The rules with a service's recipient added for .env.enc; the same object when it is there already. `present` are
 * the recipients that the file has now, for rules that say nothing of it.
 */
export async function withService(
  rules: CreationRules,
  project: Project,
  recipient: string,
  present: readonly string[],
): Promise<CreationRules> {
  const rule = ruleFor(rules, project.envFile)
  if (rule?.recipients.includes(recipient) === true) return rules
  const shared = rule === undefined || ruleFor(rules, project.secretFile('ANY'))?.index === rule.index
  if (!shared)
    return changeRecipients(rules, (old, index) => (index === rule.index ? [...old, recipient] : old))
  if (rule?.needsSops !== undefined)
    throw failure('rules-foreign', { path: rules.path, what: rule.needsSops })
  const others = rule?.recipients ?? present.filter((one) => one !== recipient)
  if (others.length === 0) throw failure('rules-foreign', { path: rules.path, what: 'names nobody' })
  return withOwnRule(rules, rule, [...others, recipient])
}
