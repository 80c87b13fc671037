/** The exit statuses of the host command. */
import type { ErrorCode } from '../errors.ts'

/** It failed. */
const FAILED = 1
/** It was used wrongly. */
export const USAGE = 2

const WRONG_USE: ReadonlySet<string> = new Set<ErrorCode>([
  'subcommand-unknown',
  'value-argument',
  'word-no-name',
  'option-unknown',
  'option-value',
  'words-missing',
  'words-extra',
  'proposal-id',
  'recipient-bad',
  'scan-option',
  'values-terminal',
])

/** Returns what the command ends with after the error of this code. */
export function statusOf(code: string): number {
  return WRONG_USE.has(code) ? USAGE : FAILED
}
