/** Recipients as a person types them. */
import { hasKey, kindOf } from '../../sops/master-key.ts'
import { failure } from '../errors.ts'

/** What recipients look like that can be added: native, SSH and of plugins. Whatever else is typed is not shown. */
const RECIPIENT = /^(?:age1[a-z0-9+.-]+|ssh-(?:ed25519|rsa) [A-Za-z0-9+/=]+(?: [^\p{Cc}]*)?)$/u

/** The recipient given, checked; a secret key that was typed by mistake is not repeated. Throws recipient-bad. */
export function recipientGiven(word: string): string {
  if (!RECIPIENT.test(word)) throw failure('recipient-bad')
  return word
}

/** A recipient as it stands in a file, unless that could move the cursor; an SSH key has blanks in it. */
export function shownRecipient(recipient: string): string {
  return /^[\w./@%+,:=~ -]+$/.test(recipient) ? recipient : JSON.stringify(recipient)
}

/** Recipients for a message. */
export function shownRecipients(recipients: readonly string[]): string {
  return recipients.map(shownRecipient).join(', ')
}

/** The recipient to take out: one that could be given, or any that `recipients list` shows. Throws recipient-bad. */
export function recipientKnown(word: string, known: readonly string[]): string {
  if (RECIPIENT.test(word)) return word
  // A fingerprint or an ARN without its kind.
  const found = known.find((name) => hasKey([word], name) || name.slice(kindOf(name).length + 1) === word)
  if (found === undefined) throw failure('recipient-bad')
  return found
}
