import { randomBytes } from 'node:crypto'
import { chmodSync, readFileSync } from 'node:fs'
import { beforeAll, describe, expect, test } from 'vitest'
import { Host } from '../host/host.ts'
import { need } from './launch.ts'
import { filesHolding, leaks, newFilesHolding, tracer } from './trace.ts'

beforeAll(() => need('strace'))

const fresh = (name: string) => `${name} "q" \\b é/+ ${randomBytes(12).toString('hex')} \t<&>`
const PLACES = ['/tmp', '/var/tmp', '/dev/shm', '/run']

/** Memory that is a file system: what the editor is given lies there, for its owner alone. */
const isTmpfs = (target: string) => /^\/dev\/shm\/|^\/run\/user\//.test(target)

interface Run {
  readonly words: readonly string[]
  readonly input?: string
  readonly env?: Record<string, string | undefined>
  readonly allowed?: (target: string) => boolean
}

/** Runs a command under strace; nothing of it may leak, nor may a file hold a value afterwards. */
function expectNoLeak(host: Host, values: readonly string[], run: Run): string {
  const since = Date.now()
  const { through, calls } = tracer()
  const { status, stdout, stderr } = host.run(run.words, {
    through,
    input: run.input ?? '',
    env: run.env ?? {},
  })
  expect(status, stderr).toBe(0)
  const key = /AGE-SECRET-KEY-1\w+/.exec(readFileSync(host.keyFile, 'utf8'))?.[0] ?? ''
  const all = calls()
  expect(all.some(({ name }) => name === 'execve') && all.some(({ name }) => name === 'openat')).toBe(true)
  expect(leaks(all, values, run.allowed)).toEqual([])
  // A key that is made, is written: to the key file, through a new file beside it, and nowhere else.
  const keyLeaks = leaks(all, [key], (target) => target.startsWith(host.home)).filter(
    (leak) => !leak.startsWith('mmap'),
  )
  expect(keyLeaks).toEqual([])
  expect(filesHolding(values, [host.base])).toEqual([])
  expect(newFilesHolding(values, PLACES, since)).toEqual([])
  return stdout
}

describe('under strace no value is written but to a pipe, nor given as a word, nor left in a file, by', () => {
  test('secrets add, the first and the next', () => {
    const host = new Host()
    const values = [fresh('first'), fresh('second')]
    for (const [at, value] of values.entries())
      expectNoLeak(host, values, { words: ['secrets', 'add', `TOKEN_${at}`], input: value })
    expect(host.bySops('TOKEN_1')).toBe(values[1])
  })

  test('secrets show, which writes it to the pipe that asked', () => {
    const host = new Host()
    const value = fresh('shown')
    host.add('TOKEN', value)
    expect(expectNoLeak(host, [value], { words: ['secrets', 'show', 'TOKEN'] })).toContain(value)
  })

  test.each([
    ['list', ['secrets', 'list']],
    ['verify', ['secrets', 'verify']],
    ['rotate-key', ['secrets', 'rotate-key']],
    ['rm', ['secrets', 'rm', 'TOKEN', '--force']],
  ])('secrets %s', (_, words) => {
    const host = new Host()
    const value = fresh('kept')
    host.add('TOKEN', value)
    expectNoLeak(host, [value], { words })
  })

  test('secrets recipients add and rm', () => {
    const host = new Host()
    const value = fresh('shared')
    host.add('TOKEN', value)
    const { recipient } = host.stranger()
    for (const verb of ['add', 'rm'])
      expectNoLeak(host, [value], { words: ['secrets', 'recipients', verb, recipient] })
  })

  test('secrets migrate, and .env is gone', () => {
    const host = new Host()
    const value = fresh('moved').replaceAll('"', '')
    host.write('.env', `A='${value}'\nB=plain\n`)
    expectNoLeak(host, [value], { words: ['secrets', 'migrate'] })
    expect(host.exists('.env')).toBe(false)
  })

  test('secrets edit, but for a file in memory that is gone afterwards', () => {
    const host = new Host()
    const [before, after] = [fresh('before'), fresh('after')]
    host.add('TOKEN', before)
    const editor = host.write('../editor', `#!/bin/sh\nprintf %s "$AFTER" > "$1"\n`)
    chmodSync(editor, 0o755)
    const env = { EDITOR: editor, AFTER: after, XDG_RUNTIME_DIR: undefined }
    expectNoLeak(host, [before, after], { words: ['secrets', 'edit', 'TOKEN'], env, allowed: isTmpfs })
    expect(host.bySops('TOKEN')).toBe(after)
  })
})
