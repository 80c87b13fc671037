/** The shim's flags and DISINTO_* variables, to one frozen object. */
import { failure } from '../errors.ts'
import { isLegalName } from './names.ts'
import { cutWords, type Flag, type Grammar } from '../flags.ts'
import { ENGINES, type EngineName, KEY_TYPES, type KeyType, USUAL_KEY_TYPES } from '../nouns.ts'

export interface Options {
  readonly root: string | undefined
  readonly envFile: string | undefined
  readonly secretsDir: string | undefined
  readonly only: readonly string[] | undefined
  readonly require: readonly string[]
  /** Something must be loaded. */
  readonly requireAny: boolean
  readonly allow: ReadonlySet<string>
  readonly override: boolean
  readonly keepKey: boolean
  /** Names that the command gets as NAME_FILE, the path of a file in memory. */
  readonly asFile: readonly string[]
  readonly redact: boolean
  readonly engine: EngineName
  /** The kinds of master keys that may be used. */
  readonly keyTypes: ReadonlySet<KeyType>
  readonly user: string | undefined
  /** The user is named, by an empty text: nobody is to be become, against what an image says. */
  readonly noUser: boolean
  readonly allowReadableKey: boolean
  /** HOME for a command whose user has none. */
  readonly home: string | undefined
  /** Another home in which the key may be. */
  readonly keyHome: string | undefined
  readonly check: boolean
  readonly json: boolean
  readonly verbose: boolean
  readonly summary: boolean
  /** Only look whether the command of this container runs. */
  readonly started: boolean
  readonly help: boolean
  readonly version: boolean
  /** The command with its arguments; empty when none was given. */
  readonly command: readonly string[]
}

/** Every option; its variable is DISINTO_ and the name in upper case, with `_` for `-`. */
export const FLAGS: readonly Flag[] = [
  { name: 'root', value: 'DIR', about: 'where .env.enc and secrets/ are (default: the working directory)' },
  { name: 'env-file', value: 'FILE', about: 'another env file than ROOT/.env.enc' },
  { name: 'secrets-dir', value: 'DIR', about: 'another directory than ROOT/secrets' },
  { name: 'only', value: 'A,B', about: 'load these names and leave every other file unread' },
  { name: 'require', value: 'A,B', about: 'stop when one of these is missing or empty' },
  {
    name: 'require-any',
    about: 'stop when nothing was found: a wrong directory, a missing mount',
  },
  { name: 'allow', value: 'NAME', about: 'let a refused name through, PATH for example' },
  { name: 'override', about: 'files win over the environment the shim was started with' },
  { name: 'keep-key', about: 'leave SOPS_AGE_KEY and its kin in the command’s environment' },
  { name: 'as-file', value: 'A,B', about: 'put these values in files on tmpfs and set A_FILE instead of A' },
  { name: 'redact', about: 'replace loaded values in what the command writes to stdout and stderr' },
  { name: 'engine', value: 'NAME', about: `what decrypts: ${ENGINES.join(', ')}` },
  {
    name: 'key-types',
    value: 'A,B',
    about: `the kinds of keys that may open files (default: ${[...USUAL_KEY_TYPES].join(',')}; or kms, hc_vault, …)`,
  },
  { name: 'user', value: 'USER', about: 'become NAME or UID, or with :GROUP, before the command' },
  { name: 'allow-readable-key', about: 'start even where that user could read, move or replace the key' },
  {
    name: 'key-home',
    value: 'DIR',
    about: 'another home in which the key may be, as .config/sops/age/keys.txt',
  },
  { name: 'home', value: 'DIR', about: 'HOME for a command whose uid is not in /etc/passwd' },
  { name: 'check', about: 'do everything but run the command; list names, sources and formats' },
  { name: 'json', about: 'with --check: JSON' },
  { name: 'verbose', about: 'say what came from where, names only' },
  { name: 'summary', about: 'say in one line which names were loaded' },
  { name: 'started', about: 'end with 0 once the command of this container runs, else with 1: for probes' },
  { name: 'help', about: 'show this help' },
  { name: 'version', about: 'show the version' },
]

