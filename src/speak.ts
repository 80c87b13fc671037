/**
 * The only writer to descriptors 1 and 2.
 *
 * Rules of speech: one fact a line, `disinto: error: <file>: <what happened>`, then `disinto: hint: <do this>`.
 * Lower case, no full stop, names but never a value; what a text from outside could do to a terminal is escaped here,
 * whoever put it together. Written with writeSync, never through process.stderr or
 * console: touching those sets O_NONBLOCK on descriptors that the command inherits (HOUSES.md B2, rows 7, 8).
 */
import { closeSync, constants, openSync, writeSync } from 'node:fs'
import type { DisintoError } from './errors.ts'
import { errnoOf } from './errors.ts'
import { escapeUnseen } from './quote.ts'

/** What is told of and ends nothing: a stable code, one fact, and what to do. A DisintoError is one, too. */
export interface Warning {
  readonly code: string
  readonly message: string
  readonly hint?: string
}

export interface Speaker {
  error(error: DisintoError): void
  warning(warning: Warning): void
  note(message: string): void
}

interface Facts {
  readonly code?: string
  readonly message: string
  readonly hint?: string | undefined
  readonly frames?: readonly string[]
}

/** Lines of ours with what they show of files escaped; tabs and line feeds mean what they say. */
export function visibleLines(text: string): string {
  return text.replaceAll(/[^\n\t]+/g, escapeUnseen)
}

/** Whether a line is on the terminal that what comes next takes the place of. */
let isDrawn = false

/** Draws a line on the terminal behind descriptor 2, in place of the one before; an empty one leaves nothing there. */
export function drawLine(text: string): void {
  if (text === '' && !isDrawn) return
  writeAll(2, text)
  isDrawn = text !== ''
}

/** Writes all of the text to a descriptor; a reader that went away is not our failure. */
export function writeAll(descriptor: number, text: string): void {
  if (isDrawn) {
    isDrawn = false
    writeAll(2, '\r\x1b[K')
  }
  let rest = Buffer.from(text)
  while (rest.length > 0) {
    try {
      rest = rest.subarray(writeSync(descriptor, rest))
    } catch (error) {
      // A terminal that another process made non-blocking: ask again.
      if (errnoOf(error) !== 'EAGAIN') return
    }
  }
}

/**
 * Returns a speaker in plain lines, or in JSON objects a line where DISINTO_LOG is "json". Where DISINTO_DEBUG is "1",
 * an unexpected error tells where it was thrown. `paint` colours the word that says how bad it is.
 */
export function speaker(
  log: string | undefined,
  debug?: string,
  paint: (level: 'error' | 'warning' | 'hint', word: string) => string = (_, word) => word,
): Speaker {
  const say = (text: string, level?: 'error' | 'warning' | 'hint') =>
    `disinto: ${level === undefined ? '' : `${paint(level, `${level}:`)} `}${escapeUnseen(text)}\n`
  const line =
    log === 'json'
      ? (level: 'error' | 'warning' | 'note', facts: Facts) =>
          writeAll(2, `${escapeUnseen(JSON.stringify({ program: 'disinto', level, ...facts }))}\n`)
      : (level: 'error' | 'warning' | 'note', { message, hint, frames = [] }: Facts) => {
          const lines = [
            say(message, level === 'note' ? undefined : level),
            ...(hint === undefined ? [] : [say(hint, 'hint')]),
            ...frames.map((frame) => say(frame)),
          ]
          writeAll(2, lines.join(''))
        }
  return {
    error: ({ code, message, hint, frames }) =>
      line('error', { code, message, hint, ...(debug === '1' && frames.length > 0 && { frames }) }),
    // Of an error that does not end the run, too.
    warning: ({ code, message, hint }) => line('warning', { code, message, hint }),
    note: (message) => line('note', { message }),
  }
}

/** Where a kubelet looks for what to tell of a container's end (Kubernetes, "terminationMessagePath"). */
const TERMINATION_LOG = '/dev/termination-log'

/**
 * Leaves an error, names only, for `kubectl describe pod`, where a kubelet has prepared the file. Nothing but what we
 * wrote ourselves goes there: the API server keeps it.
 */
export function leaveTerminationMessage({ message, hint }: DisintoError): void {
  try {
    const descriptor = openSync(
      TERMINATION_LOG,
      constants.O_WRONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK,
    )
    writeSync(descriptor, `${escapeUnseen(message)}\nhint: ${escapeUnseen(hint)}\n`)
    closeSync(descriptor)
  } catch {
    // No kubelet started this.
  }
}
