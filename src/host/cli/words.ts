/** The words of a command line: which command they call, and what they say to it. */
import { type CutWords, cutWords } from '../../flags.ts'
import { failure } from '../errors.ts'
import { COMMON_OPTIONS, type Commands, type HostCommand } from './command.ts'

/** Returns the longest run of words that names a command, and what follows it; undefined where none does. */
export function findCommand(
  commands: Commands,
  words: readonly string[],
): { name: string; rest: readonly string[] } | undefined {
  for (let length = Math.min(3, words.length); length > 0; length -= 1) {
    const name = words.slice(0, length).join(' ')
    if (commands.has(name)) return { name, rest: words.slice(length) }
  }
  return undefined
}

/**
 * Reads the words after a command's name. Throws option-unknown, option-value, words-missing and
 * words-extra; the words are not counted where help was asked for.
 */
export async function parseWords(command: HostCommand, input: readonly string[]): Promise<CutWords> {
  const cut = await cutWords(input, {
    flags: [...command.options, ...COMMON_OPTIONS],
    endsAfter: command.stopEarly === true ? command.words[0] : undefined,
    passesOn: command.passesOn,
    shorts: new Map([['-h', '--help']]),
    unknown: (option, near) => failure('option-unknown', { command: command.name, option, near }),
    needsValue: (option) => failure('option-value', { command: command.name, option, wanted: 'a value' }),
  })
  if (cut.given.get('help')?.at(-1) !== true) checkCount(command, cut.words, cut.rest)
  return cut
}

function checkCount(command: HostCommand, words: readonly string[], rest: readonly string[]): void {
  const [least, most] = command.words
  if (words.length < least) throw failure('words-missing', { command: command.name, usage: command.usage })
  const extra = words[most] ?? (command.takesRest === true ? undefined : rest[0])
  // An extra word may be a value that somebody typed: it is not shown.
  if (extra !== undefined) throw failure('words-extra', { command: command.name, usage: command.usage })
}
