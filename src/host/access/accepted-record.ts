/** What this machine keeps of a project: its directory, and the rules that were accepted. */
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { DisintoError, errnoOf } from '../../errors.ts'
import type { HostContext } from '../context.ts'
import { failure } from '../errors.ts'
import { writeFile } from '../files/write.ts'
import { PLACE_FILE, placeOf } from '../place.ts'
import { makeKeyDirectory } from './keys.ts'

/** The rules that were accepted, as they were then. */
export interface Accepted {
  /** Relative to the project, so that a project that moves takes it along. */
  readonly path: string
  readonly text: string
}

function stateFile({ project }: HostContext): string | undefined {
  const directory = project.serviceKeysDir
  return directory && join(directory, PLACE_FILE)
}

function fieldsAt(file: string): ReadonlyMap<string, unknown> | undefined {
  try {
    return new Map(Object.entries(Object(JSON.parse(readFileSync(file, 'utf8')))))
  } catch (error) {
    if (errnoOf(error) === 'ENOENT' || errnoOf(error) === 'ENOTDIR') return undefined
    throw failure('key-unusable', {
      place: file,
      reason: error instanceof SyntaxError ? 'it is not JSON' : errnoOf(error),
    })
  }
}

/** Returns the rules that were accepted here; undefined when none were. Throws key-unusable. */
export function acceptedState(context: HostContext): Accepted | undefined {
  const file = stateFile(context)
  const fields = file === undefined ? undefined : fieldsAt(file)
  const [path, text] = [fields?.get('rules'), fields?.get('accepted')]
  return typeof path === 'string' && typeof text === 'string' ? { path, text } : undefined
}

/** Writes down that a directory is this project's, and which rules are accepted, if any are. */
export async function saveAccepted(context: HostContext, state: Accepted | undefined): Promise<void> {
  const file = stateFile(context)
  const { keysDir, root } = context.project
  if (file === undefined || keysDir === undefined) return
  makeKeyDirectory(file)
  const kept = state === undefined ? {} : { rules: state.path, accepted: state.text }
  await writeFile(file, Buffer.from(`${JSON.stringify({ ...placeOf(root, keysDir), ...kept }, null, 2)}\n`))
}

/**
 * Marks the directory beside the operator's key as this project's, before a key is put there. What was accepted for a
 * project that was moved, or on the machine that the directory was copied from, stays accepted.
 */
export async function claimPlace(context: HostContext): Promise<void> {
  const { keysDir, root } = context.project
  const file = stateFile(context)
  if (file === undefined || keysDir === undefined) return
  const own = placeOf(root, keysDir)
  const fields = fieldsAt(file)
  if (fields?.get('root') !== own.root || fields.get('base') !== own.base)
    await saveAccepted(context, acceptedState(context))
}

/** The text of the rules that were accepted here, as it was then; undefined when none were, or it can't be read. */
export function acceptedText(context: HostContext): string | undefined {
  try {
    return acceptedState(context)?.text
  } catch (error) {
    if (error instanceof DisintoError) return undefined
    throw error
  }
}
