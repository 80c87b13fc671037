/** What a `.env` means to us and to docker compose: the same, or the diagnosis names the line. */
import { spawnSync } from 'node:child_process'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, expect, test } from 'vitest'
import { diagnoseText } from '../../src/load/diagnosis.ts'
import { readDotenv } from '../../src/load/dotenv.ts'
import { fillReferences } from '../../src/load/references.ts'
import fc from '../helpers/property.ts'
import { deep, seed } from './reference.ts'

const HOME = '/home/somebody'
const folder = mkdtempSync(join(tmpdir(), 'disinto-compose-'))
afterAll(() => rmSync(folder, { recursive: true, force: true }))

const environment = {
  PATH: process.env['PATH'] ?? '',
  HOME,
  DOCKER_CONFIG: process.env['DOCKER_CONFIG'] ?? join(process.env['HOME'] ?? '/root', '.docker'),
}

type Values = Readonly<Record<string, string | undefined>>

/** What compose reads from several files; undefined where it refuses one of them. */
function composeReads(texts: readonly string[]): Values[] | undefined {
  const services = texts.map((text, at) => {
    writeFileSync(join(folder, `${at}.env`), text)
    return [`s${at}`, { image: 'x', env_file: [`./${at}.env`] }] as const
  })
  writeFileSync(join(folder, 'compose.yml'), JSON.stringify({ services: Object.fromEntries(services) }))
  const words = ['compose', '-p', 'reads', '-f', 'compose.yml', 'config', '--format', 'json']
  const { error, status, stdout } = spawnSync('docker', words, {
    cwd: folder,
    env: environment,
    encoding: 'utf8',
  })
  if (error !== undefined) throw new Error('needs docker with its compose plugin on PATH')
  if (status !== 0) return undefined
  const { services: read } = JSON.parse(stdout) as { services: Record<string, { environment?: Values }> }
  return texts.map((_, at) =>
    Object.fromEntries(
      // `config` writes each dollar sign twice, so that it could be read again.
      Object.entries(read[`s${at}`]?.environment ?? {}).map(([name, value]) => [
        name,
        String(value ?? '').replaceAll('$$', '$'),
      ]),
    ),
  )
}

async function weRead(text: string): Promise<Values> {
  return Object.fromEntries(fillReferences((await readDotenv(text)).assignments, HOME).values)
}

/** Why a difference between the two is one too many; undefined where there is none, or it is named. */
async function unnamed(text: string, theirs: Values | undefined): Promise<string | undefined> {
  const problems = await diagnoseText(text)
  if (theirs === undefined) return problems.length > 0 ? undefined : 'compose refuses it'
  const ours = await weRead(text)
  const names = [...new Set([...Object.keys(ours), ...Object.keys(theirs)])].filter(
    (name) => ours[name] !== theirs[name],
  )
  const told = (name: string) =>
    problems.some((problem) => problem.name === undefined || problem.name === name) ||
    // Made of another, which is read otherwise.
    (problems.length > 0 && text.split('\n').some((line) => line.includes(name) && line.includes('${')))
  return names.find((name) => !told(name))
}

const value = fc
  .oneof(
    fc.array(
      fc.constantFrom(
        ...[
          'a',
          'b c',
          ' ',
          '#',
          ' #',
          '"',
          "'",
          '`',
          '\\',
          '\\n',
          '\\t',
          '\\"',
          '$',
          '$$',
          '${A}',
          '${B}',
          '${HOME}',
        ],
        ...[
          '${N:-d}',
          '${A-}',
          '${N}',
          '${A:+x}',
          '${',
          '}',
          '$A',
          '=',
          ':',
          '{"k":1}',
          'é',
          '\t',
          '\\$',
          '~',
          ';',
          '&',
        ],
      ),
      { maxLength: 5 },
    ),
  )
  .map((pieces) => pieces.join(''))
const quoted = fc
  .tuple(fc.constantFrom('', '', '"', "'", '`'), value)
  .map(([quote, text]) => `${quote}${text}${quote}`)
const line = fc.oneof(
  {
    weight: 8,
    arbitrary: fc
      .tuple(fc.constantFrom('A', 'B', 'C', 'export D', 'A '), quoted)
      .map(([n, v]) => `${n}=${v}`),
  },
  {
    weight: 1,
    arbitrary: fc.constantFrom('# comment', '', 'nothing', 'A: yaml', 'A : b', 'export E', 'F="l1\nl2"'),
  },
)
const file = fc.array(line, { minLength: 1, maxLength: 6 }).map((lines) => `${lines.join('\n')}\n`)

test('random files are read alike, or the diagnosis names the line', { timeout: 20 * 60_000 }, async () => {
  const texts = fc.sample(file, { numRuns: deep ? 3000 : 200, seed })
  const differences: string[] = []
  for (let at = 0; at < texts.length; at += 20) {
    const some = texts.slice(at, at + 20)
    const all = composeReads(some)
    for (const [which, text] of some.entries()) {
      const theirs = all === undefined ? composeReads([text])?.[0] : all[which]
      const name = await unnamed(text, theirs)
      if (name !== undefined) differences.push(`${JSON.stringify(text)}: ${name}`)
    }
  }
  expect(differences).toEqual([])
})

/** What of a line `A=…` is to be read, by compose and by us, with `B=b` in the line before; undefined: it is refused. */
const LINES: ReadonlyArray<readonly [line: string, theirs: string | undefined, ours: string]> = [
  ['A="x # y" # c', 'x # y', 'x # y'],
  ['A=${B}/x', 'b/x', 'b/x'],
  ['A=${N:-d}', 'd', 'd'],
  ['A=$${B}', '${B}', '${B}'],
  ['A="\\${B}"', '${B}', '${B}'],
  ['A=${N}', '', '${N}'],
  ['A=${L}\nL=l', '', 'l'],
  ['A=1\nA=${A}2', '12', '12'],
  ['A=${A:-self}', 'self', 'self'],
  ['A=${B:+x}', 'x', '${B:+x}'],
  ["A='a\\'b'", "a'b", "a\\'b"],
  ['A="x', undefined, '"x'],
  ['A=${B', undefined, '${B'],
  ['A : x', 'x', ''],
]

test.each(LINES)('%s', async (line, theirs, ours) => {
  const whole = `B=b\n${line}\n`
  expect(composeReads([whole])?.map(({ A = '' }) => A)[0]).toBe(theirs)
  expect((await weRead(whole))['A'] ?? '').toBe(ours)
  const differs = theirs !== ours
  expect((await diagnoseText(whole)).length > 0 || !differs).toBe(true)
})
