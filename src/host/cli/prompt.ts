/** Questions to a person, on the terminal; what is typed in secret is never shown. */

import { StringDecoder } from 'node:string_decoder'
import { Secret } from '../../secret.ts'
import { writeAll } from '../../speak.ts'
import type { HostContext } from '../context.ts'
import { failure } from '../errors.ts'
import { dieOf, whenLeaving } from '../files/cleanup.ts'
import { HiddenLine } from './hidden-line.ts'

/** Prompts are drawn on standard error: standard output is for what a program would read. */
const TERMINAL = { input: process.stdin, output: process.stderr }

/** The signal is on its way. */
const forEver = () => new Promise<never>(() => {})

/** Ends us as Ctrl-C at a prompt ends any program, with everything undone. */
function interrupted(signal: NodeJS.Signals): Promise<never> {
  writeAll(2, '\ndisinto: interrupted; nothing was changed\n')
  dieOf(signal)
  return forEver()
}

async function asked<Answer>(question: Promise<Answer>): Promise<Answer> {
  try {
    return await question
  } catch (error) {
    if (!(error instanceof Error) || error.name !== 'ExitPromptError') throw error
    return await interrupted('SIGINT')
  }
}

/** Asks yes or no. Where nobody can be asked, throws with the option that answers in advance. */
export async function confirmed(
  context: HostContext,
  message: string,
  option: string,
  otherwise = false,
): Promise<boolean> {
  if (!context.interactive) throw failure('unasked', { question: message, option })
  const { default: confirm } = await import('@inquirer/confirm')
  return asked(confirm({ message, default: otherwise }, TERMINAL))
}

/** The rest of a paste that the terminal does not mark comes at once; a person's next key does not. */
const PASTE_PAUSE_MS = 120
const MARK_PASTES = '\x1b[?2004h'
const MARK_NO_PASTES = '\x1b[?2004l'

/**
 * Reads one line with nothing shown. What comes at once after Enter is read, too: it belongs to a paste of several
 * lines, and the shell would run it.
 */
function hiddenLine(question: string): Promise<HiddenLine> {
  const { input } = TERMINAL
  const line = new HiddenLine()
  const decoder = new StringDecoder('utf8')
  const unmark = () => writeAll(2, MARK_NO_PASTES)
  const forget = whenLeaving(unmark)
  input.setRawMode(true)
  writeAll(2, `${MARK_PASTES}${question}`)
  return new Promise((resolve) => {
    let quiet: NodeJS.Timeout | undefined
    const done = () => {
      clearTimeout(quiet)
      input.off('data', take).off('end', done).pause()
      input.setRawMode(false)
      unmark()
      forget()
      writeAll(2, '\n')
      resolve(line)
    }
    const take = (piece: Buffer) => {
      line.feed(decoder.write(piece))
      if (line.end === undefined) return
      clearTimeout(quiet)
      quiet = setTimeout(done, line.end === 'entered' ? PASTE_PAUSE_MS : 0)
    }
    input.on('data', take).on('end', done).resume()
  })
}

/** Asks for a value, hidden. Throws value-several-lines for more than one line, of which nothing is kept. */
export async function hiddenValue(name: string): Promise<Secret> {
  for (;;) {
    const line = await hiddenLine(`Value of ${name} (hidden; paste or type it, then Enter): `)
    // Where the terminal went away there is no end at all.
    if (line.end !== 'entered') return await interrupted(line.end === 'quit' ? 'SIGQUIT' : 'SIGINT')
    if (line.isSeveralLines) throw failure('value-several-lines', { name })
    const { value } = line
    if (value !== '') {
      const length = [...value].length
      writeAll(2, `disinto: ${length} character${length === 1 ? '' : 's'}\n`)
      return new Secret(value)
    }
    writeAll(2, 'disinto: an empty value; type it, or press Ctrl-C\n')
  }
}
