import { describe, expect, test } from 'vitest'
import type { Entry, Finding } from '../../../src/load/decrypt.ts'
import type { Problem } from '../../../src/load/diagnosis.ts'
import { merge } from '../../../src/load/merge.ts'
import { parseOptions } from '../../../src/load/options.ts'
import {
  checkReport,
  findingWarnings,
  loadedNames,
  summaryLine,
  warningsOf,
} from '../../../src/load/report.ts'
import type { Document, Format } from '../../../src/nouns.ts'
import { Secret } from '../../../src/secret.ts'

const VALUE = 'hunter2-Zq7'

const envFile = (format: Format = 'sops-dotenv'): Document => ({
  source: { role: 'env-file', path: '/p/.env.enc', plaintextAllowed: false },
  bytes: Buffer.alloc(0),
  format,
})
const secretFile = (name: string, format: Format = 'sops-json'): Document => ({
  source: { role: 'secret', path: `/p/secrets/${name}.enc`, name },
  bytes: Buffer.alloc(0),
  format,
})
const entry = (name: string, document: Document, by: Entry['by'] = 'builtin'): Entry => ({
  name,
  loadedAs: name,
  value: new Secret(VALUE),
  document,
  by: document.format === 'plaintext' ? undefined : by,
})

const optionsOf = (...words: string[]) => parseOptions(words, new Map())
async function merged(entries: readonly Entry[], inherited: Record<string, string> = {}) {
  return merge(new Map(Object.entries(inherited)), entries, await optionsOf())
}

describe('what files say', () => {
  const finding = (more: Partial<Finding>): Finding => ({
    document: envFile(),
    problems: [],
    doubled: [],
    unproved: [],
    ...more,
  })
  const problem = (kind: Problem['kind'], line: number, lost: boolean): Problem => ({
    kind,
    line,
    name: `N${line}`,
    lost,
  })

  test('is nothing where nothing is lost', async () => {
    expect(await findingWarnings([finding({ problems: [problem('compose', 1, false)] })])).toEqual([])
    expect(await findingWarnings([])).toEqual([])
  })

  test('is a warning for each kind of loss, with the file', async () => {
    const problems = [problem('hash', 1, true), problem('hash', 3, true), problem('nothing', 2, true)]
    const warnings = await findingWarnings([finding({ problems })])
    expect(warnings.map(({ code }) => code)).toEqual(['dotenv-hash', 'dotenv-nothing'])
    for (const { message, hint } of warnings) {
      expect(message).toMatch(/^\/p\/\.env\.enc: /)
      expect(hint).toBeTruthy()
    }
    expect(warnings[0]?.message).toMatch(/1.*3/)
  })

  test('is what stock sops reads otherwise, too, where something is lost beside it', async () => {
    const problems = [problem('sops', 1, false), problem('compose', 4, false)]
    expect(await findingWarnings([finding({ problems })])).toEqual([])
    const codes = (
      await findingWarnings([finding({ problems: [...problems, problem('hash', 2, true)] })])
    ).map(({ code }) => code)
    expect(new Set(codes)).toEqual(new Set(['dotenv-hash', 'dotenv-sops']))
  })

  test('is at most eight names that stand twice, or that no MAC covers', async () => {
    const many = ['A', 'B', 'C', 'D', 'E', 'F', 'G', 'H', 'I']
    const warnings = await findingWarnings([finding({ doubled: many, unproved: many })])
    expect(warnings.map(({ code }) => code)).toEqual(['name-doubled', 'value-unproved'])
    for (const { message, hint } of warnings) {
      expect(message).toMatch(/^\/p\/\.env\.enc: .*: A, B, C, D, E, F, G, H and 1 more$/)
      expect(hint).toBeTruthy()
    }
  })
})

