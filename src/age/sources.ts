/**
 * Where age identities come from: the places sops looks in, in its order (sops README, "Encrypting using age").
 * An unusable place is not an error while another place has the key, as in sops; it is remembered, so that a
 * failure can name it.
 */
import { readFileSync, statSync } from 'node:fs'
import { dirname, join, resolve } from 'node:path'
import { capture } from '../child.ts'
import { errnoOf, quote } from '../errors.ts'
import type { Warning } from '../speak.ts'
import { type Identity, MalformedIdentity, parseIdentities } from './identities.ts'

export interface UnusablePlace {
  readonly place: string
  readonly reason: string
}

export interface Keyring {
  readonly identities: readonly Identity[]
  readonly unusable: readonly UnusablePlace[]
}

type Variables = ReadonlyMap<string, string>

/** `sops/age/keys.txt` in the user's configuration directory (Go's os.UserConfigDir), where it can be known. */
export function defaultKeyFile(variables: Variables): string | undefined {
  const set = (name: string) => variables.get(name) || undefined
  const home = set('HOME')
  if (process.platform === 'darwin') {
    const base = set('XDG_CONFIG_HOME') ?? (home && join(home, 'Library', 'Application Support'))
    return base && join(base, 'sops', 'age', 'keys.txt')
  }
  const base = set('XDG_CONFIG_HOME') ?? (home && join(home, '.config'))
  return base?.startsWith('/') ? join(base, 'sops', 'age', 'keys.txt') : undefined
}

function keyFiles(variables: Variables, workingDirectory: string): Array<{ path: string; named: boolean }> {
  const named = variables.get('SOPS_AGE_KEY_FILE')
  const usual = defaultKeyFile(variables)
  return [
    ...(named === undefined || named === '' ? [] : [{ path: resolve(workingDirectory, named), named: true }]),
    ...(usual === undefined ? [] : [{ path: usual, named: false }]),
  ]
}

async function commandOutput(command: string, variables: Variables, cwd: string): Promise<string> {
  const { split } = await import('shlex')
  const [program, ...words] = split(command)
  if (program === undefined) throw new Error('empty command')
  const { status, stdout } = await capture(program, words, variables, cwd)
  if (status !== 0) throw new Error('failed')
  return stdout.toString()
}

/** Reads every place there is. Runs SOPS_AGE_KEY_CMD, when it is set, as sops does: without a shell. */
export async function readKeyring(variables: Variables, workingDirectory: string): Promise<Keyring> {
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
      text = readFileSync(path, 'utf8')
    } catch (error) {
      const errno = errnoOf(error)
      if (named || errno !== 'ENOENT') unusable.push({ place: path, reason: errno })
      return
    }
    add(path, text)
  }
  const files = keyFiles(variables, workingDirectory)
  files.filter(({ named }) => named).forEach(readKeyFile)
  const command = variables.get('SOPS_AGE_KEY_CMD')
  if (command) {
    try {
      add('SOPS_AGE_KEY_CMD', await commandOutput(command, variables, workingDirectory))
    } catch {
      unusable.push({ place: 'SOPS_AGE_KEY_CMD', reason: 'the command failed' })
    }
  }
  files.filter(({ named }) => !named).forEach(readKeyFile)
  return { identities, unusable }
}

/** Whether someone other than owner and root could read the file: by its mode, and those of its directories. */
function isOpenToOthers(path: string): boolean {
  if ((statSync(path).mode & 0o044) === 0) return false
  for (let directory = dirname(path); ; directory = dirname(directory)) {
    if ((statSync(directory).mode & 0o011) === 0) return false
    if (directory === '/') return true
  }
}

/** A warning for each key file that others can read. */
export function keyFileWarnings(variables: Variables, workingDirectory: string): Warning[] {
  return keyFiles(variables, workingDirectory)
    .filter(({ path }) => {
      try {
        return isOpenToOthers(path)
      } catch {
        // Missing or out of reach: whoever needs the key says so.
        return false
      }
    })
    .map(({ path }) => ({
      code: 'key-file-open',
      message: `${quote(path)}: other users can read this key`,
      hint: `chmod 600 ${quote(path)}`,
    }))
}
