/** The exit statuses of the shim's own failures. `docker run` and `env` have them so (env(1), EXIT STATUS). */
import type { ErrorCode } from '../catalogue.ts'

const FAILED = 125
const NOT_EXECUTABLE = 126
const NOT_FOUND = 127

const STATUSES: ReadonlyMap<string, number> = new Map<ErrorCode, number>([
  ['command-not-executable', NOT_EXECUTABLE],
  ['command-no-process', NOT_EXECUTABLE],
  ['environment-too-large', NOT_EXECUTABLE],
  ['command-not-found', NOT_FOUND],
  ['interpreter-missing', NOT_FOUND],
])

/** Returns what the shim ends with after the error of this code. */
export function statusOf(code: string): number {
  return STATUSES.get(code) ?? FAILED
}
