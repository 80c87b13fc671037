/** A directory in memory for the plaintext that a person edits; gone with us, whatever ends us but SIGKILL. */
import { rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { leftDirectories, makeDirectory } from '../../memory-directory.ts'
import { isTmpfs } from '../../tmpfs.ts'
import { whenLeaving } from './cleanup.ts'

const KIND = 'edit'

export interface PrivateDirectory {
  readonly path: string
  remove(): void
}

/** The memory file systems that a person usually can write to, the private one first. */
export function memoryDirectory(variables: ReadonlyMap<string, string>): string | undefined {
  const candidates = [variables.get('XDG_RUNTIME_DIR'), `/run/user/${process.getuid?.() ?? ''}`, '/dev/shm']
  return candidates.find((path) => path?.startsWith('/') === true && isTmpfs(path))
}

/** Makes a directory of mode 0700 there, or in the usual temporary directory when there is no such place. */
export function privateDirectory(parent = tmpdir()): PrivateDirectory {
  for (const left of leftDirectories(parent, KIND)) rmSync(left, { recursive: true, force: true })
  const { path, remove } = makeDirectory(parent, KIND)
  const forget = whenLeaving(remove)
  return {
    path,
    remove: () => {
      remove()
      forget()
    },
  }
}
