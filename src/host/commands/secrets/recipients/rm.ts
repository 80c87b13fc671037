/** `disinto secrets recipients rm`: lets a key open the new files no more. */
import { quote } from '../../../../errors.ts'
import type { HostCommand } from '../../../cli/command.ts'
import { type CreationRules, rulesOf } from '../../../access/rules.ts'
import { changeRecipients } from '../../../access/rules-edit.ts'
import { sayDueForChange } from '../../../store/due-for-change.ts'
import { outsideOf, inventory } from '../../../store/inventory.ts'
import { ownRecipients } from '../../../access/keys.ts'
import { confirmed } from '../../../cli/prompt.ts'
import { recipientGiven } from '../../../access/recipients.ts'
import { reencrypt } from '../../../store/reencrypt.ts'
import { failure } from '../../../errors.ts'

function withoutRecipient(old: CreationRules, recipient: string): Promise<CreationRules> {
  return changeRecipients(old, (recipients, index) => {
    const left = recipients.filter((one) => one !== recipient)
    if (left.length === 0)
      throw failure('recipient-last', { recipient, where: `rule ${index + 1} of ${quote(old.path)}` })
    return left.length === recipients.length ? recipients : left
  })
}

export const recipientsRm: HostCommand = {
  name: 'secrets recipients rm',
  about: 'let a key open secrets no more',
  usage: 'RECIPIENT [OPTION ...]',
  details: `Takes the recipient out of .sops.yaml and encrypts every file it could open anew,
with new data keys. Every file or none. What it does not do: make anybody forget.
Whoever had the key could read the values, and git's history still has the old
files; those values have to be changed at their issuers. They are listed.`,
  examples: ['disinto secrets recipients rm age1…', 'disinto secrets recipients rm age1… --force'],
  options: [{ name: 'force', about: 'do not ask when it is your own key' }],
  words: [1, 1],
  changes: true,
  run: async ({ context, words, on }) => {
    const { project, speak } = context
    const recipient = recipientGiven(words[0] ?? '')
    const old = await rulesOf(project.root)
    const known = []
    for (const source of inventory(project))
      if ((await outsideOf(source)).recipients.includes(recipient)) known.push(source)
    const rules = await withoutRecipient(old, recipient)
    if (rules.text === old.text && known.length === 0)
      throw failure('recipient-absent', { recipient, config: old.path })
    const own = await ownRecipients(context)
    if (own.includes(recipient) && !on('force')) {
      const question = 'This is a key of yours: you may open nothing of this afterwards. Go on?'
      if (!(await confirmed(context, question, '--force'))) throw failure('interrupted-nothing')
    }
    await reencrypt(context, old, known, { rules })
    speak.note(
      `${quote(recipient)}: out of .sops.yaml; ${known.length} file${known.length === 1 ? '' : 's'} encrypted anew`,
    )
    if (known.length > 0) {
      speak.note('this does not take back what it could read; due for change at the issuer:')
      await sayDueForChange(context, known)
    }
    return 0
  },
}