describe('warnings of a whole run', () => {
  test('name a file in plaintext once', async () => {
    const document = envFile('plaintext')
    const entries = [entry('A', document), entry('B', document)]
    expect(warningsOf(entries, await merged(entries), await optionsOf())).toEqual([
      {
        code: 'plaintext-env',
        message: '/p/.env.enc: secrets in plaintext',
        hint: 'disinto secrets migrate encrypts it to .env.enc',
      },
    ])
  })

  test.each([
    ['age', 'disinto secrets migrate'],
    ['sops-binary', 'disinto secrets show A --raw | disinto secrets add A --raw --force'],
  ] as const)('name a secret file of %s, which does not say its name', async (format, hint) => {
    const entries = [entry('A', secretFile('A', format)), entry('B', secretFile('B'))]
    expect(warningsOf(entries, await merged(entries), await optionsOf())).toEqual([
      expect.objectContaining({
        code: 'file-nameless',
        message: expect.stringContaining('/p/secrets/A.enc'),
        hint: expect.stringContaining(hint),
      }),
    ])
  })

  test('say nothing of an env file of SOPS binary, which has names inside', async () => {
    const entries = [entry('A', envFile('sops-binary'))]
    expect(warningsOf(entries, await merged(entries), await optionsOf())).toEqual([])
  })

  test('tell which names of --only are in no file, after the others', async () => {
    const entries = [entry('A', secretFile('A', 'age'))]
    const warnings = warningsOf(entries, await merged(entries), await optionsOf('--only=B,A,C'))
    expect(warnings.map(({ code }) => code)).toEqual(['file-nameless', 'only-absent'])
    expect(warnings[1]).toEqual({
      code: 'only-absent',
      message: '--only: not in any file: B, C',
      hint: 'check the spelling; --require makes a missing name an error',
    })
  })
})

describe('what was loaded', () => {
  test.each([
    [[], {}, '0 secrets'],
    [['A'], {}, '1 secret: A'],
    [['A', 'B'], {}, '2 secrets: A, B'],
    [['A', 'B'], { B: 'x' }, '1 secret: A (already in the environment: B)'],
    [['A'], { A: 'x' }, '0 secrets (already in the environment: A)'],
  ] as const)('%j beside %j is, in a line, %s', async (names, inherited, line) => {
    const entries = names.map((name) => entry(name, envFile()))
    expect(summaryLine(await merged(entries, inherited))).toBe(line)
  })

  test('is told name by name, with file, format and engine', async () => {
    const entries = [
      entry('A', envFile('plaintext')),
      entry('B', secretFile('B')),
      entry('C', secretFile('C'), 'sops'),
    ]
    expect(loadedNames(await merged(entries, { C: 'x' }))).toEqual([
      'A: from /p/.env.enc (plaintext)',
      'B: from /p/secrets/B.enc (sops-json, builtin)',
      'C: kept as the environment has it, not from /p/secrets/C.enc (sops-json, sops)',
    ])
  })
})

describe('--check', () => {
  const entries = [entry('A', envFile('plaintext')), entry('LONG', secretFile('LONG'))]

  test('lists names under each other, and how the command would start', async () => {
    expect(checkReport(await merged(entries, { A: 'x' }), [], 'execve', false)).toBe(
      'A     /p/.env.enc  plaintext  -  (the environment has it already)\n' +
        'LONG  /p/secrets/LONG.enc  sops-json  builtin\n' +
        'hand-over: execve (the shim becomes the command)\n',
    )
    expect(checkReport(await merged([]), [], 'child', false)).toMatch(/^hand-over: child \(.*\)\n$/)
  })

  test('has the same as JSON, with the warnings, and no value', async () => {
    const warnings = [{ code: 'x', message: 'y' }]
    const text = checkReport(await merged(entries), warnings, 'child', true)
    expect(text).not.toContain(VALUE)
    expect(text).toMatch(/\}\n$/)
    expect(JSON.parse(text)).toEqual({
      entries: [
        { name: 'A', source: '/p/.env.enc', format: 'plaintext', engine: null, kept: false },
        { name: 'LONG', source: '/p/secrets/LONG.enc', format: 'sops-json', engine: 'builtin', kept: false },
      ],
      handOver: 'child',
      warnings,
    })
  })
})
