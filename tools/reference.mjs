// @ts-check
/**
 * Writes the tables of docs/reference-*.md that come from the code, between `<!-- NAME -->` and `<!-- /NAME -->`.
 *
 *   node tools/reference.mjs           writes; needs a Node that imports TypeScript (22.18 or later)
 *
 * test/docs/reference.test.ts holds the pages equal to what this would write.
 */
import { spawnSync } from 'node:child_process'
import { readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { CORE_CATALOGUE } from '../src/catalogue.ts'
import { statusOf as shimStatusOf } from '../src/handover/exit-status.ts'
import { COMMON_OPTIONS } from '../src/host/cli/command.ts'
import { statusOf as hostStatusOf } from '../src/host/cli/exit-status.ts'
import { COMMANDS } from '../src/host/commands.ts'
import { HOST_CATALOGUE } from '../src/host/errors.ts'
import { HOST_WARNINGS } from '../src/host/warnings.ts'
import { FLAGS, variableOf } from '../src/load/option-list.ts'
import { MAX_FILE_BYTES } from '../src/load/read.ts'
import { TAKE_OVERS } from '../src/load/take-over.ts'
import { CORE_WARNINGS } from '../src/warnings.ts'

const DOCS = fileURLToPath(new URL('../docs/', import.meta.url))
/** The pages with tables, and which each has. */
export const PAGES = {
  'reference-shim.md': ['options'],
  'reference-commands.md': ['host-options'],
  'reference-messages.md': ['errors', 'host-errors', 'warnings', 'findings'],
  'reference-files.md': ['refused-names'],
}
/** @param {string} path */
const source = (path) => readFileSync(new URL(`../src/${path}`, import.meta.url), 'utf8')

/** @param {string} text */
const code = (text) => `\`${text}\``
/**
 * Text in a cell: a bar would end it, and what looks like a tag would vanish.
 * @param {string} text
 */
const cell = (text) => text.replaceAll('|', '\\|').replaceAll(/[<*]/g, '\\$&')
/** @param {string[]} head @param {string[][]} rows */
const table = (head, rows) =>
  [head, head.map(() => '---'), ...rows].map((cells) => `| ${cells.join(' | ')} |`).join('\n')

function shimOptions() {
  const rows = FLAGS.map(({ name, value, about }) => [
    code(`--${name}${value === undefined ? '' : ` ${value}`}`),
    code(variableOf(name)),
    cell(about),
  ])
  return table(['option', 'variable', 'what it does'], rows)
}

async function hostOptions() {
  const commands = await Promise.all([...COMMANDS.values()].map((load) => load()))
  /** @type {(of: string, flag: import('../src/flags.ts').Flag) => string[]} */
  const row = (of, { name, value, about }) => [
    of,
    code(`--${name}${value === undefined ? '' : ` ${value}`}`),
    cell(about),
  ]
  const rows = commands.flatMap(({ name, usage, about, options }) => [
    [code(`disinto ${name}${usage === '' ? '' : ` ${usage}`}`.replaceAll('|', '\\|')), '', cell(about)],
    ...options.map((option) => row('', option)),
  ])
  return table(
    ['command', 'option', 'what it does'],
    [...rows, ...COMMON_OPTIONS.map((option) => row('every command', option))],
  )
}

/**
 * What a message has in place of a fact; none for a fact that may be missing.
 * @param {string} name @param {string} type
 */
function placeholder(name, type) {
  if (type.endsWith('undefined')) return undefined
  if (type.endsWith('[]')) return ['A', 'B']
  if (name === 'limit') return MAX_FILE_BYTES
  return name === 'path' ? 'FILE' : name.toUpperCase()
}

/**
 * The facts of each message, as a catalogue declares them: `Texts<'a' | 'b'> & { readonly c: … }`.
 * @param {string} path
 */
function factsIn(path) {
  const found = [...source(path).matchAll(/^ {2}'?([a-z0-9-]+)'?: \((.*?)\) => /gms)]
  return new Map(
    found.map(([, name = '', parameter = '']) => {
      const type = parameter.slice(parameter.lastIndexOf('}: ') + 1)
      const texts = /Texts<([^>]*)>/.exec(type)?.[1] ?? ''
      const others = /\{(.*)\}/s.exec(type)?.[1] ?? ''
      return [
        name,
        Object.fromEntries([
          ...[...texts.matchAll(/'(\w+)'/g)].map(([, fact = '']) => [fact, placeholder(fact, 'string')]),
          ...[...others.matchAll(/readonly (\w+)(\??): ([^;\n]+)/g)].map(
            ([, fact = '', optional, of = '']) => [
              fact,
              placeholder(fact, optional ? of.replace(' | undefined', '').trim() : of.trim()),
            ],
          ),
        ]),
      ]
    }),
  )
}

/**
 * The rows of a catalogue: code, message, what to do.
 * @param {import('../src/catalogue.ts').Catalogue} catalogue @param {string} path
 * @returns {Array<[code: string, message: string, hint: string]>}
 */
function rowsOf(catalogue, path) {
  const facts = factsIn(path)
  return Object.entries(catalogue).map(([name, compose]) => {
    const given = facts.get(name)
    if (given === undefined) throw new Error(`${name}: not found in src/${path}`)
    const { message, hint } = /** @type {(facts: object) => import('../src/catalogue.ts').Fault} */ (compose)(
      given,
    )
    if (/undefined/.test(message + hint)) throw new Error(`${name}: a fact of it was not found`)
    return [name, cell(message), cell(hint)]
  })
}

/** @param {import('../src/catalogue.ts').Catalogue} catalogue @param {string} path @param {(code: string) => number} statusOf */
function errors(catalogue, path, statusOf) {
  const rows = rowsOf(catalogue, path).map(([name, ...words]) => [
    code(name),
    String(statusOf(name)),
    ...words,
  ])
  return table(['code', 'status', 'message', 'what to do'], rows)
}

/**
 * Each refused pattern with what it takes over and the reason.
 * @returns {Array<{pattern: string, of: string, reason: string}>}
 */
export function refusedNames() {
  const list = /const REFUSED[^=]*= \[\n(.*?)\n\]/s.exec(source('load/names.ts'))?.[1] ?? ''
  const ours = [...list.matchAll(/\['([^']+)', '([^']+)'\]/g)].map(([, pattern = '', reason = '']) => ({
    pattern,
    of: 'disinto and sops',
    reason,
  }))
  return [
    ...TAKE_OVERS.flatMap(({ of, names }) => names.map(([pattern, reason]) => ({ pattern, of, reason }))),
    ...ours,
  ]
}

/** One row a reason: names that share it stand together. */
function names() {
  const rows = new Map()
  for (const { pattern, of, reason } of refusedNames()) {
    const key = `${of}\n${reason}`
    rows.set(key, [...(rows.get(key) ?? []), code(pattern)])
  }
  return table(
    ['takes over', 'names', 'reason: it …'],
    [...rows].map(([key, patterns]) => {
      const [of = '', reason = ''] = key.split('\n')
      return [cell(of), patterns.join(', '), cell(reason)]
    }),
  )
}

/**
 * The codes that `code: '…'` gives in the files of a directory of src/.
 * @param {string} directory
 * @param {RegExp} which
 */
export function codesIn(directory, which = /\.ts$/) {
  const files = readdirSync(new URL(`../src/${directory}`, import.meta.url)).filter((name) =>
    which.test(name),
  )
  const said = /(?:code: |\bwarning\()'([a-z-]+)'/g
  const found = files.flatMap((name) => [...source(`${directory}/${name}`).matchAll(said)])
  return [...new Set(found.map(([, name = '']) => name))].sort((a, b) => a.localeCompare(b))
}

function warnings() {
  const rows = [...rowsOf(CORE_WARNINGS, 'warnings.ts'), ...rowsOf(HOST_WARNINGS, 'host/warnings.ts')]
  return table(
    ['code', 'message', 'what to do'],
    rows.map(([name, ...words]) => [code(name), ...words]),
  )
}

function findings() {
  // What the stack is objected to is said by `up`, too.
  const said = codesIn('host/compose', /^(?:guards|warnings)\.ts$/)
  const all = new Set([...codesIn('host/doctor'), ...said])
  return [...all]
    .sort((a, b) => a.localeCompare(b))
    .map(code)
    .join(', ')
}

/** Every generated table by the name in its marks. */
export async function tables() {
  return new Map([
    ['options', shimOptions()],
    ['host-options', await hostOptions()],
    ['errors', errors(CORE_CATALOGUE, 'catalogue.ts', shimStatusOf)],
    ['host-errors', errors(HOST_CATALOGUE, 'host/errors.ts', hostStatusOf)],
    ['warnings', warnings()],
    ['findings', findings()],
    ['refused-names', names()],
  ])
}

/**
 * The pages by name, each with its tables as the code has them now.
 * @returns {Promise<Map<string, string>>}
 */
export async function pagesWithTables() {
  const all = await tables()
  const pages = new Map()
  for (const [name, wanted] of Object.entries(PAGES)) {
    let text = readFileSync(`${DOCS}${name}`, 'utf8')
    for (const table of wanted) {
      const marked = new RegExp(`(<!-- ${table} -->\n).*?(<!-- /${table} -->)`, 's')
      if (!marked.test(text)) throw new Error(`docs/${name} has no <!-- ${table} -->`)
      text = text.replace(
        marked,
        (_, /** @type {string} */ start, /** @type {string} */ end) =>
          `${start}\n${all.get(table)}\n\n${end}`,
      )
    }
    pages.set(name, text)
  }
  return pages
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const pages = await pagesWithTables()
  for (const [name, text] of pages) writeFileSync(`${DOCS}${name}`, text)
  const biome = fileURLToPath(new URL('../node_modules/.bin/biome', import.meta.url))
  const paths = [...pages.keys()].map((name) => `${DOCS}${name}`)
  process.exitCode = spawnSync(biome, ['format', '--write', ...paths], { stdio: 'inherit' }).status ?? 1
}
