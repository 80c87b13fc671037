/**
 * Values as files in memory, for commands that read NAME_FILE. They are never on a disk, and the command's user's
 * alone.
 *
 * The command can't remove them when it ends, and a memory that outlives its container, a pod's emptyDir, has those of
 * every start before. Whether the process of another container still runs can't be seen: pid and namespace say
 * nothing there. So a directory's name also has who made it (the host, the user, the words) and of what (a hash of the
 * encrypted files). What was made of the same files has the same values, and is used again; what the same maker made of
 * others is from before its restart, and goes.
 */
import { createHash, randomBytes } from 'node:crypto'
import { renameSync, rmSync, writeFileSync } from 'node:fs'
import { hostname } from 'node:os'
import { join } from 'node:path'
import { errnoOf, failure } from '../errors.ts'
import type { Merged } from '../load/merge.ts'
import { makeDirectory, ownedDirectories } from '../memory-directory.ts'
import { isGone, world } from '../owner.ts'
import { isTmpfs } from '../tmpfs.ts'

const KIND = 'files'

function hash(parts: ReadonlyArray<string | Buffer>): string {
  const digest = createHash('sha256')
  for (const part of parts) digest.update(`${part.length}:`).update(part)
  return digest.digest('hex').slice(0, 24)
}

/** What the values were made of; something that nobody else has where they are not of encrypted files alone. */
function contentOf(names: readonly string[], { outcome }: Merged): string {
  const parts = names.map((name) => {
    const fate = outcome.get(name)
    return fate === undefined || fate.kept || fate.entry.by === undefined
      ? randomBytes(16)
      : fate.entry.document.bytes
  })
  return hash([...names, ...parts])
}

/** Who makes them: after a restart of the container the same. */
function makerOf(names: readonly string[]): string {
  return hash([hostname(), String(process.getuid?.()), ...process.argv.slice(1), ...names])
}

/** Removes a directory of values, as far as it lets itself be removed: the command may have closed what it left. */
function removeLeft(path: string): void {
  try {
    rmSync(path, { recursive: true, force: true })
  } catch {
    // No start should fail for it.
  }
}

/**
 * A directory that has the same values already, if there is one; what is left of others is removed. A command that
 * started before could have planted it, as the same user, so that it is no more than an offer.
 */
function usedBefore(place: string, maker: string, content: string): string | undefined {
  let same: string | undefined
  for (const { path, mark, label } of ownedDirectories(place, KIND)) {
    const [theirMaker, theirContent] = label.split('-')
    const elsewhere = !mark.startsWith(`${world()}-`)
    if (isGone(mark) || (elsewhere && theirMaker === maker && theirContent !== content)) {
      removeLeft(path)
    } else if (elsewhere && theirContent === content) same ??= path
  }
  return same
}

/** Writes a file whole or not at all, also where one with the same content may be in use. */
function writeValue(directory: string, name: string, value: string): string {
  const path = join(directory, name)
  const temporary = join(directory, `.${randomBytes(4).toString('hex')}`)
  try {
    writeFileSync(temporary, value, { mode: 0o400, flag: 'wx' })
    renameSync(temporary, path)
  } catch (error) {
    rmSync(temporary, { force: true })
    throw failure('as-file-unwritten', { path, reason: errnoOf(error) })
  }
  return path
}

/**
 * Writes the values of these names to files, mode 0400, in a directory of their own, and returns the environment with
 * NAME_FILE in the place of NAME. To be called as the user that the command will be. Throws as-file-unmet for a name
 * without a value, as-file-no-tmpfs, as-file-unwritten.
 */
export function toFiles(
  names: readonly string[],
  environment: ReadonlyMap<string, string>,
  merged: Merged,
): ReadonlyMap<string, string> {
  const unmet = names.filter((name) => (environment.get(name) ?? '') === '')
  if (unmet.length > 0) throw failure('as-file-unmet', { names: unmet })
  const maker = makerOf(names)
  const content = contentOf(names, merged)
  const places = [environment.get('XDG_RUNTIME_DIR') ?? '', '/dev/shm', '/run'].filter(isTmpfs)
  for (const place of places) {
    const fill = (directory: string) =>
      new Map(
        [...environment].map(([name, value]) =>
          names.includes(name) ? [`${name}_FILE`, writeValue(directory, name, value)] : [name, value],
        ),
      )
    const before = usedBefore(place, maker, content)
    if (before !== undefined) {
      try {
        return fill(before)
      } catch {
        // It may be full, or what it seems to be no more than by its name: one of our own tells.
      }
    }
    let directory: string
    try {
      directory = makeDirectory(place, KIND, undefined, `${maker}-${content}`).path
    } catch {
      // Not writable for this user: the next place may be.
      continue
    }
    return fill(directory)
  }
  throw failure('as-file-no-tmpfs', { names })
}
