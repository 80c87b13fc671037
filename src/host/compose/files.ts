/** The compose files of a project and those that they take in, read for what they refer to. */
import { dirname, join, resolve } from 'node:path'
import { DisintoError } from '../../errors.ts'
import { readRegular } from '../../load/read.ts'
import type { HostContext } from '../context.ts'
import { plainValues } from './env-files.ts'
import { type Follow, type Reference, readReferences } from './references.ts'
import { composeFiles } from './settings.ts'
import { fillIn, referencesIn } from './template.ts'

export interface ComposeSources {
  readonly references: readonly Reference[]
  /** `NAME=value` as the files have them, without a reference. */
  readonly literals: ReadonlySet<string>
  /** The files of `env_file:`, as they are written, by service. */
  readonly envFiles: ReadonlyMap<string, readonly string[]>
  /** All that was read, for what must not be in it. */
  readonly text: string
}

/** So many are no project but a circle. */
const MOST_FILES = 500

/** Throws source-irregular and source-too-large: compose would read on, and a link may lead to what has no end. */
function textAt(path: string): string | undefined {
  // The usual word for no file at all.
  if (path === '/dev/null') return ''
  try {
    return readRegular(path).toString()
  } catch (error) {
    if (error instanceof DisintoError) throw error
    // compose says what is wrong with it.
    return undefined
  }
}

/**
 * Reads the files of a project, and those of `include:`, `extends:` and `env_file:`, for what they refer to. What
 * can't be read refers to nothing. Throws compose-file-missing, and source-irregular and source-too-large for what compose
 * would read without end.
 */
export async function readSources(context: HostContext): Promise<ComposeSources> {
  const plain = await plainValues(context)
  const lookUp = (name: string) => context.variables.get(name) ?? plain.get(name)
  const references: Reference[] = []
  const literals = new Set<string>()
  const envFiles = new Map<string, string[]>()
  const texts: string[] = []
  const queue = composeFiles(context).map((path) => ({ path, base: dirname(path) }))
  const seen = new Set<string>()

  const addEnvFile = ({ file, service = '' }: Follow, base: string) => {
    const path = resolve(base, fillIn(file, lookUp))
    envFiles.set(service, [...(envFiles.get(service) ?? []), file])
    // Its values may refer to variables, too, and end up in the environment.
    for (const { name, absent } of referencesIn(textAt(path) ?? ''))
      references.push({
        name,
        absent,
        path: ['services', service, 'environment', '*'],
        before: '',
        after: '',
      })
  }
  /** What a file at `path` names: files of compose are read in their turn, the others at once. */
  const takeIn = (follow: Follow, path: string, base: string) => {
    if (follow.kind === 'env-file') return addEnvFile(follow, base)
    const next = resolve(dirname(path), fillIn(follow.file, lookUp))
    // Where no other is named, compose reads the `.env` beside what it includes.
    if (follow.kind === 'include') textAt(join(dirname(next), '.env'))
    if (follow.kind === 'beside') textAt(next)
    else queue.push({ path: next, base: dirname(next) })
  }
  for (const { path, base } of queue) {
    if (seen.has(path) || seen.size >= MOST_FILES) continue
    seen.add(path)
    const text = textAt(path)
    if (text === undefined) continue
    texts.push(text)
    const found = await readReferences(path, text)
    references.push(...found.references)
    for (const literal of found.literals) literals.add(literal)
    for (const follow of found.follows) takeIn(follow, path, base)
  }
  return { references, literals, envFiles, text: texts.join('\n') }
}
