/** Directories in memory for a run of the vault-runner, which must never be on a disk. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { errnoOf } from '../../errors.ts'
import { leftDirectories, type MemoryDirectory, makeDirectory } from '../../memory-directory.ts'
import { isInMemory } from '../../tmpfs.ts'
import { failure } from '../errors.ts'
import { whenLeaving } from '../files/cleanup.ts'

const KIND = 'run'

function candidates(variables: ReadonlyMap<string, string>): string[] {
  const runtime = variables.get('XDG_RUNTIME_DIR')
  return ['/dev/shm', ...(runtime === undefined || runtime === '' ? [] : [runtime])]
}

/**
 * Makes a directory that only we can enter, in memory; whoever makes it removes it. `anywhere`: nothing that must not be
 * on a disk goes there. Throws tmpfs-missing and tmpfs-write.
 */
export function makeMemoryDirectory(
  variables: ReadonlyMap<string, string>,
  anywhere = false,
): MemoryDirectory {
  const looked = candidates(variables)
  const base = looked.find(isInMemory) ?? (anywhere ? tmpdir() : undefined)
  if (base === undefined) throw failure('tmpfs-missing', { looked })
  return makeDirectory(base, KIND, (error, path) =>
    errnoOf(error).startsWith('E') ? failure('tmpfs-write', { path, reason: errnoOf(error) }) : error,
  )
}

/** Returns the directories of ours whose owner is gone, by their paths. */
export function leftMemoryDirectories(variables: ReadonlyMap<string, string>): string[] {
  return [...candidates(variables), tmpdir()].flatMap((base) => leftDirectories(base, KIND))
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
