/** The name of a secret on the command line: NAME, NAME@SERVICE, or the path of its file. */
import { basename, dirname, resolve } from 'node:path'
import { partsOfName } from '../../load/names.ts'
import type { HostContext } from '../context.ts'
import { failure } from '../errors.ts'

const LEGAL = /^[A-Za-z_][A-Za-z0-9_]*$/

/**
 * Returns the name that a word means: `secrets/NAME.enc`, from wherever it is named, is NAME. Throws value-argument or
 * word-no-name, neither of which repeats the word: it may be a value that was given in the wrong place.
 */
export function secretNameOf(
  word: string,
  command: string,
  { project, workingDirectory }: HostContext,
): string {
  const path = resolve(workingDirectory, word)
  const inRoot = resolve(project.root, word)
  const file = [path, inRoot].find((one) => dirname(one) === project.secretsDir && one.endsWith('.enc'))
  const name = file === undefined ? word : basename(file, '.enc')
  if (LEGAL.test(name) || partsOfName(name) !== undefined) return name
  const [, given] = /^([A-Za-z_][A-Za-z0-9_]*)=(?!=*$)/.exec(word) ?? []
  if (word.includes('=')) throw failure('value-argument', { name: given ?? 'NAME' })
  throw failure('word-no-name', { command })
}

/** Returns whether a word means `.env.enc`, by its name or by a path to it. */
export function isEnvFile(word: string, { project, workingDirectory }: HostContext): boolean {
  return word === '.env.enc' || resolve(workingDirectory, word) === project.envFile
}
