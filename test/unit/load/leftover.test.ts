import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, onTestFinished, test } from 'vitest'
import { leftoverWarnings } from '../../../src/load/leftover.ts'

function file(content: string): string {
  const directory = mkdtempSync(join(tmpdir(), 'disinto-leftover-'))
  onTestFinished(() => rmSync(directory, { recursive: true, force: true }))
  writeFileSync(join(directory, '.env'), content)
  return join(directory, '.env')
}

test('names that are in both files are told, and no value', async () => {
  const path = file('A=hunter2\nB=1\nCOMPOSE_PROJECT_NAME=x\n')
  expect(await leftoverWarnings(path, new Set(['A', 'B', 'C']))).toEqual([
    {
      code: 'plaintext-left',
      message: `${path}: plaintext left over beside .env.enc, which is used for A, B`,
      hint: 'compare the two, then remove these lines from .env',
    },
  ])
})

test('at most eight names are told, and how many more there are', async () => {
  const names = Array.from({ length: 10 }, (_, at) => `N${at}`)
  const path = file(names.map((name) => `${name}=1\n`).join(''))
  const [warning] = await leftoverWarnings(path, new Set(names))
  expect(warning?.message).toMatch(/ N0, N1, N2, N3, N4, N5, N6, N7 and 2 more$/)
  const [eight] = await leftoverWarnings(path, new Set(names.slice(0, 8)))
  expect(eight?.message).toMatch(/, N7$/)
})

test.each([
  ['has other names', 'B=1\n'],
  ['sets nothing', '# A=1\n'],
  ['is encrypted', 'A=ENC[x]\nsops_mac=ENC[x]\nsops_version=3\n'],
])('a file that %s is no matter', async (_, content) => {
  expect(await leftoverWarnings(file(content), new Set(['A']))).toEqual([])
})

test('a file that nobody can read is no matter', async () => {
  expect(await leftoverWarnings('/nowhere/.env', new Set(['A']))).toEqual([])
})
