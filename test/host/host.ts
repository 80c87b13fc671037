/** A project and a home of a person who has nothing yet, and the built host command to run there. */
import { spawn, spawnSync } from 'node:child_process'
import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { delimiter, dirname, join } from 'node:path'
import { expect, onTestFinished } from 'vitest'
import { AGE_KEYGEN, DISINTO, SOPS } from '../helpers/parts.ts'
import type { Result } from '../shim/project.ts'

export { AGE, AGE_KEYGEN, DISINTO, SHIM, SOPS } from '../helpers/parts.ts'

/** Every secret in these tests has this in it, so that one search finds a leak of any. */
export const MARK = 'hunter2-Zq7'

export interface RunOptions {
  readonly env?: Readonly<Record<string, string | undefined>>
  readonly input?: string | Buffer
  readonly cwd?: string
  /** Words that run the words after them: `strace`, … */
  readonly through?: readonly string[]
  /** What runs in the place of the host command. */
  readonly program?: string
}

export class Host {
  readonly base = mkdtempSync(join(tmpdir(), 'disinto-host-'))
  readonly directory: string
  readonly home = join(this.base, 'home')
  readonly keyFile = join(this.home, '.config/sops/age/keys.txt')

  constructor(directory?: string) {
    this.directory = directory ?? join(this.base, 'project')
    mkdirSync(this.directory, { recursive: true })
    mkdirSync(this.home, { recursive: true })
    onTestFinished(() => rmSync(this.base, { recursive: true, force: true }))
  }

  path(...parts: string[]): string {
    return join(this.directory, ...parts)
  }

  write(name: string, content: string | Buffer): string {
    const path = this.path(name)
    mkdirSync(dirname(path), { recursive: true })
    writeFileSync(path, content)
    return path
  }

  read(name: string): string {
    return readFileSync(this.path(name), 'utf8')
  }

  exists(name: string): boolean {
    return existsSync(this.path(name))
  }

  environment(changes: RunOptions['env'] = {}): Record<string, string> {
    const environment: Record<string, string> = {}
    const path = `${dirname(SOPS)}${delimiter}${process.env['PATH']}`
    const all = { PATH: path, HOME: this.home, TERM: 'xterm', SOPS_DISABLE_VERSION_CHECK: '1', ...changes }
    for (const [name, value] of Object.entries(all)) if (value !== undefined) environment[name] = value
    return environment
  }

  /** Runs the host command to its end, with a pipe for standard input. */
  run(
    words: readonly string[],
    { env, input = '', cwd, through = [], program = DISINTO }: RunOptions = {},
  ): Result {
    const [first = '', ...rest] = [...through, process.execPath, program, ...words]
    const { status, signal, stdout, stderr } = spawnSync(first, rest, {
      cwd: cwd ?? this.directory,
      env: this.environment(env),
      input,
      encoding: 'utf8',
      maxBuffer: 64 * 1024 * 1024,
    })
    return { status, signal, stdout, stderr }
  }

  /** Runs what must go well; gives standard output. */
  well(words: readonly string[], options: RunOptions = {}): string {
    const { status, stdout, stderr } = this.run(words, options)
    expect(stderr, 'a value in what was said').not.toContain(MARK)
    expect(status, stderr).toBe(0)
    return stdout
  }

  /** Runs what must fail: one error and a hint, no value, and the status; gives standard error. */
  fails(words: readonly string[], options: RunOptions & { status?: number } = {}): string {
    const { status, stdout, stderr } = this.run(words, options)
    expect(`${stdout}${stderr}`).not.toContain(MARK)
    expect(stderr).toMatch(/^disinto: error: \S.*\ndisinto: hint: \S/m)
    expect(stderr).not.toMatch(/^\s+at |node:internal|Node\.js v|unexpected /m)
    expect(status, stderr).toBe(options.status ?? 1)
    return stderr
  }

  add(name: string, value: string): void {
    this.well(['secrets', 'add', name, '--raw', '--force'], { input: value })
  }

