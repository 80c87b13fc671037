/**
 * Whether the command runs, for whoever watches a container from outside. A shim that is still at work is a
 * running process like any other, and a start that fails only after seconds would count as a good one.
 */
import { readdirSync, readFileSync, readlinkSync } from 'node:fs'
import { parseOptions } from '../load/options.ts'

interface Watched {
  readonly pid: number
  readonly parent: number
  readonly words: readonly string[]
}

/** A process by proc(5), undefined where it has ended or is not ours to look at. */
function lookAt(pid: number): Watched | undefined {
  try {
    const words = readFileSync(`/proc/${pid}/cmdline`, 'utf8').split('\0')
    // The name, in brackets, may hold anything, brackets included.
    const status = readFileSync(`/proc/${pid}/stat`, 'utf8')
    const parent = Number(status.slice(status.lastIndexOf(')') + 2).split(' ')[1])
    return { pid, parent, words }
  } catch {
    return undefined
  }
}

/** Whether a process sees our files: of another container in the same pid namespace a shim is none of our business. */
function isBesideUs(pid: number): boolean {
  try {
    return readlinkSync(`/proc/${pid}/ns/mnt`) === readlinkSync('/proc/self/ns/mnt')
  } catch {
    return false
  }
}

/**
 * Returns whether no shim is still at work among the processes: one that is has our bundle among its words and no
 * child that is the command (where it can't become it, the shim stays as its parent).
 */
export async function isStarted(
  processes: readonly Watched[],
  bundle: string,
  self: number,
): Promise<boolean> {
  const shims = processes.filter(({ pid, words }) => pid !== self && words.includes(bundle))
  const probes = await Promise.all(shims.map((shim) => isProbe(shim, bundle)))
  return shims.every(
    (shim, at) =>
      probes[at] === true ||
      processes.some(({ parent, words }) => parent === shim.pid && isCommandOf(shim, words)),
  )
}

/** Whether a shim only looks, as we do: by an option of its own, and not by a word of its command. */
async function isProbe({ words }: Watched, bundle: string): Promise<boolean> {
  try {
    return (await parseOptions(words.slice(words.indexOf(bundle) + 1), new Map())).started
  } catch {
    return false
  }
}

/** Whether a child of a shim is the command: its words are the last of the shim's. */
function isCommandOf(shim: Watched, words: readonly string[]): boolean {
  const command = words.filter((word) => word !== '')
  const tail = shim.words.filter((word) => word !== '').slice(-command.length)
  return command.length > 0 && command.every((word, at) => word === tail[at])
}

/** Returns whether the command of this container runs: the shim whose bundle this is has done its work. */
export function commandStarted(bundle: string): Promise<boolean> {
  const processes = readdirSync('/proc')
    .filter((entry) => /^\d+$/.test(entry))
    .map((entry) => lookAt(Number(entry)))
    .filter((process) => process !== undefined)
    .filter(({ pid }) => isBesideUs(pid))
  return isStarted(processes, bundle, process.pid)
}
