/** The host command: words to a command, errors said as the shim says them. */
import { closest, distance } from 'fastest-levenshtein'
import { asDisintoError, failure } from './errors.ts'
import { speaker, writeAll } from './speak.ts'

declare const DISINTO_VERSION: string

const HELP = `Usage: disinto COMMAND

Commands:
  help       show this help
  version    show the version

The shim, which runs a command with its secrets, is entrypoint.js beside this
program: node entrypoint.js --help.
`

const COMMANDS: ReadonlyMap<string, () => void> = new Map([
  ['help', () => writeAll(1, HELP)],
  ['version', () => writeAll(1, `disinto ${DISINTO_VERSION}\n`)],
])

/** Exit status of a wrong use, as the host command promises it. */
const USAGE = 2

function main(words: readonly string[]): void {
  const word = (words[0] ?? '').replace(/^--(?=help$|version$)/, '').replace(/^-h$/, 'help')
  if (word === '') {
    writeAll(2, HELP)
    process.exit(USAGE)
  }
  const command = COMMANDS.get(word)
  if (command === undefined) {
    const near = closest(word, [...COMMANDS.keys()])
    throw failure('subcommand-unknown', word, distance(word, near) <= 3 ? near : undefined)
  }
  command()
}

try {
  main(process.argv.slice(2))
} catch (thrown) {
  const error = asDisintoError(thrown)
  speaker(process.env.DISINTO_LOG).error(error)
  process.exit(error.status)
}
