/** The one error type, how errors are made from a catalogue, and what is kept of others'. */
import { type Catalogue, CORE_CATALOGUE, type Fault } from './catalogue.ts'

/** Every failure that disinto knows: a stable code, what happened to which file, and what to do. */
export class DisintoError extends Error {
  override readonly name = 'DisintoError'
  readonly code: string
  readonly hint: string
  /** Where an unexpected error was thrown, without a word of what it said. */
  readonly frames: readonly string[]

  constructor(code: string, { message, hint }: Fault, frames: readonly string[] = []) {
    super(message)
    this.code = code
    this.hint = hint
    this.frames = frames
  }
}

/**
 * Returns what composes the words of a catalogue: from a code and the facts that its message needs. The catalogue comes by
 * a function: next to no run has something to say, and each loads what it uses.
 */
export function composerOf<Faults extends Catalogue, Made>(
  catalogue: () => Faults,
  make: (code: string, fault: Fault) => Made,
) {
  return <Code extends keyof Faults & string>(code: Code, ...facts: Parameters<Faults[Code]>): Made => {
    const compose = catalogue()[code] as (...facts: Parameters<Faults[Code]>) => Fault
    return make(code, compose(...facts))
  }
}

/** An error with its words, for composerOf. */
export const asFailure = (code: string, fault: Fault): DisintoError => new DisintoError(code, fault)

/** Makes the error for a code from the facts its message needs. */
export const failure = composerOf(() => CORE_CATALOGUE, asFailure)

/** The lines of a stack that say where, if they can be told from the message, which may hold a value. */
function framesOf({ stack = '', message }: Error): string[] {
  const at = stack.indexOf(message)
  const isHead = at !== -1 && !stack.slice(0, at).includes('\n') && stack[at + message.length] === '\n'
  if (!isHead) return []
  return stack
    .slice(at + message.length)
    .split('\n')
    .map((line) => line.trim())
    .filter((line) => line.startsWith('at '))
}

/** What was thrown, as our error: a stranger's message may hold a value, so only its type and place are kept. */
export function asDisintoError(thrown: unknown): DisintoError {
  if (thrown instanceof DisintoError) return thrown
  if (!(thrown instanceof Error))
    return new DisintoError('internal', CORE_CATALOGUE.internal({ what: typeof thrown }))
  const what = `${thrown.name}${'code' in thrown ? ` (${String(thrown.code)})` : ''}`
  return new DisintoError('internal', CORE_CATALOGUE.internal({ what }), framesOf(thrown))
}

/** The errno name of a system error, "EACCES" for example. */
export function errnoOf(thrown: unknown): string {
  return thrown instanceof Error && 'code' in thrown && typeof thrown.code === 'string'
    ? thrown.code
    : 'unknown error'
}
