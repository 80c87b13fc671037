/** What recipients are called: `you`, a service, or what a comment of .sops.yaml calls them. */
import { readIfThere } from '../../load/read.ts'
import { bareKey, nameKey } from '../../sops/master-key.ts'
import type { HostContext } from '../context.ts'
import { acceptedText } from './accepted-record.ts'
import { ownersOf } from './keys.ts'
import { shownRecipient } from './recipients.ts'

/** Shows a recipient. */
export type Show = (recipient: string) => string

/** Characters of a name; a comment that is longer is a sentence. */
export const MAX_NAME = 40
/** How a recipient stands in the text of a .sops.yaml. */
const RECIPIENTS = /\bage1[a-z0-9]{20,}|\bssh-(?:ed25519|rsa) [A-Za-z0-9+/=]+|\b[0-9A-Fa-f]{40}\b/g

/** The master keys (sops/master-key.ts) that a text names. */
export function keysIn(text: string): string[] {
  return (text.match(RECIPIENTS) ?? []).map((found) =>
    nameKey(/^[0-9A-Fa-f]{40}$/.test(found) ? 'pgp' : 'age', found),
  )
}

export interface Line {
  readonly code: string
  readonly comment: string | undefined
}

/** A line before its comment, and the comment; undefined where it has none. */
export function cutLine(line: string): Line {
  const at = line.search(/(?:^|\s)#/)
  if (at === -1) return { code: line, comment: undefined }
  const mark = line.indexOf('#', at)
  return { code: line.slice(0, mark), comment: line.slice(mark + 1).trim() }
}

/** A comment as a name; undefined where it is none. */
export function asName(comment: string | undefined): string | undefined {
  const name = (comment ?? '').replaceAll(/^[\s:,=(-]+|[\s:,=)-]+$/g, '')
  return name === '' || [...name].length > MAX_NAME ? undefined : name
}

const isComment = (line: Line | undefined): boolean => line?.code.trim() === ''

/** The name that a comment alone on a line has for the recipient in it: `# alice: age1…`. */
function nameInComment(comment: string): string | undefined {
  return asName(comment.replace(RECIPIENTS, ''))
}

/** The name that stands above a line; a heading of several lines is no name of the first. */
function nameAbove(above: Line | undefined, below: Line | undefined): string | undefined {
  if (!isComment(above) || keysIn(below?.code ?? '').length > 0) return undefined
  return keysIn(above?.comment ?? '').length === 0 ? asName(above?.comment) : undefined
}

/**
 * Returns the names that a .sops.yaml has for recipients, by their key without what is no part of it: a comment behind
 * it or alone on the line before it, its anchor, or a comment with the recipient in it (`# alice: age1…`). Lines with
 * several recipients name none of them.
 */
export function namesIn(text: string): Map<string, string> {
  const names = new Map<string, string>()
  const lines = text.split('\n').map(cutLine)
  for (const [at, line] of lines.entries()) {
    const comment = line.comment ?? ''
    const [key, other] = keysIn(isComment(line) ? comment : line.code)
    if (key === undefined || other !== undefined) continue
    const name = isComment(line)
      ? nameInComment(comment)
      : (asName(comment) ?? /&([\w.-]+)\s/.exec(line.code)?.[1] ?? nameAbove(lines[at - 1], lines[at + 1]))
    if (name !== undefined && !names.has(bareKey(key))) names.set(bareKey(key), name)
  }
  return names
}

/** A recipient cut to what tells it from others: the first letters of an age key, the last of others. */
export function shortRecipient(recipient: string): string {
  if (recipient.startsWith('age1')) return `${recipient.slice(0, 12)}…`
  const [, kind, key = '', comment = ''] = /^(ssh-\S+) (\S+)(.*)$/.exec(recipient) ?? []
  if (kind !== undefined) return shownRecipient(`${kind} …${key.slice(-8)}${comment}`.replaceAll('…', '...'))
  const [, fingerprint] = /^pgp:[0-9A-F]*([0-9A-F]{16})$/.exec(recipient) ?? []
  return fingerprint === undefined ? shownRecipient(recipient) : `pgp:…${fingerprint}`
}

function rulesText({ project }: HostContext): string {
  try {
    return readIfThere(project.sopsConfig)?.toString() ?? ''
  } catch {
    // Who needs the rules says what is wrong with them.
    return ''
  }
}

/**
 * Returns how recipients are shown here: `short` says `you`, `service agents`, `age1qqpzry9x8… "alice"`, and `whole`
 * every key in full with the name behind it. What .sops.yaml calls somebody is what was accepted on this machine, and
 * stands in quotes: others could write `you` there.
 */
export async function recipientNames(
  context: HostContext,
): Promise<{ readonly short: Show; readonly whole: Show }> {
  const owners = new Map([...(await ownersOf(context))].map(([name, owner]) => [bareKey(name), owner]))
  const names = namesIn(acceptedText(context) ?? rulesText(context))
  const named = (recipient: string) => {
    const name = names.get(bareKey(recipient))
    return name === undefined ? undefined : JSON.stringify(name)
  }
  return {
    short: (recipient) => {
      const name = named(recipient)
      const key = shortRecipient(recipient)
      return owners.get(bareKey(recipient)) ?? (name === undefined ? key : `${key} ${name}`)
    },
    whole: (recipient) => {
      const name = owners.get(bareKey(recipient)) ?? named(recipient)
      return `${shownRecipient(recipient)}${name === undefined ? '' : `  (${name})`}`
    },
  }
}
