/** What a command of the host program is: its words, options and help in one place, so that none falls behind. */
import { closest, distance } from 'fastest-levenshtein'
import minimist from 'minimist'
import { failure } from '../../errors.ts'
import type { HostContext } from '../context.ts'

export interface HostOption {
  readonly name: string
  /** What the value is called in help; an option without it is a switch. */
  readonly value?: string
  readonly about: string
}

export interface HostCommand {
  /** The words that call it: "secrets add". */
  readonly name: string
  /** One line of at most 60 characters, for the list of commands. */
  readonly about: string
  /** What follows the name: "NAME [OPTION ...]". */
  readonly usage: string
  /** What one line can't say; plain text, at most 80 columns. */
  readonly details?: string
  readonly examples: readonly string[]
  readonly options: readonly HostOption[]
  /** How many words it takes before `--`: least and most. */
  readonly words: readonly [least: number, most: number]
  /** Options end at the first word: what follows belongs to another program. */
  readonly stopEarly?: boolean
  /** What is none of its options belongs to another program, and is in `words` as it was given. */
  readonly passesOn?: boolean
  /** Whether words after `--` mean something to it. */
  readonly takesRest?: boolean
  /** Whether it writes files: then what killed runs have left is removed first. */
  readonly changes?: boolean
  /** What its words are, for the completion of shells. */
  readonly completes?: 'secrets'
  /** Does it; gives the exit status. Failures are thrown, made by failure(). */
  run(invocation: Invocation): Promise<number>
}

/** What a command was called with. */
export interface Invocation {
  readonly words: readonly string[]
  /** What stood after `--`. */
  readonly rest: readonly string[]
  readonly context: HostContext
  /** Whether a switch was given. */
  on(option: string): boolean
  /** The value of an option; of several, the last. */
  text(option: string): string | undefined
  /** Every value of an option that may be given more than once. */
  texts(option: string): readonly string[]
}

/** What every command takes. */
export const COMMON_OPTIONS: readonly HostOption[] = [
  { name: 'root', value: 'DIR', about: 'the project (default: DISINTO_ROOT, else the working directory)' },
  { name: 'help', about: 'show this help' },
]

export interface ParsedWords {
  readonly words: readonly string[]
  readonly rest: readonly string[]
  readonly given: ReadonlyMap<string, readonly (string | boolean)[]>
}

/** The known name that a mistyped one was meant to be, if any is near. */
export function nearest(word: string, known: readonly string[]): string | undefined {
  if (known.length === 0) return undefined
  const near = closest(word, [...known])
  return distance(word, near) <= Math.min(3, Math.ceil(word.length / 2)) ? near : undefined
}

/** Reads the words after a command's name. Unknown options and too many words are refused. */
export function parseWords(command: HostCommand, input: readonly string[]): ParsedWords {
  const options = [...command.options, ...COMMON_OPTIONS]
  const valued = options.filter(({ value }) => value !== undefined).map(({ name }) => name)
  const switches = options.filter(({ value }) => value === undefined).map(({ name }) => name)
  const known = [...valued, ...switches].map((name) => `--${name}`)
  const isOwn = (word: string) => word === '-h' || known.includes(word.replace(/=.*$/s, ''))
  const flags: string[] = []
  const words: string[] = []
  let rest: readonly string[] = []
  for (let at = 0; at < input.length; at += 1) {
    const word = input[at] ?? ''
    if (word === '--') {
      rest = input.slice(at + 1)
      break
    }
    if (command.passesOn === true && !isOwn(word)) {
      words.push(word)
    } else if (!word.startsWith('-') || word === '-') {
      if (command.stopEarly === true && words.length >= command.words[0]) {
        words.push(...input.slice(at))
        break
      }
      words.push(word)
    } else if (word === '-h') flags.push('--help')
    else if (valued.includes(word.slice(2))) {
      // Joined here, as minimist would take a word that begins with a dash for an option.
      const value = input[at + 1]
      if (value === undefined) throw failure('host-option-value', command.name, word, 'a value')
      flags.push(`${word}=${value}`)
      at += 1
    } else flags.push(word)
  }
  const parsed = minimist(flags, {
    string: valued,
    boolean: switches,
    default: Object.fromEntries(switches.map((name) => [name, null])),
    unknown: (word) => {
      const name = word.replace(/^-+/, '').replace(/=.*$/s, '')
      const near = nearest(name, [...valued, ...switches])
      throw failure(
        'host-option-unknown',
        command.name,
        word.replace(/=.*$/s, ''),
        near === undefined ? undefined : `--${near}`,
      )
    },
  })
  const given = new Map<string, Array<string | boolean>>()
  for (const { name, value } of options) {
    const found: unknown = parsed[name]
    if (found === undefined || found === null) continue
    const list = (Array.isArray(found) ? found : [found]) as Array<string | boolean>
    if (value !== undefined && list.includes(''))
      throw failure('host-option-value', command.name, `--${name}`, 'a value')
    given.set(name, list)
  }
  if (given.get('help')?.at(-1) !== true) checkCount(command, words, rest)
  return { words, rest, given }
}

function checkCount(command: HostCommand, words: readonly string[], rest: readonly string[]): void {
  const [least, most] = command.words
  if (words.length < least) throw failure('host-words-missing', command.name, command.usage)
  const extra = words[most] ?? (command.takesRest === true ? undefined : rest[0])
  // An extra word may be a value that somebody typed: it is not shown.
  if (extra !== undefined) throw failure('host-words-extra', command.name, command.usage)
}

/** The text of --help, made from what the command is. */
export function helpOf(command: HostCommand): string {
  const rows = [...command.options, ...COMMON_OPTIONS].map(({ name, value, about }) => {
    const left = `--${name}${value === undefined ? '' : ` ${value}`}`
    return `  ${left.padEnd(18)} ${about}`
  })
  return [
    `Usage: disinto ${command.name}${command.usage === '' ? '' : ` ${command.usage}`}`,
    `${command.about.charAt(0).toUpperCase()}${command.about.slice(1)}.`,
    ...(command.details === undefined ? [] : [command.details.trim()]),
    `Options:\n${rows.join('\n')}`,
    `Examples:\n${command.examples.map((example) => `  ${example}`).join('\n')}`,
    '',
  ]
    .join('\n\n')
    .replace(/\n\n$/, '\n')
}
