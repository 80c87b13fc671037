import { spawnSync } from 'node:child_process'
import { chmodSync, mkdirSync, symlinkSync, writeFileSync } from 'node:fs'
import { describe, expect, test } from 'vitest'
import { type Host, MARK } from './host.ts'
import { type Repository, repositoryWith } from './repository.ts'

const TOKEN = `${MARK}-token/+"é`
const BASE = `FORGE_TOKEN=${MARK}-forge\nSHORT=abc\nEMPTY=\n`

function project(): Repository {
  const repository = repositoryWith(BASE)
  repository.add('TOKEN', TOKEN)
  repository.commit('a secret')
  return repository
}

interface Report {
  readonly hits: ReadonlyArray<{ where: string; name: string; line?: number; count: number }>
  readonly unreadable: ReadonlyArray<{ path: string; reason: string }>
  readonly names: readonly string[]
  readonly tooShort: readonly string[]
}

/** What a scan says, with its exit status. */
function scan(
  host: Host,
  words: readonly string[],
  options: { through?: string[]; status?: number } = {},
): Report {
  const { status, stdout, stderr } = host.run(['secrets', 'scan', '--json', ...words], {
    through: options.through ?? [],
  })
  expect(stdout + stderr).not.toContain(MARK)
  const report: Report = JSON.parse(stdout)
  expect(status).toBe(options.status ?? (report.hits.length + report.unreadable.length === 0 ? 0 : 1))
  return report
}

const places = ({ hits }: Report) =>
  hits
    .map(({ where, name, line }) => `${where}${line === undefined ? '' : `:${line}`} ${name}`)
    .sort((one, other) => (one < other ? -1 : 1))

test('nothing is found in a project that is as it should be', () => {
  const repository = project()
  const report = scan(repository, [])
  expect(report).toMatchObject({ hits: [], names: ['FORGE_TOKEN', 'TOKEN'], tooShort: ['SHORT'] })
  expect(scan(repository, ['--staged']).hits).toEqual([])
  expect(scan(repository, ['--history']).hits).toEqual([])
  const { stdout, stderr, status } = repository.run(['secrets', 'scan'])
  expect(stdout).toBe('')
  expect(stderr).toMatch(/not searched for, as shorter than 8 characters: SHORT\n/)
  expect(stderr).toMatch(/searched \d+ files, 0\.0 MiB for 2 names: 0 found/)
  expect(status).toBe(0)
})

describe('finds', () => {
  test('values in files, in every form, with the line, below names of any kind', () => {
    const repository = project()
    repository.write('a/b c/notes.txt', `one\ntwo ${TOKEN} and ${TOKEN}\n`)
    repository.write('config.json', `{\n"x": ${JSON.stringify(TOKEN)}}`)
    repository.write('url', `\n\n\nhttps://x/?t=${encodeURIComponent(TOKEN)}`)
    repository.write('auth', Buffer.from(`user:${TOKEN}:x`).toString('base64'))
    repository.write('$(touch PWNED)\n.txt', `${MARK}-forge`)
    repository.write('large', Buffer.concat([Buffer.alloc(3_000_000, 'x\n'), Buffer.from(`${MARK}-forge`)]))
    expect(places(scan(repository, []))).toEqual([
      '"$(touch PWNED)\\n.txt":1 FORGE_TOKEN',
      '"a/b c/notes.txt":2 TOKEN',
      'auth:1 TOKEN',
      'config.json:2 TOKEN',
      'large:1500001 FORGE_TOKEN',
      'url:4 TOKEN',
    ])
    expect(places(scan(repository, ['a', 'auth']))).toEqual(['"a/b c/notes.txt":2 TOKEN', 'auth:1 TOKEN'])
    const { stdout } = repository.run(['secrets', 'scan', 'a'])
    expect(stdout).toBe('"a/b c/notes.txt":2: TOKEN (2 times)\n')
    expect(places(scan(repository, ['--only', 'FORGE_TOKEN', 'a', 'auth']))).toEqual([])
    expect(places(scan(repository, ['--except', 'TOKEN', 'a', 'auth']))).toEqual([])
    expect(repository.exists('PWNED')).toBe(false)
  })

  test('values in the index that the work tree no longer has', () => {
    const repository = project()
    repository.write('notes', `x\n${TOKEN}`)
    repository.git('add', 'notes')
    repository.remove('notes')
    expect(places(scan(repository, []))).toEqual([])
    expect(places(scan(repository, ['--staged']))).toEqual(['index: notes:2 TOKEN'])
  })

  test('values in the history: of other branches, in messages, in names, in what no branch leads to', () => {
    const repository = project()
    repository.git('checkout', '--quiet', '-b', 'side')
    repository.write('leak.txt', `a\nb\n${TOKEN}\n`)
    repository.commit('a leak')
    const leak = repository.git('rev-parse', 'HEAD').trim().slice(0, 12)
    repository.git('rm', '--quiet', 'leak.txt')
    spawnSync('git', ['commit', '--quiet', '--message', `away with ${MARK}-forge`], {
      cwd: repository.directory,
      env: repository.environment(),
    })
    const message = repository.git('rev-parse', 'HEAD').trim().slice(0, 12)
    writeFileSync(repository.path(`${MARK}-forge.txt`), '')
    repository.commit('a name')
    repository.git('checkout', '--quiet', 'main')
    const { stdout } = spawnSync('git', ['hash-object', '-w', '--stdin'], {
      cwd: repository.directory,
      env: repository.environment(),
      input: TOKEN,
      encoding: 'utf8',
    })
    const found = places(scan(repository, ['--history']))
    expect(found).toContain(`commit ${leak}: leak.txt:3 TOKEN`)
    expect(found).toContain(`commit ${message}: the message FORGE_TOKEN`)
    expect(found).toContain(`blob ${stdout.slice(0, 12)}: a file that no branch leads to:1 TOKEN`)
    expect(found.filter((line) => line.includes(': a file name FORGE_TOKEN'))).toHaveLength(1)
    expect(found).toHaveLength(4)
  })
})

