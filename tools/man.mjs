/**
 * Writes the manual pages, man/disinto.1 and man/disinto-entrypoint.1, from what `disinto help` and the shim's --help
 * are made of (mdoc(7)).
 *
 *   node tools/man.mjs [DIRECTORY]        default: man
 */
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { build } from 'esbuild'

const ROOT = fileURLToPath(new URL('..', import.meta.url))

/**
 * @typedef {{ name: string, value?: string, about: string }} Flag
 * @typedef {{ name: string, usage: string, about: string, details?: string, examples: string[], options: Flag[] }} Command
 * @typedef {object} Sources
 * @property {Map<string, () => Promise<Command>>} COMMANDS
 * @property {Flag[]} COMMON_OPTIONS
 * @property {Flag[]} FLAGS
 * @property {(name: string) => string} variableOf
 */

/**
 * The commands and options, from the sources; bundled, since Node 20 imports no TypeScript.
 * @returns {Promise<Sources>}
 */
async function load() {
  const contents = `
    export { COMMANDS } from './src/host/commands.ts'
    export { COMMON_OPTIONS } from './src/host/cli/command.ts'
    export { FLAGS, variableOf } from './src/load/option-list.ts'`
  const { outputFiles } = await build({
    stdin: { contents, resolveDir: ROOT },
    bundle: true,
    platform: 'node',
    format: 'cjs',
    write: false,
    logLevel: 'warning',
    define: { DISINTO_VERSION: '""' },
  })
  const module = { exports: /** @type {unknown} */ ({}) }
  new Function('module', 'exports', 'require', outputFiles[0].text)(
    module,
    module.exports,
    createRequire(import.meta.url),
  )
  return /** @type {Sources} */ (module.exports)
}

