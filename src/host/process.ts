/** A program with our terminal or streams, that signals to us reach. */
import { spawn } from 'node:child_process'
import { constants } from 'node:os'
import { isatty } from 'node:tty'

export interface Attached {
  readonly cwd: string
  readonly environment: ReadonlyMap<string, string>
  /** What it reads from standard input; ours unless told. */
  readonly input?: string | undefined
}

/** 128 and the signal's number, as shells say it. */
export const statusOfSignal = (signal: NodeJS.Signals): number => 128 + (constants.signals[signal] ?? 0)

/** Runs a program to its end; its exit status. Rejects with a system error when it can't be started. */
export function runAttached(
  program: string,
  words: readonly string[],
  { cwd, environment, input }: Attached,
): Promise<number> {
  return new Promise((done, failed) => {
    const child = spawn(program, words, {
      cwd,
      env: Object.fromEntries(environment),
      stdio: [input === undefined ? 'inherit' : 'pipe', 'inherit', 'inherit'],
    })
    // Nothing is left to undo here, and it ends in its own way.
    for (const signal of ['SIGINT', 'SIGQUIT', 'SIGTERM', 'SIGHUP'] as const) {
      process.removeAllListeners(signal)
      process.on(signal, () => {
        // A terminal sends Ctrl-C to both of us, and compose takes a second one for "at once".
        const twice = (signal === 'SIGINT' || signal === 'SIGQUIT') && (isatty(0) || isatty(2))
        if (!twice) child.kill(signal)
      })
    }
    // One that ends before it has read this says why itself.
    child.stdin?.on('error', () => {})
    child.stdin?.end(input)
    child.on('error', failed)
    child.on('close', (status, signal) => done(status ?? statusOfSignal(signal ?? 'SIGTERM')))
  })
}
