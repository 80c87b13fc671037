/** `disinto secrets recipients add`: lets one more key open secrets. */
import { quote } from '../../../../errors.ts'
import type { HostCommand, Invocation } from '../../../cli/command.ts'
import { type CreationRules, rulesOf } from '../../../access/rules.ts'
import { changeRecipients } from '../../../access/rules-edit.ts'
import { outsideOf, envSource, inventory, secretSource } from '../../../store/inventory.ts'
import { isSameSet, recipientGiven } from '../../../access/recipients.ts'
import { reencrypt } from '../../../store/reencrypt.ts'
import { failure } from '../../../errors.ts'

/** The rules, by number, that --env or --secrets mean; all without either. */
function chosenRules(rules: CreationRules, { context, on }: Invocation): (index: number) => boolean {
  const { project } = context
  const chosen = [
    ...(on('env') ? [rules.for(envSource(project).path).index] : []),
    ...(on('secrets') ? [rules.for(secretSource(project, 'NAME').path).index] : []),
  ]
  return (index) => chosen.length === 0 || chosen.includes(index)
}

export const recipientsAdd: HostCommand = {
  name: 'secrets recipients add',
  about: 'let one more key open secrets',
  usage: 'RECIPIENT [OPTION ...]',
  details: `Adds the recipient (age1…, the public half of a key) to the rules of .sops.yaml
and encrypts the files anew that they are for. Every file or none.`,
  examples: [
    'disinto secrets recipients add age1…',
    'disinto secrets recipients add age1… --env      # a service: .env.enc alone',
  ],
  options: [
    { name: 'env', about: 'the rule for .env.enc' },
    { name: 'secrets', about: 'the rule for secrets/*.enc' },
  ],
  words: [1, 1],
  changes: true,
  run: async (invocation) => {
    const { context, words } = invocation
    const { project, speak } = context
    const recipient = recipientGiven(words[0] ?? '')
    const old = await rulesOf(project.root)
    const isChosen = chosenRules(old, invocation)
    const rules = await changeRecipients(old, (recipients, index) =>
      isChosen(index) && !recipients.includes(recipient) ? [...recipients, recipient] : recipients,
    )
    if (rules.text === old.text && !old.text.includes(recipient))
      throw failure('sops-config', {
        path: old.path,
        reason: 'its rules have no list of age recipients to add to: do it by hand',
      })
    const lacking = []
    for (const source of inventory(project)) {
      const { recipients } = await outsideOf(source)
      const wanted = rules.for(source.path).recipients
      if (wanted.includes(recipient) && !isSameSet(recipients, wanted)) lacking.push(source)
    }
    if (lacking.length === 0 && rules.text === old.text)
      throw failure('recipient-present', { recipient, config: old.path })
    await reencrypt(context, old, lacking, { rules })
    speak.note(
      `${quote(recipient)}: in .sops.yaml now, and can open ${lacking.length} file${lacking.length === 1 ? '' : 's'} more`,
    )
    return 0
  },
}
