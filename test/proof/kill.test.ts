/**
 * SIGKILL at every system call of edit and of recipients that changes something; test/host/kill.test.ts has add,
 * migrate and rotate-key. Whatever the instant: each value opens, to the old or to the new, and the same command
 * succeeds the next time.
 */
import { spawnSync } from 'node:child_process'
import { cpSync, mkdirSync, readFileSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { beforeAll, describe, expect, test } from 'vitest'
import { ownMemory } from '../helpers/memory.ts'
import { SOPS } from '../helpers/parts.ts'
import { Host, MARK } from '../host/host.ts'
import { need } from './launch.ts'

beforeAll(() => need('strace'))

const CHANGING =
  'fsync,fdatasync,rename,renameat2,link,linkat,unlink,unlinkat,mkdir,rmdir,fchmod,chmod,ftruncate'
/** Every one of them with DEEP=1; those of the start, which are the same in every run, are left out else. */
const ALL_CALLS =
  process.env['DEEP'] === undefined ? CHANGING : `${CHANGING},openat,write,pwrite64,close,read`

interface Command {
  readonly words: readonly string[]
  readonly env?: Record<string, string | undefined>
}

/** The calls of the first process of a run, in their order: each by its name, and which of that name it is. */
function callsOf(host: Host, { words, env = {} }: Command): Array<readonly [name: string, time: number]> {
  const log = join(host.base, 'calls')
  const through = ['strace', '-f', '-qq', '-o', log, '-e', `trace=${ALL_CALLS}`]
  host.well(words, { through, env })
  const lines = readFileSync(log, 'utf8').split('\n')
  rmSync(log)
  // Threads count for themselves; the program, and not its editor, is the one that is killed.
  const pid = /^\d+/.exec(lines[0] ?? '')?.[0] ?? ''
  const counts = new Map<string, number>()
  return lines.flatMap((line) => {
    const [, who, name] = /^(\d+) +(\w+)\(/.exec(line) ?? []
    if (who !== pid || name === undefined) return []
    counts.set(name, (counts.get(name) ?? 0) + 1)
    return [[name, counts.get(name) ?? 0] as const]
  })
}

/** `done` tells the refusal of a command whose work is done: a second run without any kill says the same. */
function killedEverywhere(
  host: Host,
  command: Command,
  check: (at: string) => void,
  done?: { readonly says: RegExp; readonly check: (at: string) => void },
): number {
  const start = `${host.base}-start`
  cpSync(host.base, start, { recursive: true })
  const restore = () => {
    rmSync(host.base, { recursive: true })
    cpSync(start, host.base, { recursive: true })
  }
  let killed = 0
  try {
    for (const [name, time] of callsOf(host, command)) {
      restore()
      const at = `${name} number ${time}`
      const inject = ['-e', `trace=${name}`, '-e', `inject=${name}:signal=KILL:when=${time}`]
      const { status, signal } = host.run(command.words, {
        through: ['strace', '-f', '-qq', '-o', '/dev/null', ...inject],
        env: command.env ?? {},
      })
      if (signal === 'SIGKILL' || status === 137) killed += 1
      expect(host.holding(MARK), at).toEqual([])
      check(at)
      const again = host.run(command.words, { env: command.env ?? {} })
      if (again.status !== 0) expect(again.stderr, at).toMatch(done?.says ?? /never/)
      check(`${at}, again`)
      done?.check(`${at}, again`)
    }
  } finally {
    rmSync(start, { recursive: true, force: true })
  }
  return killed
}

describe('SIGKILL at any system call that changes something', () => {
  test('of edit: the old value or the new', () => {
    const host = new Host()
    host.add('TOKEN', `${MARK}-old`)
    host.add('OTHER', `${MARK}-other`)
    const bin = join(host.home, 'bin')
    mkdirSync(bin, { recursive: true })
    const editor = host.write('../home/bin/editor', '#!/bin/sh\nsed -i s/-old/-new/ "$1"\n')
    const env = { EDITOR: `sh ${editor}`, XDG_RUNTIME_DIR: ownMemory() }
    const killed = killedEverywhere(host, { words: ['secrets', 'edit', 'TOKEN'], env }, (at) => {
      expect([`${MARK}-old`, `${MARK}-new`], at).toContain(host.bySops('TOKEN'))
      expect(host.bySops('OTHER'), at).toBe(`${MARK}-other`)
    })
    expect(killed).toBeGreaterThan(3)
  })

  test.each(['add', 'rm'])('of recipients %s: every value opens with the operator’s key', (verb) => {
    const host = new Host()
    for (const name of ['ONE', 'TWO', 'THREE']) host.add(name, `${MARK}-${name}`)
    host.write('.env', `A=${MARK}-env\n`)
    host.well(['secrets', 'migrate'])
    const { recipient, keyFile } = host.stranger()
    if (verb === 'rm') host.well(['secrets', 'recipients', 'add', recipient])
    const command = { words: ['secrets', 'recipients', verb, recipient] }
    const opens = (name: string) => {
      const words = [
        'decrypt',
        '--input-type',
        'json',
        '--output-type',
        'json',
        host.path(`secrets/${name}.enc`),
      ]
      const env = host.environment({ SOPS_AGE_KEY_FILE: keyFile, HOME: '/nonexistent' })
      return spawnSync(SOPS, words, { env }).status === 0
    }
    const check = (at: string) => {
      for (const name of ['ONE', 'TWO', 'THREE']) expect(host.bySops(name), at).toBe(`${MARK}-${name}`)
      expect(host.envBySops(), at).toBe(`A=${MARK}-env\n`)
    }
    const killed = killedEverywhere(host, command, check, {
      says: verb === 'add' ? /already in every rule/ : /not in any rule/,
      // Whatever it said, it is so: no file was left behind.
      check: (at) => {
        for (const name of ['ONE', 'TWO', 'THREE']) expect(opens(name), `${at}: ${name}`).toBe(verb === 'add')
      },
    })
    expect(killed).toBeGreaterThan(3)
  })
})
