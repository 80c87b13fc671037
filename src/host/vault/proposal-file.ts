/**
 * Where proposals are, and their bytes.
 * No link is followed, so that what was approved is what is in the repository.
 */
import { closeSync, constants, fstatSync, lstatSync, openSync, readdirSync, readFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { errnoOf } from '../../errors.ts'
import { failure } from '../errors.ts'
import { isThere } from '../files/there.ts'
import { ID } from './proposal-schema.ts'

const MAX_BYTES = 1024 * 1024

/** The places of a proposal, relative to the project: the first is ours, the others are older installations'. */
const PLACES = [
  { directory: 'vault/approved', ending: '.json' },
  { directory: 'vault/approved', ending: '.toml' },
  { directory: 'vault/actions', ending: '.toml' },
] as const

/** The directories that hold proposals. */
export const DIRECTORIES: readonly string[] = [...new Set(PLACES.map(({ directory }) => directory))]

export interface ProposalFile {
  /** Relative to the project. */
  readonly path: string
  readonly bytes: Buffer
  readonly format: 'json' | 'toml'
}

/** Throws proposal-link for a link, be it one that leads nowhere; nothing need be there. */
export function refuseLink(root: string, path: string): void {
  if (lstatSync(join(root, path), { throwIfNoEntry: false })?.isSymbolicLink() === true)
    throw failure('proposal-link', { path })
}

/** Throws for a link in place of a file or of a directory above it. */
function refuseLinks(root: string, path: string): void {
  const parts = path.split('/')
  for (const part of parts.map((_, at) => parts.slice(0, at + 1).join('/'))) {
    try {
      if (lstatSync(join(root, part)).isSymbolicLink()) throw failure('proposal-link', { path: part })
    } catch (error) {
      if (errnoOf(error) === 'ENOENT') throw failure('proposal-missing', { path })
      if (errnoOf(error).startsWith('E'))
        throw failure('source-unreadable', { path: part, reason: errnoOf(error) })
      throw error
    }
  }
}

/** Reads a file below the project, of at most 1 MiB, through no link. Throws proposal-link, proposal-wrong and the like. */
export function readUnlinked(root: string, path: string): Buffer {
  refuseLinks(root, path)
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
    if (!stats.isFile()) throw failure('proposal-wrong', { path, what: 'is not a file' })
    if (stats.size > MAX_BYTES) throw failure('source-too-large', { path, limit: MAX_BYTES })
    return readFileSync(descriptor)
  } finally {
    closeSync(descriptor)
  }
}

/** Where the proposal of an ID is. Throws proposal-id, proposal-missing, and proposal-twice where there are two. */
export function findProposal(root: string, id: string): Pick<ProposalFile, 'path' | 'format'> {
  if (!ID.test(id)) throw failure('proposal-id', { id })
  const paths = PLACES.map(({ directory, ending }) => ({
    path: `${directory}/${id}${ending}`,
    format: ending === '.json' ? ('json' as const) : ('toml' as const),
  }))
  const [found, second] = paths.filter(({ path }) => isThere(join(root, path)))
  if (found !== undefined && second !== undefined)
    throw failure('proposal-twice', { path: found.path, other: second.path })
  // A link above it that leads nowhere is told as one.
  return found ?? { path: paths[0]?.path ?? id, format: 'json' }
}

/** Reads the proposal of an ID. */
export function readProposalFile(root: string, id: string): ProposalFile {
  const found = findProposal(root, id)
  return { ...found, bytes: readUnlinked(root, found.path) }
}

/** The IDs that have a proposal, in byte order. */
export function proposalIds(root: string): string[] {
  const ids = PLACES.flatMap(({ directory, ending }) => {
    try {
      return readdirSync(join(root, directory))
        .filter((entry) => entry.endsWith(ending))
        .map((entry) => entry.slice(0, -ending.length))
    } catch (error) {
      if (['ENOENT', 'ENOTDIR'].includes(errnoOf(error))) return []
      throw failure('source-unreadable', { path: directory, reason: errnoOf(error) })
    }
  })
  return [...new Set(ids)].sort((a, b) => (a < b ? -1 : 1))
}

/** The path of what lies beside a proposal: its signature, its result. */
export const besideProposal = (path: string, ending: 'sig' | 'result'): string =>
  join(dirname(path), `${path.slice(dirname(path).length + 1)}.${ending}`)
