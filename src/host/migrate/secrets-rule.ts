/** The rule for secrets/ that older installations lack: theirs have one for .env files alone. */
import { DisintoError } from '../../errors.ts'
import { quote } from '../../quote.ts'
import { acceptRules } from '../access/accepted.ts'
import { ensureRules, operatorRecipient } from '../access/first-use.ts'
import { type CreationRules, overRules } from '../access/rules.ts'
import { insertRule } from '../access/rules-edit.ts'
import { anchoredPattern } from '../access/service-rule.ts'
import { confirmed } from '../cli/prompt.ts'
import type { HostContext } from '../context.ts'
import { failure } from '../errors.ts'
import { writeFile } from '../files/write.ts'
import { ensureAccepted } from '../store/consent.ts'
import { secretNames } from '../store/inventory.ts'
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
  const pattern = anchoredPattern(rules.path, project.root, 'secrets/[^/]+\\.enc')
  if (!how.addRule) {
    if (!interactive)
      throw failure('rule-lacking', { config: rules.path, paths: lacking, pattern, recipient })
    speak.note(`${quote(rules.path)}: no rule matches ${lacking.map(quote).join(', ')}`)
    const question = `Add a rule for secrets/*.enc, for you alone (${recipient})?`
    if (!(await confirmed(context, question, '--add-rule', true))) throw failure('interrupted-nothing')
  }
  // What is written down as accepted below is all of the rules: nobody may have slipped in before.
  const known = [...secretNames(project), ...names].map(project.secretFile)
  await ensureAccepted(context, rules, [project.envFile, project.vaultEnvFile, ...known])
  const added = await insertRule(rules, undefined, pattern, { age: recipient })
  await writeFile(rules.path, Buffer.from(added.text), overRules(rules))
  await acceptRules(context, added)
  speak.note(`${quote(rules.path)}: added a rule for secrets/*.enc, for you alone (${recipient})`)
  return added
}
