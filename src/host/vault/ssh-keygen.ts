/**
 * `ssh-keygen -Y`: OpenSSH signatures over bytes from a pipe.
 * It reads no configuration.
 */
import { capture } from '../../child.ts'
import { errnoOf } from '../../errors.ts'
import { dockerEnvironment } from '../compose/docker.ts'
import type { HostContext } from '../context.ts'
import { failure } from '../errors.ts'

/** What a signature is for (PROTOCOL.sshsig): one made for git, or for a login, is none of an action. */
export const NAMESPACE = 'disinto-approval'

/**
 * Runs ssh-keygen to its end. `person`: it may ask somebody, on the terminal, for a passphrase or to touch a token.
 * Throws ssh-keygen-missing.
 */
export async function runKeygen(
  context: HostContext,
  words: readonly string[],
  input: Buffer,
  person = false,
): Promise<{ readonly status: number | null; readonly stdout: string; readonly stderr: string }> {
  try {
    // Not in the project, where nothing is to be found that it might read.
    const environment = dockerEnvironment(context)
    const errors = person ? 'inherit' : 'pipe'
    const { status, stdout, stderr } = await capture(
      'ssh-keygen',
      words,
      { environment, cwd: '/' },
      { input, errors },
    )
    return { status, stdout: stdout.toString(), stderr: stderr.toString() }
  } catch (error) {
    if (errnoOf(error) === 'ENOENT') throw failure('ssh-keygen-missing')
    throw error
  }
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
