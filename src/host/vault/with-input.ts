/** Programs that get bytes through a pipe and whose output we read. */
import { spawn } from 'node:child_process'
import { refuseDebugLog } from '../../node-debug.ts'
import { dockerEnvironment } from '../compose/docker.ts'
import type { HostContext } from '../context.ts'

export interface InputEnded {
  readonly status: number
  readonly stdout: string
  readonly stderr: string
}

export interface InputOptions {
  readonly directory: string
  readonly input: Buffer
  /** Whether it may say something to a person, on our standard error. */
  readonly person?: boolean
}

/** Runs a program to its end. Rejects with a system error when it can't be started. */
export function runWithInput(
  context: HostContext,
  program: string,
  words: readonly string[],
  { directory, input, person = false }: InputOptions,
): Promise<InputEnded> {
  refuseDebugLog()
  return new Promise((done, failed) => {
    const child = spawn(program, words, {
      cwd: directory,
      env: Object.fromEntries(dockerEnvironment(context)),
      stdio: ['pipe', 'pipe', person ? 'inherit' : 'pipe'],
    })
    const stdout: Buffer[] = []
    const stderr: Buffer[] = []
    child.stdout?.on('data', (chunk: Buffer) => stdout.push(chunk))
    child.stderr?.on('data', (chunk: Buffer) => stderr.push(chunk))
    child.on('error', failed)
    child.on('close', (status) =>
      done({
        status: status ?? 1,
        stdout: Buffer.concat(stdout).toString(),
        stderr: Buffer.concat(stderr).toString(),
      }),
    )
    // One that ends before it has read all says why itself.
    child.stdin?.on('error', () => {})
    child.stdin?.end(input)
  })
}
