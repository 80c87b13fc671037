/** A directory in memory for the plaintext that a person edits; gone with us, whatever ends us but SIGKILL. */
import { mkdtempSync, readdirSync, rmSync, statSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { isAlive, isTmpfs } from '../../tmpfs.ts'
import { whenLeaving } from './cleanup.ts'

const PREFIX = 'disinto-edit-'

export interface PrivateDirectory {
  readonly path: string
  remove(): void
}

/** Removes what an earlier run of ours that was killed has left. */
function sweep(parent: string): void {
  for (const entry of readdirSync(parent)) {
    const [, pid] = /^disinto-edit-(\d+)-/.exec(entry) ?? []
    if (pid === undefined) continue
    const path = join(parent, entry)
    if (!isAlive(Number(pid)) && statSync(path).uid === process.getuid?.())
      rmSync(path, { recursive: true, force: true })
  }
}

/** The memory file systems that a person usually can write to, the private one first. */
export function memoryDirectory(variables: ReadonlyMap<string, string>): string | undefined {
  const candidates = [variables.get('XDG_RUNTIME_DIR'), `/run/user/${process.getuid?.() ?? ''}`, '/dev/shm']
  return candidates.find((path) => path?.startsWith('/') === true && isTmpfs(path))
}

/** Makes a directory of mode 0700 there, or in the usual temporary directory when there is no such place. */
export function privateDirectory(parent = tmpdir()): PrivateDirectory {
  sweep(parent)
  const path = mkdtempSync(join(parent, `${PREFIX}${process.pid}-`))
  const empty = () => rmSync(path, { recursive: true, force: true })
  const forget = whenLeaving(empty)
  return {
    path,
    remove: () => {
      empty()
      forget()
    },
  }
}
