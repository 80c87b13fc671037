/**
 * `ssh-keygen -Y`: OpenSSH signatures over bytes from a pipe.
 * It reads no configuration.
 */
import { spawn } from 'node:child_process'
import { errnoOf } from '../../errors.ts'
import { refuseDebugLog } from '../../node-debug.ts'
import { dockerEnvironment } from '../compose/docker.ts'
import type { HostContext } from '../context.ts'
import { failure } from '../errors.ts'

/** What a signature is for (PROTOCOL.sshsig): one made for git, or for a login, is none of an action. */
export const NAMESPACE = 'disinto-approval'

export interface KeygenEnded {
  readonly status: number
  readonly stdout: string
  readonly stderr: string
}

/**
 * Runs ssh-keygen to its end. `person`: it may ask somebody, on the terminal, for a passphrase or to touch a token.
 * Throws ssh-keygen-missing.
 */
export function runKeygen(
  context: HostContext,
  words: readonly string[],
  input: Buffer,
  person = false,
): Promise<KeygenEnded> {
  refuseDebugLog()
  return new Promise((done, failed) => {
    const child = spawn('ssh-keygen', words, {
      // Not the project, where nothing is to be found that it might read.
      cwd: '/',
      env: Object.fromEntries(dockerEnvironment(context)),
      stdio: ['pipe', 'pipe', person ? 'inherit' : 'pipe'],
    })
    const taken: Record<'stdout' | 'stderr', Buffer[]> = { stdout: [], stderr: [] }
    child.stdout?.on('data', (chunk: Buffer) => taken.stdout.push(chunk))
    child.stderr?.on('data', (chunk: Buffer) => taken.stderr.push(chunk))
    child.on('error', (error) => failed(errnoOf(error) === 'ENOENT' ? failure('ssh-keygen-missing') : error))
    child.on('close', (status) =>
      done({
        status: status ?? 1,
        stdout: Buffer.concat(taken.stdout).toString(),
        stderr: Buffer.concat(taken.stderr).toString(),
      }),
    )
    // One that ends before it has read all says why itself.
    child.stdin?.on('error', () => {})
    child.stdin?.end(input)
  })
}

const BEGIN = '-----BEGIN SSH SIGNATURE-----'
const END = '-----END SSH SIGNATURE-----'

/**
 * Whether text is a signature exactly as ssh-keygen writes one. It reads others as well, with text behind them for
 * example: then a file could be changed and still count.
 */
export function isArmored(text: string): boolean {
  const inner = new RegExp(`^${BEGIN}\\n([A-Za-z0-9+/=\\n]+)\\n${END}\\n$`).exec(text)?.[1]
  if (inner === undefined) return false
  const base64 = Buffer.from(inner.replaceAll('\n', ''), 'base64').toString('base64')
  return (base64.match(/.{1,70}/g) ?? []).join('\n') === inner
}
