/** Words of a command line cut into flags and others, for both programs; minimist inside. */
import { nearest } from './nearest.ts'

export interface Flag {
  readonly name: string
  /** What the value is called in help; a flag without it is a switch. */
  readonly value?: string
  readonly about: string
}

/** What was given for each flag, in the order of the words; a switch is true or false. */
export type Given = ReadonlyMap<string, ReadonlyArray<string | boolean>>

export interface CutWords {
  readonly given: Given
  /** The words that are no flags; after the first that ends the flags, all as they were given. */
  readonly words: readonly string[]
  /** What stood after `--`. */
  readonly rest: readonly string[]
}

/** Which flags there are, what else may stand among them, and how a program refuses a wrong one. */
export interface Grammar {
  readonly flags: readonly Flag[]
  /** The flags end before the word that follows so many others; without it they end at `--` alone. */
  readonly endsAfter?: number | undefined
  /** Short words for flags: -h for --help. */
  readonly shorts?: ReadonlyMap<string, string>
  /** What is none of the flags belongs to another program, and is among the words. */
  readonly passesOn?: boolean | undefined
  /** Makes the error for a flag that there is not; `near` is the one that may have been meant. */
  unknown(option: string, near: string | undefined): Error
  /** Makes the error for a flag without a value. */
  needsValue(option: string): Error
}

const isValued = ({ value }: Flag) => value !== undefined
const namesOf = (flags: readonly Flag[]) => flags.map(({ name }) => name)

/** A flag without what follows its equals sign. */
const nameIn = (word: string) => word.replace(/=.*$/s, '')

function valueAfter(flag: string, next: string | undefined, { needsValue }: Grammar): string {
  if (next === undefined) throw needsValue(flag)
  return next
}

/** Throws for a word that is no flag; `--no-x` turns a switch off. */
function checkFlag(word: string, { flags, unknown }: Grammar): void {
  const name = /^--([a-z-]+)(?:=|$)/.exec(word)?.[1]
  if (name !== undefined) {
    if (namesOf(flags).includes(name)) return
    const switches = namesOf(flags.filter((flag) => !isValued(flag)))
    if (switches.includes(name.replace(/^no-/, ''))) return
  }
  const option = nameIn(word)
  const near = nearest(option.replace(/^-+/, ''), namesOf(flags))
  throw unknown(option, near === undefined ? undefined : `--${near}`)
}

/**
 * The flags among the words as minimist is to see them. A value in a word of its own is joined to its flag here:
 * minimist would take one that begins with a dash for a flag, and `true` after a switch for its value.
 */
function pickFlags(
  input: readonly string[],
  grammar: Grammar,
): Omit<CutWords, 'given'> & { picked: string[] } {
  const known = namesOf(grammar.flags).map((name) => `--${name}`)
  const valued = namesOf(grammar.flags.filter(isValued)).map((name) => `--${name}`)
  const picked: string[] = []
  const words: string[] = []
  const isOther = (word: string) => !word.startsWith('-') || word === '-'
  const isPassedOn = (word: string) => grammar.passesOn === true && !known.includes(nameIn(word))
  for (let at = 0; at < input.length; at += 1) {
    const word = grammar.shorts?.get(input[at] ?? '') ?? input[at] ?? ''
    if (word === '--') return { picked, words, rest: input.slice(at + 1) }
    if (isOther(word) && words.length >= (grammar.endsAfter ?? Number.POSITIVE_INFINITY))
      return { picked, words: [...words, ...input.slice(at)], rest: [] }
    if (isOther(word) || isPassedOn(word)) {
      words.push(word)
      continue
    }
    checkFlag(word, grammar)
    if (valued.includes(word)) {
      at += 1
      picked.push(`${word}=${valueAfter(word, input[at], grammar)}`)
    } else picked.push(word)
  }
  return { picked, words, rest: [] }
}

/**
 * Returns what was given for each flag, and the other words. Throws the grammar's own errors for a flag that there is
 * not, and for one without a value. minimist is loaded when there is a flag: most starts of the shim have none.
 */
export async function cutWords(input: readonly string[], grammar: Grammar): Promise<CutWords> {
  const { picked, words, rest } = pickFlags(input, grammar)
  if (picked.length === 0) return { given: new Map(), words, rest }
  const { default: minimist } = await import('minimist')
  const switches = namesOf(grammar.flags.filter((flag) => !isValued(flag)))
  const parsed = minimist(picked, {
    string: namesOf(grammar.flags.filter(isValued)),
    boolean: switches,
    // Else a switch that was not given could not be told from one that was given as false.
    default: Object.fromEntries(switches.map((name) => [name, null])),
  })
  const given = new Map<string, ReadonlyArray<string | boolean>>()
  for (const { name } of grammar.flags) {
    // To minimist --no-x is x, turned off.
    const found: unknown = name.startsWith('no-') && parsed[name.slice(3)] === false ? true : parsed[name]
    if (found === undefined || found === null) continue
    const all = (Array.isArray(found) ? found : [found]) as ReadonlyArray<string | boolean>
    if (all.includes('')) throw grammar.needsValue(`--${name}`)
    given.set(name, all)
  }
  return { given, words, rest }
}
