/** The shim's flags and DISINTO_* variables, to one frozen object. */
import { closest, distance } from 'fastest-levenshtein'
import type { ParsedArgs } from 'minimist'
import { failure } from '../errors.ts'

export const ENGINES = ['auto', 'builtin', 'sops'] as const
export type EngineName = (typeof ENGINES)[number]

export interface Options {
  readonly root: string | undefined
  readonly envFile: string | undefined
  readonly secretsDir: string | undefined
  readonly only: readonly string[] | undefined
  readonly require: readonly string[]
  readonly allow: ReadonlySet<string>
  readonly override: boolean
  readonly keepKey: boolean
  /** Names that the command gets as NAME_FILE, the path of a file in memory. */
  readonly asFile: readonly string[]
  readonly redact: boolean
  readonly engine: EngineName
  readonly user: string | undefined
  readonly check: boolean
  readonly json: boolean
  readonly verbose: boolean
  readonly summary: boolean
  readonly help: boolean
  readonly version: boolean
  /** The command with its arguments; empty when none was given. */
  readonly command: readonly string[]
}

interface Flag {
  readonly name: string
  /** What the value is called in help; a flag without it is a switch. */
  readonly value?: string
  readonly about: string
}

/** Every option; its variable is DISINTO_ and the name in upper case, with `_` for `-`. */
export const FLAGS: readonly Flag[] = [
  { name: 'root', value: 'DIR', about: 'where .env.enc and secrets/ are (default: the working directory)' },
  { name: 'env-file', value: 'FILE', about: 'another env file than ROOT/.env.enc' },
  { name: 'secrets-dir', value: 'DIR', about: 'another directory than ROOT/secrets' },
  { name: 'only', value: 'A,B', about: 'load these names and leave every other file unread' },
  { name: 'require', value: 'A,B', about: 'stop when one of these is missing or empty' },
  { name: 'allow', value: 'NAME', about: 'let a refused name through, PATH for example' },
  { name: 'override', about: 'files win over the environment the shim was started with' },
  { name: 'keep-key', about: 'leave SOPS_AGE_KEY and its kin in the command’s environment' },
  { name: 'as-file', value: 'A,B', about: 'put these values in files on tmpfs and set A_FILE instead of A' },
  { name: 'redact', about: 'replace loaded values in what the command writes to stdout and stderr' },
  { name: 'engine', value: 'NAME', about: `what decrypts: ${ENGINES.join(', ')}` },
  { name: 'user', value: 'USER', about: 'become NAME or UID, or with :GROUP, before the command' },
  { name: 'check', about: 'do everything but run the command; list names, sources and formats' },
  { name: 'json', about: 'with --check: JSON' },
  { name: 'verbose', about: 'say what came from where, names only' },
  { name: 'summary', about: 'say in one line which names were loaded' },
  { name: 'help', about: 'show this help' },
  { name: 'version', about: 'show the version' },
]

const VALUED = FLAGS.filter((flag) => flag.value !== undefined).map((flag) => flag.name)
const SWITCHES = FLAGS.filter((flag) => flag.value === undefined).map((flag) => flag.name)

/** The environment variable that stands for an option. */
export function variableOf(name: string): string {
  return `DISINTO_${name.toUpperCase().replaceAll('-', '_')}`
}

function unknownOption(word: string): never {
  const option = word.replace(/=.*$/s, '')
  const name = option.replace(/^-+/, '')
  const near = closest(
    name,
    FLAGS.map((flag) => flag.name),
  )
  throw failure('option-unknown', option, distance(name, near) <= 3 ? `--${near}` : undefined)
}

/** Throws for a word that is none of our options; `--no-x` turns a switch off. */
function checkFlag(word: string): void {
  const name = /^--([a-z-]+)(?:=|$)/.exec(word)?.[1]
  const known = name !== undefined && (VALUED.includes(name) || SWITCHES.includes(name.replace(/^no-/, '')))
  if (!known) unknownOption(word)
}

/**
 * Cuts the words in two: options end at `--` or at the first word that is no option. A value in a word of its
 * own is joined to its option here, since minimist would take `true` after a switch for its value, and with it
 * the command `true`.
 */
