/**
 * Private directories for what must not be on a disk. Their names say whose they are, so that what a killed process left
 * can be told from what is in use.
 */
import { randomBytes } from 'node:crypto'
import { lstatSync, mkdirSync, readdirSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { isGone, MARK, ownMark } from './owner.ts'

export interface MemoryDirectory {
  readonly path: string
  /** Its last part: nobody else has the like, so that a container may be called so, too. */
  readonly name: string
  /** Makes a directory in it, 0700. */
  directory(name: string): void
  /** Writes a file in it. */
  write(name: string, bytes: Buffer | string, mode?: number): void
  remove(): void
}

/** A directory of our user's, as its name has it. */
export interface OwnedDirectory {
  readonly path: string
  readonly mark: string
  /** What its maker said of it. */
  readonly label: string
}

/** The directories of a kind and of our user in one that may be full of others. */
export function ownedDirectories(parent: string, kind: string): OwnedDirectory[] {
  const pattern = new RegExp(`^disinto-${kind}-(?:([0-9a-f-]+)_)?(${MARK})-[0-9a-f]{8}$`)
  let entries: string[]
  try {
    entries = readdirSync(parent)
  } catch {
    // Not there, or not ours to read: whoever needs it says so.
    return []
  }
  return entries.flatMap((entry) => {
    const [, label = '', mark] = pattern.exec(entry) ?? []
    if (mark === undefined) return []
    const path = join(parent, entry)
    try {
      const stats = lstatSync(path)
      return stats.isDirectory() && stats.uid === process.getuid?.() ? [{ path, mark, label }] : []
    } catch {
      return []
    }
  })
}

/** Those whose owner is gone, by their paths. */
export function leftDirectories(parent: string, kind: string): string[] {
  return ownedDirectories(parent, kind)
    .filter(({ mark }) => isGone(mark))
    .map(({ path }) => path)
}

/**
 * Makes a directory that only we can enter. `explain` makes what is thrown of a system error; `label` goes into the name,
 * as hexadecimal digits and dashes.
 */
export function makeDirectory(
  parent: string,
  kind: string,
  explain: (error: unknown, path: string) => unknown = (error) => error,
  label = '',
): MemoryDirectory {
  const start = label === '' ? `disinto-${kind}` : `disinto-${kind}-${label}_`
  const name = `${start}${label === '' ? '-' : ''}${ownMark()}-${randomBytes(4).toString('hex')}`
  const path = join(parent, name)
  const guarded = (work: () => void) => {
    try {
      work()
    } catch (error) {
      throw explain(error, path)
    }
  }
  guarded(() => mkdirSync(path, { mode: 0o700 }))
  return {
    path,
    name,
    directory: (inner) => guarded(() => mkdirSync(join(path, inner), { mode: 0o700 })),
    write: (inner, bytes, mode = 0o600) =>
      guarded(() => writeFileSync(join(path, inner), bytes, { flag: 'wx', mode })),
    remove: () => rmSync(path, { recursive: true, force: true }),
  }
}
