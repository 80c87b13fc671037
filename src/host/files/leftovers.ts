/** Files that were being written when their writer was killed. They are ciphertext, or a key that nobody uses. */
import { createHash, randomBytes } from 'node:crypto'
import { readdirSync, rmSync } from 'node:fs'
import { hostname } from 'node:os'
import { join } from 'node:path'
import { isAlive } from '../../tmpfs.ts'

// Host and process tell whose a file was. The shim reads *.enc alone, so it never takes one for a secret.
const HOST = createHash('sha256').update(hostname()).digest('hex').slice(0, 8)
const LEFTOVER = /^\.disinto-([0-9a-f]{8})-(\d+)-[0-9a-f]{8}\.tmp$/

/** A name for a file that is being written in a directory. */
export function temporaryName(directory: string): string {
  return join(directory, `.disinto-${HOST}-${process.pid}-${randomBytes(4).toString('hex')}.tmp`)
}

function entriesOf(directory: string): string[] {
  try {
    return readdirSync(directory)
  } catch {
    // Not there, or not ours to read: whoever needs it says so.
    return []
  }
}

function within(parent: string): string[] {
  return entriesOf(parent).map((entry) => join(parent, entry))
}

/** Removes what processes of this machine that are gone have left in these directories, and two levels below a parent. */
export function removeLeftovers(directories: readonly string[], parent: string | undefined): void {
  const below = parent === undefined ? [] : within(parent)
  for (const directory of [...directories, ...below, ...below.flatMap(within)]) {
    for (const entry of entriesOf(directory)) {
      const [, host, pid] = LEFTOVER.exec(entry) ?? []
      if (host === HOST && !isAlive(Number(pid))) rmSync(join(directory, entry), { force: true })
    }
  }
}
