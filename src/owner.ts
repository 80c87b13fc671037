/**
 * Which process a file or directory belongs to, by its name.
 * So what a killed one left can be told from what is in use.
 */
import { createHash } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { hostname } from 'node:os'
import { isAlive, pidNamespace } from './tmpfs.ts'

/** When a process began, which with its number names it for good (proc(5), field 22); "0" where nothing tells. */
function startOf(pid: number): string {
  try {
    // The second field, in parentheses, may hold anything.
    const fields = readFileSync(`/proc/${pid}/stat`, 'latin1')
      .replace(/^.*\) /s, '')
      .split(' ')
    return fields[19] ?? '0'
  } catch {
    return '0'
  }
}

/** Numbers the machine and its pid namespace: elsewhere the same pid is another process. */
export function world(): string {
  const name = `${hostname()} ${pidNamespace()}`
  return createHash('sha256').update(name).digest('hex').slice(0, 12)
}

/** What a mark looks like inside of a name, as the source of a regular expression. */
export const MARK = '[0-9a-f]{12}-\\d+-\\d+'

/** The mark of this process: where it runs, its number, and when it began. */
export function ownMark(): string {
  return `${world()}-${process.pid}-${startOf(process.pid)}`
}

/** Whether the process of a mark is gone; one of another machine or namespace can't be told, and counts as there. */
export function isGone(mark: string): boolean {
  const [where, pid = '', start] = mark.split('-')
  if (where !== world()) return false
  return startOf(Number(pid)) !== start || !isAlive(Number(pid))
}
