/**
 * Where age identities are looked for: where sops does, in its order. The sops README says it in
 * "Encrypting using age". Opens no key, so that a start by the sops engine does not load what is needed to use one.
 */
import { join, resolve } from 'node:path'
import { couldRead, couldReplace, directoriesTo, othersCouldRead, type Person } from '../file-access.ts'
import type { Warning } from '../speak.ts'
import { hintToHide, warning } from '../warnings.ts'

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

/** The usual places: in other homes, that of the user to become above all, and in our own. */
export function usualKeyFiles(variables: Variables, homes: readonly string[] = []): string[] {
  const others = homes.map((home) => defaultKeyFile(new Map([['HOME', home]])))
  return [...new Set([...others, defaultKeyFile(variables)])].filter((path) => path !== undefined)
}

/** The key files: the one a variable names, then those of the usual places, which may be missing. */
export function keyFiles(
  variables: Variables,
  workingDirectory: string,
  homes: readonly string[] = [],
): Array<{ path: string; named: boolean }> {
  const named = variables.get('SOPS_AGE_KEY_FILE')
  return [
    ...(named === undefined || named === '' ? [] : [{ path: resolve(workingDirectory, named), named: true }]),
    ...usualKeyFiles(variables, homes).map((path) => ({ path, named: false })),
  ]
}

/** Whether others can read a file that is there. */
function isExposed(path: string): boolean {
  try {
    return othersCouldRead(path)
  } catch {
    // Missing or out of reach: whoever needs the key says so.
    return false
  }
}

/** A warning for each key file that others can read. */
export function keyFileWarnings(
  variables: Variables,
  workingDirectory: string,
  homes: readonly string[] = [],
): Warning[] {
  return keyFiles(variables, workingDirectory, homes)
    .filter(({ path }) => isExposed(path))
    .map(({ path }) => warning('key-file-open', { path }))
}

/** What somebody could do with a key file, and how to prevent it. */
export interface Reach {
  readonly path: string
  readonly can: 'read' | 'move or replace'
  readonly hint: string
}

/**
 * The first key file that the user to become could read, move or replace; undefined when there is none. From the working
 * directory, too: the engine entered that as root, by links that the user may have made, and what lies in it can be
 * opened from within by whoever is kept out above it.
 */
export function keyWithinReach(
  variables: Variables,
  workingDirectory: string,
  homes: readonly string[],
  person: Person,
): Reach | undefined {
  const ssh = variables.get('SOPS_AGE_SSH_PRIVATE_KEY_FILE')
  const paths = keyFiles(variables, workingDirectory, homes).map(({ path }) => path)
  const there = { ...person, within: directoriesTo(workingDirectory) }
  for (const path of ssh ? [...paths, resolve(workingDirectory, ssh)] : paths) {
    try {
      if (couldRead(path, there)) return { path, can: 'read', hint: hintToKeep(path) }
      if (couldReplace(path, there)) return { path, can: 'move or replace', hint: hintToKeep(path) }
    } catch {
      // Not there, or not to be reached by anybody.
    }
  }
  return undefined
}

function hintToKeep(path: string): string {
  return path.startsWith('/run/secrets/')
    ? hintToHide(path)
    : 'put it in a directory that only root can enter, below directories that only root can write: in the image /home/agent/.config/sops/age, with nothing mounted over /home/agent'
}
