/** A directory with a key and encrypted files, and the built shim to run in it. */
import { spawn, spawnSync } from 'node:child_process'
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, isAbsolute, join } from 'node:path'
import { expect, onTestFinished } from 'vitest'
import { AGE, AGE_KEYGEN, SHIM, SOPS } from '../helpers/parts.ts'

export { SHIM } from '../helpers/parts.ts'

export const NODE_MAJOR = Number.parseInt(process.versions.node, 10)
/** Whether this Node becomes the command; below 26 the shim stays as its parent. */
export const EXECVE = NODE_MAJOR >= 26

/** Every secret in these tests has this in it, so that one search finds a leak of any. */
export const MARK = 'hunter2-Zq7'

/** Never with a `.` in front, where the tests plant their traps. */
const PATH_WITH_SOPS = [...(isAbsolute(SOPS) ? [dirname(SOPS)] : []), process.env['PATH']].join(':')

export interface Result {
  readonly status: number | null
  readonly signal: NodeJS.Signals | null
  readonly stdout: string
  readonly stderr: string
}

type SopsType = 'dotenv' | 'json' | 'yaml' | 'binary' | 'ini'

export interface RunOptions {
  readonly env?: Readonly<Record<string, string | undefined>>
  readonly input?: string
  readonly cwd?: string
  /** Flags of Node. */
  readonly node?: readonly string[]
  /** Words that run the words after them: `setpriv`, `env`, … */
  readonly through?: readonly string[]
}

export class Project {
  readonly directory = mkdtempSync(join(tmpdir(), 'disinto-'))
  readonly home = mkdtempSync(join(tmpdir(), 'disinto-home-'))
  readonly keyFile = join(this.home, '.config/sops/age/keys.txt')
  readonly recipient: string

