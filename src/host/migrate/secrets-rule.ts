/** The rule for secrets/ that older installations lack: theirs have one for .env files alone. */
import { dirname, relative } from 'node:path'
import { DisintoError, quote } from '../../errors.ts'
import { ensureRules, operatorRecipient } from '../access/first-use.ts'
import { type CreationRules, parseRules } from '../access/rules.ts'
import { confirmed } from '../cli/prompt.ts'
import type { HostContext } from '../context.ts'
import { failure } from '../errors.ts'
import { writeFile } from '../files/write.ts'
import type { MigrateOptions } from './apart.ts'

function hasRuleFor(rules: CreationRules, path: string): boolean {
  try {
    rules.for(path)
    return true
  } catch (error) {
    if (error instanceof DisintoError && error.code === 'rule-none') return false
    throw error
  }
}

/** The pattern of the files of a directory, and of no other of that name: relative to the rules, as sops matches. */
function patternOf(rules: CreationRules, directory: string): string {
  const path = relative(dirname(rules.path), directory)
  return `^${path.replaceAll(/[\\^$.*+?()[\]{}|]/g, '\\$&')}/[^/]+\\.enc$`
}

/** The rules with one more at their end: the files of secrets/ for one recipient. */
async function withSecretsRule(
  rules: CreationRules,
  directory: string,
  recipient: string,
): Promise<CreationRules> {
  const { isSeq, parseDocument } = await import('yaml')
  const document = parseDocument(rules.text)
  const rule = document.createNode({ path_regex: patternOf(rules, directory), age: recipient })
  const list: unknown = document.get('creation_rules')
  if (isSeq(list)) list.items.push(rule)
  else if (list === undefined || list === null) document.set('creation_rules', document.createNode([rule]))
  else throw failure('sops-config', { path: rules.path, reason: 'has no list of creation rules' })
  return parseRules(rules.path, document.toString({ lineWidth: 0 }))
}

/**
 * Returns the rules of the project, which have one for each of these secret files. Where they have none, the operator
 * is asked whether to add it, for nobody else. Throws rule-lacking where nobody can be asked.
 */
export async function rulesForSecrets(
  context: HostContext,
  names: readonly string[],
  how: MigrateOptions,
): Promise<CreationRules> {
  const { project, speak, interactive } = context
  const rules = await ensureRules(context)
  const lacking = names.map(project.secretFile).filter((path) => !hasRuleFor(rules, path))
  if (lacking.length === 0) return rules
  const { recipient } = await operatorRecipient(context)
  const pattern = patternOf(rules, project.secretsDir)
  if (!how.addRule) {
    if (!interactive)
      throw failure('rule-lacking', { config: rules.path, paths: lacking, pattern, recipient })
    speak.note(`${quote(rules.path)}: no rule is for ${lacking.map(quote).join(', ')}`)
    const question = `Add a rule for secrets/*.enc, for you alone (${recipient})?`
    if (!(await confirmed(context, question, '--add-rule', true))) throw failure('interrupted-nothing')
  }
  const added = await withSecretsRule(rules, project.secretsDir, recipient)
  await writeFile(rules.path, Buffer.from(added.text), { over: Buffer.from(rules.text) })
  speak.note(`${quote(rules.path)}: added a rule for secrets/*.enc, for you alone (${recipient})`)
  return added
}
