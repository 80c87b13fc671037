/**
 * Where age identities are looked for: where sops does, in its order. The sops README says it in
 * "Encrypting using age". Opens no key, so that a start by the sops engine does not load what is needed to use one.
 */
import { statSync } from 'node:fs'
import { dirname, join, resolve } from 'node:path'
import { quote } from '../errors.ts'
import type { Warning } from '../speak.ts'

export type Variables = ReadonlyMap<string, string>

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

/** The key files: the one a variable names, then the usual one, which may be missing. */
export function keyFiles(
  variables: Variables,
  workingDirectory: string,
): Array<{ path: string; named: boolean }> {
  const named = variables.get('SOPS_AGE_KEY_FILE')
  const usual = defaultKeyFile(variables)
  return [
    ...(named === undefined || named === '' ? [] : [{ path: resolve(workingDirectory, named), named: true }]),
    ...(usual === undefined ? [] : [{ path: usual, named: false }]),
  ]
}

/** Whether a user could read the file: by its mode, and those of its directories. Without a uid: any other user. */
function canRead(path: string, uid: number | undefined): boolean {
  const allows = (at: string, owner: number, others: number) => {
    const stats = statSync(at)
    return (stats.mode & (uid !== undefined && stats.uid === uid ? owner : others)) !== 0
  }
  if (!allows(path, 0o400, 0o044)) return false
  for (let directory = dirname(path); ; directory = dirname(directory)) {
    if (!allows(directory, 0o100, 0o011)) return false
    if (directory === '/') return true
  }
}

function whoCanRead(path: string, commandUid: number | undefined): string | undefined {
  try {
    if (canRead(path, undefined)) return 'other users'
    if (commandUid !== undefined && commandUid !== 0 && canRead(path, commandUid))
      return 'the user of the command'
  } catch {
    // Missing or out of reach: whoever needs the key says so.
  }
  return undefined
}

/** A warning for each key file that others can read, or the user that the command will be, if that is another. */
export function keyFileWarnings(
  variables: Variables,
  workingDirectory: string,
  commandUid?: number,
): Warning[] {
  return keyFiles(variables, workingDirectory).flatMap(({ path }) => {
    const who = whoCanRead(path, commandUid)
    if (who === undefined) return []
    const hint = path.startsWith('/run/secrets/')
      ? 'give it uid 0 and mode 0400 where the secret is attached to the service'
      : who === 'other users'
        ? `chmod 600 ${quote(path)}`
        : 'let root own it, or put it in a directory that only root can enter'
    return [{ code: 'key-file-open', message: `${quote(path)}: ${who} can read this key`, hint }]
  })
}
