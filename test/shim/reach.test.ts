import { chmodSync, chownSync, copyFileSync, mkdirSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { MARK, Project } from './project.ts'

const AGENT = 12345

/** A project whose key lies in a directory of its own, for a command of uid 12345. */
function withKeyAt(...parts: string[]): { project: Project; key: string; env: Record<string, string> } {
  const project = new Project()
  project.secret('A', MARK)
  chmodSync(project.directory, 0o755)
  mkdirSync(project.path(...parts.slice(0, -1)), { recursive: true })
  const key = project.path(...parts)
  copyFileSync(project.keyFile, key)
  chmodSync(key, 0o600)
  return { project, key, env: { SOPS_AGE_KEY_FILE: key } }
}

const USER = ['--user', `${AGENT}:${AGENT}`]

describe.runIf(process.getuid?.() === 0)('a key within reach of the user to become (needs root)', () => {
  test('that they can read stops the start; --allow-readable-key makes it a warning', () => {
    const { project, key, env } = withKeyAt('keys', 'keys.txt')
    chownSync(key, AGENT, AGENT)
    const said = project.refused(USER, { env })
    expect(said).toMatch(/keys\.txt: 12345:12345, whom the command would run as, could read this key/)
    const run = project.run(['--allow-readable-key', ...USER, '--', 'sh', '-c', 'echo $A'], { env })
    expect(run.stdout).toBe(`${MARK}\n`)
    expect(run.stderr).toMatch(/^disinto: warning: .*could read this key\ndisinto: hint: /)
    const variable = { ...env, DISINTO_ALLOW_READABLE_KEY: '1' }
    expect(project.run([...USER, '--', 'true'], { env: variable }).status).toBe(0)
  })

  test('that they can move stops the start, until root owns what is above it', () => {
    const { project, env } = withKeyAt('theirs', 'keys', 'keys.txt')
    chownSync(project.path('theirs'), AGENT, AGENT)
    expect(project.refused(USER, { env })).toMatch(/could move or replace this key/)
    chownSync(project.path('theirs'), 0, 0)
    chmodSync(project.path('theirs'), 0o1777)
    expect(project.run([...USER, '--', 'true'], { env })).toMatchObject({ status: 0, stderr: '' })
  })

  test('that they can write stops the start', () => {
    const { project, key, env } = withKeyAt('keys', 'keys.txt')
    chownSync(key, 0, AGENT)
    chmodSync(key, 0o620)
    expect(project.refused(USER, { env })).toMatch(/could move or replace this key/)
  })

  test('through a group that the container was given stops the start', () => {
    const { project, key, env } = withKeyAt('keys', 'keys.txt')
    chownSync(key, 0, 2000)
    chmodSync(key, 0o640)
    const through = ['setpriv', '--groups=0,2000']
    expect(project.refused(USER, { env, through })).toMatch(/could read this key/)
    expect(project.run([...USER, '--', 'true'], { env }).status).toBe(0)
  })

  test('named for ssh stops it as well', () => {
    const { project, key } = withKeyAt('keys', 'id_ed25519')
    chownSync(key, AGENT, AGENT)
    const env = { SOPS_AGE_SSH_PRIVATE_KEY_FILE: key, SOPS_AGE_KEY_FILE: project.keyFile }
    expect(project.refused(USER, { env })).toMatch(/id_ed25519: .*could read this key/)
  })

  test('does not matter where nothing is encrypted, or where they are who we are', () => {
    const { project, key, env } = withKeyAt('keys', 'keys.txt')
    chownSync(key, AGENT, AGENT)
    chmodSync(project.path('keys'), 0o755)
    chmodSync(join(project.directory, 'secrets'), 0o755)
    const through = ['setpriv', `--reuid=${AGENT}`, `--regid=${AGENT}`, '--clear-groups']
    expect(project.run([...USER, '--', 'true'], { env, through }).status).toBe(0)
    const plain = new Project()
    chmodSync(plain.directory, 0o755)
    expect(plain.run([...USER, '--', 'true'], { env })).toMatchObject({ status: 0, stderr: '' })
  })
})

describe.runIf(process.getuid?.() === 0)('the user to become (needs root)', () => {
  test('has the groups that the container was given, and none of root’s own', () => {
    const project = new Project()
    chmodSync(project.directory, 0o755)
    const run = project.run([...USER, '--', 'id', '-G'], { through: ['setpriv', '--groups=0,2000,3000'] })
    expect(run.stdout.trim().split(' ').sort()).toEqual([`${AGENT}`, '2000', '3000'])
  })

  test('can open by name the pipes that were root’s', () => {
    const project = new Project()
    chmodSync(project.directory, 0o755)
    const words = [...USER, '--', 'sh', '-c', 'cat /dev/stdin; echo o >/dev/stdout; echo e >/dev/stderr']
    // Node's own pipes are sockets, which nobody can open by name.
    const through = ['sh', '-c', 'echo in | { "$@" 2>&3 | cat; } 3>&1 | cat', 'sh']
    expect(project.run(words, { through }).stdout.split('\n').sort()).toEqual(['', 'e', 'in', 'o'])
  })

  test('gets no file that was open there', () => {
    const project = new Project()
    chmodSync(project.directory, 0o755)
    const file = project.write('out', '')
    const through = ['sh', '-c', 'exec "$@" >> "$0"', file]
    project.run([...USER, '--', 'id', '-u'], { through })
    expect(project.read('out')).toBe(`${AGENT}\n`)
    chmodSync(file, 0o600)
    const second = project.run([...USER, '--', 'sh', '-c', 'echo x > /dev/stdout'], { through })
    expect(second.stderr).toMatch(/Permission denied|can't create/i)
  })
})

test.runIf(process.getuid?.() === 0)('an empty DISINTO_USER is told, where the command is root', () => {
  const run = new Project().run(['--', 'id', '-u'], { env: { DISINTO_USER: '' } })
  expect(run.stdout).toBe('0\n')
  expect(run.stderr).toMatch(/^disinto: warning: DISINTO_USER is empty, so the command runs as root/)
})

test.runIf(process.getuid?.() === 0)(
  'a uid that /etc/passwd does not know has the home that was named for it',
  () => {
    const project = new Project()
    chmodSync(project.directory, 0o755)
    const home = (uid: number, env: Record<string, string>) =>
      project
        .run(['--', 'sh', '-c', 'echo $HOME'], {
          env,
          through: ['setpriv', `--reuid=${uid}`, '--clear-groups'],
        })
        .stdout.trim()
    expect(home(AGENT, { HOME: '/', DISINTO_HOME: '/somewhere' })).toBe('/somewhere')
    expect(home(AGENT, { HOME: '/mine', DISINTO_HOME: '/somewhere' })).toBe('/mine')
    expect(home(1, { HOME: '/', DISINTO_HOME: '/somewhere' })).toBe('/')
  },
)
