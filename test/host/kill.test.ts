/**
 * SIGKILL at the system calls of a command, one after the other (strace --inject): whatever the instant, the old
 * values or the new ones are there, whole, and plaintext is nowhere but in the file that had it before.
 */
import { spawnSync } from 'node:child_process'
import { cpSync, existsSync, readFileSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { parse } from 'dotenv'
import { buildSync } from 'esbuild'
import { describe, expect, test } from 'vitest'
import { BUNDLES } from '../helpers/parts.ts'
import { Host, MARK, SOPS } from './host.ts'

/** Hundreds of starts under strace: never the programs that count lines, which make twice the calls. */
const DISINTO = join(BUNDLES, 'disinto.js')

/** The calls that change what is on disk, each at all of its times; the others only now and then. */
const CHANGING = ['fsync', 'rename', 'link', 'unlink', 'mkdir', 'fchmod', 'rmdir']
const OTHERS = ['openat', 'write', 'close', 'read', 'statx']

/** Node makes some of them at its start already; those are the same in every run. */
function callsOf(host: Host, words: readonly string[], input: string, program: string): Map<string, number> {
  const log = join(host.base, 'calls')
  const through = ['strace', '-f', '-qq', '-o', log, '-e', `trace=${[...CHANGING, ...OTHERS].join(',')}`]
  host.well(words, { input, through, program })
  const calls = new Map<string, number>()
  // The process itself is the first in the log: its threads do not touch files.
  const lines = readFileSync(log, 'utf8').split('\n')
  const pid = /^\d+/.exec(lines[0] ?? '')?.[0]
  for (const line of lines) {
    const [, who, call] = /^(\d+) +(\w+)\(/.exec(line) ?? []
    if (who === pid && call !== undefined) calls.set(call, (calls.get(call) ?? 0) + 1)
  }
  rmSync(log)
  return calls
}

/** Which times of each call to kill at: all of the changing ones, and of the others those at the end, strided. */
function instants(calls: ReadonlyMap<string, number>): Array<readonly [call: string, time: number]> {
  return [...calls].flatMap(([call, count]) => {
    const times = Array.from({ length: count }, (_, at) => at + 1)
    if (CHANGING.includes(call)) return times.map((time) => [call, time] as const)
    return times
      .slice(-16)
      .filter((time) => time % 8 === 0)
      .map((time) => [call, time] as const)
  })
}

interface Again {
  /** What stands on standard input. */
  readonly input?: string
  /** Files that hold plaintext as long as nothing is done. */
  readonly plaintext?: readonly string[]
  /** Does it once more, after a kill. */
  readonly again?: (at: string) => void
  /** What is killed in the place of the host command. */
  readonly program?: string
}

function defaultAgain(host: Host, words: readonly string[], input: string): (at: string) => void {
  return (at) => {
    const again = [...words, ...(words[1] === 'add' ? ['--force'] : [])]
    expect(host.run(again, { input, program: DISINTO }).status, at).toBe(0)
  }
}

/** Runs a command again and again from the same start, killed at another call each time. */
function killedEverywhere(
  host: Host,
  words: readonly string[],
  check: (at: string) => void,
  { input = '', plaintext = [], again = defaultAgain(host, words, input), program = DISINTO }: Again = {},
): void {
  const start = join(host.base, '..', `${host.base.split('/').at(-1)}-start`)
  cpSync(host.base, start, { recursive: true })
  const restore = () => {
    rmSync(host.base, { recursive: true })
    cpSync(start, host.base, { recursive: true })
  }
  try {
    const calls = callsOf(host, words, input, program)
    let killed = 0
    for (const [call, time] of instants(calls)) {
      restore()
      const at = `${call} number ${time}`
      const inject = ['-e', `trace=${call}`, '-e', `inject=${call}:signal=KILL:when=${time}`]
      const through = ['strace', '-f', '-qq', '-o', '/dev/null', ...inject]
      const { status, signal } = host.run(words, { input, through, program })
      if (signal === 'SIGKILL' || status === 137) killed += 1
      expect(
        host.holding(MARK).filter((file) => !plaintext.includes(file)),
        at,
      ).toEqual([])
      check(at)
      // What a killed run left behind does not stay.
      again(at)
      expect(
        host.files(host.base).filter((file) => file.endsWith('.tmp')),
        at,
      ).toEqual([])
    }
    expect(killed).toBeGreaterThan(10)
  } finally {
    rmSync(start, { recursive: true })
  }
}

/** What `disinto up` does before it starts anything, as a program of its own: it needs no engine. */
function grantProgram(host: Host): string {
  const source = (name: string) => JSON.stringify(new URL(`../../src/host/${name}`, import.meta.url).pathname)
  const outfile = join(host.base, 'grant.cjs')
  buildSync({
    stdin: {
      contents: `
        import { processContext } from ${source('context.ts')}
        import { ensureServiceKey, grantService } from ${source('store/grant.ts')}
        const context = processContext(undefined, true)
        ensureServiceKey(context, 'agents').then(({ recipient }) => grantService(context, 'agents', recipient))
      `,
      resolveDir: new URL('.', import.meta.url).pathname,
    },
    outfile,
    bundle: true,
    platform: 'node',
    format: 'cjs',
  })
  return outfile
}

describe.skipIf(spawnSync('strace', ['-V']).error !== undefined)('SIGKILL at any system call', () => {
  test('of add, over an old value: the old or the new', () => {
    const host = new Host()
    host.add('TOKEN', `${MARK}-old`)
    const check = (at: string) => expect([`${MARK}-old`, `${MARK}-new`], at).toContain(host.bySops('TOKEN'))
    killedEverywhere(host, ['secrets', 'add', 'TOKEN', '--force'], check, { input: `${MARK}-new` })
  })

  test('of the first add: nothing or all of it, and the next one works', () => {
    const host = new Host()
    const check = (at: string) => {
      if (existsSync(host.path('secrets/TOKEN.enc'))) expect(host.bySops('TOKEN'), at).toBe(MARK)
    }
    killedEverywhere(host, ['secrets', 'add', 'TOKEN'], check, { input: MARK })
  })

  test('of migrate: the values are in .env, or in the encrypted files, and no third copy', () => {
    const host = new Host()
    const text = `# c\nA=${MARK}\nB='${MARK}\nof two lines'\n`
    host.well(['secrets', 'keygen'])
    host.write('.env', text)
    killedEverywhere(
      host,
      ['secrets', 'migrate'],
      (at) => {
        if (existsSync(host.path('.env'))) expect(host.read('.env'), at).toBe(text)
        else {
          expect(parse(host.envBySops()), at).toEqual({ A: MARK, B: `${MARK}\nof two lines` })
        }
      },
      { plaintext: ['project/.env'] },
    )
  })

  test('of recipients rm: every file opens for us, and the next one takes the key out of all', () => {
    const host = new Host()
    host.add('TOKEN', MARK)
    host.add('OTHER', MARK)
    const { recipient } = host.stranger()
    host.well(['secrets', 'recipients', 'add', recipient])
    const words = ['secrets', 'recipients', 'rm', recipient]
    const check = (at: string) => {
      for (const name of ['TOKEN', 'OTHER']) expect(host.bySops(name), at).toBe(MARK)
    }
    killedEverywhere(host, words, check, {
      again: (at) => {
        // It may have been done but for its last words.
        expect([0, 1], at).toContain(host.run(words).status)
        check(at)
        for (const file of ['.sops.yaml', 'secrets/TOKEN.enc', 'secrets/OTHER.enc'])
          expect(host.read(file), at).not.toContain(recipient)
        // Nobody has to be accepted who was there all the time.
        host.well(['secrets', 'add', 'TOKEN', '--force'], { input: MARK })
      },
    })
  })

  test('of grant: a file is open to the service only where the rules say so, and the next one grants all', () => {
    const host = new Host()
    for (const name of ['A', 'B', 'C']) host.add(name, MARK)
    host.well(['secrets', 'grant', 'qwen', 'C'])
    const words = ['secrets', 'grant', 'qwen', 'A', 'B']
    const recipient = host.recipient(join(host.home, '.config/sops/age/project/qwen/keys.txt'))
    const granted = (name: string) => host.read(`secrets/${name}.enc`).includes(recipient)
    const check = (at: string) => {
      for (const name of ['A', 'B', 'C']) expect(host.bySops(name), at).toBe(MARK)
      const named = (name: string) => host.read('.sops.yaml').includes(`secrets/${name}\\.enc`)
      for (const name of ['A', 'B']) if (granted(name)) expect(named(name), at).toBe(true)
    }
    killedEverywhere(host, words, check, {
      again: (at) => {
        expect(host.run(words).status, at).toBe(0)
        check(at)
        expect(['A', 'B', 'C'].every(granted), at).toBe(true)
        host.well(['secrets', 'add', 'A', '--force'], { input: MARK })
        expect(granted('A'), at).toBe(true)
      },
    })
  })

  test('of revoke: every file opens for us, and the next one takes the rest from the service', () => {
    const host = new Host()
    for (const name of ['A', 'B', 'C']) host.add(name, MARK)
    host.well(['secrets', 'grant', 'qwen', 'A', 'B', 'C'])
    const words = ['secrets', 'revoke', 'qwen', 'A', 'B']
    const recipient = host.recipient(join(host.home, '.config/sops/age/project/qwen/keys.txt'))
    const check = (at: string) => {
      for (const name of ['A', 'B', 'C']) expect(host.bySops(name), at).toBe(MARK)
      expect(host.read('secrets/C.enc'), at).toContain(recipient)
    }
    killedEverywhere(host, words, check, {
      again: (at) => {
        // One of the two may have been taken already.
        for (const name of ['A', 'B']) host.run(['secrets', 'revoke', 'qwen', name])
        check(at)
        for (const name of ['A', 'B']) expect(host.read(`secrets/${name}.enc`), at).not.toContain(recipient)
        expect(host.read('.sops.yaml').split(recipient), at).toHaveLength(2)
      },
    })
  })

  test('of rotate-key: every file opens with the keys that are there', () => {
    const host = new Host()
    host.well(['secrets', 'keygen'])
    host.write('.env', `A=${MARK}\n`)
    host.well(['secrets', 'migrate'])
    host.add('TOKEN', MARK)
    killedEverywhere(host, ['secrets', 'rotate-key'], (at) => {
      expect(host.envBySops(), at).toBe(`A=${MARK}\n`)
      expect(host.bySops('TOKEN'), at).toBe(MARK)
    })
  })

  test('of recipients accept: the rules are accepted or not, and nothing that was accepted is forgotten', () => {
    const host = new Host()
    host.add('TOKEN', MARK)
    const { recipient } = host.stranger()
    const rules = host.read('.sops.yaml')
    host.write('.sops.yaml', rules.replaceAll(host.recipient(), `${host.recipient()},${recipient}`))
    const words = ['secrets', 'recipients', 'accept']
    const add = () => host.run(['secrets', 'add', 'OTHER', '--force'], { input: MARK })
    killedEverywhere(
      host,
      words,
      (at) => {
        const { status, stderr } = add()
        // Had it been forgotten what was accepted, all would be accepted anew.
        expect(stderr, at).not.toContain('accepted on first use')
        if (status !== 0) expect(stderr, at).toContain(recipient)
      },
      {
        again: (at) => {
          expect(host.run(words).status, at).toBe(0)
          expect(add().status, at).toBe(0)
          expect(host.read('secrets/OTHER.enc'), at).toContain(recipient)
        },
      },
    )
  })

  test('of what up changes for the agents: they are let in by key, rules and file, and to nothing else', {
    timeout: 600_000,
  }, () => {
    const host = new Host()
    host.well(['secrets', 'keygen'])
    rmSync(join(host.home, '.config/sops/age/project'), { recursive: true })
    // A rule for all files, which the agents must not come to be in.
    host.write('.sops.yaml', `creation_rules:\n  - age: ${host.recipient()}\n`)
    host.write('.env', `A=${MARK}\n`)
    host.well(['secrets', 'migrate'])
    host.add('TOKEN', MARK)
    const program = grantProgram(host)
    const check = (at: string) => {
      expect(host.envBySops(), at).toBe(`A=${MARK}\n`)
      expect(host.bySops('TOKEN'), at).toBe(MARK)
      const [key, ...others] = host.files(host.home).filter((file) => file.endsWith('agents/keys.txt'))
      expect(others, at).toEqual([])
      const agents = key === undefined ? 'nobody' : host.recipient(join(host.home, key))
      expect(host.read('secrets/TOKEN.enc'), at).not.toContain(agents)
    }
    killedEverywhere(host, [], check, {
      program,
      again: (at) => {
        host.well([], { program })
        check(at)
        const [key = ''] = host.files(host.home).filter((file) => file.endsWith('agents/keys.txt'))
        const agents = join(host.home, key)
        // With this key alone.
        const env = { ...host.environment(), HOME: '/nonexistent', SOPS_AGE_KEY_FILE: agents }
        const words = ['decrypt', '--input-type', 'dotenv', '--output-type', 'dotenv', host.path('.env.enc')]
        expect(spawnSync(SOPS, words, { env, encoding: 'utf8' }).stdout, at).toBe(`A=${MARK}\n`)
        expect(host.read('.sops.yaml'), at).toContain(host.recipient(agents))
        host.well(['secrets', 'add', 'NEW', '--force'], { input: MARK })
        expect(host.read('secrets/NEW.enc'), at).not.toContain(host.recipient(agents))
      },
    })
  })
})
