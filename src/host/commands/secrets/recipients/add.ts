/** `disinto secrets recipients add`: lets one more key open secrets. */
import { quote } from '../../../../quote.ts'
import { hasKey, keysWithout } from '../../../../sops/master-key.ts'
import { acceptRules } from '../../../access/accepted.ts'
import { namesInRules } from '../../../access/grant-rule.ts'
import { ownRecipients } from '../../../access/keys.ts'
import { withName } from '../../../access/recipient-comments.ts'
import { recipientGiven } from '../../../access/recipients.ts'
import { type CreationRule, type CreationRules, rulesOf } from '../../../access/rules.ts'
import { changeKeys } from '../../../access/rules-edit.ts'
import type { HostCommand, Invocation } from '../../../cli/command.ts'
import { failure } from '../../../errors.ts'
import type { Project } from '../../../project.ts'
import { ensureAccepted } from '../../../store/consent.ts'
import { envSource, inventory, outsideOf, secretSource } from '../../../store/inventory.ts'
import { reencrypt } from '../../../store/reencrypt.ts'

/** The rule for secrets, and those of granted files: what the one says, and some services more. */
function rulesForSecrets(rules: CreationRules, project: Project): number[] {
  const general = rules.for(secretSource(project, 'NAME').path)
  const granted = namesInRules(rules, project)
    .map((name) => rules.for(secretSource(project, name).path))
    .filter(({ recipients }) => keysWithout(general.recipients, recipients).length === 0)
  return [general, ...granted].map(({ index }) => index)
}

/** The rules, by number, that --env or --secrets mean; all without either. */
function chosenRules(rules: CreationRules, { context, on }: Invocation): (index: number) => boolean {
  const { project } = context
  const chosen = [
    ...(on('env') ? [rules.for(envSource(project).path).index] : []),
    ...(on('secrets') ? rulesForSecrets(rules, project) : []),
  ]
  return (index) => chosen.length === 0 || chosen.includes(index)
}

/** The groups of a rule with one more key: in the group that was named, or in the only one. */
function withKey(
  rule: CreationRule,
  recipient: string,
  group: string | undefined,
): readonly (readonly string[])[] {
  const { groups } = rule
  if (hasKey(rule.recipients, recipient)) return groups
  if (groups.length > 1 && group === undefined)
    throw failure('recipient-groups', { path: rule.config, groups: groups.length })
  const at = groups.length > 1 ? Number(group) - 1 : 0
  if (groups[at] === undefined)
    throw failure('option-value', {
      command: 'secrets recipients add',
      option: '--group',
      wanted: `a number from 1 to ${groups.length}`,
    })
  return groups.map((keys, place) => (place === at ? [...keys, recipient] : keys))
}

export const recipientsAdd: HostCommand = {
  name: 'secrets recipients add',
  about: 'let another key open secrets',
  usage: 'RECIPIENT [OPTION ...]',
  details: `Adds the recipient (age1…, the public half of a key, or an SSH public key) to
the rules of .sops.yaml, and encrypts the files they apply to again. Either every file is
changed or none. Where a rule needs keys from several groups, --group says which one the key
joins: in two of them, one key would be enough where two were required.`,
  examples: [
    'disinto secrets recipients add age1… --name alice',
    'disinto secrets recipients add age1… --env      # a service: .env.enc alone',
  ],
  options: [
    { name: 'env', about: 'the rule for .env.enc' },
    { name: 'secrets', about: 'the rule for secrets/*.enc' },
    { name: 'name', value: 'NAME', about: 'what to call it: a comment in .sops.yaml' },
    { name: 'group', value: 'NUMBER', about: 'the key group, where a rule has several' },
  ],
  words: [1, 1],
  changes: true,
  run: async (invocation) => {
    const { context, words, text } = invocation
    const { project, speak } = context
    const recipient = recipientGiven(words[0] ?? '')
    const old = await rulesOf(project.root)
    const sources = inventory(project)
    // Whom somebody else has added must not be accepted by the way, nor the group that they chose for this one.
    const isChosen = chosenRules(old, invocation)
    const hasOneGroup = (rule: number) => (old.rules[rule]?.groups.length ?? 0) < 2
    await ensureAccepted(context, old, 'all', (rule) =>
      isChosen(rule) && hasOneGroup(rule) ? [recipient] : [],
    )
    const changed = await changeKeys(old, (rule) =>
      isChosen(rule.index) ? withKey(rule, recipient, text('group')) : rule.groups,
    )
    const name = text('name')
    const rules = name === undefined ? changed : await withName(changed, recipient, name)
    const lacking = []
    for (const source of sources) {
      const { recipients } = await outsideOf(source)
      const { recipients: wanted, index } = rules.for(source.path)
      if (isChosen(index) && hasKey(wanted, recipient) && !hasKey(recipients, recipient)) lacking.push(source)
    }
    if (lacking.length === 0 && rules.text === old.text) {
      // Named here, so accepted, whoever wrote it there.
      await acceptRules(context, old)
      throw failure('recipient-present', { recipient, config: old.path })
    }
    const own = await ownRecipients(context)
    await reencrypt(context, old, lacking, { rules, own, given: () => [recipient] })
    speak.note(
      `${quote(recipient)}: added to .sops.yaml, and can open ${lacking.length} more file${lacking.length === 1 ? '' : 's'}`,
    )
    return 0
  },
}
