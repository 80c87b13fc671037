/** Starts the programs of the host command: without a shell, with the variables given alone. */
import { type ChildProcess, type StdioOptions, spawn } from 'node:child_process'
import { constants } from 'node:os'
import type { Readable } from 'node:stream'
import { isatty } from 'node:tty'
import type { Surroundings } from '../child.ts'
import { refuseDebugLog } from '../node-debug.ts'
import { takeSignals } from './files/cleanup.ts'

/** 128 and the signal's number, as shells say it. */
export const statusOfSignal = (signal: NodeJS.Signals): number => 128 + (constants.signals[signal] ?? 0)

function start(
  program: string,
  words: readonly string[],
  { cwd, environment }: Surroundings,
  streams: { readonly stdio: StdioOptions; readonly detached?: boolean; readonly input?: string | undefined },
): ChildProcess {
  refuseDebugLog()
  const { stdio, detached = false, input } = streams
  const child = spawn(program, words, { cwd, env: Object.fromEntries(environment), stdio, detached })
  // One that ends before it has read this says why itself.
  child.stdin?.on('error', () => {})
  child.stdin?.end(input)
  return child
}

export interface Started {
  readonly child: ChildProcess
  /** Its exit status, or statusOfSignal; rejects with a system error when it could not be started. */
  readonly status: Promise<number>
}

/** Starts a program with these streams; what it does about signals is for the caller. */
export function startProgram(
  program: string,
  words: readonly string[],
  surroundings: Surroundings,
  streams: Parameters<typeof start>[3],
): Started {
  const child = start(program, words, surroundings, streams)
  const status = new Promise<number>((done, failed) => {
    child.on('error', failed)
    child.on('close', (code, signal) => done(code ?? statusOfSignal(signal ?? 'SIGTERM')))
  })
  return { child, status }
}

/**
 * Runs a program with our terminal or streams to its end; returns its exit status. Signals to us reach it. `input` is
 * what it reads, ours unless told. Rejects with a system error when it can't be started.
 */
export async function runAttached(
  program: string,
  words: readonly string[],
  { input, ...surroundings }: Surroundings & { readonly input?: string | undefined },
): Promise<number> {
  const stdio = [input === undefined ? 'inherit' : 'pipe', 'inherit', 'inherit'] as const
  const { child, status } = startProgram(program, words, surroundings, { stdio: [...stdio], input })
  // It ends in its own way, and we after it.
  const release = takeSignals((signal) => {
    // A terminal sends Ctrl-C to both of us, and compose takes a second one for "at once".
    const twice = (signal === 'SIGINT' || signal === 'SIGQUIT') && (isatty(0) || isatty(2))
    if (!twice) child.kill(signal)
  })
  return status.finally(release)
}

export interface Streaming {
  readonly output: Readable
  readonly errors: Readable
  /** Null when it could not be started, or a signal ended it. */
  readonly status: Promise<number | null>
}

/** Starts a program whose output is read as it comes, however much there is. Both streams have to be read. */
export function streamProgram(
  program: string,
  words: readonly string[],
  surroundings: Surroundings,
  input?: string,
): Streaming {
  const stdio = input === undefined ? 'ignore' : 'pipe'
  const child = start(program, words, surroundings, { stdio: [stdio, 'pipe', 'pipe'], input })
  const { stdout, stderr } = child
  if (stdout === null || stderr === null) throw new Error('a pipe is missing')
  const status = new Promise<number | null>((done) => {
    child.on('error', () => done(null))
    child.on('close', done)
  })
  return { output: stdout, errors: stderr, status }
}
