import { spawnSync } from 'node:child_process'
import { chmodSync, existsSync, mkdirSync, statSync } from 'node:fs'
import { dirname } from 'node:path'
import { beforeAll, describe, expect, test } from 'vitest'
import { EXECVE, expectRefusal, MARK, makeKey, Project, type Result } from '../shim/project.ts'
import { entrypointWords } from './entrypoint.ts'
import { need } from './launch.ts'
import { tracer } from './trace.ts'

/** Says so when it runs, by a file. */
function trap(project: Project, name: string): string {
  const path = project.write(name, `#!/bin/sh\n: > ${project.path('TRAPPED')}\nexit 1\n`)
  chmodSync(path, 0o755)
  return path
}

const trapped = (project: Project) => existsSync(project.path('TRAPPED'))

/** Runs the shim by the words of the image's ENTRYPOINT. */
function runAsImage(project: Project, command: readonly string[], env: Record<string, string>): Result {
  const [first = '', ...rest] = [...entrypointWords(), '--root', project.directory, '--', ...command]
  const { status, signal, stdout, stderr } = spawnSync(first, rest, {
    cwd: project.directory,
    env: project.environment(env),
    encoding: 'utf8',
  })
  return { status, signal, stdout, stderr }
}

describe('a root that a stranger can write', () => {
  test.each([
    'PATH',
    'LD_PRELOAD',
    'NODE_OPTIONS',
    'BASH_ENV',
    'OPENSSL_CONF',
    'SOPS_AGE_KEY_CMD',
    'SOPS_AGE_KEY_FILE',
    'SOPS_KMS_ARN',
    'DISINTO_ENGINE',
    'DISINTO_USER',
    'GIT_SSH_COMMAND',
    'HOME',
  ])('can’t set %s, encrypted or not, and the command does not start', (name) => {
    const project = new Project()
    project.write('.env', `GOOD=1\n${name}=${trap(project, 'trap')}\n`)
    expect(project.refused()).toContain(name)
    project.seal('.env.enc', 'dotenv', project.read('.env'))
    expect(project.refused()).toContain(name)
    expect(trapped(project)).toBe(false)
  })

  test('can’t have its SOPS_AGE_KEY_CMD run, even where --allow lets the name through', () => {
    const project = new Project()
    project.write('.env', `SOPS_AGE_KEY_CMD=${trap(project, 'trap')}\n`)
    project.secret('TOKEN', MARK)
    const { status, stdout } = project.run([
      '--allow',
      'SOPS_AGE_KEY_CMD',
      '--',
      'sh',
      '-c',
      'printf %s "$TOKEN"',
    ])
    expect({ status, stdout }).toEqual({ status: 0, stdout: MARK })
    expect(trapped(project)).toBe(false)
  })

  test('can’t have anything run that lies in it: no sops, no modules, no settings', () => {
    const project = new Project()
    project.secret('TOKEN', MARK)
    project.seal('.env.enc', 'yaml', 'A: b\n')
    for (const name of ['sops', 'node', 'age', 'env', 'bin/sops', 'node_modules/.bin/sops'])
      trap(project, name)
    project.write('.sops.yaml', 'creation_rules: [')
    project.write('package.json', '{ "type": "commonjs", ')
    project.write('.npmrc', 'node-options=--require ./trap.js\n')
    project.write(
      'node_modules/execa/index.js',
      `require('fs').writeFileSync('${project.path('TRAPPED')}', '')`,
    )
    project.write('node_modules/yaml/package.json', '{"main": "../execa/index.js"}')
    const loaded = project.load()
    expect([loaded.get('TOKEN'), loaded.get('A')]).toEqual([MARK, 'b'])
    expect(trapped(project)).toBe(false)
  })

  test('with another’s values, encrypted to the same key, decides those names and no others', () => {
    const project = new Project()
    project.secret('TOKEN', MARK)
    // Whoever has the public key can make such a file: encryption is not authorship.
    project.seal('secrets/TOKEN.enc', 'json', JSON.stringify({ TOKEN: 'chosen', PATH: '/evil' }))
    expect(project.refused()).toContain('TOKEN.enc')
  })
})

describe('programs are found on PATH in absolute directories alone', () => {
  test.each(['', '.', 'bin', './bin', '..'])('%j before the real sops is passed over', (entry) => {
    const project = new Project()
    project.seal('secrets/A.enc', 'yaml', 'A: b\n')
    trap(project, 'sops')
    trap(project, 'bin/sops')
    const { PATH } = project.environment()
    expect(project.load([], { env: { PATH: `${entry}:${PATH}` } }).get('A')).toBe('b')
    expect(trapped(project)).toBe(false)
  })

  test('what PATH names first is what runs: whoever sets PATH is trusted', () => {
    const project = new Project()
    project.seal('secrets/A.enc', 'yaml', 'A: b\n')
    trap(project, 'bin/sops')
    const { PATH } = project.environment()
    project.refused([], { env: { PATH: `${project.path('bin')}:${PATH}` } })
    expect(trapped(project)).toBe(true)
  })

  test('with the builtin engine no program runs at all', () => {
    const project = new Project()
    project.secret('TOKEN', MARK)
    trap(project, 'bin/sops')
    const { PATH } = project.environment()
    const env = { PATH: `${project.path('bin')}:${PATH}` }
    expect(project.load(['--engine', 'builtin'], { env }).get('TOKEN')).toBe(MARK)
    expect(trapped(project)).toBe(false)
  })
})

