/** What the stack tests share: a project as a user has it, driven by the built host command, on a real engine. */
import { randomBytes } from 'node:crypto'
import { existsSync } from 'node:fs'
import { mkdir, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises'
import { homedir, tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { execa } from 'execa'
import { expect, onTestFinished } from 'vitest'
import { DISINTO } from '../helpers/parts.ts'
import { docker, IMAGE, must, type Result, until } from '../image/image.ts'

const SOPS = process.env.SOPS_PROGRAM || 'sops'
const PATIENCE = 300_000

export interface Options {
  readonly input?: string
  readonly env?: Readonly<Record<string, string>>
  /** Words that run the words after them: `strace`, `unshare`, … */
  readonly through?: readonly string[]
}

export class Stack {
  readonly directory: string
  readonly home: string
  readonly name: string

  private constructor(base: string, name: string) {
    this.name = name
    this.directory = join(base, name)
    this.home = join(base, 'home')
  }

  /** An empty project with `disinto init` done, and a HOME of its own; `after` takes what ends it. */
  static async make({
    words = ['init'],
    after = onTestFinished,
  }: {
    words?: readonly string[]
    after?: (clear: () => Promise<void>) => void
  } = {}): Promise<Stack> {
    const base = await mkdtemp(join(tmpdir(), 'disinto-stack-'))
    const stack = new Stack(base, `stack-${randomBytes(5).toString('hex')}`)
    after(async () => {
      await stack.clear()
      await rm(base, { recursive: true, force: true })
    })
    await mkdir(stack.directory)
    await mkdir(stack.home)
    await stack.must(...words)
    await rm(stack.path('.env'))
    return stack
  }

  path(...parts: string[]): string {
    return join(this.directory, ...parts)
  }

  /** The key of a service, or of the operator. */
  keyFile(service?: string): string {
    const parts = service === undefined ? [] : [this.name, service]
    return join(this.home, '.config/sops/age', ...parts, 'keys.txt')
  }

  async write(file: string, text: string): Promise<void> {
    await mkdir(dirname(this.path(file)), { recursive: true })
    await writeFile(this.path(file), text)
  }

  read(file: string): Promise<string> {
    return readFile(this.path(file), 'utf8')
  }

  exists(file: string): boolean {
    return existsSync(this.path(file))
  }

  environment(changes: Readonly<Record<string, string>> = {}): Record<string, string> {
    return {
      PATH: `${dirname(SOPS) === '.' ? '' : `${dirname(SOPS)}:`}${process.env.PATH}`,
      HOME: this.home,
      // The plugins of docker may be installed in the real home.
      DOCKER_CONFIG: process.env.DOCKER_CONFIG ?? join(homedir(), '.docker'),
      ...(process.env.DOCKER_HOST === undefined ? {} : { DOCKER_HOST: process.env.DOCKER_HOST }),
      AGENT_IMAGE: IMAGE,
      ...changes,
    }
  }

  /** Starts the host command; the promise is its end. */
  start(words: readonly string[], { input, env, through = [] }: Options = {}) {
    const [program = '', ...rest] = [...through, process.execPath, DISINTO, ...words]
    return execa(program, rest, {
      cwd: this.directory,
      env: this.environment(env),
      extendEnv: false,
      reject: false,
      timeout: PATIENCE,
      ...(input === undefined ? { stdin: 'ignore' as const } : { input }),
    })
  }

  async run(words: readonly string[], options: Options = {}): Promise<Result> {
    const { exitCode, stdout, stderr } = await this.start(words, options)
    return { exitCode: exitCode ?? -1, stdout: String(stdout), stderr: String(stderr) }
  }

  /** Runs a command that must succeed. */
  async must(...words: string[]): Promise<Result> {
    const result = await this.run(words)
    expect(result.exitCode, `disinto ${words.join(' ')}: ${result.stderr}`).toBe(0)
    return result
  }

  async secret(name: string, value: string): Promise<void> {
    const result = await this.run(['secrets', 'add', name, '--force'], { input: value })
    expect(result.exitCode, result.stderr).toBe(0)
  }

  /** .env.enc with these variables, by migrating a plaintext .env. */
  async envFile(variables: Readonly<Record<string, string>>): Promise<void> {
    await this.plain(variables)
    await rm(this.path('.env.enc'), { force: true })
    await this.must('secrets', 'migrate')
  }

  async plain(variables: Readonly<Record<string, string>>): Promise<void> {
    const lines = Object.entries(variables).map(([name, value]) => `${name}=${value}\n`)
    await this.write('.env', lines.join(''))
  }

  async proposal(id: string, content: unknown): Promise<void> {
    const text = typeof content === 'string' ? content : JSON.stringify(content)
    await this.write(`vault/approved/${id}.json`, text)
  }

  /** The running or stopped containers of the project. */
  async containers(): Promise<string[]> {
    const filter = `label=com.docker.compose.project=${this.name}`
    return (await must('docker', ['ps', '--all', '--quiet', '--no-trunc', '--filter', filter]))
      .split('\n')
      .filter((id) => id !== '')
  }

  async networks(): Promise<string[]> {
    const filter = `label=com.docker.compose.project=${this.name}`
    const ids = await must('docker', ['network', 'ls', '--quiet', '--filter', filter])
    return ids.split('\n').filter((id) => id !== '')
  }

  /** The one container there is. */
  async container(): Promise<string> {
    const all = await this.containers()
    expect(all).toHaveLength(1)
    return all[0] ?? ''
  }

  private async clear(): Promise<void> {
    const containers = await this.containers()
    if (containers.length > 0) await docker(['rm', '--force', '--volumes', ...containers])
    const networks = await this.networks()
    if (networks.length > 0) await docker(['network', 'rm', ...networks])
  }
}

/** A script, run as root in a container. */
export const asRoot = (container: string, script: string): Promise<string> => asUser('0', container, script)

/** A script, run by a user of the container. Root there has no CAP_SYS_PTRACE: it can't read others' `environ`. */
export async function asUser(user: string, container: string, script: string): Promise<string> {
  return must('docker', ['exec', '--user', user, container, 'sh', '-c', script])
}

const OF_SLEEP =
  'for p in /proc/[0-9]*; do if [ "$(cat $p/comm)" = sleep ]; then tr "\\0" "\\n" <$p/environ; exit; fi; done; exit 1'

/** The environment of the container's command, once it runs. */
export async function environmentIn(container: string): Promise<string[]> {
  let lines: string[] = []
  await until(async () => {
    lines = (await asUser('agent', container, OF_SLEEP)).split('\n')
  })
  return lines
}

/** The files on the engine's disk that hold a value; only those that were written since `since` was. */
export async function holding(value: string, since: string, directory?: string): Promise<string[]> {
  const root = directory ?? (await must('docker', ['info', '--format', '{{.DockerRootDir}}'])).trim()
  const script = 'find "$1" -xdev -type f -newer "$2" -exec grep -lF -f "$3" {} + 2>/dev/null; true'
  const pattern = join(tmpdir(), `disinto-pattern-${randomBytes(6).toString('hex')}`)
  await writeFile(pattern, value)
  try {
    const found = await must('sh', ['-c', script, 'sh', root, since, pattern])
    return found.split('\n').filter((line) => line !== '')
  } finally {
    await rm(pattern)
  }
}

/** What is left of runs in memory. */
export async function inMemory(): Promise<string[]> {
  return (await readdir('/dev/shm')).filter((name) => name.startsWith('disinto-run-'))
}

/** One error line, a hint, no stack, and this status. */
export function expectError(result: Result, message: RegExp, status = 1): void {
  const errors = result.stderr.split('\n').filter((line) => line.startsWith('disinto: error: '))
  expect(errors, result.stderr).toHaveLength(1)
  expect(errors[0]).toMatch(message)
  expect(result.stderr).toMatch(/^disinto: hint: \S/m)
  expect(result.stderr).not.toMatch(/^\s+at |node:internal/m)
  expect(result.exitCode).toBe(status)
}

export function proposalFor(...secrets: string[]): object {
  return { type: 'publish', source: 'agent-1', payload: { package: 'x' }, secrets }
}
