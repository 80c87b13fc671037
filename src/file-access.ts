/** Who could read a file or put another in its place. By owners, modes and sticky directories, links followed. */
import { lstatSync, readlinkSync, type Stats, statSync } from 'node:fs'
import { dirname, resolve } from 'node:path'

/** A user as the kernel knows one. */
export interface Person {
  readonly uid: number
  readonly groups: readonly number[]
  /** The directory they are in and those above it, however they came there; none, to come from outside. */
  readonly within?: readonly Stats[]
}

/** As the kernel counts them (path_resolution(7)). */
const MOST_LINKS = 40

/** A name on the way to a file: the directory that it stands in, and what it is there. */
interface Step {
  readonly directory: Stats
  readonly entry: Stats
  /** The directories from the root to that one, which a person must be let through to do anything there. */
  readonly above: readonly Stats[]
}

/** What was found at a path, which several others lead through. */
export type Seen = Map<string, Stats>

/** lstat(2), once for each path. */
function look(path: string, seen: Seen): Stats {
  const found = seen.get(path) ?? lstatSync(path)
  seen.set(path, found)
  return found
}

/** Every name on the way to a file, those of links and of what they lead to included. Throws where it does not exist. */
function stepsTo(path: string, seen: Seen = new Map()): Step[] {
  const steps: Step[] = []
  const left = resolve(path)
    .split('/')
    .filter((name) => name !== '')
  const root = look('/', seen)
  let at = '/'
  let directory = root
  let above: readonly Stats[] = []
  for (let links = 0; left.length > 0; ) {
    const name = left.shift() ?? ''
    // No name is "..": what a link leads to is resolved, too.
    const here = at === '/' ? `/${name}` : `${at}/${name}`
    const entry = look(here, seen)
    above = [...above, directory]
    steps.push({ directory, entry, above })
    if (!entry.isSymbolicLink()) {
      at = here
      directory = entry
      continue
    }
    links += 1
    if (links > MOST_LINKS) throw Object.assign(new Error('too many links'), { code: 'ELOOP' })
    left.unshift(
      ...resolve(at, readlinkSync(here))
        .split('/')
        .filter((part) => part !== ''),
    )
    at = '/'
    directory = root
    above = []
  }
  return steps
}

/** Whether a mode allows this person what the bits for "others" say: read 4, write 2, search 1. Owners can allow it. */
function allows(stats: Stats, bits: number, person: Person): boolean {
  if (stats.uid === person.uid) return true
  return (stats.mode & (person.groups.includes(stats.gid) ? bits << 3 : bits)) !== 0
}

/** Whether a person could read a file; throws a system error where that can't be known. */
export function couldRead(path: string, person: Person): boolean {
  const steps = stepsTo(path)
  const last = steps.at(-1)
  return last !== undefined && allows(last.entry, 4, person) && reaches(last, person)
}

/** The directory of a path and those above it: where whoever is in it need not be let through to. Empty without one. */
export function directoriesTo(path: string): readonly Stats[] {
  try {
    return stepsTo(resolve(path, '.')).flatMap(({ directory, entry }) => [directory, entry])
  } catch {
    return []
  }
}

/** Whether the directories let a person through: from the root on, or from the last that they are in already. */
function reaches({ above }: Step, { within = [], ...person }: Person): boolean {
  const start = above.findLastIndex(({ dev, ino }) =>
    within.some((one) => one.dev === dev && one.ino === ino),
  )
  return above.slice(Math.max(start, 0)).every((directory) => allows(directory, 1, person))
}

function couldMove(step: Step, person: Person): boolean {
  const { directory, entry } = step
  if (!allows(directory, 2, person) || !reaches(step, person)) return false
  const sticky = (directory.mode & 0o1000) !== 0
  return !sticky || entry.uid === person.uid || directory.uid === person.uid
}

/** Whether a person could write a file or directory, or have another found by its name. Throws a system error, as above. */
export function couldReplace(path: string, person: Person): boolean {
  const steps = stepsTo(path)
  const last = steps.at(-1)
  return (
    (last !== undefined && allows(last.entry, 2, person) && reaches(last, person)) ||
    steps.some((step) => couldMove(step, person))
  )
}

function isLink(path: string): boolean {
  try {
    return lstatSync(path).isSymbolicLink()
  } catch {
    return false
  }
}

/**
 * Whether somebody who is not root could do so, whoever that is; for a path that does not exist yet, make it. `seen` is
 * for who asks of several paths at one time.
 */
export function othersCouldReplace(path: string, seen: Seen = new Map()): boolean {
  let there = resolve(path)
  // Everybody can write to it, and nobody can put anything there.
  if (there === '/dev/null') return false
  let steps: Step[] | undefined
  while (steps === undefined) {
    try {
      steps = stepsTo(there, seen)
    } catch {
      // A link to nothing: what it leads to is nobody's yet.
      if (there === '/' || isLink(there)) return true
      there = dirname(there)
    }
  }
  const open = ({ uid, gid, mode }: Stats) =>
    uid !== 0 || (mode & 0o002) !== 0 || ((mode & 0o020) !== 0 && gid !== 0)
  const last = steps.at(-1)?.entry ?? statSync('/')
  // Where it can be made, a sticky bit does not help.
  if (open(last)) return true
  return steps.some(({ directory, entry }) => {
    const sticky = (directory.mode & 0o1000) !== 0 && directory.uid === 0 && entry.uid === 0
    return open(directory) && !sticky
  })
}

/** Whether users other than the owner could read a file, by the modes of it and of its directories. */
export function othersCouldRead(path: string): boolean {
  const steps = stepsTo(path)
  const last = steps.at(-1)
  return (
    last !== undefined &&
    (last.entry.mode & 0o044) !== 0 &&
    last.above.every((directory) => (directory.mode & 0o011) !== 0)
  )
}
