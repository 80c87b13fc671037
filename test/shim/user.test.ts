import { spawnSync } from 'node:child_process'
import { chmodSync, readFileSync } from 'node:fs'
import { describe, expect, test } from 'vitest'
import { SHIM } from '../helpers/parts.ts'
import { expectRefusal, MARK, Project } from './project.ts'

const ROOT = process.getuid?.() === 0

function openProject(): Project {
  const project = new Project()
  project.secret('A', MARK)
  chmodSync(project.directory, 0o755)
  return project
}

describe.runIf(ROOT)('as root (needs root)', () => {
  test('a name: uid, gid, groups and HOME are its own', () => {
    const project = openProject()
    const result = project.run([
      '--user',
      'nobody',
      '--',
      'sh',
      '-c',
      'id -u; id -g; id -G; echo $HOME; echo $A',
    ])
    const [uid, gid, groups, home, value] = result.stdout.split('\n')
    expect([uid, gid, groups, value]).toEqual(['65534', '65534', '65534', MARK])
    expect(home).toBe('/nonexistent')
  })

  test('the terminal of a shell that goes on after us stays root’s; that of our own session becomes the user’s', () => {
    const project = openProject()
    const line = `'${process.execPath}' '${SHIM}' --root '${project.directory}' --only NONE --user nobody -- sh -c 'echo owner $(stat -c %u $(tty))'`
    const owners = (shell: string) => {
      const { stdout } = spawnSync('script', ['--quiet', '--return', '--command', shell, '/dev/null'], {
        encoding: 'utf8',
      })
      return [...stdout.matchAll(/owner (\d+)/g)].map(([, uid]) => uid)
    }
    expect(owners(`${line}; echo owner $(stat -c %u $(tty))`)).toEqual(['0', '0'])
    expect(owners(`exec ${line}`)).toEqual(['65534'])
  })

  test.each([
    ['12345:54321', '12345 54321 54321 /'],
    ['nobody:0', '65534 0 0 /nonexistent'],
    ['nobody:daemon', '65534 1 1 /nonexistent'],
    ['0', '0 0 0 /root'],
  ])('%s', (user, expected) => {
    const script = 'echo $(id -u) $(id -g) $(id -G) $HOME'
    const result = openProject().run(['--', 'sh', '-c', script], { env: { DISINTO_USER: user } })
    expect(result.stderr).toBe('')
    expect(result.stdout).toBe(`${expected}\n`)
  })

  test('all four ids are changed, and no capability is left', () => {
    const result = openProject().run(['--user', 'nobody', '--', 'cat', '/proc/self/status'])
    expect(result.stdout).toMatch(/^Uid:\t65534\t65534\t65534\t65534$/m)
    expect(result.stdout).toMatch(/^Gid:\t65534\t65534\t65534\t65534$/m)
    expect(result.stdout).toMatch(/^CapEff:\t0+$/m)
    expect(result.stdout).toMatch(/^CapPrm:\t0+$/m)
  })

  test('the command is looked up as that user', () => {
    const project = openProject()
    chmodSync(project.write('cmd', '#!/bin/sh\n'), 0o700)
    const result = project.run(['--user', 'nobody', '--', project.path('cmd')])
    expectRefusal(result, 126)
  })

  test('already that user: nothing to do', () => {
    const project = new Project()
    chmodSync(project.directory, 0o755)
    const result = project.run(['--user', '12345:12345', '--', 'sh', '-c', 'echo $(id -u) $HOME'], {
      through: ['setpriv', '--reuid=12345', '--regid=12345', '--clear-groups'],
      env: { HOME: '/' },
    })
    expect(result).toEqual({ status: 0, signal: null, stdout: '12345 /\n', stderr: '' })
  })

  test('not root: a clear error', () => {
    const project = new Project()
    chmodSync(project.directory, 0o755)
    const said = project.refused(['--user', 'nobody'], {
      through: ['setpriv', '--reuid=12345', '--regid=12345', '--clear-groups'],
    })
    expect(said).toMatch(/--user nobody: only root can become another user, and this is uid 12345/)
  })

  test('root without the capability: a clear error', () => {
    const said = openProject().refused(['--user', 'nobody'], {
      through: ['setpriv', '--bounding-set=-setuid,-setgid', '--inh-caps=-setuid,-setgid'],
    })
    expect(said).toMatch(/--user nobody: the kernel refused the change of user \(EPERM\)/)
  })
})

/** A uid that nobody has on this machine. */
const uids = readFileSync('/etc/passwd', 'utf8')
  .split('\n')
  .map((line) => line.split(':')[2])
const free = [4242, 4243, 4244, 4245].find((uid) => !uids.includes(String(uid)))

test.each([
  ['no-such-user', /no user "no-such-user" in \/etc\/passwd/],
  ['nobody:no-such-group', /no group "no-such-group" in \/etc\/group/],
  [String(free), new RegExp(`uid ${free} is not in /etc/passwd, so name its group, too`)],
  ['99999999999:1', /user|number/],
])('--user %s', (user, says) => {
  expect(openProject().refused(['--user', user])).toMatch(says)
})
