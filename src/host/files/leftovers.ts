/** Files that were being written when their writer was killed: ciphertext, or a key that nobody uses. */
import { createHash, randomBytes } from 'node:crypto'
import { readdirSync, rmSync } from 'node:fs'
import { hostname } from 'node:os'
import { dirname, join } from 'node:path'
import { errnoOf } from '../../errors.ts'
import type { HostContext } from '../context.ts'

// Host and process tell whose a file was. The shim reads *.enc alone, so it never takes one for a secret.
const HOST = createHash('sha256').update(hostname()).digest('hex').slice(0, 8)
const LEFTOVER = /^\.disinto-([0-9a-f]{8})-(\d+)-[0-9a-f]{8}\.tmp$/

/** A name for a file that is being written in a directory. */
export function temporaryName(directory: string): string {
  return join(directory, `.disinto-${HOST}-${process.pid}-${randomBytes(4).toString('hex')}.tmp`)
}

/** Whether a process runs, be it another user's (kill(2), EPERM). */
export function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0)
    return true
  } catch (error) {
    return errnoOf(error) !== 'ESRCH'
  }
}

function entriesOf(directory: string): string[] {
  try {
    return readdirSync(directory)
  } catch {
    // Not there, or not ours to read: whoever needs it says so.
    return []
  }
}

/** Removes what processes of this machine that are gone have left in the directories of a project and its keys. */
export function removeLeftovers({ project }: HostContext): void {
  const keyFiles = [project.operatorKeyFile, project.serviceKeyFile('x')].filter((path) => path !== undefined)
  const services = keyFiles.slice(1).map((path) => dirname(dirname(path)))
  const directories = [
    project.root,
    project.secretsDir,
    ...keyFiles.slice(0, 1).map(dirname),
    ...services.flatMap((parent) => entriesOf(parent).map((service) => join(parent, service))),
  ]
  for (const directory of directories) {
    for (const entry of entriesOf(directory)) {
      const [, host, pid] = LEFTOVER.exec(entry) ?? []
      if (host === HOST && !isAlive(Number(pid))) rmSync(join(directory, entry), { force: true })
    }
  }
}