/** The environment variable that stands for an option. */
export function variableOf(name: string): string {
  return `DISINTO_${name.toUpperCase().replaceAll('-', '_')}`
}

const YES = ['1', 'true', 'yes', 'on']
const NO = ['0', 'false', 'no', 'off']

/** Options end at `--` or at the first word that is none. */
const GRAMMAR: Grammar = {
  flags: FLAGS,
  endsAfter: 0,
  unknown: (option, near) => failure('option-unknown', { option, near }),
  needsValue: (option) => failure('option-value', { option, wanted: 'a value' }),
}

/** The kinds of keys that these names allow; without any, the usual ones. Throws option-value for another name. */
function keyTypesNamed(names: readonly string[]): ReadonlySet<KeyType> {
  if (names.length === 0) return USUAL_KEY_TYPES
  const types = KEY_TYPES.filter((known) => names.includes(known))
  if (new Set(names).size !== types.length)
    throw failure('option-value', { option: '--key-types', wanted: `some of ${KEY_TYPES.join(', ')}` })
  return new Set(types)
}

function namesIn(text: string): string[] {
  return text
    .split(',')
    .map((part) => part.trim())
    .filter((part) => part !== '')
}

/** The kinds of master keys that an environment allows, for who has no options. Throws option-value. */
export function keyTypesOf(variables: ReadonlyMap<string, string>): ReadonlySet<KeyType> {
  return keyTypesNamed(namesIn(variables.get(variableOf('key-types')) ?? ''))
}

/**
 * Reads the words after the shim's name and the environment it was started with. A flag wins over its variable;
 * an empty variable counts as not set.
 */
export async function parseOptions(
  input: readonly string[],
  variables: ReadonlyMap<string, string>,
): Promise<Options> {
  const { given, words: before, rest } = await cutWords(input, GRAMMAR)

  const texts = (name: string): string[] => {
    const values = given.get(name)
    if (values !== undefined) return values.map(String)
    const variable = variables.get(variableOf(name))
    return variable === undefined || variable === '' ? [] : [variable]
  }
  const text = (name: string): string | undefined => texts(name).at(-1)
  const names = (name: string): string[] => {
    const all = texts(name).flatMap(namesIn)
    // What is no name may be a value, and is not repeated.
    if (!all.every(isLegalName))
      throw failure('option-value', { option: `--${name}`, wanted: 'names of variables, and no values' })
    return all
  }
  const on = (name: string): boolean => {
    const values = given.get(name)
    if (values !== undefined) return values.at(-1) === true
    const variable = variables.get(variableOf(name))?.toLowerCase() ?? ''
    if (variable === '' || NO.includes(variable)) return false
    if (YES.includes(variable)) return true
    throw failure('option-value', { option: variableOf(name), wanted: '1 or 0' })
  }
  const engine = ENGINES.find((known) => known === (text('engine') ?? 'auto'))
  if (engine === undefined) throw failure('option-value', { option: '--engine', wanted: ENGINES.join(', ') })

  return Object.freeze({
    root: text('root'),
    envFile: text('env-file'),
    secretsDir: text('secrets-dir'),
    only: texts('only').length === 0 ? undefined : names('only'),
    require: names('require'),
    allow: new Set(names('allow')),
    requireAny: on('require-any'),
    override: on('override'),
    keepKey: on('keep-key'),
    asFile: names('as-file'),
    redact: on('redact'),
    engine,
    keyTypes: keyTypesNamed(names('key-types')),
    user: text('user'),
    noUser: variables.get(variableOf('user')) === '' && !given.has('user'),
    allowReadableKey: on('allow-readable-key'),
    home: text('home'),
    keyHome: text('key-home'),
    check: on('check'),
    json: on('json'),
    verbose: on('verbose'),
    summary: on('summary'),
    started: on('started'),
    help: on('help'),
    version: on('version'),
    command: [...before, ...rest],
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
