import { spawnSync } from 'node:child_process'
import { chmodSync, chownSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, expect, onTestFinished, test } from 'vitest'
import { stringify } from 'yaml'
import { SHIM } from '../helpers/parts.ts'
import { build, freshValue, IMAGE, must, Place, REPOSITORY, run } from '../image/image.ts'
import { MARK, makeKey, Project, parseEnvironment } from '../shim/project.ts'

const KEY_VARIABLES = [
  'SOPS_AGE_KEY',
  'SOPS_AGE_KEY_FILE',
  'SOPS_AGE_KEY_CMD',
  'SOPS_AGE_SSH_PRIVATE_KEY_FILE',
  'SOPS_AGE_SSH_PRIVATE_KEY_CMD',
]

const identityOf = (path: string): string => /AGE-SECRET-KEY-\S+/.exec(readFileSync(path, 'utf8'))?.[0] ?? ''

/** A project with no key in the usual place; the key is where the test wants it. */
function away(): { project: Project; key: string; identity: string } {
  const project = new Project()
  project.secret('A', MARK)
  const key = project.write('elsewhere/age', readFileSync(project.keyFile))
  chmodSync(key, 0o400)
  rmSync(project.keyFile)
  return { project, key, identity: identityOf(key) }
}

/** Loads, and looks for the key in all that the command got. */
function loadWith(project: Project, identity: string, env: Record<string, string>): Map<string, string> {
  const result = project.run(['--', 'env', '-0'], { env })
  expect({ status: result.status, stderr: result.stderr }).toEqual({ status: 0, stderr: '' })
  expect(result.stdout.includes(identity)).toBe(false)
  const environment = parseEnvironment(result.stdout)
  for (const name of KEY_VARIABLES) expect(environment.has(name), name).toBe(false)
  return environment
}

describe.each(['builtin', 'sops'])('by the %s engine', (engine) => {
  test('a secret file of Docker opens, and its variable does not reach the command', () => {
    const { project, key, identity } = away()
    const environment = loadWith(project, identity, { SOPS_AGE_KEY_FILE: key, DISINTO_ENGINE: engine })
    expect(environment.get('A')).toBe(MARK)
  })

  test('a credential of systemd opens, and its variable does not reach the command', () => {
    const { project, identity } = away()
    const directory = project.path('elsewhere')
    chmodSync(directory, 0o500)
    const env = {
      CREDENTIALS_DIRECTORY: directory,
      SOPS_AGE_KEY_FILE: join(directory, 'age'),
      DISINTO_ENGINE: engine,
    }
    expect(loadWith(project, identity, env).get('A')).toBe(MARK)
  })

  test('a program that prints the key opens, and its variable does not reach the command', () => {
    const { project, key, identity } = away()
    const env = { SOPS_AGE_KEY_CMD: `cat '${key}'`, DISINTO_ENGINE: engine }
    expect(loadWith(project, identity, env).get('A')).toBe(MARK)
  })

  test('every place at once: each has a key that only it has, and each file opens', () => {
    const project = new Project()
    const places = ['variable', 'file', 'command', 'usual']
    const paths = new Map(places.map((place) => [place, project.path(`${place}.txt`)]))
    paths.set('usual', project.keyFile)
    for (const [place, path] of paths) {
      const recipient = makeKey(path)
      const name = place.toUpperCase()
      project.write(`secrets/${name}.enc`, project.sealedTo(recipient, JSON.stringify({ [name]: place })))
    }
    const env = {
      SOPS_AGE_KEY: identityOf(paths.get('variable') ?? ''),
      SOPS_AGE_KEY_FILE: paths.get('file') ?? '',
      SOPS_AGE_KEY_CMD: `cat '${paths.get('command')}'`,
      DISINTO_ENGINE: engine,
    }
    const environment = loadWith(project, 'AGE-SECRET-KEY', env)
    for (const place of places) expect(environment.get(place.toUpperCase())).toBe(place)
  })
})

test('the places are opened in the order in which sops opens them', () => {
  const project = new Project()
  project.secret('A', MARK)
  const file = project.path('named.txt')
  makeKey(file)
  const script = project.write('print-key', '#!/bin/sh\nexit 0\n')
  chmodSync(script, 0o755)
  const env = project.environment({ SOPS_AGE_KEY_FILE: file, SOPS_AGE_KEY_CMD: script })
  const order = (words: readonly string[]): string[] => {
    const trace = project.path('trace')
    const calls = ['strace', '-f', '-qq', '-e', 'trace=openat,execve', '-o', trace, ...words]
    spawnSync(calls[0] ?? '', calls.slice(1), { cwd: project.directory, env })
    const seen: string[] = []
    for (const [, path = ''] of readFileSync(trace, 'utf8').matchAll(
      /(?:openat\(AT_FDCWD, |execve\()"([^"]+)"/g,
    )) {
      const place = { [file]: 'file', [script]: 'command', [project.keyFile]: 'usual' }[path]
      if (place !== undefined && !seen.includes(place)) seen.push(place)
    }
    return seen
  }
  const bySops = order([process.env['SOPS_PROGRAM'] || 'sops', 'decrypt', project.path('secrets/A.enc')])
  const byShim = order([process.execPath, SHIM, '--engine', 'builtin', '--', 'true'])
  expect(bySops).toHaveLength(3)
  expect(byShim).toEqual(bySops)
})

