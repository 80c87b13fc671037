import { chmodSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, onTestFinished, test } from 'vitest'
import { projectAt, rootAbove } from '../../../src/host/project.ts'

function made(...directories: string[]): string {
  const base = mkdtempSync(join(tmpdir(), 'disinto-root-'))
  onTestFinished(() => rmSync(base, { recursive: true, force: true }))
  for (const directory of directories) mkdirSync(join(base, directory), { recursive: true })
  return base
}

test.for([['.env.enc'], ['.sops.yaml'], ['docker-compose.yml'], ['compose.yaml'], ['secrets/A.enc']])(
  'a directory with %s is the root of all below it',
  ([mark = '']) => {
    const base = made('project/secrets', 'project/src/deep')
    writeFileSync(join(base, 'project', mark), 'x')
    expect(rootAbove(join(base, 'project/src/deep'))).toBe(join(base, 'project'))
    expect(rootAbove(join(base, 'project'))).toBe(join(base, 'project'))
    expect(rootAbove(base)).toBe(base)
  },
)

test('the nearest root counts, and without one the directory itself', () => {
  const base = made('a/b/c')
  expect(rootAbove(join(base, 'a/b/c'))).toBe(join(base, 'a/b/c'))
  writeFileSync(join(base, 'a/.env'), '')
  writeFileSync(join(base, 'a/b/compose.yml'), '')
  expect(rootAbove(join(base, 'a/b/c'))).toBe(join(base, 'a/b'))
})

test('what others can plant above does not count', () => {
  const base = made('open/mine')
  writeFileSync(join(base, 'open/compose.yml'), '')
  chmodSync(join(base, 'open'), 0o777)
  expect(rootAbove(join(base, 'open/mine'))).toBe(join(base, 'open/mine'))
})

test('the compose file is the one that compose finds first, and else the one that init writes', () => {
  const base = made('')
  const project = projectAt(base, new Map(), '/')
  expect(project.composeFile).toBe(join(base, 'docker-compose.yml'))
  writeFileSync(join(base, 'docker-compose.yaml'), '')
  expect(project.composeFile).toBe(join(base, 'docker-compose.yaml'))
  writeFileSync(join(base, 'compose.yml'), '')
  expect(project.composeFile).toBe(join(base, 'compose.yml'))
})
