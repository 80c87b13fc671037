/** Questions to a person, on the terminal; what is typed in secret is never shown. */
import { Secret } from '../../secret.ts'
import { writeAll } from '../../speak.ts'
import type { HostContext } from '../context.ts'
import { dieOf } from '../files/cleanup.ts'
import { failure } from '../errors.ts'

/** Prompts are drawn on standard error: standard output is for what a program would read. */
const TERMINAL = { input: process.stdin, output: process.stderr }

/** Ctrl-C at a prompt ends us as it would have ended any program, with everything undone. */
async function asked<Answer>(question: Promise<Answer>): Promise<Answer> {
  try {
    return await question
  } catch (error) {
    if (!(error instanceof Error) || error.name !== 'ExitPromptError') throw error
    writeAll(2, '\ndisinto: interrupted; nothing was changed\n')
    dieOf('SIGINT')
    // The signal is on its way.
    return await new Promise<never>(() => {})
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

/** Asks for a value twice, hidden, until both agree. */
export async function hiddenValue(name: string): Promise<Secret> {
  const { default: password } = await import('@inquirer/password')
  // Without its Ctrl-T, which would show what was typed.
  const hidden = (message: string) => password({ message, toggleMask: false }, TERMINAL)
  for (;;) {
    const first = await asked(hidden(`Value of ${name} (hidden):`))
    if (first === '') {
      writeAll(2, 'disinto: an empty value; type it, or press Ctrl-C\n')
      continue
    }
    const second = await asked(hidden('Once more:'))
    if (first === second) return new Secret(first)
    writeAll(
      2,
      'disinto: the two differ; type both again (a value of several lines goes in by a pipe, or --from-file)\n',
    )
  }
}
