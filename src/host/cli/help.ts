/** The help: of all commands, those of a group, or one; and what was meant by words that call none. */
import { nearest } from '../../nearest.ts'
import { failure } from '../errors.ts'
import { COMMON_OPTIONS, type Commands, type HostCommand } from './command.ts'

/** Columns of a terminal that is not wide. */
const WIDTH = 80

/** Text with each of its paragraphs filled to the width; one with an indented line stays as it is. */
function filled(text: string): string {
  const fill = (paragraph: string) => {
    const lines: string[] = []
    for (const word of paragraph.split(/\s+/)) {
      const line = lines.at(-1)
      if (line !== undefined && line.length + 1 + word.length <= WIDTH) lines.push(`${lines.pop()} ${word}`)
      else lines.push(word)
    }
    return lines.join('\n')
  }
  return text
    .split('\n\n')
    .map((paragraph) => (/^\s/m.test(paragraph) ? paragraph : fill(paragraph)))
    .join('\n\n')
}

/** The text of --help, made from what the command is. */
export function helpOf(command: HostCommand): string {
  const options = [...command.options, ...COMMON_OPTIONS].map(
    ({ name, value, about }) => [`--${name}${value === undefined ? '' : ` ${value}`}`, about] as const,
  )
  const column = Math.max(...options.map(([left]) => left.length))
  const rows = options.map(([left, about]) => `  ${left.padEnd(column)}  ${about}`)
  return [
    `Usage: disinto ${command.name}${command.usage === '' ? '' : ` ${command.usage}`}`,
    `${command.about.charAt(0).toUpperCase()}${command.about.slice(1)}.`,
    ...(command.details === undefined ? [] : [filled(command.details.trim())]),
    `Options:\n${rows.join('\n')}`,
    `Examples:\n${command.examples.map((example) => `  ${example}`).join('\n')}`,
    '',
  ]
    .join('\n\n')
    .replace(/\n\n$/, '\n')
}

/** The names of commands that begin with these words. */
export function namesUnder(commands: Commands, group: string): string[] {
  return [...commands.keys()].filter((name) => group === '' || name === group || name.startsWith(`${group} `))
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
export function unknownCommand(commands: Commands, words: readonly string[]): Error {
  let group = ''
  let word = words[0] ?? ''
  for (const next of words.slice(1)) {
    const longer = group === '' ? word : `${group} ${word}`
    if (namesUnder(commands, longer).length === 0) break
    group = longer
    word = next
  }
  const known = namesUnder(commands, group).map((name) => name.slice(group === '' ? 0 : group.length + 1))
  // "secret add" is near to "secrets", and "list" alone to "secrets list".
  const heads = [...new Set(known.map((name) => name.replace(/ .*/, '')))]
  const full = (name: string) => (group === '' ? name : `${group} ${name}`)
  const synonym = SYNONYMS[word]
  const near =
    (synonym !== undefined && heads.includes(synonym) ? synonym : undefined) ??
    nearest(word, heads) ??
    [...commands.keys()].find((name) => name.endsWith(` ${word}`))
  // One of another group is whole already.
  const told = near !== undefined && heads.includes(near) ? full(near) : near
  return failure('subcommand-unknown', { word: full(word), near: told, group })
}

/** The list of the commands of a group; of all for an empty one. */
export async function groupHelp(commands: Commands, group: string): Promise<string> {
  const found = await Promise.all(namesUnder(commands, group).map((name) => commands.get(name)?.()))
  const rows = found
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
