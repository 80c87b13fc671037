/** `disinto help`: all commands, those of a group, or one. */
import { failure } from '../../errors.ts'
import { type HostCommand, helpOf, nearest } from '../cli/command.ts'
import { COMMANDS } from '../commands.ts'

/** The names of commands that begin with these words. */
export function namesUnder(group: string): string[] {
  return [...COMMANDS.keys()].filter((name) => group === '' || name === group || name.startsWith(`${group} `))
}

/** What other programs call the same. */
const SYNONYMS: Readonly<Record<string, string>> = {
  ls: 'list',
  get: 'show',
  cat: 'show',
  set: 'add',
  new: 'add',
  remove: 'rm',
  delete: 'rm',
  rotate: 'rotate-key',
  encrypt: 'migrate',
  check: 'verify',
  start: 'up',
  stop: 'down',
}

/** Makes the error for words that call nothing. */
export function unknownCommand(words: readonly string[]): Error {
  let group = ''
  let word = words[0] ?? ''
  for (const next of words.slice(1)) {
    const longer = group === '' ? word : `${group} ${word}`
    if (namesUnder(longer).length === 0) break
    group = longer
    word = next
  }
  const known = namesUnder(group).map((name) => name.slice(group === '' ? 0 : group.length + 1))
  // "secret add" is near to "secrets", and "list" alone to "secrets list".
  const heads = [...new Set(known.map((name) => name.replace(/ .*/, '')))]
  const full = (name: string) => (group === '' ? name : `${group} ${name}`)
  const synonym = SYNONYMS[word]
  const near =
    (synonym !== undefined && heads.includes(synonym) ? synonym : undefined) ??
    nearest(word, heads) ??
    [...COMMANDS.keys()].find((name) => name.endsWith(` ${word}`))
  const told = near === undefined ? undefined : heads.includes(near) ? full(near) : near
  return failure('subcommand-unknown', full(word), told, group)
}

/** The list of the commands of a group; of all for an empty one. */
export async function groupHelp(group: string): Promise<string> {
  const commands = await Promise.all(namesUnder(group).map((name) => COMMANDS.get(name)?.()))
  const rows = commands
    .filter((command) => command !== undefined)
    .map(({ name, about }) => `  ${name.padEnd(26)} ${about}`)
  return `Usage: disinto ${group === '' ? 'COMMAND' : `${group} COMMAND`} [OPTION ...]

Commands:
${rows.join('\n')}

disinto help COMMAND shows options and examples.${
    group === ''
      ? `
The shim, which runs a command with its secrets, is entrypoint.js beside this
program: node entrypoint.js --help.`
      : ''
  }
`
}

export const help: HostCommand = {
  name: 'help',
  about: 'show the commands, or how one is used',
  usage: '[COMMAND ...]',
  examples: ['disinto help', 'disinto help secrets', 'disinto help secrets add'],
  options: [],
  words: [0, Number.POSITIVE_INFINITY],
  run: async ({ words, context }) => {
    const name = words.join(' ')
    const command = await COMMANDS.get(name)?.()
    if (command !== undefined) context.print(helpOf(command))
    else if (namesUnder(name).length > 0) context.print(await groupHelp(name))
    else throw unknownCommand(words)
    return 0
  },
}