/** Text that is no macro and no escape, wherever it stands. */
const plain = (text) =>
  text
    .replaceAll('\\', '\\e')
    .replaceAll('-', '\\-')
    .replaceAll('’', '\\(cq')
    .replaceAll('…', '...')
    .replace(/^([.'])/gm, '\\&$1')

/** An argument of a macro, quoted, so that no word of it is taken for a macro. */
const word = (text) => `"${plain(text).replaceAll('"', '\\(dq')}"`

/** Each sentence on a line of its own, which is how mdoc knows its end. */
const sentences = (text) => plain(text).replaceAll(/(?<=[a-z)])([.;]) (?=[A-Z`])/g, '$1\n')

const capital = (text) => `${text.charAt(0).toUpperCase()}${text.slice(1)}`

const literal = (lines) => ['.Bd -literal -offset indent', ...lines.map(plain), '.Ed']

const optionItem = ({ name, value, about }) => [
  `.It Fl Fl ${plain(name)}${value === undefined ? '' : ` Ar ${word(value)}`}`,
  sentences(`${capital(about)}.`),
]

function commandSection({ name, usage, about, details, examples, options }) {
  return [
    `.Ss ${word(`disinto ${name}${usage === '' ? '' : ` ${usage}`}`)}`,
    sentences(`${capital(about)}.`),
    ...(details === undefined ? [] : literal(details.trim().split('\n'))),
    ...(options.length === 0 ? [] : ['.Bl -tag -width Ds', ...options.flatMap(optionItem), '.El']),
    '.Pp',
    'For example:',
    ...literal(examples),
  ]
}

function hostPage({ COMMON_OPTIONS }, commands, head) {
  return [
    ...head(
      'DISINTO',
      'disinto',
      'keep credentials encrypted, and pass them to the processes that need them',
    ),
    '.Sh SYNOPSIS',
    '.Nm disinto',
    '.Ar command',
    '.Op Ar option ...',
    '.Sh DESCRIPTION',
    '.Nm disinto',
    'keeps the credentials of a project encrypted with SOPS and age:',
    'one env file,',
    '.Pa .env.enc ,',
    'and one file for each further secret,',
    '.Pa secrets/NAME.enc .',
    'It starts the stack of the project with what each service may open.',
    'The program that opens the files in a container is',
    '.Xr disinto-entrypoint 1 .',
    '.Pp',
    'Every command takes these options:',
    '.Bl -tag -width Ds',
    ...COMMON_OPTIONS.flatMap(optionItem),
    '.El',
    '.Sh COMMANDS',
    ...commands.flatMap(commandSection),
    '.Sh FILES',
    '.Bl -tag -width Ds',
    '.It Pa ~/.config/sops/age/keys.txt',
    'The key of the operator, which opens everything.',
    'Without it nobody can open the files, so keep a backup.',
    '.It Pa .sops.yaml',
    'The creation rules: who may open which file.',
    '.It Pa vault/approved/ID.json',
    'A proposal that was approved, and the secrets that it may have.',
    '.El',
    '.Sh EXIT STATUS',
    '0 on success, 1 on failure, 2 for wrong usage.',
    'A command that runs another program exits with the status of that program.',
    '.Sh SEE ALSO',
    '.Xr disinto-entrypoint 1',
  ]
}

function shimPage({ FLAGS, variableOf }, head) {
  const items = FLAGS.flatMap((flag) => [
    ...optionItem(flag),
    `Also by`,
    `.Ev ${plain(variableOf(flag.name))} .`,
  ])
  return [
    ...head('DISINTO-ENTRYPOINT', 'disinto-entrypoint', 'run a command with its secrets in the environment'),
    '.Sh SYNOPSIS',
    '.Nm disinto-entrypoint',
    '.Op Ar option ...',
    '.Op Fl Fl',
    '.Ar command',
    '.Op Ar argument ...',
    '.Sh DESCRIPTION',
    '.Nm disinto-entrypoint',
    'finds',
    '.Pa .env.enc',
    'and',
    '.Pa secrets/*.enc ,',
    'opens them in memory, and becomes',
    '.Ar command ,',
    'with their values in its environment.',
    'Later wins: the env file, then the secret files, then the environment that it was started with.',
    'A file that can\\(cqt be read, opened or trusted stops everything, and the command does not start.',
    '.Pp',
    'The options are:',
    '.Bl -tag -width Ds',
    ...items,
    '.El',
    '.Sh EXIT STATUS',
    'That of the command; or 125 when',
    '.Nm disinto-entrypoint',
    'itself failed, 126 when the command could not be executed, 127 when it was not found.',
    '.Sh EXAMPLES',
    ...literal([
      'disinto-entrypoint -- env',
      'disinto-entrypoint --check',
      'disinto-entrypoint --only CLAWHUB_TOKEN -- ./publish',
    ]),
    '.Sh SEE ALSO',
    '.Xr disinto 1',
  ]
}

/** The day of the newest release, so that a package has the same bytes whenever it is made; before the first, this. */
function lastRelease() {
  const dated = /^## \[[^\]]+\] - (\d{4}-\d{2}-\d{2})$/m.exec(
    readFileSync(join(ROOT, 'CHANGELOG.md'), 'utf8'),
  )
  return new Date(dated?.[1] ?? '2026-11-26')
}

/** The pages by file name. */
export async function pages() {
  const sources = await load()
  const commands = await Promise.all([...sources.COMMANDS.values()].map((make) => make()))
  const day = lastRelease().toLocaleDateString('en-US', { dateStyle: 'long', timeZone: 'UTC' })
  const head = (title, name, about) => [
    `.Dd ${day}`,
    `.Dt ${title} 1`,
    '.Os',
    '.Sh NAME',
    `.Nm ${name}`,
    `.Nd ${about}`,
  ]
  const text = (lines) => `${lines.join('\n')}\n`
  return new Map([
    ['disinto.1', text(hostPage(sources, commands, head))],
    ['disinto-entrypoint.1', text(shimPage(sources, head))],
  ])
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const directory = join(ROOT, process.argv[2] ?? 'man')
  mkdirSync(directory, { recursive: true })
  const { version } = JSON.parse(readFileSync(join(ROOT, 'package.json'), 'utf8'))
  for (const [name, page] of await pages()) {
    writeFileSync(join(directory, name), page.replace(/^\.Os$/m, `.Os disinto ${version}`))
  }
}
