/** A repository whose files are links to what has no end: every command ends, and says what is wrong or needs no such file. */
import { mkdirSync, rmSync, symlinkSync } from 'node:fs'
import { dirname } from 'node:path'
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
