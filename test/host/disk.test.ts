import { spawn, spawnSync } from 'node:child_process'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, expect, onTestFinished, test } from 'vitest'
import { DISINTO } from '../helpers/parts.ts'
import { Host, MARK } from './host.ts'

const ROOT = process.getuid?.() === 0

/** A project on a small file system of its own. */
function small(): { host: Host; fill: () => void; readOnly: () => void } {
  const directory = mkdtempSync(join(tmpdir(), 'disinto-small-'))
  const mount = (...words: string[]) => expect(spawnSync('mount', words).status).toBe(0)
  mount('-t', 'tmpfs', '-o', 'size=64k', 'none', directory)
  onTestFinished(() => {
    spawnSync('umount', ['-l', directory])
    rmSync(directory, { recursive: true, force: true })
  })
  return {
    host: new Host(directory),
    readOnly: () => mount('-o', 'remount,ro', directory),
    fill: () => {
      try {
        for (let at = 0; ; at++) writeFileSync(join(directory, `fill-${at}`), Buffer.alloc(4096))
      } catch {}
    },
  }
}

describe.skipIf(!ROOT)('where nothing can be written (needs root, to mount)', () => {
  test.each(['fill', 'readOnly'] as const)('%s: every command fails, says so, and leaves the old', (how) => {
    const { host, ...make } = small()
    host.add('TOKEN', MARK)
    host.add('KEY', MARK)
    host.write('.env', `A=${MARK}-env\n`)
    const before = host.files().map((file) => host.read(file))
    make[how]()
    const reason = how === 'fill' ? 'ENOSPC' : 'EROFS'
    for (const [words, input] of [
      [['secrets', 'add', 'TOKEN', '--force'], `${MARK}-new`],
      [['secrets', 'add', 'NEW'], `${MARK}-new`],
      [['secrets', 'migrate'], ''],
      [['secrets', 'rotate-key'], ''],
    ] as const)
      expect(host.fails(words, { input })).toContain(`can't be written (${reason})`)
    expect(
      host.fails(['secrets', 'edit', 'TOKEN'], { env: { EDITOR: 'sed -i s/hunter/hunted/' } }),
    ).toContain(reason)
    const kept = host.files().filter((file) => !file.startsWith('fill-'))
    expect(kept.map((file) => host.read(file))).toEqual(before)
    expect([host.bySops('TOKEN'), host.bySops('KEY')]).toEqual([MARK, MARK])
  })
})

describe('two at once', () => {
  async function both(
    host: Host,
    words: readonly string[],
    inputs: readonly string[],
  ): Promise<Array<number | null>> {
    const children = inputs.map((input) => {
      const child = spawn(process.execPath, [DISINTO, ...words], {
        cwd: host.directory,
        env: host.environment(),
        stdio: ['pipe', 'ignore', 'ignore'],
      })
      child.stdin.end(input)
      return new Promise<number | null>((resolve) => child.on('close', resolve))
    })
    return Promise.all(children)
  }

  test('add of a name that exists: each is whole, one of the two stays', async () => {
    const host = new Host()
    host.add('TOKEN', 'old')
    for (let round = 0; round < 5; round++) {
      const ended = await both(host, ['secrets', 'add', 'TOKEN', '--force'], ['one', 'two', 'three'])
      expect(ended).toContain(0)
      expect(['one', 'two', 'three']).toContain(host.bySops('TOKEN'))
      expect(host.files()).toEqual(['.sops.yaml', 'secrets/TOKEN.enc'])
    }
  })

  test('add of a new name in a new project: one key, one set of rules, and no value overwritten unasked', async () => {
    for (let round = 0; round < 4; round++) {
      const host = new Host()
      const ended = await both(host, ['secrets', 'add', 'TOKEN'], ['one', 'two', 'three'])
      expect(ended.filter((status) => status === 0)).toHaveLength(1)
      expect(['one', 'two', 'three']).toContain(host.bySops('TOKEN'))
      expect(host.files()).toEqual(['.sops.yaml', 'secrets/TOKEN.enc'])
      expect(host.read('.sops.yaml')).toContain(host.recipient())
      expect(host.well(['secrets', 'verify'])).toContain('ok')
    }
  })

  test('add of different names: both are there', async () => {
    const host = new Host()
    await Promise.all([
      both(host, ['secrets', 'add', 'A_TOKEN'], ['a']),
      both(host, ['secrets', 'add', 'B_TOKEN'], ['b']),
    ])
    expect([host.bySops('A_TOKEN'), host.bySops('B_TOKEN')]).toEqual(['a', 'b'])
  })
})
