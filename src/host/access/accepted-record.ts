/** What this machine keeps of a project: its place, accepted rules, whom .env.enc was given. */
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
  /** What the text was read as, and by which version: so the text need not be read again. */
  readonly read?: { readonly by: string; readonly rules: unknown }
}

function stateFile({ project }: HostContext): string | undefined {
  const directory = project.serviceKeysDir
  return directory && join(directory, PLACE_FILE)
}

type Fields = ReadonlyMap<string, unknown>

function fieldsAt(file: string): Fields | undefined {
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
  if (typeof path !== 'string' || typeof text !== 'string') return undefined
  const [by, read] = [fields?.get('readBy'), fields?.get('read')]
  return { path, text, ...(typeof by === 'string' && { read: { by, rules: read } }) }
}

function givenIn(fields: Fields | undefined): ReadonlyMap<string, readonly string[]> {
  const given = Object.entries(Object(fields?.get('given')))
  return new Map(
    given.map(([recipient, names]) => [recipient, Array.isArray(names) ? names.map(String) : []]),
  )
}

/**
 * Returns the names of .env.enc that a recipient was seen to have here, given by us or before; undefined where it had none.
 * Throws key-unusable.
 */
export function namesGiven(context: HostContext, recipient: string): readonly string[] | undefined {
  const file = stateFile(context)
  return file === undefined ? undefined : givenIn(fieldsAt(file)).get(recipient)
}

/** Writes down that a directory is this project's, and what is to change of what is kept there. */
async function save(
  context: HostContext,
  {
    accepted = acceptedState(context),
    given = [],
  }: {
    readonly accepted?: Accepted | undefined
    readonly given?: ReadonlyArray<readonly [recipient: string, names: readonly string[]]>
  } = {},
): Promise<void> {
  const file = stateFile(context)
  const { keysDir, root } = context.project
  if (file === undefined || keysDir === undefined) return
  const all = new Map([...givenIn(fieldsAt(file)), ...given])
  makeKeyDirectory(file)
  const kept = {
    ...placeOf(root, keysDir),
    ...(accepted && { rules: accepted.path, accepted: accepted.text }),
    ...(accepted?.read && { readBy: accepted.read.by, read: accepted.read.rules }),
    ...(all.size > 0 && { given: Object.fromEntries(all) }),
  }
  await writeFile(file, Buffer.from(`${JSON.stringify(kept, null, 2)}\n`))
}

/** Writes down which rules are accepted. */
export async function saveAccepted(context: HostContext, accepted: Accepted): Promise<void> {
  await save(context, { accepted })
}

/** Writes down that a recipient has these names of .env.enc, besides those that it had before. */
export async function saveGiven(
  context: HostContext,
  recipient: string,
  names: readonly string[],
): Promise<void> {
  const before = namesGiven(context, recipient)
  const all = [...new Set([...(before ?? []), ...names])]
  if (before === undefined || all.length > before.length) await save(context, { given: [[recipient, all]] })
}

/**
 * Marks the directory beside the operator's key as this project's, before a key is put there or used. What was accepted for
 * a project that was moved, or on the machine that the directory was copied from, stays accepted. Throws keys-elsewhere where
 * it was that of a project which is gone, and which this one was not moved from: any .sops.yaml can name its keys. `from` is
 * where it was, as its owner says. Throws keys-not-from where it was not there.
 */
export async function claimPlace(context: HostContext, from?: string): Promise<void> {
  const { keysDir, root, serviceKeysDir } = context.project
  const file = stateFile(context)
  if (file === undefined || keysDir === undefined) return
  const own = placeOf(root, keysDir)
  const fields = fieldsAt(file)
  const old = fields?.get('root')
  if (from !== undefined && old !== from && old !== own.root)
    throw failure('keys-not-from', { path: serviceKeysDir ?? '', from })
  const isAnothers = typeof old === 'string' && old !== own.root && fields?.get('base') === own.base
  if (isAnothers && fields?.get('directory') !== own.directory && old !== from)
    throw failure('keys-elsewhere', { path: serviceKeysDir ?? '', old, config: context.project.sopsConfig })
  if (old !== own.root || fields?.get('base') !== own.base) await save(context)
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
