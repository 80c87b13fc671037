/** Why a name is refused: for one of each class, what it does once it is let through. */
import { chmodSync, existsSync } from 'node:fs'
import { createServer } from 'node:net'
import { join } from 'node:path'
import { describe, expect, onTestFinished, test } from 'vitest'
import { TAKE_OVERS } from '../../src/load/take-over.ts'
import { expectRefusal, Project } from './project.ts'

interface Case {
  readonly of: string
  readonly name: string
  /** The value, made with files of its own; `trace` is what it leaves. */
  readonly value: (project: Project, trace: string) => string
  readonly command: readonly string[]
}

function script(project: Project, name: string, trace: string): string {
  const path = project.write(name, `#!/bin/sh\ntouch ${trace}\n`)
  chmodSync(path, 0o755)
  return path
}

const CASES: readonly Case[] = [
  {
    of: 'loaders and libraries',
    name: 'PATH',
    value: (project, trace) => `${join(script(project, 'bin/id', trace), '..')}:/usr/bin:/bin`,
    command: ['sh', '-c', 'id'],
  },
  {
    of: 'interpreters',
    name: 'PERL5OPT',
    value: (project, trace) => {
      project.write('lib/Planted.pm', `open(F, ">", "${trace}"); 1;\n`)
      return `-I${project.path('lib')} -MPlanted`
    },
    command: ['perl', '-e', '1'],
  },
  {
    of: 'shells',
    name: 'BASH_ENV',
    value: (project, trace) => project.write('env.sh', `touch ${trace}\n`),
    // Where its input is a socket, which Node's pipes are, bash takes itself for a remote shell.
    command: ['sh', '-c', 'bash -c : </dev/null'],
  },
  {
    of: 'build tools',
    name: 'TAR_OPTIONS',
    value: (_, trace) => `--checkpoint=1 --checkpoint-action=exec=touch\\ ${trace}`,
    command: ['tar', '-cf', '/dev/null', '/etc/hostname'],
  },
  {
    of: 'git and its transports',
    name: 'GIT_PROXY_COMMAND',
    value: (project, trace) => script(project, 'proxy', trace),
    command: ['sh', '-c', 'git ls-remote git://nowhere.invalid/x || true'],
  },
  {
    of: 'package managers',
    name: 'npm_config_script_shell',
    value: (project, trace) => script(project, 'shell', trace),
    command: ['sh', '-c', 'cd "$0" && npm run --silent x', 'PROJECT'],
  },
  {
    of: 'configuration that names programs',
    name: 'XDG_CONFIG_HOME',
    value: (project, trace) => {
      project.write('config/git/config', `[alias]\n\tplanted = !touch ${trace}\n`)
      return project.path('config')
    },
    command: ['git', 'planted'],
  },
]

describe('a name of each class takes over the command once it is let through', () => {
  test.each(CASES)('$of: $name', ({ name, value, command }) => {
    const project = new Project()
    const trace = project.path('TAKEN-OVER')
    project.write('package.json', '{"scripts":{"x":"true"}}')
    project.seal('.env.enc', 'json', JSON.stringify({ [name]: value(project, trace) }))
    const words = command.map((word) => (word === 'PROJECT' ? project.directory : word))
    const refused = project.run(['--', ...words])
    expectRefusal(refused)
    expect(refused.stderr).toContain(`${name} is refused: it `)
    expect(existsSync(trace)).toBe(false)
    // --override: PATH is there already.
    const allowed = project.run(['--allow', name, '--override', '--', ...words])
    expect(existsSync(trace), allowed.stderr).toBe(true)
  })

  test('trust stores and proxies: http_proxy', async () => {
    const project = new Project()
    let told = ''
    const server = createServer((socket) => {
      socket.on('data', (chunk) => {
        told += String(chunk)
        socket.end('HTTP/1.0 200 OK\r\nContent-Length: 2\r\n\r\nhi')
      })
    })
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
    onTestFinished(() => void server.close())
    const address = server.address()
    const port = typeof address === 'object' ? address?.port : undefined
    project.seal('.env.enc', 'json', JSON.stringify({ http_proxy: `http://127.0.0.1:${port}` }))
    const words = ['--', 'curl', '-s', '-H', 'Authorization: Bearer secret', 'http://forge.invalid/']
    const refused = project.run(words)
    expectRefusal(refused)
    expect(told).toBe('')
    const child = project.start(['--allow', 'http_proxy', ...words])
    await new Promise((resolve) => child.on('exit', resolve))
    expect(told).toMatch(/^GET http:\/\/forge\.invalid\/ .*Authorization: Bearer secret/s)
  })

  test('every class has a case', () => {
    const shown = [...CASES.map(({ of }) => of), 'trust stores and proxies']
    expect(TAKE_OVERS.map(({ of }) => of)).toEqual(shown)
  })
})
