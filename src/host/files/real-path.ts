/** Where a path leads once its links are followed. */
import { realpathSync } from 'node:fs'
import { basename, dirname, join } from 'node:path'

/** Returns a path with its links followed, as far as it exists. */
export function realPath(path: string): string {
  try {
    return realpathSync(path)
  } catch {
    const parent = dirname(path)
    return parent === path ? path : join(realPath(parent), basename(path))
  }
}
