/** vault/approved/<ID>.json: the one action that was approved, and the secrets it may have. */
import { closeSync, constants, fstatSync, lstatSync, openSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import * as v from 'valibot'
import { errnoOf } from '../../errors.ts'
import { checkName } from '../../load/names.ts'
import { isMap, parseJson } from '../../sops/json.ts'
import { failure } from '../errors.ts'

export interface Proposal {
  readonly id: string
  readonly path: string
  /** The names of the secrets it asks for, each once, in its order. */
  readonly secrets: readonly string[]
  /** The file as it was read and checked: this, and not what the file may hold by now, is what is mounted. */
  readonly bytes: Buffer
}

/** As a file name, a container's name and a word in a log: no slash, and no dot or dash to begin with. */
const ID = /^[A-Za-z0-9][A-Za-z0-9._-]{0,99}$/
const MAX_BYTES = 1024 * 1024

const text = (message: string) => v.pipe(v.string(message), v.trim(), v.minLength(1, message))

const OBJECT = 'must be an object with type, source, payload and secrets'

/** Unknown keys are kept: whoever writes proposals may have more to say than we read. */
const SCHEMA = v.looseObject(
  {
    type: text('must be text that says what kind of action it is'),
    source: text('must be text that says who proposed it'),
    // Whatever the action needs; but not nothing.
    payload: v.custom((value) => value !== undefined && value !== null, 'must say what to do'),
    secrets: v.pipe(
      v.array(v.string('must be a list of names'), 'must be a list of names'),
      v.minLength(1, 'must name at least one secret'),
    ),
  },
  OBJECT,
)

/** Opens the file and follows no link on the way, so that what was approved is what is in the repository. */
function readApproved(root: string, id: string): { path: string; bytes: Buffer } {
  const path = join('vault', 'approved', `${id}.json`)
  for (const part of ['vault', 'vault/approved', path]) {
    try {
      if (lstatSync(join(root, part)).isSymbolicLink()) throw failure('proposal-link', { path: part })
    } catch (error) {
      if (errnoOf(error) === 'ENOENT') throw failure('proposal-missing', { path })
      if (errnoOf(error).startsWith('E'))
        throw failure('source-unreadable', { path: part, reason: errnoOf(error) })
      throw error
    }
  }
  let descriptor: number
  try {
    descriptor = openSync(
      join(root, path),
      constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK | constants.O_NOCTTY,
    )
  } catch (error) {
    if (errnoOf(error) === 'ELOOP') throw failure('proposal-link', { path })
    throw failure('source-unreadable', { path, reason: errnoOf(error) })
  }
  try {
    const stats = fstatSync(descriptor)
    if (!stats.isFile()) throw failure('proposal-wrong', { path, what: 'is no file' })
    if (stats.size > MAX_BYTES) throw failure('source-too-large', { path, limit: MAX_BYTES })
    return { path, bytes: readFileSync(descriptor) }
  } finally {
    closeSync(descriptor)
  }
}

/** A key twice: a reviewer may have read the first, while JSON.parse takes the last. */
function keyTwice(json: string): string | undefined {
  const root = parseJson(json)
  if (!isMap(root)) return undefined
  const names = root.members.map(([name]) => name)
  return names.find((name, at) => names.indexOf(name) !== at)
}

/**
 * Reads and checks a proposal. `root` is the project's directory, `allow` the refused names let through. Nothing but
 * the proposal is opened.
 */
export function readProposal(root: string, id: string, allow: ReadonlySet<string>): Proposal {
  if (!ID.test(id)) throw failure('proposal-id', { id })
  const { path, bytes } = readApproved(root, id)
  let parsed: unknown
  try {
    const json = bytes.toString()
    parsed = JSON.parse(json)
    const twice = keyTwice(json)
    if (twice !== undefined)
      throw failure('proposal-wrong', { path, what: `has the key ${JSON.stringify(twice)} twice` })
  } catch (error) {
    if (error instanceof SyntaxError) throw failure('proposal-wrong', { path, what: 'is not JSON' })
    throw error
  }
  if (Array.isArray(parsed)) throw failure('proposal-wrong', { path, what: OBJECT })
  const result = v.safeParse(SCHEMA, parsed)
  if (!result.success) {
    const wrong = result.issues.map((issue) => {
      const key = issue.path?.[0]?.key
      if (key === undefined) return issue.message
      const missing = issue.received === 'undefined'
      return `${JSON.stringify(String(key))} ${missing ? 'is missing' : issue.message}`
    })
    throw failure('proposal-wrong', { path, what: [...new Set(wrong)].join('; ') })
  }
  const { secrets } = result.output
  for (const [at, name] of secrets.entries()) {
    checkName(name, path, allow)
    if (secrets.indexOf(name) !== at)
      throw failure('proposal-wrong', { path, what: `asks for ${name} twice` })
  }
  return { id, path, secrets, bytes }
}
