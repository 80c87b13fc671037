/** Recipients as a person types them, and as lists of them are compared. */
import { failure } from '../errors.ts'

/** What recipients look like: native, SSH and of plugins. Whatever else is typed is not shown. */
const RECIPIENT = /^(?:age1[a-z0-9+.-]+|ssh-(?:ed25519|rsa) [A-Za-z0-9+/=]+(?: .*)?)$/

/** Returns the recipient given. Throws recipient-bad, which does not repeat a secret key typed by mistake. */
export function recipientGiven(word: string): string {
  if (!RECIPIENT.test(word)) throw failure('recipient-bad')
  return word
}

/** Returns whether two lists name the same recipients. */
export function isSameSet(one: readonly string[], other: readonly string[]): boolean {
  return one.length === other.length && one.every((recipient) => other.includes(recipient))
}
