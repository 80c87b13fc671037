import { existsSync, mkdirSync, readFileSync, rmSync, statSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { expect, onTestFinished, test } from 'vitest'
import {
  inPrivateDirectory,
  leftMemoryDirectories,
  makeMemoryDirectory,
} from '../../../../src/host/vault/memory.ts'
import { isInMemory } from '../../../../src/tmpfs.ts'

/** On a machine whose /dev/shm is in memory, as nearly every one's is. */
const SHM = isInMemory('/dev/shm')
/** A directory of a process that is gone: its pid is none. */
function leftIn(parent: string): string {
  const own = makeMemoryDirectory(new Map(), true)
  const [, namespace = ''] = /^disinto-run-([0-9a-f]+)-/.exec(own.name) ?? []
  own.remove()
  const path = join(parent, `disinto-run-${namespace}-${2 ** 22}-1-0123abcd`)
  mkdirSync(path)
  onTestFinished(() => rmSync(path, { recursive: true, force: true }))
  return path
}

test.runIf(SHM)('a directory for a run is in memory, for us alone, and gone when it is removed', () => {
  const made = makeMemoryDirectory(new Map([['XDG_RUNTIME_DIR', '/nowhere']]))
  expect(dirname(made.path)).toBe('/dev/shm')
  expect(isInMemory(made.path)).toBe(true)
  expect(statSync(made.path).mode & 0o777).toBe(0o700)
  made.write('a', 'text')
  expect(readFileSync(join(made.path, 'a'), 'utf8')).toBe('text')
  made.remove()
  expect(existsSync(made.path)).toBe(false)
  expect(dirname(makeRemoved(true))).toBe('/dev/shm')
})

function makeRemoved(anywhere: boolean): string {
  const made = makeMemoryDirectory(new Map(), anywhere)
  made.remove()
  return made.path
}

test('what a process has left that is gone is found, where it may have been made', () => {
  const runtime = join(tmpdir(), `disinto-runtime-${process.pid}`)
  mkdirSync(runtime, { recursive: true })
  onTestFinished(() => rmSync(runtime, { recursive: true, force: true }))
  const [there, here] = [leftIn(runtime), leftIn(tmpdir())]
  const found = leftMemoryDirectories(new Map([['XDG_RUNTIME_DIR', runtime]]))
  expect(found).toContain(there)
  expect(found).toContain(here)
  const without = leftMemoryDirectories(new Map([['XDG_RUNTIME_DIR', '']]))
  expect(without).not.toContain(there)
  expect(without).toContain(here)
})

test('what another program reads as a file is for us alone, and gone afterwards, whatever happens', async () => {
  let seen: string[] = []
  const work = async (write: (name: string, text: string) => string) => {
    seen = [write('a', 'text'), write('b', '')]
    const [file = ''] = seen
    expect(readFileSync(file, 'utf8')).toBe('text')
    expect(statSync(file).mode & 0o777).toBe(0o600)
    expect(statSync(dirname(file)).mode & 0o777).toBe(0o700)
    expect(dirname(dirname(file))).toBe(tmpdir())
    expect(() => write('a', 'once more')).toThrow(/EEXIST/)
    return 'done'
  }
  expect(await inPrivateDirectory(work)).toBe('done')
  expect(seen.map((file) => existsSync(dirname(file)))).toEqual([false, false])
  await expect(
    inPrivateDirectory(async (write) => {
      seen = [write('a', '')]
      throw new Error('of the work')
    }),
  ).rejects.toThrow('of the work')
  expect(seen.map((file) => existsSync(dirname(file)))).toEqual([false])
})