  /** What stock sops gets out of a secret file, to the byte. */
  bySops(name: string, keyFile = this.keyFile): string {
    const words = [
      'decrypt',
      '--input-type',
      'json',
      '--extract',
      `["${name}"]`,
      this.path(`secrets/${name}.enc`),
    ]
    return sops(words, this.environment({ SOPS_AGE_KEY_FILE: keyFile }))
  }

  /** What stock sops decrypts `.env.enc` to. */
  envBySops(keyFile = this.keyFile): string {
    const words = ['decrypt', '--input-type', 'dotenv', '--output-type', 'dotenv', this.path('.env.enc')]
    return sops(words, this.environment({ SOPS_AGE_KEY_FILE: keyFile }))
  }

  /** Runs stock sops in the project. */
  sops(...words: string[]): string {
    return sops(words, this.environment(), this.directory)
  }

  recipient(keyFile = this.keyFile): string {
    return spawnSync(AGE_KEYGEN, ['-y', keyFile], { encoding: 'utf8' }).stdout.trim().split('\n')[0] ?? ''
  }

  /** Makes another person's key with stock age. */
  stranger(name = 'stranger'): { keyFile: string; recipient: string } {
    const keyFile = join(this.base, `${name}.txt`)
    expect(spawnSync(AGE_KEYGEN, ['-o', keyFile]).status).toBe(0)
    return { keyFile, recipient: this.recipient(keyFile) }
  }

  /** The names of all files below a directory of ours, by default the project. */
  files(directory = this.directory): string[] {
    return readdirSync(directory, { recursive: true, withFileTypes: true })
      .filter((entry) => entry.isFile() && !entry.parentPath.includes('/.git'))
      .map((entry) => join(entry.parentPath, entry.name).slice(directory.length + 1))
      .sort()
  }

  /** The files, of the project and the home, that hold a text. */
  holding(text: string): string[] {
    return this.files(this.base)
      .filter((file) => readFileSync(join(this.base, file)).includes(text))
      .concat(
        this.directory.startsWith(this.base)
          ? []
          : this.files().filter((file) => this.read(file).includes(text)),
      )
  }

  /** Starts the host command on a pseudo-terminal (script(1)); `after` is what has the terminal after it. */
  terminal(words: readonly string[], { after, ...options }: RunOptions & { after?: string } = {}): Terminal {
    const line = [process.execPath, DISINTO, ...words].map((word) => `'${word}'`).join(' ')
    const all = after === undefined ? `exec ${line}` : `${line}; ${after}`
    const child = spawn('script', ['-qec', `stty cols 200; ${all}`, '/dev/null'], {
      cwd: options.cwd ?? this.directory,
      env: this.environment({ SHELL: '/bin/sh', ...options.env }),
    })
    onTestFinished(() => {
      child.kill('SIGKILL')
    })
    return new Terminal(child)
  }
}

function sops(words: readonly string[], env: Record<string, string>, cwd = '/'): string {
  const { status, stdout, stderr } = spawnSync(SOPS, words, { env, cwd, encoding: 'utf8' })
  expect(status, stderr).toBe(0)
  return stdout
}

/** A command on a terminal: what it showed, and what is typed to it. */
export class Terminal {
  readonly #child: ReturnType<typeof spawn>
  readonly #ended: Promise<number | null>
  #seenUpTo = 0
  shown = ''

  constructor(child: ReturnType<typeof spawn>) {
    this.#child = child
    child.stdout?.on('data', (chunk) => {
      this.shown += String(chunk)
    })
    this.#ended = new Promise((resolve) => {
      child.on('close', (status) => resolve(status))
    })
  }

  /** Waits until a text is shown, after those that were waited for before. */
  async sees(text: string): Promise<this> {
    while (!this.shown.includes(text, this.#seenUpTo)) {
      if (this.#child.exitCode !== null) throw new Error(`ended without ${text}: ${this.shown}`)
      await new Promise((resolve) => setTimeout(resolve, 10))
    }
    this.#seenUpTo = this.shown.indexOf(text, this.#seenUpTo) + text.length
    return this
  }

  types(text: string): this {
    this.#child.stdin?.write(text)
    return this
  }

  ends(): Promise<number | null> {
    return this.#ended
  }
}
