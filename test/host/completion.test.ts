/** What shells offer, asked of the shells themselves. */
import { spawn, spawnSync } from 'node:child_process'
import { describe, expect, onTestFinished, test } from 'vitest'
import { DISINTO, Host, MARK, Terminal } from './host.ts'

function project(): Host {
  const host = new Host()
  host.write('.env', `A=${MARK}\nB=2\n`)
  host.well(['secrets', 'migrate'])
  host.add('TOKEN', MARK)
  host.write(
    'docker-compose.yml',
    'services:\n  agents: {image: x}\n  database: {image: y}\n  "bad name": {}\n',
  )
  host.write('vault/approved/deploy-1.json', '{}')
  host.write('vault/approved/$(touch RAN).json', '{}')
  return host
}

const words = (host: Host, ...line: string[]) =>
  host
    .well(['completion', '--words', '--', ...line])
    .split('\n')
    .slice(0, -1)

test.each([
  ['commands', ['secrets', 'rec'], ['recipients']],
  ['commands of a group', ['secrets', 'recipients', ''], ['list', 'add', 'accept', 'rm']],
  ['options', ['secrets', 'add', '--fo'], ['--force', '--for']],
  ['secrets', ['secrets', 'show', ''], ['TOKEN', 'A', 'B', '.env.enc']],
  ['secrets behind an option with a value', ['secrets', 'add', '--from-file', 'x', 'T'], ['TOKEN']],
  ['names of .env.enc alone', ['secrets', 'set', ''], ['A', 'B']],
  ['services', ['logs', ''], ['agents', 'database']],
  ['services again', ['logs', 'agents', 'd'], ['database']],
  ['the one service that a command takes', ['shell', 'a'], ['agents']],
  ['services for an option', ['secrets', 'rotate-key', '--service', 'a'], ['agents']],
  ['secrets for an option', ['run', '--only', 'T'], ['TOKEN']],
  ['services to grant to', ['secrets', 'grant', ''], ['agents', 'database']],
  ['what can be granted', ['secrets', 'grant', 'agents', ''], ['TOKEN', '.env.enc']],
  ['action IDs', ['vault-run', ''], ['deploy-1']],
  ['action IDs to approve', ['approve', 'd'], ['deploy-1']],
  ['shells', ['completion', ''], ['bash', 'zsh', 'fish']],
  ['nothing for one word too many', ['secrets', 'show', 'TOKEN', ''], []],
  ['nothing for the words of another program', ['exec', 'agents', ''], []],
  ['nothing behind --', ['run', '--', ''], []],
  ['files, which is nothing of ours, for others', ['secrets', 'add', '--from-file', ''], []],
])('offers %s', (_, line, wanted) => {
  expect(words(project(), ...line)).toEqual(wanted)
})

test('offers recipients with what they are called', () => {
  const host = project()
  const own = host.recipient()
  expect(words(host, 'secrets', 'recipients', 'rm', '')).toContain(own)
  expect(host.well(['completion', '--words', '--about', '--', 'secrets', 'recipients', 'rm', ''])).toContain(
    `${own}\tyou\n`,
  )
})

test('is that of the project above the working directory, or of --root', () => {
  const host = project()
  host.write('below/x', '')
  const ask = ['completion', '--words', '--', 'secrets', 'show', 'T']
  expect(host.run(ask, { cwd: host.path('below') })).toMatchObject({ stdout: 'TOKEN\n', stderr: '' })
  const rooted = ['completion', '--words', '--', '--root', host.directory, 'secrets', 'show', 'T']
  expect(host.run(rooted, { cwd: '/' })).toMatchObject({ stdout: 'TOKEN\n', stderr: '' })
})

/** `disinto` for a shell: what it would run is shown in place of it. */
const command = `'${process.execPath}' '${DISINTO}'`

describe('in bash', () => {
  const complete = (host: Host, line: string) => {
    const script = `disinto() { ${command} "$@"; }
eval "$(disinto completion bash)"
COMP_WORDS=(${line}); COMP_CWORD=$((\${#COMP_WORDS[@]} - 1)); _disinto; printf '%s,' "\${COMPREPLY[@]}"`
    const { stdout, stderr } = spawnSync('bash', ['-c', script], {
      cwd: host.directory,
      env: host.environment(),
      encoding: 'utf8',
    })
    expect(stderr).toBe('')
    return stdout
  }

  test('names of secrets, services and actions are offered', () => {
    const host = project()
    expect(complete(host, 'disinto secrets show T')).toBe('TOKEN,')
    expect(complete(host, 'disinto logs ""')).toBe('agents,database,')
    expect(complete(host, 'disinto vault-run ""')).toBe('deploy-1,')
  })

  test('names of files from the repository run nothing, and only legal ones are offered', () => {
    const host = project()
    for (const name of ['$(touch RAN)', '`touch RAN`', 'A${x[$(touch RAN)]}', 'TOKEN $(touch RAN)', '-x'])
      host.write(`secrets/${name}.enc`, '{}')
    host.write('.env.enc', `T$(touch RAN)=ENC[AES256_GCM,data:AA,type:str]\n${host.read('.env.enc')}`)
    const offered = ['""', 'T', "'$('", "'`'"].map((word) => complete(host, `disinto secrets show ${word}`))
    expect(offered.join()).toContain('TOKEN,')
    expect(offered.join()).not.toContain('RAN')
    expect(host.files().filter((file) => file.endsWith('RAN'))).toEqual([])
  })
})

const has = (shell: string) => spawnSync(shell, ['-c', 'true']).status === 0

/** Where CI is set, a shell that is missing must not go unnoticed. */
const withShell = (shell: string) => test.skipIf(!has(shell) && !process.env['CI'])

withShell('fish')('in fish, words are offered with what they are, and files where there are none', () => {
  const host = project()
  const complete = (line: string) =>
    spawnSync(
      'fish',
      [
        '--no-config',
        '-c',
        `function disinto; ${command} $argv; end; disinto completion fish | source; complete -C '${line}'`,
      ],
      { cwd: host.directory, env: host.environment(), encoding: 'utf8' },
    ).stdout
  expect(complete('disinto secrets show T')).toBe('TOKEN\n')
  expect(complete('disinto logs d')).toBe('database\n')
  expect(complete('disinto secrets recipients rm age1')).toContain(`${host.recipient()}\tyou\n`)
  expect(complete('disinto secrets add X --from-file docker')).toBe('docker-compose.yml\n')
})

withShell('zsh')(
  'in zsh, a word is completed where the cursor is, and files where there are none',
  async () => {
    const host = project()
    const child = spawn('script', ['-qec', 'stty cols 200; exec zsh -f -i', '/dev/null'], {
      cwd: host.directory,
      env: host.environment({ SHELL: '/bin/sh', PS1: '> ' }),
    })
    onTestFinished(() => {
      child.kill('SIGKILL')
    })
    const terminal = new Terminal(child)
    terminal.types(
      `disinto() { if [[ $1 == completion ]]; then ${command} "$@"; else print -r "got: $*"; fi }\r` +
        'autoload -U compinit; compinit -u -D; eval "$(disinto completion zsh)"; print re""ady\r',
    )
    await terminal.sees('ready')
    for (const [typed, got] of [
      ['disinto secrets show T', 'got: secrets show TOKEN'],
      ['disinto logs d', 'got: logs database'],
      ['disinto secrets add X --from-file docker', 'got: secrets add X --from-file docker-compose.yml'],
    ] as const) {
      terminal.types(`${typed}\t\r`)
      await terminal.sees(got)
    }
    terminal.types('exit\r')
    await terminal.ends()
  },
)
