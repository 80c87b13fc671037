/**
 * What a program that root starts gets of an environment. A root whose HOME, PATH or configuration somebody else can
 * write runs what that one likes: `credential_process` in ~/.aws/config, a `sops` in ~/bin, a FIFO at ~/.ssh/id_ed25519.
 */

import { existsSync } from 'node:fs'
import { isAbsolute } from 'node:path'
import { othersCouldReplace, type Seen } from './file-access.ts'

type Variables = ReadonlyMap<string, string>

/** Where root's settings are, if HOME is not a place of root's own. */
const HOMES_OF_ROOT: readonly string[] = ['/root', '/']
const USUAL_PATH = '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin'

/** Whether somebody who is not root could replace a file (file-access.ts). */
type IsForeign = (path: string) => boolean

/** That, asked once for each path and each directory above: many variables name the same few files. */
function rememberForeign(): IsForeign {
  const known = new Map<string, boolean>()
  const seen: Seen = new Map()
  return (path) => {
    const answer = known.get(path) ?? othersCouldReplace(path, seen)
    known.set(path, answer)
    return answer
  }
}

/** The directories of a PATH from which root may run programs: absolute, and nobody else can write there. */
function trustedDirectories(path: string, isForeign: IsForeign): string[] {
  return path.split(':').filter((directory) => isAbsolute(directory) && !isForeign(directory))
}

function trustedHome(home: string | undefined, isForeign: IsForeign): string {
  const candidates = [...(home !== undefined && isAbsolute(home) ? [home] : []), ...HOMES_OF_ROOT]
  return candidates.find((directory) => !isForeign(directory)) ?? '/nonexistent'
}

/** Whether a value, or one of several with `:` between, is the path of what somebody else could write. */
function namesForeign(value: string, workingDirectory: string, isForeign: IsForeign): boolean {
  if (value.includes('://')) return false
  return value.split(':').some((part) => {
    if (isAbsolute(part)) return isForeign(part)
    const path = `${workingDirectory}/${part}`
    return part !== '' && !part.includes('\0') && existsSync(path) && isForeign(path)
  })
}

/**
 * The environment for a child of root's: HOME is a directory that root alone can write, PATH has no others, and
 * variables that lead to files which somebody else can write are left out, whatever they are called. `kept` are names
 * that stay as they are.
 */
export function rootEnvironment(
  variables: Variables,
  workingDirectory: string,
  kept: readonly string[],
): Map<string, string> {
  const isForeign = rememberForeign()
  const environment = new Map<string, string>()
  for (const [name, value] of variables) {
    if (name === 'PATH') environment.set(name, trustedDirectories(value, isForeign).join(':') || USUAL_PATH)
    else if (name !== 'HOME' && (kept.includes(name) || !namesForeign(value, workingDirectory, isForeign)))
      environment.set(name, value)
  }
  return environment.set('HOME', trustedHome(variables.get('HOME'), isForeign))
}
