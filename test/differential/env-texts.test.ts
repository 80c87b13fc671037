/** Random `.env` texts, by everything that reads them, before and after `migrate`. */
import { spawn } from 'node:child_process'
import {
  copyFileSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from 'node:fs'
import { availableParallelism, tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { parse } from 'dotenv'
import { afterAll, expect, test } from 'vitest'
import { diagnoseText, type Problem } from '../../src/load/diagnosis.ts'
import fc from '../helpers/property.ts'
import { deep, seed } from './reference.ts'

const SHIM = fileURLToPath(new URL('../../entrypoint/entrypoint.js', import.meta.url))
const DISINTO = fileURLToPath(new URL('../../entrypoint/disinto.js', import.meta.url))
const SOPS = process.env['SOPS_PROGRAM'] ?? 'sops'
const TEXTS = Number(process.env['TEXTS'] ?? (deep ? 5000 : 150))
const NAMES = ['A', 'B', 'C', 'LONG_NAME', 'd']

const base = mkdtempSync(join(tmpdir(), 'disinto-texts-'))
afterAll(() => rmSync(base, { recursive: true, force: true }))

const environment = {
  PATH: process.env['PATH'] ?? '',
  HOME: base,
  DOCKER_CONFIG: process.env['DOCKER_CONFIG'] ?? `${process.env['HOME']}/.docker`,
}

interface Ended {
  readonly status: number | null
  readonly stdout: string
  readonly stderr: string
}

function run(program: string, words: readonly string[], cwd: string): Promise<Ended> {
  return new Promise((resolve, reject) => {
    const child = spawn(program, words, { cwd, env: environment, stdio: ['ignore', 'pipe', 'pipe'] })
    const parts = { stdout: '', stderr: '' }
    for (const name of ['stdout', 'stderr'] as const)
      child[name].setEncoding('utf8').on('data', (text: string) => {
        parts[name] += text
      })
    child.on('error', reject)
    child.on('close', (status) => resolve({ status, ...parts }))
  })
}

type Values = ReadonlyMap<string, string>

/** What the shim gives a command; what it says where it gives nothing. */
async function byShim(directory: string): Promise<Values | string> {
  const { status, stdout, stderr } = await run(process.execPath, [SHIM, '--', 'env', '-0'], directory)
  if (status !== 0) return stderr
  const pairs = stdout.split('\0').map((entry) => [entry.split('=', 1)[0] ?? '', entry] as const)
  const own = pairs.filter(([name]) => NAMES.includes(name))
  return new Map(own.map(([name, entry]) => [name, entry.slice(name.length + 1)]))
}

/** What a service of docker compose has by `env_file:`; undefined where compose refuses the text. */
async function byCompose(directory: string): Promise<Values | undefined> {
  const words = ['compose', '-p', 'texts', '-f', '../compose.json', '--project-directory', '.']
  const { status, stdout } = await run('docker', [...words, 'config', '--format', 'json'], directory)
  if (status !== 0) return undefined
  const { services } = JSON.parse(stdout) as {
    services: { s: { environment?: Record<string, string | null> } }
  }
  const pairs = Object.entries(services.s.environment ?? {})
  // What compose prints is a compose file: a dollar sign stands twice.
  return new Map(pairs.map(([name, value]) => [name, (value ?? '').replaceAll('$$', '$')]))
}

const isJson = (directory: string) => readFileSync(join(directory, '.env.enc'), 'utf8').startsWith('{')

/** What stock sops has for each name. */
async function bySops(directory: string): Promise<Values> {
  const type = isJson(directory) ? 'json' : 'dotenv'
  const words = ['decrypt', '--input-type', type, '--output-type', 'json', '.env.enc']
  const { status, stdout, stderr } = await run(SOPS, words, directory)
  if (status !== 0) throw new Error(`sops: ${stderr}`)
  return new Map(Object.entries(JSON.parse(stdout) as Record<string, string>))
}

/** The names that a value is made of: its own, and those that it refers to, and so on. */
function madeOf(name: string, values: Values, seen = new Set<string>()): Set<string> {
  if (seen.has(name)) return seen
  seen.add(name)
  for (const [, other] of (values.get(name) ?? '').matchAll(/\$\{(\w+)/g)) madeOf(other ?? '', values, seen)
  return seen
}

/** Whether a problem stands for a name: it names it or what it refers to, or a line of which nothing can be said. */
function isNamed(problems: readonly Problem[], name: string, raw: Values): boolean {
  const names = madeOf(name, raw)
  return problems.some((problem) => problem.name === undefined || names.has(problem.name))
}

const disinto = (...words: string[]) => [DISINTO, ...words]

/** What the shim refuses: with a reason, and migrate too, and nothing is lost. */
async function ofRefused(directory: string, text: string, reason: string): Promise<string[]> {
  const migrated = await run(process.execPath, disinto('secrets', 'migrate'), directory)
  const found: string[] = []
  if (!/error: .*(?:line \d|conflict|is not a variable name)/.test(reason))
    found.push(`the shim refuses: ${reason}`)
  if (migrated.status === 0) found.push('the shim refuses, and migrate does not')
  if (readFileSync(join(directory, '.env'), 'utf8') !== text) found.push('refused, and .env was changed')
  return found
}

/** The names on which two sets of values differ, less those that a problem names. */
function differing(
  what: string,
  shim: Values,
  other: Values,
  { problems = [], raw = new Map() }: { problems?: readonly Problem[]; raw?: Values } = {},
): string[] {
  return [...shim]
    .filter(([name, value]) => other.get(name) !== value && !isNamed(problems, name, raw))
    .map(
      ([name, value]) => `${name}: ${what} ${JSON.stringify(other.get(name))}, shim ${JSON.stringify(value)}`,
    )
}

/** Plaintext: dotenv's values, but for references; and compose's, or a problem is named. */
async function ofPlaintext(directory: string, text: string, shim: Values): Promise<string[]> {
  const problems = await diagnoseText(text)
  const dotenv = new Map(Object.entries(parse(text)))
  const literal = new Map([...shim].filter(([name]) => dotenv.get(name)?.includes('${') === false))
  const compose = await byCompose(directory)
  if (compose === undefined && problems.length === 0) return ['compose refuses, and no line is named']
  return [
    ...differing('dotenv', literal, dotenv),
    ...differing('compose', shim, compose ?? shim, { problems, raw: dotenv }),
  ]
}

/** What was migrated: the same values by the shim, and by stock sops, or a problem is named. */
async function ofMigrated(directory: string, before: Values): Promise<string[]> {
  if (!existsSync(join(directory, '.env.enc'))) return before.size > 0 ? ['nothing was migrated'] : []
  const after = await byShim(directory)
  if (typeof after === 'string') return [`after migrate the shim refuses: ${after}`]
  const sops = await bySops(directory)
  // As sops decrypt prints it.
  const lines = [...sops].map(([name, value]) => `${name}=${value.replaceAll('\n', '\\n')}\n`)
  // Of JSON every value is exact.
  const problems = isJson(directory) ? [] : await diagnoseText(lines.join(''), { encrypted: true })
  return [
    ...differing('after migrate', before, after),
    ...differing('before migrate', after, before),
    ...differing('sops', after, sops, { problems, raw: sops }),
  ]
}

/** What is wrong between the readers of one text; nothing where all agree, or the diagnosis says that they don't. */
async function disagreements(text: string, at: number): Promise<string[]> {
  const directory = join(base, `t${at}`)
  mkdirSync(directory)
  copyFileSync(join(base, 'rules.yaml'), join(directory, '.sops.yaml'))
  writeFileSync(join(directory, '.env'), text)
  const before = await byShim(directory)
  if (typeof before === 'string') return ofRefused(directory, text, before)
  const found = await ofPlaintext(directory, text, before)
  const migrated = await run(process.execPath, disinto('secrets', 'migrate'), directory)
  if (migrated.status === 0) return [...found, ...(await ofMigrated(directory, before))]
  return /error: .*no line of/.test(migrated.stderr)
    ? found
    : [...found, `migrate refuses: ${/error: .*/.exec(migrated.stderr)?.[0] ?? ''}`]
}

const piece = fc.constantFrom(
  ...[
    'x',
    'y z',
    '1',
    ' ',
    '#',
    ' # c',
    "'",
    '"',
    '`',
    '\\',
    '\\n',
    '\\"',
    '$',
    '$A',
    '${A}',
    '${B:-d}',
    '${HOME}',
  ],
  ...['=', ':', '@', '/', '-', '\t', '\u00a0', 'é', '\u2028', '$$', '(', '{', '}', '%'],
)
const raw = fc.array(piece, { maxLength: 6 }).map((parts) => parts.join(''))
const lines = fc.array(raw, { minLength: 1, maxLength: 3 }).map((parts) => parts.join('\n'))
const value = fc.oneof(
  raw,
  raw,
  lines.map((text) => `'${text.replaceAll("'", '')}'`),
  lines.map((text) => `"${text.replaceAll('"', '')}"`),
  raw.map((text) => `"${text}"`),
  raw.map((text) => `'${text}' # c`),
  fc.constantFrom('', '  ', 'plain', 'https://u:p@h/x?y=1', '-----BEGIN X-----', 'QUJD=='),
)
const assignment = fc
  .tuple(
    fc.constantFrom('', '', '', 'export ', '  '),
    fc.constantFrom(...NAMES),
    fc.constantFrom('=', '=', '=', ' = ', ': '),
    value,
  )
  .map((parts) => parts.join(''))
const line = fc.oneof(
  { weight: 6, arbitrary: assignment },
  {
    weight: 1,
    arbitrary: fc.constantFrom(
      '',
      '# a comment',
      '  # indented',
      'junk',
      '<<<<<<< HEAD',
      '=======',
      '=x',
      'A',
    ),
  },
)
const text = fc
  .tuple(
    fc.constantFrom('', '', '', '\ufeff'),
    fc.array(line, { minLength: 1, maxLength: 6 }),
    fc.constantFrom('\n', '\n', '\n', '\r\n'),
    fc.constantFrom('', 'end'),
  )
  .map(([mark, parts, end, last]) => mark + parts.join(end) + (last === '' ? '' : end))

test(`dotenv, docker compose, sops and the shim agree on ${TEXTS} texts, or the diagnosis names the line`, async () => {
  const key = join(base, '.config/sops/age/keys.txt')
  mkdirSync(dirname(key), { recursive: true, mode: 0o700 })
  mkdirSync(join(base, 'first'))
  const made = await run(process.execPath, [DISINTO, 'secrets', 'keygen', '--json'], join(base, 'first'))
  const { recipient } = JSON.parse(made.stdout) as { recipient: string }
  writeFileSync(join(base, 'rules.yaml'), `creation_rules:\n  - age: ${recipient}\n`)
  writeFileSync(join(base, 'compose.json'), '{"services": {"s": {"image": "x", "env_file": ".env"}}}')

  const texts = fc.sample(text, { numRuns: TEXTS, seed })
  const queue = texts.entries()
  const failures: string[] = []
  const work = async (): Promise<void> => {
    for (const [at, one] of queue) {
      const found = await disagreements(one, at)
      if (found.length > 0) failures.push(`${JSON.stringify(one)}: ${found.join('; ')}`)
      rmSync(join(base, `t${at}`), { recursive: true, force: true })
    }
  }
  await Promise.all(Array.from({ length: availableParallelism() + 1 }, work))
  expect(failures).toEqual([])
})
