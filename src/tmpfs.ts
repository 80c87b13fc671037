/** Whether a directory is in memory, and which processes the names in it speak of. */
import { readlinkSync, statfsSync } from 'node:fs'

const TMPFS_MAGIC = 0x01021994
const RAMFS_MAGIC = 0x858458f6

function fileSystemOf(path: string): number | undefined {
  try {
    return statfsSync(path).type
  } catch {
    return undefined
  }
}

/** Whether a directory is there and on a tmpfs (statfs(2)). */
export function isTmpfs(path: string): boolean {
  return fileSystemOf(path) === TMPFS_MAGIC
}

/** Whether a directory is there and on a tmpfs or ramfs, of which the second is never swapped out. */
export function isInMemory(path: string): boolean {
  const type = fileSystemOf(path)
  return type === TMPFS_MAGIC || type === RAMFS_MAGIC
}

/** Whether a process runs, be it another user's (kill(2), EPERM). */
export function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0)
    return true
  } catch (error) {
    return !(error instanceof Error && 'code' in error && error.code === 'ESRCH')
  }
}

/** Numbers the pid namespace, since the same pid means another process in another container; "0" without /proc. */
export function pidNamespace(): string {
  try {
    return /\d+/.exec(readlinkSync('/proc/self/ns/pid'))?.[0] ?? '0'
  } catch {
    return '0'
  }
}
