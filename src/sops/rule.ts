/** Which values of a file are encrypted (sops.go, shouldBeEncrypted; README, "Encrypting only parts of a file"). */
import { loadPatterns } from './pattern.ts'

/** The six options, of which a file has at most one. */
export const RULE_NAMES = [
  'unencrypted_suffix',
  'encrypted_suffix',
  'unencrypted_regex',
  'encrypted_regex',
  'unencrypted_comment_regex',
  'encrypted_comment_regex',
] as const

export type RuleName = (typeof RULE_NAMES)[number]

export const DEFAULT_SUFFIX = '_unencrypted'

export interface Rule {
  readonly name: RuleName
  readonly text: string
}

/** Decides for the items of a flat file, asked in their order. */
export interface Selector {
  /** Whether the value of this name is encrypted. */
  value(name: string): boolean
  /** Whether this comment is. `comment` is as it stands in the file: when decrypting, the encrypted text. */
  comment(comment: string): boolean
}

function selector(ofNames: (name: string) => boolean, ofComments: boolean): Selector {
  return { value: ofNames, comment: () => ofComments }
}

/**
 * The selector of a rule for a file without nesting, to be asked once from the first item to the last; undefined when
 * its pattern is none that our matcher knows. Comments have no name of their own, so the rules about names say nothing
 * or "no" to them.
 */
export async function selectorOf({ name, text }: Rule): Promise<Selector | undefined> {
  if (name === 'unencrypted_suffix') return selector((key) => !key.endsWith(text), true)
  if (name === 'encrypted_suffix') return selector((key) => key.endsWith(text), false)
  const matches = (await loadPatterns())(text)
  if (matches === undefined) return undefined
  if (name === 'unencrypted_regex') return selector((key) => !matches(key), true)
  if (name === 'encrypted_regex') return selector(matches, false)

  // The comments since the last value decide for the value after them, and for the comments that follow.
  let matched = false
  const whenMatched = name === 'encrypted_comment_regex'
  return {
    value: () => {
      const answer = matched === whenMatched
      matched = false
      return answer
    },
    comment: (comment) => {
      const before = matched
      matched ||= matches(comment)
      // A comment that asks for encryption is not encrypted itself; one that asks for none is not either.
      return whenMatched ? before : !matched
    },
  }
}