test.skipIf(process.getuid?.() !== 0)(
  'a credential of a service of root can’t be read by its command',
  () => {
    const { project, key } = away()
    const directory = project.path('elsewhere')
    chownSync(key, 0, 0)
    chmodSync(directory, 0o500)
    chmodSync(project.directory, 0o755)
    const env = { CREDENTIALS_DIRECTORY: directory, SOPS_AGE_KEY_FILE: key, DISINTO_USER: '65534:65534' }
    const script = 'test "$A" && echo loaded; cat "$CREDENTIALS_DIRECTORY/age"'
    const { stdout, stderr } = project.run(['--', 'sh', '-c', script], { env })
    expect(stdout).toBe('loaded\n')
    expect(stderr).toMatch(/^cat: .*Permission denied\n$/)
  },
)

test('the unit of docs/keys.md is one that systemd takes', () => {
  const page = readFileSync(join(REPOSITORY, 'docs/keys.md'), 'utf8')
  const unit = page.split('<!-- unit -->\n```ini\n')[1]?.split('```')[0]
  const directory = mkdtempSync(join(tmpdir(), 'disinto-unit-'))
  onTestFinished(() => rmSync(directory, { recursive: true }))
  mkdirSync(join(directory, 'units'))
  writeFileSync(join(directory, 'units', 'agent.service'), unit ?? '')
  const checked = spawnSync('systemd-analyze', ['verify', '--recursive-errors=no', 'agent.service'], {
    cwd: join(directory, 'units'),
    encoding: 'utf8',
  })
  expect({ status: checked.status, said: `${checked.stdout}${checked.stderr}` }).toEqual({
    status: 0,
    said: '',
  })
})

describe('a file with a KMS recipient', () => {
  const ARN = 'arn:aws:kms:eu-west-1:111122223333:key/00000000-0000-0000-0000-000000000000'

  /** Metadata is not in the MAC: the recipient can be added afterwards. */
  function withKms(keepAge: boolean): Project {
    const project = new Project()
    project.secret('A', MARK)
    const sealed: { sops: Record<string, unknown> } = JSON.parse(project.read('secrets/A.enc'))
    sealed.sops['kms'] = [{ arn: ARN, created_at: '2026-01-01T00:00:00Z', enc: 'AAAA', aws_profile: '' }]
    if (!keepAge) sealed.sops['age'] = []
    project.write('secrets/A.enc', JSON.stringify(sealed))
    return project
  }

  test('alone opens by nothing that is allowed, and the message names the kind', () => {
    expect(withKms(false).refused()).toMatch(/A\.enc: no type of key that is allowed here .* kms/)
  })

  test('alone and allowed needs the sops program, and the message says that it is not there', () => {
    const env = { PATH: '/nonexistent' }
    expect(withKms(false).refused(['--key-types', 'kms'], { env })).toMatch(/sops/)
  })

  test('and an age recipient opens with the age key, whatever the other is', () => {
    const environment = withKms(true).load()
    expect(environment.get('A')).toBe(MARK)
  })
})

test('a Compose secret keeps the owner of its file: one of uid 1000 is the agent’s to read, and refused', async () => {
  await build(IMAGE, REPOSITORY)
  const token = freshValue('token')
  const place = await (await Place.make()).secret('TOKEN', token)
  const key = place.path('age', 'keys.txt')
  const service = {
    image: IMAGE,
    environment: { SOPS_AGE_KEY_FILE: '/run/secrets/age' },
    volumes: [`${place.path('secrets')}:/etc/disinto/secrets:ro`],
    secrets: ['age'],
    network_mode: 'none',
  }
  await run('tee', [place.path('compose.yaml')], {
    input: stringify({ services: { agent: service }, secrets: { age: { file: key } } }),
  })
  const script = 'test "$TOKEN" && echo loaded; cat /run/secrets/age >/dev/null 2>&1 && echo reads'
  const words = ['compose', '--project-name', `disinto-ship-${process.pid}`, 'run', '--rm', 'agent']
  const readBy = async (uid: number) => {
    chownSync(key, uid, uid)
    return run('docker', [...words, 'sh', '-c', script], { cwd: place.directory })
  }
  expect((await readBy(0)).stdout).toBe('loaded')
  const refused = await readBy(1000)
  expect(refused.stdout).toBe('')
  expect(refused.stderr).toMatch(
    /error: \/run\/secrets\/age: agent, whom the command would run as, could read/,
  )
  await must('docker', ['compose', '--project-name', `disinto-ship-${process.pid}`, 'down'], {
    cwd: place.directory,
  })
})
