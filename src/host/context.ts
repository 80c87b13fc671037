/** What a command works with: the project, the environment, and who is at the other end. */
import { readSync } from 'node:fs'
import { errnoOf } from '../errors.ts'
import { quote } from '../quote.ts'
import { type Speaker, speaker, visibleLines, writeAll } from '../speak.ts'
import { failure } from './errors.ts'
import { type Project, projectAt, rootAbove } from './project.ts'
import { isTerminal, type Paint, paintFor } from './terminal.ts'

export interface HostContext {
  readonly project: Project
  readonly variables: ReadonlyMap<string, string>
  /** The variables without what the compose file lets through, where it does. */
  readonly ownVariables?: ReadonlyMap<string, string>
  readonly workingDirectory: string
  /** Notes, warnings and errors, on standard error. */
  readonly speak: Speaker
  /** Whether somebody can be asked: standard input is a terminal, and so is standard error. */
  readonly interactive: boolean
  /**
   * Writes lines of ours to standard output; what they show of files can't pretend to be more than text. `colour` is
   * given what is then left of them.
   */
  print(text: string, colour?: (visible: string, paint: Paint) => string): void
  /** Writes a value or a file to standard output, exactly. */
  write(text: string): void
  /** All of standard input, which must be no longer than a file of ours may be. */
  readInput(): Buffer
}

/** The variables that we were started with, without what a compose file lets through. */
export const ownVariables = ({ ownVariables: own, variables }: HostContext): ReadonlyMap<string, string> =>
  own ?? variables

const MAX_INPUT_BYTES = 10 * 1024 * 1024

function readInput(): Buffer {
  const parts: Buffer[] = []
  let length = 0
  for (;;) {
    const part = Buffer.allocUnsafe(64 * 1024)
    let got: number
    try {
      got = readSync(0, part, 0, part.length, null)
    } catch (error) {
      const errno = errnoOf(error)
      if (errno === 'EOF') got = 0
      else if (errno === 'EAGAIN') {
        // Another process made the pipe non-blocking: ask again a little later.
        Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 10)
        continue
      } else throw failure('input-failed', { reason: errno })
    }
    if (got === 0) return Buffer.concat(parts)
    length += got
    if (length > MAX_INPUT_BYTES) throw failure('input-failed', { reason: 'more than 10 MiB' })
    parts.push(part.subarray(0, got))
  }
}

const LEVEL_STYLES = { error: 'red', warning: 'yellow', hint: 'dim' } as const

/** The speaker of the host command: in colours where a terminal shows them. */
export function hostSpeaker(variables: ReadonlyMap<string, string>): Speaker {
  const paint = paintFor(2, variables)
  return speaker(variables.get('DISINTO_LOG'), variables.get('DISINTO_DEBUG'), (level, word) =>
    paint(LEVEL_STYLES[level], word),
  )
}

/** The variables of this process. */
export function processVariables(): Map<string, string> {
  const variables = new Map<string, string>()
  for (const [name, value] of Object.entries(process.env)) if (value !== undefined) variables.set(name, value)
  return variables
}

/**
 * The context of this process, for the project at `root` or DISINTO_ROOT, else for that which the working directory is
 * in, or, `here`, for the working directory itself.
 */
export function processContext(root: string | undefined, here: boolean): HostContext {
  const variables = processVariables()
  const workingDirectory = process.cwd()
  const paint = paintFor(1, variables)
  const speak = hostSpeaker(variables)
  const given = root ?? (variables.get('DISINTO_ROOT') || undefined)
  const above = given === undefined && !here ? rootAbove(workingDirectory) : workingDirectory
  if (above !== workingDirectory) speak.note(`the project is ${quote(above)}, above the working directory`)
  return {
    project: projectAt(given ?? above, variables, workingDirectory),
    variables,
    workingDirectory,
    speak,
    interactive: isTerminal(0) && isTerminal(2),
    print: (text, colour = (visible) => visible) => writeAll(1, colour(visibleLines(text), paint)),
    write: (text) => writeAll(1, text),
    readInput,
  }
}
