/** Whether a name is there, be it a link that leads nowhere. */
import { lstatSync } from 'node:fs'
import { errnoOf } from '../../errors.ts'
import { failure } from '../errors.ts'

/** Returns whether a path names anything, links not followed. Throws source-unreadable where that can't be seen. */
export function isThere(path: string): boolean {
  try {
    lstatSync(path)
    return true
  } catch (error) {
    if (errnoOf(error) === 'ENOENT' || errnoOf(error) === 'ENOTDIR') return false
    throw failure('source-unreadable', { path, reason: errnoOf(error) })
  }
}
