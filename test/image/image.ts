/** What the image tests share: the built image, a place with keys and encrypted files, and docker itself. */
import { createHash, randomBytes } from 'node:crypto'
import { access, chmod, copyFile, mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { execa } from 'execa'
import { afterAll, beforeAll, expect, onTestFinished, vi } from 'vitest'

export const REPOSITORY = fileURLToPath(new URL('../../', import.meta.url))
/** A tag for each checkout: two that are tested at once must not start each other's image. */
export const IMAGE = `disinto-agent:test-${createHash('sha256').update(REPOSITORY).digest('hex').slice(0, 8)}`
const SOPS = process.env.SOPS_PROGRAM || 'sops'
const AGE_KEYGEN = process.env.AGE_KEYGEN_PROGRAM || 'age-keygen'

/** Nothing here should take this long; it only keeps a hanging part from hanging the run. */
const PATIENCE = 300_000
const LABEL = `disinto.test=${randomBytes(6).toString('hex')}`

export interface Result {
  readonly exitCode: number
  readonly stdout: string
  readonly stderr: string
}

/** Runs a program to its end; failing is an answer, too. */
export async function run(
  program: string,
  words: readonly string[],
  {
    input = '',
    cwd = tmpdir(),
    env = {},
  }: { input?: string; cwd?: string; env?: Record<string, string> } = {},
): Promise<Result> {
  const result = await execa(program, words, { input, cwd, env, reject: false, timeout: PATIENCE })
  return { exitCode: result.exitCode ?? -1, stdout: result.stdout, stderr: result.stderr }
}

/** Runs a program that must succeed; its standard output. */
export async function must(...call: Parameters<typeof run>): Promise<string> {
  const result = await run(...call)
  if (result.exitCode !== 0) throw new Error(`${call[0]} ${call[1].join(' ')}: ${result.stderr}`)
  return result.stdout
}

export const docker = (words: readonly string[], input?: string): Promise<Result> =>
  run('docker', words, input === undefined ? {} : { input })

/** Builds a Dockerfile with BuildKit; unchanged layers come from its cache, so only the first build of a run costs. */
export async function build(tag: string, directory: string, dockerfile = 'Dockerfile.agent'): Promise<void> {
  // The build needs npm, Go's proxy and Debian: from the host's network, wherever they are reached through it.
  const words = ['build', '--network', 'host', '--tag', tag, '--file', join(directory, dockerfile)]
  const { exitCode, stderr } = await execa('docker', [...words, directory], {
    env: { DOCKER_BUILDKIT: '1', BUILDKIT_PROGRESS: 'plain' },
    reject: false,
    timeout: 1_500_000,
  })
  if (exitCode !== 0) throw new Error(`docker build failed:\n${stderr.split('\n').slice(-30).join('\n')}`)
}

/** For the top of each file: builds the image before its tests, and removes what they left in docker. */
export function useImage(): void {
  beforeAll(() => build(IMAGE, REPOSITORY), 1_800_000)
  afterAll(removeContainers)
}

async function removeContainers(): Promise<void> {
  const ids = await must('docker', ['ps', '--all', '--quiet', '--filter', `label=${LABEL}`])
  if (ids !== '') await must('docker', ['rm', '--force', '--volumes', ...ids.split('\n')])
}

/** A directory that is gone after the test. */
export async function scratch(): Promise<string> {
  const directory = await mkdtemp(join(tmpdir(), 'disinto-image-'))
  onTestFinished(() => rm(directory, { recursive: true, force: true }))
  return directory
}

/** A value that occurs nowhere else. */
export const freshValue = (name: string): string => `${name}-${randomBytes(16).toString('hex')}`

/** Makes a key at PATH as age-keygen does, mode 0600; its recipient. */
export async function makeKey(path: string): Promise<string> {
  await rm(path, { force: true })
  await must(AGE_KEYGEN, ['--output', path])
  return must(AGE_KEYGEN, ['-y', path])
}

/** A project on the host: age/keys.txt, .env.enc and secrets/, encrypted by sops. */
export class Place {
  readonly directory: string
  readonly recipient: string

  private constructor(directory: string, recipient: string) {
    this.directory = directory
    this.recipient = recipient
  }

  static async make(): Promise<Place> {
    const directory = await scratch()
    await mkdir(join(directory, 'age'), { mode: 0o700 })
    await mkdir(join(directory, 'secrets'))
    return new Place(directory, await makeKey(join(directory, 'age', 'keys.txt')))
  }

  path(...parts: string[]): string {
    return join(this.directory, ...parts)
  }

  private async encrypt(type: 'dotenv' | 'json', text: string, path: string): Promise<void> {
    const types = ['--input-type', type, '--output-type', type, '--filename-override', path]
    const words = ['encrypt', '--age', this.recipient, ...types]
    const encrypted = await must(SOPS, words, { input: text, cwd: this.directory })
    await writeFile(path, `${encrypted}\n`)
  }

  async envFile(variables: Record<string, string>): Promise<this> {
    const lines = Object.entries(variables).map(([name, value]) => `${name}=${value}\n`)
    await this.encrypt('dotenv', lines.join(''), this.path('.env.enc'))
    return this
  }

  async secret(name: string, value: string): Promise<this> {
    await this.encrypt('json', JSON.stringify({ [name]: value }), this.path('secrets', `${name}.enc`))
    return this
  }

  /** Changes a file's text, for tampering. */
  async change(file: string, replace: (text: string) => string): Promise<void> {
    const before = await readFile(this.path(file), 'utf8')
    const after = replace(before)
    expect(after).not.toBe(before)
    await writeFile(this.path(file), after)
  }

  /** The words for `docker run` that mount what is here where the image expects it. */
  async mounts(): Promise<string[]> {
    const places: [string, string][] = [
      ['age', '/home/agent/.config/sops/age'],
      ['.env.enc', '/etc/disinto/.env.enc'],
      ['secrets', '/etc/disinto/secrets'],
    ]
    const words: string[] = []
    for (const [from, to] of places) {
      const there = await access(this.path(from)).then(
        () => true,
        () => false,
      )
      if (there) words.push('--volume', `${this.path(from)}:${to}:ro`)
    }
    return words
  }

  private async words(flags: readonly string[], command: readonly string[]): Promise<string[]> {
    onTestFinished(removeContainers)
    return ['run', '--label', LABEL, ...(await this.mounts()), ...flags, IMAGE, ...command]
  }

  /** `docker run` in the foreground. */
  async run(command: readonly string[], flags: readonly string[] = [], input?: string): Promise<Result> {
    return docker(await this.words(['--rm', ...flags], command), input)
  }

  /** `docker run` in the foreground, on a terminal of its own. */
  async runOnTerminal(command: readonly string[], flags: readonly string[]): Promise<Result> {
    const words = await this.words(['--rm', ...flags], command)
    const line = ['docker', ...words].map((word) => `'${word.replaceAll("'", "'\\''")}'`).join(' ')
    return run('script', ['--quiet', '--return', '--command', line, '/dev/null'])
  }

  /** `docker run --detach`; the container's id. */
  async start(command: readonly string[], flags: readonly string[] = []): Promise<string> {
    return must('docker', await this.words(['--detach', ...flags], command))
  }
}

export const shell = (script: string): string[] => ['sh', '-c', script]

/** All that a container said so far. */
export async function logsOf(container: string): Promise<string> {
  const { stdout, stderr } = await docker(['logs', container])
  return `${stdout}\n${stderr}`
}

/** Waits until a container has said TEXT so many times. */
export async function untilSaid(container: string, text: string, times = 1): Promise<void> {
  await until(async () => {
    expect((await logsOf(container)).split(text).length - 1).toBeGreaterThanOrEqual(times)
  })
}

export const until = (check: () => Promise<void>): Promise<void> =>
  vi.waitFor(check, { timeout: PATIENCE, interval: 100 })

/** Waits for a container's end; its exit status. */
export const statusOf = async (container: string): Promise<number> =>
  Number(await must('docker', ['wait', container]))

/** The promise of every failure of the shim: status, an error line and a hint, no stack, and no command. */
export function expectFailure(result: Result, status: number, message: RegExp): void {
  expect(result.stderr).toMatch(message)
  expect(result.stderr).toMatch(/^disinto: error: .+\ndisinto: hint: .+$/m)
  expect(result.stderr).not.toMatch(/^\s+at /m)
  expect({ stdout: result.stdout, exitCode: result.exitCode }).toEqual({ stdout: '', exitCode: status })
}

/** Puts an executable script at PATH. */
export async function writeScript(path: string, text: string): Promise<string> {
  await writeFile(path, text)
  await chmod(path, 0o755)
  return path
}

/** The project as `docker build` gets it, copied, to plant files in. */
export async function copyOfProject(): Promise<string> {
  const directory = await scratch()
  for (const name of [
    'Dockerfile.agent',
    '.dockerignore',
    'package.json',
    'package-lock.json',
    'tsconfig.json',
    'esbuild.config.mjs',
  ])
    await copyFile(join(REPOSITORY, name), join(directory, name))
  await mkdir(join(directory, 'entrypoint'))
  await copyFile(
    join(REPOSITORY, 'entrypoint/disinto-entrypoint'),
    join(directory, 'entrypoint/disinto-entrypoint'),
  )
  for (const name of ['src', 'tools']) {
    await must('cp', ['-R', join(REPOSITORY, name), join(directory, name)])
  }
  return directory
}
