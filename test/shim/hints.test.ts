/** Each cause has its own words, and each hint, followed as it is printed, works. */
import { spawnSync } from 'node:child_process'
import { chmodSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { describe, expect, test } from 'vitest'
import { expectRefusal, MARK, Project } from './project.ts'

const ROOT = process.getuid?.() === 0

function withSecret(): Project {
  const project = new Project()
  project.secret('A', MARK)
  return project
}

/** The command that a hint prints, run. */
function follow(said: string, pattern: RegExp): void {
  const command = pattern.exec(said)?.[1]
  expect(command, said).toBeDefined()
  expect(spawnSync('sh', ['-c', command ?? 'false']).status).toBe(0)
}

describe('a key that can’t be used', () => {
  test('named with a ~, which nobody has filled in', () => {
    const project = withSecret()
    const said = project.refused([], {
      env: { HOME: '/nonexistent', SOPS_AGE_KEY_FILE: '~/.config/sops/age/keys.txt' },
    })
    expect(said).toMatch(/can't be used \(ENOENT\)\n.*write the whole path/)
    expect(
      project.load([], { env: { HOME: '/nonexistent', SOPS_AGE_KEY_FILE: project.keyFile } }).get('A'),
    ).toBe(MARK)
  })

  test('named in quotes, as docker --env-file passes them on', () => {
    const project = withSecret()
    const env = { HOME: '/nonexistent', SOPS_AGE_KEY_FILE: `"${project.keyFile}"` }
    expect(project.refused([], { env })).toMatch(/\(ENOENT\)\n.*remove the quotes/)
  })

  test('that is a directory, as a mount of a missing file makes one', () => {
    const project = withSecret()
    const key = readFileSync(project.keyFile)
    rmSync(project.keyFile)
    mkdirSync(project.keyFile)
    expect(project.refused()).toMatch(
      /\(EISDIR\)\n.*remove the directory, put the key file there on the host/,
    )
    rmSync(project.keyFile, { recursive: true })
    writeFileSync(project.keyFile, key, { mode: 0o600 })
    expect(project.load().get('A')).toBe(MARK)
  })

  test('with a byte order mark', () => {
    const project = withSecret()
    const key = readFileSync(project.keyFile, 'utf8')
      .split('\n')
      .find((line) => line.startsWith('AGE-'))
    writeFileSync(project.keyFile, `\ufeff${key}\n`)
    const said = project.refused()
    expect(said).toMatch(/line 1 begins with a byte order mark/)
    follow(said, /hint: .*: (sed -i .*)$/m)
    expect(project.load().get('A')).toBe(MARK)
  })

  test('in quotes', () => {
    const project = withSecret()
    const key =
      readFileSync(project.keyFile, 'utf8')
        .split('\n')
        .find((line) => line.startsWith('AGE-')) ?? ''
    rmSync(project.keyFile)
    expect(project.refused([], { env: { SOPS_AGE_KEY: `"${key}"` } })).toMatch(
      /line 1 is in quotes\)\n.*remove the quotes/,
    )
    expect(project.load([], { env: { SOPS_AGE_KEY: key } }).get('A')).toBe(MARK)
  })

  test('that is the public half', () => {
    const project = withSecret()
    writeFileSync(project.keyFile, `${project.recipient}\n`)
    expect(project.refused()).toMatch(
      /line 1 is a public key, not an identity\)\n.*the file that age-keygen wrote/,
    )
  })

  test('that is a pipe where nobody may ever write', () => {
    const project = withSecret()
    rmSync(project.keyFile)
    expect(spawnSync('mkfifo', [project.keyFile]).status).toBe(0)
    expect(project.refused(['--engine', 'builtin'])).toMatch(/can't be used \(it is no file\)/)
  })

  test.each([
    ['exit 3', /the command ended with status 3/],
    ['kill -9 $$', /the command was ended by a signal/],
    ['echo nothing-of-a-key', /line 1 is no age identity/],
  ])('from a command that fails: %s', (body, says) => {
    const project = withSecret()
    const key = readFileSync(project.keyFile, 'utf8')
    rmSync(project.keyFile)
    const script = project.write('command', `#!/bin/sh\n${body}\n`)
    chmodSync(script, 0o755)
    const said = project.refused([], { env: { SOPS_AGE_KEY_CMD: script } })
    expect(said).toMatch(says)
    expect(said).toMatch(/hint: run the command yourself/)
    writeFileSync(script, `#!/bin/sh\necho '${key}'\n`)
    expect(project.load([], { env: { SOPS_AGE_KEY_CMD: script } }).get('A')).toBe(MARK)
  })

  test('from a command that does not exist', () => {
    const project = withSecret()
    rmSync(project.keyFile)
    expect(project.refused([], { env: { SOPS_AGE_KEY_CMD: '/nowhere/at-all' } })).toMatch(
      /its program does not exist/,
    )
  })
})

describe('a command that can’t be started', () => {
  test('as it is not executable', () => {
    const project = new Project()
    const command = project.write('command', '#!/bin/sh\necho started\n')
    const result = project.run(['--', command])
    expectRefusal(result, 126)
    expect(result.stderr).toMatch(/can't be executed \(it is not executable\)/)
    follow(result.stderr, /hint: .*: (chmod \+x [^,]+),/)
    expect(project.run(['--', command]).stdout).toBe('started\n')
  })

  test.runIf(ROOT)('from a mount without exec (needs root)', () => {
    const project = new Project()
    const command = project.write('mounted/command', '#!/bin/sh\necho started\n')
    chmodSync(command, 0o755)
    const mount = (flags: string) => [
      ...['unshare', '-m', 'sh', '-c'],
      `mount --bind "$D" "$D" && mount -o remount,bind,${flags} "$D" && exec "$@"`,
      'sh',
    ]
    const env = { D: project.path('mounted') }
    const result = project.run(['--', command], { through: mount('noexec'), env })
    expectRefusal(result, 126)
    expect(result.stderr).toMatch(/can't be executed \(EACCES\)\n.*the mount \(noexec/)
    expect(project.run(['--', command], { through: mount('exec'), env }).stdout).toBe('started\n')
  })

  test.runIf(ROOT)('at the limit of processes (needs root)', () => {
    const project = new Project()
    chmodSync(project.directory, 0o755)
    const words = ['--user', '54321:54321', '--', 'echo', 'started']
    const result = project.run(words, { through: ['prlimit', '--nproc=0:0'] })
    expectRefusal(result, 126)
    expect(result.stderr).toMatch(/the limit on processes has been reached \(EAGAIN\)\n.*raise the limit/)
    expect(project.run(words, { through: ['prlimit', '--nproc=100'] }).stdout).toBe('started\n')
  })
})
