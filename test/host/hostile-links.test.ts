/** A repository whose files are links to what has no end: every command ends, and says what is wrong or needs no such file. */

import { spawnSync } from 'node:child_process'
import { existsSync, mkdirSync, readFileSync, renameSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { repositoryWith } from './repository.ts'

/** What a command could meet under names that it looks for. */
const NAMES = [
  ...['.sops.yaml', '.env', '.env.enc', '.env.example', 'docker-compose.yml', '.gitattributes'],
  'vault/runs.jsonl',
]
const COMMANDS = [
  'approve --list',
  'doctor',
  'init',
  'secrets check',
  'secrets list',
  'secrets migrate --yes',
  'secrets recipients list',
  'secrets scan',
  'secrets verify',
  'status',
]

describe.each(NAMES)('%s is a link to /dev/zero', (name) => {
  test('and each command ends', { timeout: 120_000 }, () => {
    const repository = repositoryWith('A=1\n')
    repository.add('TOKEN', 'value')
    rmSync(repository.path(name), { force: true })
    mkdirSync(dirname(repository.path(name)), { recursive: true })
    symlinkSync('/dev/zero', repository.path(name))
    for (const command of COMMANDS) {
      const { status, stderr } = repository.run(command.split(' '), {
        through: ['timeout', '--signal=KILL', '30'],
      })
      expect([0, 1, 2, 125], `${command}: ${stderr}`).toContain(status)
      expect(stderr).not.toMatch(/heap|unexpected/i)
    }
  })
})

describe('what a link leads to stays as it is', () => {
  /** A file of the operator's, and a link to it at a path of the repository. */
  function linked(path: string) {
    const repository = repositoryWith('A=1\n')
    repository.add('TOKEN', 'value')
    const outside = join(repository.home, 'precious')
    writeFileSync(outside, 'precious\n')
    rmSync(repository.path(path), { force: true })
    mkdirSync(dirname(repository.path(path)), { recursive: true })
    symlinkSync(outside, repository.path(path))
    return { repository, outside }
  }

  test('of approve, in the place of a signature', () => {
    const { repository, outside } = linked('vault/approved/p.json.sig')
    const key = join(repository.home, 'signing')
    expect(spawnSync('ssh-keygen', ['-q', '-t', 'ed25519', '-N', '', '-f', key]).status).toBe(0)
    const proposal = '{"type":"publish","source":"a","payload":{},"secrets":["TOKEN"]}\n'
    repository.write('vault/approved/p.json', proposal)
    expect(repository.fails(['approve', 'p', '--signing-key', key])).toMatch(/p\.json\.sig: is a link/)
    expect(readFileSync(outside, 'utf8')).toBe('precious\n')
    expect(repository.read('vault/approved/p.json')).toBe(proposal)
  })

  test('of git setup, in the place of .gitattributes', () => {
    const { repository, outside } = linked('.gitattributes')
    expect(repository.fails(['git', 'setup'])).toMatch(/leads out of the directory/)
    expect(readFileSync(outside, 'utf8')).toBe('precious\n')
  })

  test('of secrets rm, in the place of the directory', () => {
    const repository = repositoryWith('A=1\n')
    repository.add('TOKEN', 'value')
    const outside = join(repository.home, 'others')
    renameSync(repository.path('secrets'), outside)
    symlinkSync(outside, repository.path('secrets'))
    expect(repository.fails(['secrets', 'rm', 'TOKEN', '--force'])).toMatch(/leads out of the directory/)
    expect(existsSync(join(outside, 'TOKEN.enc'))).toBe(true)
  })
})
