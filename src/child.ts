/** Children whose output we read: sops, and the command behind SOPS_AGE_KEY_CMD. They end with us. */
import type { ChildProcess } from 'node:child_process'
import { accessSync, constants, statSync } from 'node:fs'
import { isAbsolute, join } from 'node:path'
import { refuseDebugLog } from './node-debug.ts'

export interface Ended {
  /** Exit status, or null when a signal ended it. */
  readonly status: number | null
  readonly stdout: Buffer
  readonly stderr: Buffer
  /** It wrote more than OUTPUT_LIMIT and was ended for it. */
  readonly overflowed: boolean
}

/** Bytes; well over the largest file we read, decrypted. */
const OUTPUT_LIMIT = 32 * 1024 * 1024

const living = new Set<ChildProcess>()

/** Ends every child at once; for a signal to us. By default with SIGKILL, since a child that hangs may hang for ever. */
export function endChildren(signal: NodeJS.Signals = 'SIGKILL'): void {
  for (const child of living) child.kill(signal)
}

/**
 * A program of a PATH, looked for in its absolute directories alone: the working directory may be anybody's.
 * Undefined where there is none.
 */
export function findProgram(name: string, variables: ReadonlyMap<string, string>): string | undefined {
  return (variables.get('PATH') ?? '')
    .split(':')
    .filter(isAbsolute)
    .map((directory) => join(directory, name))
    .find((path) => {
      try {
        accessSync(path, constants.X_OK)
        return statSync(path).isFile()
      } catch {
        return false
      }
    })
}

let prepare = () => {}

/** What is to be done before each child is started. */
export function beforeChildren(work: () => void): void {
  prepare = work
}

/** Where a program runs, and by what it goes there. */
export interface Surroundings {
  /** Ours unless told. */
  readonly cwd?: string
  readonly environment: ReadonlyMap<string, string>
}

/** What a program has on standard input, nothing unless told, and whether it may speak to a person on our standard error. */
export interface Stdio {
  readonly input?: Buffer | undefined
  readonly errors?: 'pipe' | 'inherit'
}

/**
 * Runs a program to its end, its output on pipes. Rejects with a system error when it can't be started, with node-debug when Node would
 * tell its environment. The words end up in `ps`: never a secret among them.
 */
export async function capture(
  program: string,
  words: readonly string[],
  { cwd, environment }: Surroundings,
  { input, errors = 'pipe' }: Stdio = {},
): Promise<Ended> {
  refuseDebugLog()
  const { spawn } = await import('node:child_process')
  return new Promise((resolve, reject) => {
    prepare()
    const child = spawn(program, words, {
      ...(cwd !== undefined && { cwd }),
      env: Object.fromEntries(environment),
      stdio: [input === undefined ? 'ignore' : 'pipe', 'pipe', errors],
    })
    living.add(child)
    const stdout: Buffer[] = []
    const stderr: Buffer[] = []
    let length = 0
    const take = (into: Buffer[]) => (chunk: Buffer) => {
      length += chunk.length
      if (length > OUTPUT_LIMIT) child.kill('SIGKILL')
      else into.push(chunk)
    }
    // A program that ends without reading breaks the pipe; its exit status tells more than that.
    child.stdin?.on('error', () => {})
    child.stdin?.end(input)
    child.stdout?.on('data', take(stdout))
    child.stderr?.on('data', take(stderr))
    child.on('error', (error) => {
      living.delete(child)
      reject(error)
    })
    // "close", not "exit": the pipes have been read to their ends, and the child has been waited for.
    child.on('close', (status) => {
      living.delete(child)
      resolve({
        status,
        stdout: Buffer.concat(stdout),
        stderr: Buffer.concat(stderr),
        overflowed: length > OUTPUT_LIMIT,
      })
    })
  })
}
