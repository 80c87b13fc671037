import { chmodSync, existsSync, readFileSync } from 'node:fs'
import { constants } from 'node:os'
import { describe, expect, test, vi } from 'vitest'
import { EXECVE, Project, seen } from './project.ts'

const ended = (child: ReturnType<Project['start']>) =>
  new Promise<[number | null, NodeJS.Signals | null]>((resolve) =>
    child.on('exit', (status, signal) => resolve([status, signal])),
  )

/** A shim that waits for a sops that never answers. */
async function working(): Promise<{ project: Project; shim: ReturnType<Project['start']> }> {
  const project = new Project()
  project.seal('secrets/A.enc', 'yaml', 'A: b\n')
  chmodSync(project.write('bin/sops', '#!/bin/sh\n: > "$(dirname "$0")/ready"\nexec sleep 1000\n'), 0o755)
  const shim = project.start(['--', 'touch', project.path('STARTED')], {
    env: { PATH: `${project.path('bin')}:/usr/bin:/bin` },
  })
  await expect.poll(() => existsSync(project.path('bin/ready')), { timeout: 30_000 }).toBe(true)
  return { project, shim }
}

describe('while the shim works', () => {
  test.each(['SIGTERM', 'SIGINT', 'SIGHUP', 'SIGUSR1', 'SIGUSR2', 'SIGALRM'] as const)(
    '%s ends it by that signal and the command does not start',
    async (signal) => {
      const { project, shim } = await working()
      const end = ended(shim)
      shim.kill(signal)
      expect(await end).toEqual([null, signal])
      expect(existsSync(project.path('STARTED'))).toBe(false)
    },
  )

  test.each(['SIGQUIT', 'SIGXCPU', 'SIGSYS'] as const)(
    '%s, which would dump a core with secrets in it, ends it with 128+n',
    async (signal) => {
      const { shim } = await working()
      const end = ended(shim)
      shim.kill(signal)
      expect(await end).toEqual([128 + constants.signals[signal], null])
    },
  )

  test('SIGWINCH, SIGCONT and SIGCHLD change nothing', async () => {
    const { shim } = await working()
    const end = ended(shim)
    for (const signal of ['SIGWINCH', 'SIGCONT', 'SIGCHLD'] as const) shim.kill(signal)
    shim.kill('SIGTERM')
    expect(await end).toEqual([null, 'SIGTERM'])
  })
})

describe('once the command runs', () => {
  test.each([
    'TERM',
    'INT',
    'HUP',
    'QUIT',
    'USR1',
    'USR2',
    'WINCH',
    'ALRM',
    'CONT',
    'PIPE',
    'XFSZ',
    'IO',
    'URG',
  ])('it gets SIG%s, once', async (name) => {
    const project = new Project()
    const script = `
      let count = 0
      process.on('SIG${name}', () => console.log('got', (count += 1)))
      process.stdin.on('data', () => process.exit(count))
      console.log('ready')`
    const command = project.start(['--', process.execPath, '-e', script])
    const end = ended(command)
    await seen(command.stdout, /ready/)
    command.kill(`SIG${name}` as NodeJS.Signals)
    await seen(command.stdout, /got 1/)
    command.stdin.write('\n')
    expect(await end).toEqual([1, null])
  })

  test.each(['TERM', 'HUP', 'USR1', 'USR2', 'ALRM'])(
    'it gets a SIG%s that comes with its very start',
    async (name) => {
      const project = new Project()
      // Where the shim stays, the signal is sent to it by the command itself, at once; else there is nobody to ask.
      const script = `trap 'echo got; exit 5' ${name}; kill -${name} $PPID; for i in $(seq 500); do sleep 0.01; done`
      const target = EXECVE ? script.replace('$PPID', () => '$$') : script
      for (let round = 0; round < 10; round += 1) {
        const result = project.run(['--', 'bash', '-c', target])
        expect([result.status, result.stdout]).toEqual([5, 'got\n'])
      }
    },
  )

  test('a stopped command continues', async () => {
    const project = new Project()
    // In a group of its own with its parent in the same session: the kernel stops no group that nobody could continue
    // (setpgid(2), "orphaned"), as ours is where the tests were started by setsid or as process 1.
    const command = project.start(['--', 'sh', '-c', 'echo ready; read x; exit 3'], {
      through: ['perl', '-e', 'setpgrp(0, 0); exec @ARGV or die'],
    })
    const end = ended(command)
    await seen(command.stdout, /ready/)
    command.kill('SIGTSTP')
    // Only then: a SIGCONT that overtakes the stop continues nothing, and whoever watches waits for the stop, too.
    await vi.waitFor(() => expect(readFileSync(`/proc/${command.pid}/stat`, 'utf8')).toMatch(/\) T /), {
      timeout: 20_000,
    })
    command.kill('SIGCONT')
    command.stdin.write('\n')
    expect(await end).toEqual([3, null])
  })
})