test('what can’t be read is named, and is no "nothing found"', () => {
  const repository = project()
  const user = ['setpriv', '--reuid=65534', '--regid=65534', '--clear-groups']
  spawnSync('chmod', ['-R', 'a+rX', repository.base])
  mkdirSync(repository.path('closed'))
  chmodSync(repository.path('closed'), 0o700)
  repository.write('secret.txt', 'x')
  chmodSync(repository.path('secret.txt'), 0o600)
  const env = { SOPS_AGE_KEY_FILE: repository.keyFile }
  chmodSync(repository.keyFile, 0o644)
  const { stdout, stderr, status } = repository.run(['secrets', 'scan', '--json'], { through: user, env })
  expect(stderr).toBe('')
  const report: Report = JSON.parse(stdout)
  expect(
    report.unreadable.map(({ path, reason }) => `${path} ${reason}`).sort((a, b) => (a < b ? -1 : 1)),
  ).toEqual(['closed EACCES', 'secret.txt EACCES'])
  expect(status).toBe(1)
  const told = repository.run(['secrets', 'scan'], { through: user, env })
  expect(told.stderr).toMatch(/warning: closed: can't be read \(EACCES\)/)
  expect(told.stderr).toMatch(/error: 2 of the places could not be read/)
})

test('links, pipes and sockets are passed over', () => {
  const repository = project()
  writeFileSync(`${repository.base}/outside`, TOKEN)
  symlinkSync('../outside', repository.path('link'))
  symlinkSync('.', repository.path('circle'))
  spawnSync('mkfifo', [repository.path('pipe')])
  expect(places(scan(repository, []))).toEqual([])
  expect(places(scan(repository, ['link']))).toEqual([])
})

test('a file that no key opens is told, and what its value is can’t be known', () => {
  const repository = project()
  const { recipient } = repository.stranger()
  repository.write('.sops.yaml', `creation_rules:\n  - age: ${recipient}\n`)
  repository.write('plain.json', JSON.stringify({ THEIRS: MARK }))
  repository.write('secrets/THEIRS.enc', repository.sops('encrypt', 'plain.json'))
  repository.remove('plain.json')
  const { status, stderr } = repository.run(['secrets', 'scan'])
  expect(stderr).toMatch(/warning: \S+THEIRS\.enc: /)
  expect(status).toBe(1)
  expect(repository.fails(['secrets', 'scan'], { env: { HOME: '/sys/nowhere' } })).toMatch(
    /no value is known here/,
  )
})

test('--staged, --history and paths exclude each other', () => {
  const repository = project()
  expect(repository.fails(['secrets', 'scan', '--staged', '--history'], { status: 2 })).toMatch(
    /--staged and --history/,
  )
  expect(repository.fails(['secrets', 'scan', '--history', 'x'], { status: 2 })).toMatch(/--history and x/)
})