  constructor() {
    onTestFinished(() => {
      rmSync(this.directory, { recursive: true, force: true })
      rmSync(this.home, { recursive: true, force: true })
    })
    mkdirSync(dirname(this.keyFile), { recursive: true })
    this.recipient = makeKey(this.keyFile)
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

  bytes(name: string): Buffer {
    return readFileSync(this.path(name))
  }

  /** Encrypts with real sops and writes the file. */
  seal(name: string, type: SopsType, text: string | Buffer, flags: readonly string[] = []): string {
    return this.write(name, encrypt(type, text, this.recipient, flags))
  }

  /** JSON encrypted to another recipient. */
  sealedTo(recipient: string, json: string): Buffer {
    return encrypt('json', json, recipient)
  }

  /** What `sops exec-env` gives a command for one name of a file. */
  asExecEnv(type: SopsType, name: string, variable: string): string {
    const copy = this.write(`copy.${type}`, this.bytes(name))
    const words = ['exec-env', copy, `printf %s "$${variable}"`]
    const { stdout, status } = spawnSync(SOPS, words, { env: this.environment(), encoding: 'utf8' })
    expect(status).toBe(0)
    return stdout
  }

  /** A secret file as `disinto secrets add` writes it. */
  secret(name: string, value: string): string {
    return this.seal(`secrets/${name}.enc`, 'json', JSON.stringify({ [name]: value }))
  }

  /** An age file of the value. */
  age(name: string, value: string | Buffer, flags: readonly string[] = []): string {
    const { status, stdout } = spawnSync(AGE, ['-r', this.recipient, ...flags], { input: value })
    expect(status).toBe(0)
    return this.write(name, stdout)
  }

  environment(changes: RunOptions['env'] = {}): Record<string, string> {
    const environment: Record<string, string> = {}
    const all = { PATH: PATH_WITH_SOPS, HOME: this.home, ...changes }
    for (const [name, value] of Object.entries(all)) if (value !== undefined) environment[name] = value
    return environment
  }

  /** Starts the shim; it is killed with the test, should it live so long. */
  start(words: readonly string[], options: RunOptions = {}) {
    const { env, cwd } = options
    const [program, ...rest] = commandLine(words, options)
    const child = spawn(program, rest, { cwd: cwd ?? this.directory, env: this.environment(env) })
    onTestFinished(() => {
      child.kill('SIGKILL')
    })
    return child
  }

  /** Runs the shim to its end. */
  run(words: readonly string[], options: RunOptions = {}): Result {
    const { env, input = '', cwd } = options
    const [program, ...rest] = commandLine(words, options)
    const { status, signal, stdout, stderr } = spawnSync(program, rest, {
      cwd: cwd ?? this.directory,
      env: this.environment(env),
      input,
      encoding: 'utf8',
      maxBuffer: 64 * 1024 * 1024,
    })
    return { status, signal, stdout, stderr }
  }

  /** The command's environment after a run that must succeed without a word. */
  load(words: readonly string[] = [], options: RunOptions = {}): Map<string, string> {
    const result = this.run([...words, '--', 'env', '-0'], options)
    expect(withoutNameless(result.stderr)).toBe('')
    expect(result.status).toBe(0)
    return parseEnvironment(result.stdout)
  }

  /** Runs a command that must not start: 125 (or another status), one error line, one hint, no value. */
  refused(words: readonly string[] = [], options: RunOptions & { status?: number } = {}): string {
    const result = this.run([...words, '--', 'touch', this.path('STARTED')], options)
    expectRefusal(result, options.status)
    expect(existsSync(this.path('STARTED')), 'the command has started').toBe(false)
    return result.stderr
  }
}

function commandLine(
  words: readonly string[],
  { node = [], through = [] }: RunOptions,
): [program: string, ...words: string[]] {
  const engine = process.env['TEST_ENGINE'] === undefined ? [] : ['--engine', process.env['TEST_ENGINE']]
  const [first, ...rest] = [...through, process.execPath, ...node, SHIM, ...engine, ...words]
  return [first ?? process.execPath, ...rest]
}

/** What was said, less the warnings of files that do not say which secret they hold. */
export function withoutNameless(stderr: string): string {
  return stderr.replaceAll(
    /^disinto: warning: .*: does not say which secret it holds.*\ndisinto: hint: .*\n/gm,
    '',
  )
}

/** What every refusal looks like. */
export function expectRefusal(result: Result, status = 125): void {
  const { stdout, stderr } = result
  const lines = stderr
    .trimEnd()
    .split('\n')
    .filter((line) => !line.startsWith('disinto: warning: '))
  expect(`${stdout}${stderr}`).not.toContain(MARK)
  expect(
    lines.filter((line) => line.startsWith('disinto: error: ')),
    stderr,
  ).toHaveLength(1)
  expect(lines.filter((line) => line.startsWith('disinto: hint: ')).length, stderr).toBeGreaterThan(0)
  expect(
    lines.every((line) => /^disinto: (?:error|hint): \S/.test(line)),
    stderr,
  ).toBe(true)
  expect(stderr).not.toMatch(/^\s+at |node:internal|Node\.js v|\.\n/m)
  expect({ status: result.status, stdout }).toEqual({ status, stdout: '' })
}

export function parseEnvironment(text: string): Map<string, string> {
  return new Map(
    text
      .split('\0')
      .slice(0, -1)
      .map((entry) => [entry.slice(0, entry.indexOf('=')), entry.slice(entry.indexOf('=') + 1)]),
  )
}

/** Makes an identity file; gives its recipient. */
export function makeKey(path: string, flags: readonly string[] = []): string {
  rmSync(path, { force: true })
  const made = spawnSync(AGE_KEYGEN, [...flags, '-o', path], { encoding: 'utf8' })
  expect(made.status).toBe(0)
  return spawnSync(AGE_KEYGEN, ['-y', path], { encoding: 'utf8' }).stdout.trim()
}

export function encrypt(
  type: SopsType,
  text: string | Buffer,
  recipient: string,
  flags: readonly string[] = [],
): Buffer {
  const words = ['encrypt', '--age', recipient, '--filename-override', 'x', ...flags]
  const { status, stdout, stderr } = spawnSync(
    SOPS,
    [...words, '--input-type', type, '--output-type', type],
    {
      input: text,
      cwd: '/',
      maxBuffer: 64 * 1024 * 1024,
    },
  )
  expect(status, stderr.toString()).toBe(0)
  return stdout
}

/** Waits for text on a stream; the pattern's deadline is the test's own. */
export function seen(stream: NodeJS.ReadableStream, pattern: RegExp): Promise<string> {
  return new Promise((resolve, reject) => {
    let text = ''
    stream.on('data', (chunk) => {
      text += String(chunk)
      if (pattern.test(text)) resolve(text)
    })
    stream.on('end', () => reject(new Error(`ended without ${pattern}: ${text}`)))
  })
}
