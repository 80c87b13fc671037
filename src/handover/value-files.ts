/**
 * Values as files in memory, for commands that read NAME_FILE. They are never on a disk, and the command's user's
 * alone.
 */
import { chmodSync, mkdtempSync, readdirSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { failure } from '../errors.ts'
import { isAlive, isTmpfs, pidNamespace } from '../tmpfs.ts'

/** `disinto-<pid namespace>-<pid>-<random>`; the pid is the command's, or that of the shim above it. */
const PREFIX = 'disinto'
const prefixOf = (pid: number | string) => `${PREFIX}-${pidNamespace()}-${pid}-`

/** Removes what commands of this user left that run no more; they could not do it themselves. */
function removeLeftovers(directory: string): void {
  const ours = new RegExp(`^${prefixOf('(\\d+)')}`)
  for (const entry of readdirSync(directory)) {
    const pid = ours.exec(entry)?.[1]
    if (pid === undefined || isAlive(Number(pid))) continue
    const path = join(directory, entry)
    try {
      if (statSync(path).uid === process.getuid?.()) rmSync(path, { recursive: true, force: true })
    } catch {
      // Gone already, or not ours to remove.
    }
  }
}

/**
 * Writes the values of these names to files, mode 0400, in a directory of their own, and gives the environment with
 * NAME_FILE in the place of NAME. To be called as the user that the command will be. Throws when a name has no
 * value, or there is no tmpfs to write to.
 */
export function toFiles(
  names: readonly string[],
  environment: ReadonlyMap<string, string>,
): ReadonlyMap<string, string> {
  if (names.length === 0) return environment
  const unmet = names.filter((name) => (environment.get(name) ?? '') === '')
  if (unmet.length > 0) throw failure('as-file-unmet', { names: unmet })
  const places = [environment.get('XDG_RUNTIME_DIR') ?? '', '/dev/shm', '/run'].filter(isTmpfs)
  for (const place of places) {
    let directory: string
    try {
      removeLeftovers(place)
      directory = mkdtempSync(join(place, prefixOf(process.pid)))
    } catch {
      // Not writable, or not readable, for this user: the next place may be.
      continue
    }
    chmodSync(directory, 0o700)
    return new Map(
      [...environment].map(([name, value]) => {
        if (!names.includes(name)) return [name, value]
        const path = join(directory, name)
        writeFileSync(path, value, { mode: 0o400, flag: 'wx' })
        return [`${name}_FILE`, path]
      }),
    )
  }
  throw failure('as-file-no-tmpfs', { names })
}
