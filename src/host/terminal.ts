/** What a terminal gets beside text: colours, and a line that says what is being done. */
import { fstatSync, statSync } from 'node:fs'
import { isatty } from 'node:tty'
import { styleText } from 'node:util'
import { drawLine } from '../speak.ts'

export type Style = 'bold' | 'dim' | 'green' | 'red' | 'yellow'

/** Text in a style; as it is where no terminal shows it. */
export type Paint = (style: Style, text: string) => string

/** Whether a descriptor is a terminal. node:tty takes 2 ms to load, and is asked only of what can be one. */
export function isTerminal(descriptor: number): boolean {
  try {
    const stats = fstatSync(descriptor)
    return stats.isCharacterDevice() && stats.rdev !== statSync('/dev/null').rdev && isatty(descriptor)
  } catch {
    // It is closed.
    return false
  }
}

/**
 * Returns the paint for a descriptor: none unless it is a terminal that is not dumb, and NO_COLOR is unset or empty
 * (no-color.org).
 */
export function paintFor(descriptor: 1 | 2, variables: ReadonlyMap<string, string>): Paint {
  const isOn = isTerminal(descriptor) && variables.get('TERM') !== 'dumb' && !variables.get('NO_COLOR')
  // Node would look at process.stdout itself, and make what the command inherits non-blocking by that.
  return (style, text) => (isOn ? styleText(style, text, { validateStream: false }) : text)
}

const AFTER_MS = 1000
const AGAIN_MS = 100

/** Says how far the work is: so many, of so many where that is known. */
export type Advance = (done: number, of?: number) => void

/** A part of what is being done already says nothing of its own. */
let isWorking = false

/**
 * Does the work. Where it takes longer than a second, a line on the terminal says what is being done; it is gone when
 * the work ends, and nothing is said where standard error is no terminal, or a log. The work asks nobody: the line would
 * be drawn over the question.
 */
export async function withProgress<Result>(
  variables: ReadonlyMap<string, string>,
  what: string,
  work: (advance: Advance) => Promise<Result>,
): Promise<Result> {
  const isShown = isTerminal(2) && variables.get('TERM') !== 'dumb' && variables.get('DISINTO_LOG') !== 'json'
  if (!isShown || isWorking) return work(() => {})
  isWorking = true
  let next = performance.now() + AFTER_MS
  let count = ''
  const show = () => {
    if (performance.now() < next) return
    next = performance.now() + AGAIN_MS
    drawLine(`disinto: ${what}${count} …`)
  }
  const timer = setInterval(show, AFTER_MS)
  try {
    return await work((done, of) => {
      count = of === undefined ? `: ${done}` : `: ${done} of ${of}`
      show()
    })
  } finally {
    isWorking = false
    clearInterval(timer)
    drawLine('')
  }
}
