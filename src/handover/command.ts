/** From the command's word to the file to execute, as execvp(3) finds it. */
import { accessSync, constants, statSync } from 'node:fs'
import { join } from 'node:path'
import { NOT_MARKED } from '../catalogue.ts'
import { errnoOf, failure } from '../errors.ts'

/** execvp(3): where to look when PATH is not set. */
const DEFAULT_PATH = '/bin:/usr/bin'

function whyNot(path: string): string | undefined {
  try {
    if (statSync(path).isDirectory()) return 'it is a directory'
    accessSync(path, constants.X_OK)
    return undefined
  } catch (error) {
    return errnoOf(error) === 'EACCES' && !isMarked(path) ? NOT_MARKED : errnoOf(error)
  }
}

/** Whether anybody may execute it by its mode; of what can't be looked at nothing is said. */
function isMarked(path: string): boolean {
  try {
    return (statSync(path).mode & 0o111) !== 0
  } catch {
    return true
  }
}

const isMissing = (reason: string | undefined) => reason === 'ENOENT' || reason === 'ENOTDIR'

function checkedPath(path: string): string {
  const reason = whyNot(path)
  if (reason === undefined) return path
  throw isMissing(reason)
    ? failure('command-not-found', { command: path })
    : failure('command-not-executable', { command: path, reason })
}

/**
 * The path to execute for a word. PATH is the one the command will have. Throws command-not-found (127) or
 * command-not-executable (126).
 */
export function findCommand(word: string, environment: ReadonlyMap<string, string>): string {
  if (word.includes('/')) return checkedPath(word)
  let found: string | undefined
  for (const directory of word === '' ? [] : (environment.get('PATH') ?? DEFAULT_PATH).split(':')) {
    const path = directory === '' ? `./${word}` : join(directory, word)
    const reason = whyNot(path)
    if (reason === undefined) return path
    // Like a shell: a directory that happens to have the name is passed over, a file we may not execute is told.
    if (!isMissing(reason) && reason !== 'it is a directory') found ??= reason
  }
  throw found === undefined
    ? failure('command-not-found', { command: word })
    : failure('command-not-executable', { command: word, reason: found })
}
