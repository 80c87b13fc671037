/**
 * Where age identities are looked for: where sops does, in its order (sops README, "Encrypting using age"). Opens no
 * key, so that a start by the sops engine does not load what is needed to use one.
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
