import { spawnSync } from 'node:child_process'
import { chownSync, mkdirSync, mkdtempSync, rmSync, statSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, onTestFinished, test } from 'vitest'
import { leftDirectories, makeDirectory, ownedDirectories } from '../../src/memory-directory.ts'
import { ownMark } from '../../src/owner.ts'

function parent(): string {
  const path = mkdtempSync(join(tmpdir(), 'disinto-memory-'))
  onTestFinished(() => rmSync(path, { recursive: true, force: true }))
  return path
}

const deadPid = () => Number(spawnSync('sh', ['-c', 'echo $$'], { encoding: 'utf8' }).stdout)
const [here = '', , started = ''] = ownMark().split('-')

test('a directory is for its maker alone, and known again by its name', () => {
  const at = parent()
  const made = makeDirectory(at, 'files', undefined, 'ab-cd')
  expect(statSync(made.path).mode & 0o777).toBe(0o700)
  expect(ownedDirectories(at, 'files')).toEqual([{ path: made.path, mark: ownMark(), label: 'ab-cd' }])
  expect(ownedDirectories(at, 'run')).toEqual([])
  expect(makeDirectory(at, 'files').name).not.toBe(made.name)
  made.remove()
  expect(ownedDirectories(at, 'files')).toHaveLength(1)
})

test('what is left is what has an owner of this pid namespace that is gone', () => {
  const at = parent()
  makeDirectory(at, 'run')
  const dead = `disinto-run-${here}-${deadPid()}-1-00000000`
  const reused = `disinto-run-${here}-${process.pid}-${Number(started) - 1}-00000000`
  const elsewhere = `disinto-run-${'0'.repeat(12)}-1-1-00000000`
  for (const name of [dead, reused, elsewhere, 'disinto-run-1-2', 'disinto-edit-x']) mkdirSync(join(at, name))
  expect(new Set(leftDirectories(at, 'run'))).toEqual(new Set([join(at, dead), join(at, reused)]))
})

test.runIf(process.getuid?.() === 0)('what belongs to another user is none of ours (needs root)', () => {
  const at = parent()
  const path = join(at, `disinto-run-${here}-${deadPid()}-1-00000000`)
  mkdirSync(path)
  chownSync(path, 12345, 12345)
  expect(leftDirectories(at, 'run')).toEqual([])
})
