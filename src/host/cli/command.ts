/** What a command of the host program is: its words, options and help in one place. */
import type { Flag } from '../../flags.ts'
import type { HostContext } from '../context.ts'

/** What a word can be that a shell is to complete. */
export type WordKind =
  | 'action'
  | 'command'
  | 'env-name'
  | 'grantable'
  | 'recipient'
  | 'secret'
  | 'secret-or-env-file'
  | 'service'
  | 'shell'

export interface HostCommand {
  /** The words that call it: "secrets add". */
  readonly name: string
  /** One line of at most 60 characters, for the list of commands. */
  readonly about: string
  /** What follows the name: "NAME [OPTION ...]". */
  readonly usage: string
  /** What one line can't say: paragraphs, which help fills to 80 columns unless a line of one is indented. */
  readonly details?: string
  readonly examples: readonly string[]
  readonly options: readonly Flag[]
  /** How many words it takes before `--`: least and most. */
  readonly words: readonly [least: number, most: number]
  /** Options end at the first word: what follows belongs to another program. */
  readonly stopEarly?: boolean
  /** What is none of its options belongs to another program, and is in `words` as it was given. */
  readonly passesOn?: boolean
  /** Whether words after `--` mean something to it. */
  readonly takesRest?: boolean
  /**
   * Runs a program of this machine, or checks no name: which names the compose file lets through, for containers, is not
   * asked.
   */
  readonly ownNames?: boolean
  /** The project is the working directory, even below another; or none is needed. */
  readonly here?: boolean
  /** Whether it writes files: then what killed runs have left is removed first. */
  readonly changes?: boolean
  /** What its words are, in their order, for the completion of shells; the last is also what follows it. */
  readonly completes?: readonly WordKind[]
  /** Does it; gives the exit status. Failures are thrown, made by failure(). */
  run(invocation: Invocation): Promise<number>
}

/** Commands by the words that call them, in the order of the help, each loaded when it is called. */
export type Commands = ReadonlyMap<string, () => Promise<HostCommand>>

/** What a command was called with. */
export interface Invocation {
  readonly words: readonly string[]
  /** What stood after `--`. */
  readonly rest: readonly string[]
  readonly context: HostContext
  /** All commands, for help and for the completion of shells. */
  readonly commands: Commands
  /** Whether a switch was given. */
  on(option: string): boolean
  /** The value of an option; of several, the last. */
  text(option: string): string | undefined
  /** Every value of an option that may be given more than once. */
  texts(option: string): readonly string[]
}

/** What every command takes. */
export const COMMON_OPTIONS: readonly Flag[] = [
  { name: 'root', value: 'DIR', about: 'the project (default: DISINTO_ROOT, else the working directory)' },
  { name: 'help', about: 'show this help' },
]
