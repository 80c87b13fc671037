/** The shim's flags and DISINTO_* variables, to one frozen object. */
import { failure } from '../errors.ts'
import { cutWords, type Grammar } from '../flags.ts'
import { ENGINES, type EngineName, KEY_TYPES, type KeyType, USUAL_KEY_TYPES } from '../nouns.ts'
import { isLegalName, partsOfName } from './names.ts'
import { FLAGS, variableOf } from './option-list.ts'

export interface Options {
  readonly root: string | undefined
  readonly envFile: string | undefined
  readonly secretsDir: string | undefined
  readonly only: readonly string[] | undefined
  /** The names that the command gets, each with the name of the secret whose value it is to have. */
  readonly as: ReadonlyMap<string, string>
  readonly require: readonly string[]
  /** Something must be loaded. */
  readonly requireAny: boolean
  readonly allow: ReadonlySet<string>
  readonly override: boolean
  readonly keepKey: boolean
  /** Names that the command gets as NAME_FILE, the path of a file in memory. */
  readonly asFile: readonly string[]
  readonly redact: boolean
  /** Whether `${NAME}` in dotenv values is filled in. */
  readonly expand: boolean
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

/** What `--as` says: the name that the command gets, and the secret that has its value. Throws option-value. */
function namedAs(texts: readonly string[]): ReadonlyMap<string, string> {
  return new Map(
    texts.flatMap(namesIn).map((text) => {
      const equals = text.indexOf('=')
      const [name, source] = [text.slice(0, equals), text.slice(equals + 1)]
      if (!isLegalName(name) || (!isLegalName(source) && partsOfName(source) === undefined))
        throw failure('option-value', { option: '--as', wanted: 'NAME=SOURCE, two names and no value' })
      return [name, source]
    }),
  )
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
    as: namedAs(texts('as')),
    require: names('require'),
    allow: new Set(names('allow')),
    requireAny: on('require-any'),
    override: on('override'),
    keepKey: on('keep-key'),
    asFile: names('as-file'),
    redact: on('redact'),
    expand: !on('no-expand'),
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
