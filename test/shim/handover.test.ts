import { spawnSync } from 'node:child_process'
import { chmodSync } from 'node:fs'
import { describe, expect, test } from 'vitest'
import { SHIM } from '../helpers/parts.ts'
import { EXECVE, expectRefusal, MARK, Project, seen } from './project.ts'

function withSecret(): Project {
  const project = new Project()
  project.secret('A', MARK)
  return project
}

describe('the command', () => {
  test.runIf(EXECVE)('is the process that the shim was: same pid, same parent, one process', async () => {
    const project = withSecret()
    const shim = project.start(['--', 'sh', '-c', 'echo "$$ $PPID $(cat /proc/$$/task/$$/children)"; read x'])
    const [pid, parent, ...children] = (await seen(shim.stdout, /\n/)).trim().split(' ')
    expect([Number(pid), Number(parent)]).toEqual([shim.pid, process.pid])
    // The one child is `cat`; no node, no sops.
    expect(children).toHaveLength(1)
    shim.kill('SIGKILL')
  })

  test.runIf(!EXECVE)('is a child of the shim', async () => {
    const shim = withSecret().start(['--', 'sh', '-c', 'echo $PPID; read x'])
    expect(Number(await seen(shim.stdout, /\n/))).toBe(shim.pid)
    shim.stdin.end('\n')
  })

  test('gets its words as typed, whatever they are', () => {
    const project = withSecret()
    const words = ['--version', '', '--', '-x', 'a b', '*', '$HOME', '"', "'", '\u00e4', '--only=A']
    const result = project.run(['--', 'sh', '-c', 'printf "%s\\0" "$0" "$@"', 'zero', ...words])
    expect(result.stdout.split('\0')).toEqual(['zero', ...words, ''])
  })

  test('keeps the typed word as argv[0]', () => {
    const result = withSecret().run(['sh', '-c', 'tr "\\0" "\\n" < /proc/$$/cmdline'])
    expect(result.stdout.split('\n')[0]).toBe('sh')
  })

  test('begins at the first word that is no option', () => {
    const result = withSecret().run(['--only', 'A', 'printf', '%s', '--check'])
    expect(result).toEqual({ status: 0, signal: null, stdout: '--check', stderr: '' })
  })

  test('is not disturbed by an --env-file of its own that does not exist', () => {
    // Node looks for it in all words, up to the first `--`.
    const result = withSecret().run(['--', 'printf', '%s', '--env-file=/nowhere'])
    expect(result.stdout).toBe('--env-file=/nowhere')
  })

  test('reads our standard input, writes our standard output and error', () => {
    const result = withSecret().run(['--', 'sh', '-c', 'cat; echo err >&2'], { input: 'from stdin' })
    expect(result).toEqual({ status: 0, signal: null, stdout: 'from stdin', stderr: 'err\n' })
  })

  test('has our working directory and umask', () => {
    const project = withSecret()
    const result = project.run(['--', 'sh', '-c', 'umask; pwd -P'], {
      through: ['sh', '-c', 'umask 027; exec "$@"', 'sh'],
    })
    expect(result.stdout).toBe(`0027\n${project.directory}\n`)
  })

  test('dies of SIGPIPE as it would without the shim', () => {
    const project = withSecret()
    const script = `"$@" yes | head -1; echo "\${PIPESTATUS[0]}"`
    const { stdout, stderr } = spawnSync('bash', ['-c', script, 'bash', process.execPath, SHIM, '--'], {
      cwd: project.directory,
      env: project.environment(),
      encoding: 'utf8',
    })
    expect({ stdout, stderr }).toEqual({ stdout: 'y\n141\n', stderr: '' })
  })

  test('has no signal ignored, blocked or caught that it would not have', () => {
    const masks = (text: string) => text.split('\n').filter((line) => /^Sig(?:Ign|Blk|Cgt)/.test(line))
    const bare = spawnSync('cat', ['/proc/self/status'], { encoding: 'utf8' })
    const through = withSecret().run(['--', 'cat', '/proc/self/status'])
    expect(masks(through.stdout)).toEqual(masks(bare.stdout))
  })

  // The child's execa touches our streams, which makes Node set O_NONBLOCK for a moment (HOUSES.md B2, row 7).
  test.runIf(EXECVE)('finds its pipes in blocking mode', () => {
    const script = 'for fd in 0 1 2; do grep ^flags: /proc/self/fdinfo/$fd; done'
    const flags = withSecret().run(['--verbose', '--', 'sh', '-c', script]).stdout.match(/\d+/g) ?? []
    expect(flags.map((octal) => Number.parseInt(octal, 8) & 0o4000)).toEqual([0, 0, 0])
  })

  test.runIf(EXECVE)('has no descriptor of ours', () => {
    const project = withSecret()
    const open = (stdout: string) => stdout.trim().split('\n')
    // Whoever runs these tests may have left some open in us, so: no more than without the shim.
    const bare = spawnSync('ls', ['/proc/self/fd'], { encoding: 'utf8', env: project.environment() })
    const through = project.run(['--', 'ls', '/proc/self/fd'])
    expect(open(bare.stdout)).toEqual(expect.arrayContaining(open(through.stdout)))
  })
})

