/** The only caller of process.execve. */
import { type DisintoError, errnoOf, failure } from '../errors.ts'

/** errno(3); these two are the same on every Unix, and node:os, which knows them, takes half a millisecond to load. */
const ENOENT = 2
const E2BIG = 7
const EAGAIN = process.platform === 'darwin' ? 35 : 11

type Execve = (file: string, words: readonly string[], environment: Record<string, string>) => never

/** The environment as an object that lists names in the map's order, and in which `__proto__` is a name. */
export function orderedObject(environment: ReadonlyMap<string, string>): Record<string, string> {
  const target: Record<string, string> = Object.create(null)
  for (const [name, value] of environment) target[name] = value
  // An object lists integer-like names first, whatever the order they were set in.
  return new Proxy(target, { ownKeys: () => [...environment.keys()] })
}

/**
 * What the kernel's refusal to execute means (execve(2)). Node's own message is never used: it can hold the
 * whole environment. The file existed a moment ago, so ENOENT is its interpreter's.
 */
export function refusalOf(command: string, thrown: unknown): DisintoError {
  const number = thrown instanceof Error && 'errno' in thrown ? Math.abs(Number(thrown.errno)) : 0
  if (number === ENOENT) return failure('interpreter-missing', { command })
  // Node 26 leaves the code of this one empty.
  if (errnoOf(thrown) === 'EAGAIN' || number === EAGAIN) return failure('command-no-process', { command })
  if (number === E2BIG) return failure('environment-too-large', { command })
  return failure('command-not-executable', { command, reason: errnoOf(thrown) })
}

/** Becomes the command, or throws why not. */
export function becomeCommand(
  file: string,
  words: readonly string[],
  environment: ReadonlyMap<string, string>,
): never {
  const { execve } = process as unknown as { execve: Execve }
  // "process.execve is experimental" is nothing the user can act on.
  process.removeAllListeners('warning')
  try {
    return execve.call(process, file, words, orderedObject(environment))
  } catch (error) {
    throw refusalOf(words[0] ?? file, error)
  }
}
