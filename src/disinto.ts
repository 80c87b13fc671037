/** The host command: words to a command of the table; errors said as the shim says them. */
import { beforeChildren, endChildren } from './child.ts'
import { asDisintoError } from './errors.ts'
import type { CutWords } from './flags.ts'
import { sudoUser } from './host/access/sudo.ts'
import type { HostCommand, Invocation } from './host/cli/command.ts'
import { statusOf, USAGE } from './host/cli/exit-status.ts'
import { findCommand, parseWords } from './host/cli/words.ts'
import { CALLED_BY_GIT, COMMANDS } from './host/commands.ts'
import { hostSpeaker, processContext, processVariables } from './host/context.ts'
import { failure } from './host/errors.ts'
import { whenLeaving } from './host/files/cleanup.ts'
import { refuseDebugLog } from './node-debug.ts'
import { writeAll } from './speak.ts'

function invocation({ words, rest, given }: CutWords, here: boolean): Invocation {
  const last = (option: string) => given.get(option)?.at(-1)
  const texts = (option: string) => (given.get(option) ?? []).map(String)
  return {
    words,
    rest,
    commands: COMMANDS,
    context: processContext(texts('root').at(-1), here),
    on: (option) => last(option) === true,
    text: (option) => texts(option).at(-1),
    texts,
  }
}

/** With the names that the project lets through for good, where the command works with a project. */
async function withNames(command: HostCommand, called: Invocation): Promise<Invocation> {
  if (command.here === true || command.ownNames === true) return called
  const { withKeptNames } = await import('./host/compose/kept-names.ts')
  return { ...called, context: await withKeptNames(called.context) }
}

async function call(command: HostCommand, words: readonly string[]): Promise<number> {
  const parsed = await parseWords(command, words)
  if (parsed.given.get('help')?.at(-1) === true) {
    const { helpOf } = await import('./host/cli/help.ts')
    writeAll(1, helpOf(command))
    return 0
  }
  refuseDebugLog()
  const called = await withNames(command, invocation(parsed, command.here === true))
  if (command.changes === true) {
    const { removeLeftovers } = await import('./host/files/leftovers.ts')
    const { directories, keysDir } = called.context.project
    removeLeftovers(directories, keysDir)
  }
  return command.run(called)
}

/** Options that stand before the command go behind its name. */
function leadingOptions(words: readonly string[]): { leading: readonly string[]; words: readonly string[] } {
  if (words[0] === '--root') return { leading: words.slice(0, 2), words: words.slice(2) }
  if (words[0]?.startsWith('--root=') === true) return { leading: words.slice(0, 1), words: words.slice(1) }
  return { leading: [], words }
}

async function main(input: readonly string[]): Promise<number> {
  const { leading, words } = leadingOptions(input)
  const callable = new Map([...COMMANDS, ...CALLED_BY_GIT])
  const found = findCommand(callable, words)
  if (found !== undefined) {
    const command = await callable.get(found.name)?.()
    if (command !== undefined) return call(command, [...leading, ...found.rest])
  }
  const { groupHelp, namesUnder, unknownCommand } = await import('./host/cli/help.ts')
  const first = words[0]
  if (first === '--version' || first === '-V') return main(['version'])
  if (first?.startsWith('-') === true && first !== '--help' && first !== '-h')
    throw failure('option-unknown', { command: '', option: first.replace(/=.*$/s, ''), near: undefined })
  const wantsHelp = words.some((word) => word === '--help' || word === '-h')
  const group = words.filter((word) => !word.startsWith('-')).join(' ')
  if (namesUnder(COMMANDS, group).length === 0) throw unknownCommand(COMMANDS, words)
  writeAll(wantsHelp ? 1 : 2, await groupHelp(COMMANDS, group))
  return wantsHelp ? 0 : USAGE
}

/** By SIGTERM: docker ends the compose that it has started, which SIGKILL would leave. */
const endOurs = () => endChildren('SIGTERM')
// What has been asked of another program is not waited for any more once we are told to end.
beforeChildren(() => void whenLeaving(endOurs))

/** Nothing is left to wait for once a command is done: a prompt library may keep standard input open. */
main(process.argv.slice(2)).then(
  (status) => process.exit(status),
  (thrown: unknown) => {
    const error = asDisintoError(thrown)
    const variables = processVariables()
    const speak = hostSpeaker(variables)
    // Somebody was asked, and answered No: that is an answer, and no error.
    if (error.code === 'interrupted-nothing') {
      speak.note(error.message)
      process.exit(0)
    }
    speak.error(error)
    const user = sudoUser(variables)
    if (error.code === 'key-missing' && user !== undefined)
      speak.note(
        `root by sudo has root's keys: run it as ${user}, or name the key: sudo SOPS_AGE_KEY_FILE=FILE disinto …`,
      )
    process.exit(statusOf(error.code))
  },
)