describe('the exit code is the command’s', () => {
  test.each([0, 1, 7, 125, 126, 127, 128, 143, 255])('%i', (status) => {
    const result = withSecret().run(['--', 'sh', '-c', `exit ${status}`])
    expect(result).toEqual({ status, signal: null, stdout: '', stderr: '' })
  })

  test.each(['SIGTERM', 'SIGINT', 'SIGKILL', 'SIGHUP', 'SIGUSR1', 'SIGPIPE'] as const)(
    'death by %s',
    (signal) => {
      const result = withSecret().run(['--', 'sh', '-c', `kill -${signal.slice(3)} $$`])
      expect([result.status, result.signal]).toEqual([null, signal])
    },
  )
})

describe('a command that can’t be run', () => {
  const arranged = (text: string, mode: number): Project => {
    const project = withSecret()
    chmodSync(project.write('cmd', text), mode)
    return project
  }

  test.each([
    ['not on PATH', ['no-such-command'], 127, /no-such-command: command not found/],
    ['no such file', ['./no/such'], 127, /\.\/no\/such: command not found/],
    ['an empty word', [''], 127, /"": command not found/],
    ['a directory', ['/tmp'], 126, /\/tmp: can't be executed \(it is a directory\)/],
    ['a path through a file', ['/etc/passwd/x'], 127, /command not found/],
  ])('%s', (_, words, status, says) => {
    const result = withSecret().run(['--', ...words])
    expectRefusal(result, status)
    expect(result.stderr).toMatch(says)
  })

  test('not executable', () => {
    const result = arranged('#!/bin/sh\n', 0o644).run(['--', './cmd'])
    expectRefusal(result, 126)
    expect(result.stderr).toMatch(/\.\/cmd: can't be executed \(it is not executable\)/)
  })

  test('its interpreter is missing', () => {
    const result = arranged('#!/no/such/interpreter\n', 0o755).run(['--', './cmd'])
    expectRefusal(result, 127)
    expect(result.stderr).toMatch(/\.\/cmd: exists, but the program it needs to run does not/)
  })

  test('neither a binary nor a script', () => {
    const result = arranged('nothing that the kernel knows', 0o755).run(['--', './cmd'])
    expectRefusal(result, 126)
    expect(result.stderr).toMatch(/\.\/cmd: can't be executed \(ENOEXEC\)/)
  })

  test('arguments and environment larger than the kernel takes: no value is shown', () => {
    const project = new Project()
    const big: Record<string, string> = {}
    for (let at = 0; at < 25; at += 1) big[`BIG_${at}`] = `${MARK}${'x'.repeat(120 * 1024)}`
    project.seal('.env.enc', 'json', JSON.stringify(big))
    const result = project.run(['--', 'true'])
    expectRefusal(result, 126)
    expect(result.stderr).toMatch(/too large for the kernel/)
  })
})

test('no command at all', () => {
  const result = withSecret().run([])
  expectRefusal(result)
  expect(result.stderr).toMatch(/no command to run/)
})

test('the image’s flags silence Node, and nothing else is said', () => {
  const result = withSecret().run(['--', 'true'], { node: ['--disable-warning=ExperimentalWarning'] })
  expect(result.stderr).toBe('')
})
