/** `disinto secrets recipients rm`: has a key open the new files no more. */
import { quote } from '../../../../quote.ts'
import { hasKey, keysWithout } from '../../../../sops/master-key.ts'
import { ownRecipients } from '../../../access/keys.ts'
import { withoutName } from '../../../access/recipient-comments.ts'
import { recipientKnown } from '../../../access/recipients.ts'
import { type CreationRules, parseRules, rulesOf } from '../../../access/rules.ts'
import { changeKeys } from '../../../access/rules-edit.ts'
import type { HostCommand } from '../../../cli/command.ts'
import { confirmed } from '../../../cli/prompt.ts'
import { failure } from '../../../errors.ts'
import { ensureAccepted } from '../../../store/consent.ts'
import { sayDueForChange } from '../../../store/due-for-change.ts'
import { inventory, outsideOf } from '../../../store/inventory.ts'
import { reencrypt } from '../../../store/reencrypt.ts'

async function withoutRecipient(old: CreationRules, recipient: string): Promise<CreationRules> {
  const rules = await changeKeys(old, ({ groups, index, recipients }) => {
    if (!hasKey(recipients, recipient)) return groups
    const left = groups.map((keys) => keysWithout(keys, [recipient]))
    if (left.some((keys) => keys.length === 0))
      throw failure('recipient-last', { recipient, where: `rule ${index + 1} of ${quote(old.path)}` })
    return left
  })
  return rules.text === old.text ? rules : parseRules(old.path, withoutName(rules.text, recipient))
}

export const recipientsRm: HostCommand = {
  name: 'secrets recipients rm',
  about: 'stop a key from opening secrets',
  usage: 'RECIPIENT [OPTION ...]',
  details: `Removes the recipient, of any kind that recipients list shows, from .sops.yaml,
and encrypts every file it could open again, with new data keys. Either every file is
changed or none. It cannot undo what has been read: whoever had the key had the values, and
git's history still has the old files. Change those values at their issuers; they are
listed.`,
  examples: ['disinto secrets recipients rm age1…', 'disinto secrets recipients rm age1… --force'],
  options: [{ name: 'force', about: 'do not ask when it is your own key' }],
  words: [1, 1],
  completes: ['recipient'],
  changes: true,
  run: async ({ context, words, on }) => {
    const { project, speak } = context
    const old = await rulesOf(project.root)
    const sources = inventory(project)
    const outsides = await Promise.all(
      sources.map(async (source) => ({ source, ...(await outsideOf(source)) })),
    )
    const all = [...outsides, ...old.rules].flatMap(({ recipients }) => recipients)
    const recipient = recipientKnown(words[0] ?? '', all)
    const known = outsides
      .filter(({ recipients }) => hasKey(recipients, recipient))
      .map(({ source }) => source)
    const rules = await withoutRecipient(old, recipient)
    if (rules.text === old.text && known.length === 0)
      throw failure('recipient-absent', { recipient, config: old.path })
    const own = await ownRecipients(context)
    if (hasKey(own, recipient) && !on('force')) {
      const question = 'This is your own key: you may not be able to open anything here afterwards. Go on?'
      if (!(await confirmed(context, question, '--force'))) throw failure('interrupted-nothing')
    }
    // Whom somebody else has added must not be accepted by the way.
    await ensureAccepted(context, rules, 'all')
    await reencrypt(context, old, known, { rules, own: keysWithout(own, [recipient]), given: () => [] })
    speak.note(
      `${quote(recipient)}: removed from .sops.yaml; ${known.length} file${known.length === 1 ? '' : 's'} encrypted again`,
    )
    if (known.length > 0) {
      speak.note('it may have read these already; change them at their issuers:')
      await sayDueForChange(context, known)
    }
    return 0
  },
}