function splitWords(words: readonly string[]): { flags: string[]; command: readonly string[] } {
  const flags: string[] = []
  for (let at = 0; at < words.length; at += 1) {
    const word = words[at] ?? ''
    if (word === '--') return { flags, command: words.slice(at + 1) }
    if (!word.startsWith('-') || word === '-') return { flags, command: words.slice(at) }
    checkFlag(word)
    if (VALUED.includes(word.slice(2))) {
      const value = words[at + 1]
      if (value === undefined) throw failure('option-value', word, 'a value')
      flags.push(`${word}=${value}`)
      at += 1
    } else flags.push(word)
  }
  return { flags, command: [] }
}

const YES = ['1', 'true', 'yes', 'on']
const NO = ['0', 'false', 'no', 'off']

/** By minimist, which most starts, the image's above all, have no word for: it is loaded when there is one. */
async function parseFlags(flags: string[]): Promise<ParsedArgs> {
  if (flags.length === 0) return { _: [] }
  const { default: minimist } = await import('minimist')
  return minimist(flags, {
    string: VALUED,
    boolean: SWITCHES,
    // Else a switch that was not given could not be told from one that was given as false.
    default: Object.fromEntries(SWITCHES.map((name) => [name, null])),
  })
}

/**
 * Reads the words after the shim's name and the environment it was started with. A flag wins over its variable;
 * an empty variable counts as not set.
 */
export async function parseOptions(
  words: readonly string[],
  variables: ReadonlyMap<string, string>,
): Promise<Options> {
  const { flags, command } = splitWords(words)
  const parsed = await parseFlags(flags)

  const texts = (name: string): string[] => {
    const given: unknown = parsed[name]
    if (given === undefined) {
      const variable = variables.get(variableOf(name))
      return variable === undefined || variable === '' ? [] : [variable]
    }
    return (Array.isArray(given) ? given : [given]).map((text) => {
      if (text === '') throw failure('option-value', `--${name}`, 'a value')
      return String(text)
    })
  }
  const text = (name: string): string | undefined => texts(name).at(-1)
  const names = (name: string): string[] =>
    texts(name)
      .flatMap((part) => part.split(','))
      .map((part) => part.trim())
      .filter((part) => part !== '')
  const on = (name: string): boolean => {
    const given: unknown = parsed[name]
    if (given !== undefined && given !== null) return (Array.isArray(given) ? given.at(-1) : given) === true
    const variable = variables.get(variableOf(name))?.toLowerCase() ?? ''
    if (variable === '' || NO.includes(variable)) return false
    if (YES.includes(variable)) return true
    throw failure('option-value', variableOf(name), '1 or 0')
  }
  const engine = ENGINES.find((known) => known === (text('engine') ?? 'auto'))
  if (engine === undefined) throw failure('option-value', '--engine', ENGINES.join(', '))

  return Object.freeze({
    root: text('root'),
    envFile: text('env-file'),
    secretsDir: text('secrets-dir'),
    only: texts('only').length === 0 ? undefined : names('only'),
    require: names('require'),
    allow: new Set(names('allow')),
    override: on('override'),
    keepKey: on('keep-key'),
    asFile: names('as-file'),
    redact: on('redact'),
    engine,
    user: text('user'),
    check: on('check'),
    json: on('json'),
    verbose: on('verbose'),
    summary: on('summary'),
    help: on('help'),
    version: on('version'),
    command,
  })
}

/** The text of --help; made from FLAGS, so that it can't fall behind. */
export function helpText(): string {
  const rows = FLAGS.map((flag) => {
    const left = `--${flag.name}${flag.value === undefined ? '' : ` ${flag.value}`}`
    return `  ${left.padEnd(20)} ${flag.about}`
  })
  return `Usage: entrypoint.js [OPTION ...] [--] COMMAND [ARGUMENT ...]

Decrypts .env.enc and secrets/*.enc in memory and becomes COMMAND, with their
values in its environment.

Options:
${rows.join('\n')}

Each option has a variable: --env-file is DISINTO_ENV_FILE, --check is
DISINTO_CHECK=1. DISINTO_LOG=json makes messages JSON objects.

Exit status: the command's own, or 125 (disinto failed), 126 (the command could
not be executed), 127 (the command was not found).

Examples:
  node entrypoint/entrypoint.js -- env
  node entrypoint/entrypoint.js --check
  node entrypoint/entrypoint.js --only CLAWHUB_TOKEN --require CLAWHUB_TOKEN -- ./publish
`
}