describe('a key file', () => {
  test('that others can write is used, and what it can’t open is refused', () => {
    const project = new Project()
    project.secret('TOKEN', MARK)
    chmodSync(project.keyFile, 0o666)
    // Whoever can write it can have other files opened than ours, and ours not; our values are not theirs by that.
    makeKey(project.keyFile)
    const { status, stderr } = project.run(['--', 'true'])
    expect(status).toBe(125)
    expect(stderr).not.toContain(MARK)
  })

  test('that others can read earns a warning', () => {
    const project = new Project()
    project.secret('TOKEN', MARK)
    chmodSync(project.keyFile, 0o644)
    chmodSync(project.home, 0o755)
    expect(statSync(dirname(project.keyFile)).mode & 0o011).toBe(0o011)
    expect(project.run(['--', 'true']).stderr).toContain('other users can read this key')
  })
})

describe.skipIf(!EXECVE)('by the words of the image’s ENTRYPOINT (Node 26)', () => {
  beforeAll(() => need('strace'))

  test('a NODE_OPTIONS runs nothing in the shim, and reaches the command', () => {
    const project = new Project()
    project.secret('TOKEN', MARK)
    const script = project.write('evil.cjs', `require('fs').writeFileSync('${project.path('TRAPPED')}', '')`)
    const options = `--require ${script} --inspect-brk=0`
    const { status, stdout, stderr } = runAsImage(project, ['sh', '-c', 'echo "$NODE_OPTIONS $TOKEN"'], {
      NODE_OPTIONS: options,
    })
    expect({ status, stdout, stderr }).toEqual({ status: 0, stdout: `${options} ${MARK}\n`, stderr: '' })
    expect(trapped(project)).toBe(false)
  })

  test('an OPENSSL_CONF is not read by the shim, and reaches the command', () => {
    const project = new Project()
    project.secret('TOKEN', MARK)
    const conf = project.write(
      'openssl.cnf',
      'openssl_conf = x\n[x]\nengines = y\n[y]\nz = w\n[w]\ndynamic_path = /evil.so\n',
    )
    const { through, calls } = tracer()
    const words = [
      ...through,
      ...entrypointWords(),
      '--root',
      project.directory,
      '--',
      'sh',
      '-c',
      'echo "$OPENSSL_CONF"',
    ]
    const [first = '', ...rest] = words
    const env = project.environment({ OPENSSL_CONF: conf })
    const { status, stdout } = spawnSync(first, rest, { env, encoding: 'utf8' })
    expect({ status, stdout }).toEqual({ status: 0, stdout: `${conf}\n` })
    expect(calls().filter(({ name, text }) => name === 'openat' && text.includes('openssl.cnf'))).toEqual([])
  })

  test('LD_PRELOAD and LD_LIBRARY_PATH reach the command as they are: who sets them owns the container', () => {
    const project = new Project()
    const env = { LD_PRELOAD: '/nonexistent.so', LD_LIBRARY_PATH: '/nonexistent' }
    const { stdout } = runAsImage(project, ['sh', '-c', 'echo "$LD_PRELOAD $LD_LIBRARY_PATH"'], env)
    expect(stdout).toBe('/nonexistent.so /nonexistent\n')
  })

  test('a command’s own --env-file, --require and --inspect are the command’s', () => {
    const project = new Project()
    const words = ['--env-file=/nonexistent', '--require', '/nonexistent', '--inspect-brk', '-e', 'x']
    const { status, stdout } = runAsImage(project, ['printf', '%s,', ...words], {})
    expect({ status, stdout }).toEqual({ status: 0, stdout: words.map((word) => `${word},`).join('') })
  })

  test.each(['child_process', 'fs,CHILD_*', '*'])(
    'NODE_DEBUG=%s by hand: no program is started with it',
    (sections) => {
      const project = new Project()
      project.seal('.env.enc', 'yaml', `A: ${MARK}\n`)
      const { status, stdout, stderr } = project.run(['--', 'true'], { env: { NODE_DEBUG: sections } })
      expect(`${stdout}${stderr}`).not.toContain(MARK)
      expect(stderr).toMatch(/^disinto: error: NODE_DEBUG makes Node print/m)
      expect(status).toBe(125)
    },
  )

  test.each(['child_process', '*'])('NODE_DEBUG=%s prints no value and no key', (sections) => {
    const project = new Project()
    project.secret('TOKEN', MARK)
    project.seal('.env.enc', 'yaml', `A: ${MARK}\n`)
    const key =
      /AGE-SECRET-KEY-1\w+/.exec(spawnSync('cat', [project.keyFile], { encoding: 'utf8' }).stdout)?.[0] ?? ''
    const env = { NODE_DEBUG: sections, SOPS_AGE_KEY: key, HOME: '/nonexistent' }
    const { stdout, stderr } = runAsImage(project, ['true'], env)
    expect(`${stdout}${stderr}`.includes(MARK)).toBe(false)
    expect(`${stdout}${stderr}`.includes(key)).toBe(false)
  })
})

test('a working directory that is gone, or that may not be read, stops nothing that names its root', () => {
  const project = new Project()
  project.secret('TOKEN', MARK)
  mkdirSync(project.path('gone'))
  const script = 'cd gone && rmdir "$PWD" && exec "$@"'
  const { status, stdout, stderr } = project.run(
    ['--root', project.directory, '--', 'sh', '-c', 'printf %s "$TOKEN"'],
    {
      through: ['sh', '-c', script, 'sh'],
    },
  )
  if (status === 0) expect(stdout).toBe(MARK)
  else expectRefusal({ status, signal: null, stdout, stderr })
})
