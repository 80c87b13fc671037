/**
 * Which directory beside the operator's key is a project's own.
 * It holds the keys of its services and what was accepted; no two projects share one, whatever their directories are
 * called (DESIGN.md §5).
 */
import { createHash } from 'node:crypto'
import { existsSync, readdirSync, realpathSync, statSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { readRegular } from '../load/read.ts'

/** Says in such a directory whose it is. */
export const PLACE_FILE = 'project.json'

export interface Place {
  /** The project's directory, links resolved. */
  readonly root: string
  /** The directory that the place was made in: a copy of it, on another machine perhaps, is nobody's yet. */
  readonly base: string
  /** Tells the project's directory from every other there was: inode(7) and when it was made. A move keeps it. */
  readonly directory?: string
}

/** Whose a directory is; undefined when it does not say. */
function placeAt(directory: string): Place | undefined {
  try {
    const parsed: unknown = JSON.parse(readRegular(join(directory, PLACE_FILE)).toString())
    if (typeof parsed !== 'object' || parsed === null) return undefined
    const fields = new Map<string, unknown>(Object.entries(parsed))
    const [root, base] = [fields.get('root'), fields.get('base')]
    return typeof root === 'string' && typeof base === 'string' ? { root, base } : undefined
  } catch {
    return undefined
  }
}

function directoriesIn(base: string): string[] {
  try {
    return readdirSync(base, { withFileTypes: true })
      .filter((entry) => entry.isDirectory())
      .map(({ name }) => join(base, name))
  } catch {
    return []
  }
}

/** The public halves that the key files of services in a directory say of themselves, as age-keygen writes them. */
function recipientsIn(directory: string): string[] {
  return directoriesIn(directory).flatMap((service) => {
    try {
      const text = readRegular(join(service, 'keys.txt')).toString()
      const [, recipient] = /^# public key: (age1[a-z0-9]+)$/m.exec(text) ?? []
      return recipient === undefined ? [] : [recipient]
    } catch {
      return []
    }
  })
}

function nearestRules(root: string): string {
  for (let directory = root; ; directory = dirname(directory)) {
    try {
      return readRegular(join(directory, '.sops.yaml')).toString()
    } catch {
      if (directory === dirname(directory)) return ''
    }
  }
}

function isDirectory(path: string): boolean {
  try {
    return statSync(path).isDirectory()
  } catch {
    return false
  }
}

/** A project and its place as they are written down. */
export function placeOf(root: string, base: string): Place & Required<Pick<Place, 'directory'>> {
  // An inode is used again, at the same place perhaps; the time tells.
  const { ino, birthtimeNs } = statSync(root, { bigint: true })
  return {
    root: realpathSync(root),
    base: existsSync(base) ? realpathSync(base) : base,
    directory: `${ino} ${birthtimeNs}`,
  }
}

/**
 * The directory in `base` of the project at `root`, which is called `name`: the one that says so; else one that belongs
 * to nobody here and whose keys the project's .sops.yaml names, since it was moved, or restored from another machine;
 * else one that does not exist yet.
 */
export function placeFor(base: string, name: string, root: string): string {
  const usual = join(base, name)
  const own = placeOf(root, base)
  const known = [usual, ...directoriesIn(base).filter((directory) => directory !== usual)]
  // Looked at once: another process may make it meanwhile, and must not be taken for another project.
  const usualIsThere = existsSync(usual)
  const places = known.map((directory) => [directory, placeAt(directory)] as const)
  const bound = places.find(([, place]) => place?.root === own.root && place.base === own.base)
  if (bound !== undefined) return bound[0]
  const free = places.filter(
    ([directory, place]) =>
      isDirectory(directory) && (place === undefined || place.base !== own.base || !isDirectory(place.root)),
  )
  const rules = free.length === 0 ? '' : nearestRules(root)
  const isOurs = (directory: string): boolean => {
    const keys = recipientsIn(directory)
    // Called after this project, with no key in it that would be another's: made by hand, or before there were rules.
    return (
      keys.some((one) => rules.includes(one)) || (directory === usual && (keys.length === 0 || rules === ''))
    )
  }
  const found = free.find(([directory]) => isOurs(directory))
  if (found !== undefined) return found[0]
  if (!usualIsThere) return usual
  return `${usual}-${createHash('sha256').update(own.root).digest('hex').slice(0, 8)}`
}
