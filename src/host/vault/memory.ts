/**
 * Private directories in memory, for what must never be on a disk. Their names say which process owns them, so that
 * what a killed one left behind can be told from what is in use.
 */
import { randomBytes } from 'node:crypto'
import { lstatSync, mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { errnoOf } from '../../errors.ts'
import { isInMemory } from '../../tmpfs.ts'
import { whenLeaving } from '../files/cleanup.ts'
import { isGone, MARK, ownMark } from '../files/owner.ts'
import { failure } from '../errors.ts'

const PREFIX = 'disinto-run'
const NAME = new RegExp(`^${PREFIX}-(${MARK})-[0-9a-f]{8}$`)

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

function candidates(variables: ReadonlyMap<string, string>): string[] {
  const runtime = variables.get('XDG_RUNTIME_DIR')
  return ['/dev/shm', ...(runtime === undefined || runtime === '' ? [] : [runtime])]
}

function explained(error: unknown, path: string): unknown {
  return errnoOf(error).startsWith('E') ? failure('tmpfs-write', { path, reason: errnoOf(error) }) : error
}

/** Makes a directory that only we can enter, in memory, or throws. Whoever makes it removes it. */
export function makeMemoryDirectory(variables: ReadonlyMap<string, string>): MemoryDirectory {
  const looked = candidates(variables)
  const base = looked.find(isInMemory)
  if (base === undefined) throw failure('tmpfs-missing', { looked })
  const random = randomBytes(4).toString('hex')
  const name = [PREFIX, ownMark(), random].join('-')
  const path = join(base, name)
  const guarded = (work: () => void) => {
    try {
      work()
    } catch (error) {
      throw explained(error, path)
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

/** The directories of ours whose owner is gone, by their paths. */
export function leftMemoryDirectories(variables: ReadonlyMap<string, string>): string[] {
  return candidates(variables).flatMap((base) => {
    let entries: string[]
    try {
      entries = readdirSync(base)
    } catch {
      return []
    }
    return entries.flatMap((entry) => {
      const [, mark] = NAME.exec(entry) ?? []
      if (mark === undefined || !isGone(mark)) return []
      const path = join(base, entry)
      try {
        return lstatSync(path).uid === process.getuid?.() ? [path] : []
      } catch {
        return []
      }
    })
  })
}

/**
 * Does something with a directory that only we can enter and that is gone afterwards, for what is no secret and another
 * program has to read as a file: `write` returns a file's path.
 */
export async function inPrivateDirectory<Result>(
  work: (write: (name: string, text: string) => string) => Promise<Result>,
): Promise<Result> {
  const path = mkdtempSync(join(tmpdir(), 'disinto-'))
  const remove = () => rmSync(path, { recursive: true, force: true })
  const forget = whenLeaving(remove)
  try {
    return await work((name, text) => {
      const file = join(path, name)
      writeFileSync(file, text, { flag: 'wx', mode: 0o600 })
      return file
    })
  } finally {
    remove()
    forget()
  }
}
