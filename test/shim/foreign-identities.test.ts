/** Keys that only sops can use, each made by its own program: GnuPG, ssh-keygen, a plugin of age, a passphrase. */
import { spawn, spawnSync } from 'node:child_process'
import { chmodSync, mkdirSync, mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { expect, onTestFinished, test } from 'vitest'
import { encodeBech32 } from '../../src/age/bech32.ts'
import { AGE, SHIM, SOPS } from '../helpers/parts.ts'
import { encrypt, MARK, Project, seen } from './project.ts'

/** Runs a program that must be there and end well; its standard output. */
function must(
  program: string,
  words: readonly string[],
  env: Record<string, string> = {},
  input = '',
): string {
  const { error, status, stdout, stderr } = spawnSync(program, words, {
    encoding: 'utf8',
    env: { PATH: process.env['PATH'] ?? '', HOME: '/nonexistent', ...env },
    input,
  })
  if (error !== undefined) throw new Error(`needs the program ${program}`)
  expect(status, stderr).toBe(0)
  return stdout
}

/** A secret file of JSON for the recipients of `flags`, and nobody else. */
function sealedFor(project: Project, flags: readonly string[], env: Record<string, string> = {}): void {
  const words = ['--config', '/dev/null', 'encrypt', ...flags, '--filename-override', 'x']
  const types = ['--input-type', 'json', '--output-type', 'json']
  project.write('secrets/A.enc', must(SOPS, [...words, ...types], env, JSON.stringify({ A: MARK })))
}

/** A PGP key without a passphrase, in a GNUPGHOME of its own; its fingerprint. */
function pgpKey(): { home: string; fingerprint: string } {
  // In /tmp, since the path of a socket has at most 108 bytes.
  const home = mkdtempSync(join(tmpdir(), 'disinto-pgp-'))
  chmodSync(home, 0o700)
  onTestFinished(() => {
    spawnSync('gpgconf', ['--homedir', home, '--kill', 'all'])
    rmSync(home, { recursive: true, force: true })
  })
  const quick = ['--batch', '--passphrase', '', '--quick-generate-key', 'agents', 'rsa2048', 'encr', 'never']
  must('gpg', ['--homedir', home, ...quick])
  const list = must('gpg', ['--homedir', home, '--list-keys', '--with-colons'])
  return { home, fingerprint: /^fpr:+([0-9A-F]{40}):/m.exec(list)?.[1] ?? '' }
}

test('a PGP key of GnuPG opens a file, unless that kind is not allowed or its key is gone', () => {
  const project = new Project()
  const { home, fingerprint } = pgpKey()
  sealedFor(project, ['--pgp', fingerprint], { GNUPGHOME: home })
  const env = { GNUPGHOME: home }
  expect(project.load([], { env }).get('A')).toBe(MARK)
  expect(project.refused(['--key-types', 'age'], { env })).toMatch(/no type of key that is allowed here.*pgp/)
  const erase = ['--batch', '--yes', '--delete-secret-and-public-key', fingerprint]
  must('gpg', ['--homedir', home, ...erase])
  expect(project.refused([], { env })).toContain(fingerprint)
})

test('an SSH key opens a file, as a file or printed by a command, and its variables do not reach the command', () => {
  const project = new Project()
  const key = project.path('id')
  must('ssh-keygen', ['-q', '-t', 'ed25519', '-N', '', '-C', 'agents', '-f', key])
  sealedFor(project, ['--age', readFileSync(`${key}.pub`, 'utf8').trim()])
  rmSync(project.keyFile)
  const variables = { SOPS_AGE_SSH_PRIVATE_KEY_FILE: key, SOPS_AGE_SSH_PRIVATE_KEY_CMD: `cat ${key}` }
  for (const [name, value] of Object.entries(variables)) {
    const environment = project.load([], { env: { [name]: value } })
    expect(environment.get('A')).toBe(MARK)
    expect(environment.has(name)).toBe(false)
  }
  expect(project.refused()).toMatch(/secrets\/A\.enc: /)
})

/** The data key of a file that is for `project`, encrypted once more, by age with a plugin. */
function forPlugin(project: Project, words: readonly string[], env: Record<string, string>): void {
  const sealed: { sops: { age: { enc: string; recipient: string }[] } } = JSON.parse(
    encrypt('json', JSON.stringify({ A: MARK }), project.recipient).toString(),
  )
  const [stanza] = sealed.sops.age
  const dataKey = spawnSync(AGE, ['-d', '-i', project.keyFile], { input: stanza?.enc ?? '' }).stdout
  const { status, stdout, stderr } = spawnSync(AGE, ['-e', '-a', ...words], {
    input: dataKey,
    encoding: 'utf8',
    env: { PATH: `${dirname(AGE)}:${process.env['PATH']}`, ...env },
  })
  expect(status, stderr).toBe(0)
  if (stanza !== undefined) stanza.enc = stdout
  project.write('secrets/A.enc', JSON.stringify(sealed))
}

test('a plugin of age opens a file by its identity, and what the plugin refuses is refused', () => {
  const project = new Project()
  const env = { AGE_PASSPHRASE: 'batch-of-the-test', AGE_PASSPHRASE_WORK_FACTOR: '10' }
  forPlugin(project, ['-j', 'batchpass'], env)
  const identity = encodeBech32('age-plugin-batchpass-', Buffer.alloc(0)).toUpperCase()
  rmSync(project.keyFile)
  const withIdentity = { ...env, SOPS_AGE_KEY: identity }
  const environment = project.load([], { env: withIdentity })
  expect(environment.get('A')).toBe(MARK)
  expect(environment.has('SOPS_AGE_KEY')).toBe(false)
  // What the plugin itself is told stays: nothing but the plugin knows what it is.
  expect(environment.has('AGE_PASSPHRASE')).toBe(true)
  const said = project.refused([], { env: { ...withIdentity, AGE_PASSPHRASE: 'another' } })
  expect(said).not.toContain('another')
  // Without the plugin's program.
  const bare = { ...withIdentity, PATH: project.path('bin') }
  mkdirSync(project.path('bin'))
  must('cp', [SOPS, project.path('bin/sops')])
  expect(project.refused([], { env: bare })).toMatch(/secrets\/A\.enc: /)
})

/** An identity file behind a passphrase, made by age on a terminal, where alone it asks for one. */
async function passphraseFile(project: Project, passphrase: string): Promise<void> {
  const locked = project.path('locked.age')
  const child = spawn('script', [
    '-qefc',
    `exec '${AGE}' -p -o '${locked}' '${project.keyFile}'`,
    '/dev/null',
  ])
  const ended = new Promise((resolve) => child.on('exit', resolve))
  await seen(child.stdout, /Enter passphrase/)
  child.stdin.write(`${passphrase}\n`)
  await seen(child.stdout, /Confirm passphrase/)
  child.stdin.write(`${passphrase}\n`)
  expect(await ended).toBe(0)
  must('mv', [locked, project.keyFile])
}

test('an identity behind a passphrase opens a file on a terminal, and without one the start is refused', async () => {
  const project = new Project()
  project.secret('A', MARK)
  await passphraseFile(project, 'correct-horse')
  const start = () => {
    const line = `exec ${process.execPath} ${SHIM} -- sh -c 'test "$A" = ${MARK} && echo opened'`
    const child = spawn('script', ['-qefc', line, '/dev/null'], {
      cwd: project.directory,
      env: { ...project.environment(), SHELL: '/bin/sh', TERM: 'dumb' },
    })
    onTestFinished(() => void child.kill('SIGKILL'))
    return { child, ended: new Promise((resolve) => child.on('exit', resolve)) }
  }
  const good = start()
  const opened = seen(good.child.stdout, /opened/)
  await seen(good.child.stdout, /Enter passphrase/)
  good.child.stdin.write('correct-horse\n')
  await opened
  expect(await good.ended).toBe(0)

  const bad = start()
  await seen(bad.child.stdout, /Enter passphrase/)
  bad.child.stdin.write('wrong-horse\n')
  expect(await bad.ended).toBe(125)

  // setsid: no terminal to ask on.
  expect(project.refused([], { through: ['setsid', '--wait'] })).toMatch(
    /protected by a passphrase, and there is no terminal/,
  )
})
