/**
 * The identities at hand: from every place that has some. An unusable place is not an error while another has the
 * key, as in sops; it is remembered, so that a failure can name it.
 */
import { readFileSync, statSync } from 'node:fs'
import { capture } from '../child.ts'
import { DisintoError, errnoOf } from '../errors.ts'
import { KEY_VARIABLES } from '../nouns.ts'
import { rootEnvironment } from '../root-environment.ts'
import { type Identity, MalformedIdentity, parseIdentities } from './identities.ts'
import { keyFiles, type Variables } from './places.ts'

export interface UnusablePlace {
  readonly place: string
  readonly reason: string
}

export interface Keyring {
  readonly identities: readonly Identity[]
  readonly unusable: readonly UnusablePlace[]
  /** The key files that were looked for. */
  readonly files: readonly string[]
}

/** What a program gets that we run as root for a key: no HOME or file of somebody whom root does not trust. */
function trusted(variables: Variables, cwd: string): Variables {
  return process.getuid?.() === 0 ? rootEnvironment(variables, cwd, KEY_VARIABLES) : variables
}

/** Why SOPS_AGE_KEY_CMD has no key for us; nothing of what it wrote. */
class CommandFailed extends Error {
  override readonly name = 'CommandFailed'
}

/** What went wrong with the command, in words of ours. */
function whyFailed(error: unknown): string {
  if (error instanceof CommandFailed) return `the command ${error.message}`
  return errnoOf(error) === 'ENOENT'
    ? 'its program does not exist'
    : `its program can't be started: ${errnoOf(error)}`
}

async function commandOutput(command: string, variables: Variables, cwd: string): Promise<string> {
  const { split } = await import('shlex')
  const [program, ...words] = split(command)
  if (program === undefined) throw new CommandFailed('is empty')
  const { status, stdout } = await capture(program, words, { environment: trusted(variables, cwd), cwd })
  if (status !== 0)
    throw new CommandFailed(status === null ? 'was ended by a signal' : `ended with status ${status}`)
  return stdout.toString()
}

/** Throws a system error where there is nothing. */
function isFileOrDirectory(path: string): boolean {
  const stats = statSync(path)
  return stats.isFile() || stats.isDirectory()
}

/** Reads every place there is, other homes among them. Runs SOPS_AGE_KEY_CMD, when it is set, as sops does: without a shell. */
export async function readKeyring(
  variables: Variables,
  workingDirectory: string,
  homes: readonly string[] = [],
): Promise<Keyring> {
  const identities: Identity[] = []
  const unusable: UnusablePlace[] = []
  const add = (place: string, text: string, words = false) => {
    try {
      const found = parseIdentities(text, { words })
      if (found.length === 0) unusable.push({ place, reason: 'it holds no identity' })
      identities.push(...found)
    } catch (error) {
      if (!(error instanceof MalformedIdentity)) throw error
      unusable.push({ place, reason: error.message })
    }
  }
  const key = variables.get('SOPS_AGE_KEY')
  // Here sops takes several identities in one line: an environment file has no newlines to offer.
  if (key) add('SOPS_AGE_KEY', key, true)
  const readKeyFile = ({ path, named }: { path: string; named: boolean }) => {
    let text: string
    try {
      // A pipe that a shell made, `<(…)`, is named; elsewhere nobody may ever write to it.
      if (!named && !isFileOrDirectory(path)) {
        unusable.push({ place: path, reason: 'it is no file' })
        return
      }
      text = readFileSync(path, 'utf8')
    } catch (error) {
      const errno = errnoOf(error)
      if (named || errno !== 'ENOENT') unusable.push({ place: path, reason: errno })
      return
    }
    add(path, text)
  }
  const files = keyFiles(variables, workingDirectory, homes)
  files.filter(({ named }) => named).forEach(readKeyFile)
  const command = variables.get('SOPS_AGE_KEY_CMD')
  if (command) {
    try {
      add('SOPS_AGE_KEY_CMD', await commandOutput(command, variables, workingDirectory))
    } catch (error) {
      if (error instanceof DisintoError) throw error
      unusable.push({ place: 'SOPS_AGE_KEY_CMD', reason: whyFailed(error) })
    }
  }
  files.filter(({ named }) => !named).forEach(readKeyFile)
  return { identities, unusable, files: files.map(({ path }) => path) }
}
