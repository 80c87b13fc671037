/** Known values searched for in file trees. */
import {
  closeSync,
  constants,
  type Dirent,
  fstatSync,
  lstatSync,
  openSync,
  readdirSync,
  readSync,
} from 'node:fs'
import { errnoOf } from '../../errors.ts'
import { type Hit, lineCounter, type Search } from './hits.ts'

export interface ScannedFiles {
  readonly hits: readonly Hit[]
  readonly files: number
  readonly bytes: number
  /** What could not be read, and why. */
  readonly unreadable: ReadonlyArray<{ readonly path: string; readonly reason: string }>
}

const SLASH = Buffer.from('/')
/** Read at a time. */
const PART_BYTES = 1024 * 1024

/** A path with a name behind it; names are bytes, of whatever encoding. */
function below(directory: Buffer, name: Buffer): Buffer {
  return Buffer.concat(directory.at(-1) === SLASH[0] ? [directory, name] : [directory, SLASH, name])
}

/** The parts of a file, each of which may be written over once the next is asked for. */
function* partsOf(descriptor: number, buffer: Buffer): Generator<Buffer> {
  for (;;) {
    const got = readSync(descriptor, buffer, 0, buffer.length, null)
    if (got === 0) return
    yield buffer.subarray(0, got)
  }
}

/**
 * Searches files and everything below directories, links not followed and what git itself keeps left out. What is no
 * regular file is passed over; what can't be read is listed. `shown` is how a path is told, and `advance` hears how many
 * files were begun.
 */
export function scanFiles(
  roots: readonly Buffer[],
  search: Search,
  shown: (path: Buffer) => string,
  advance: (files: number) => void,
): ScannedFiles {
  const hits: Hit[] = []
  const unreadable: Array<{ path: string; reason: string }> = []
  const buffer = Buffer.allocUnsafe(PART_BYTES)
  let files = 0
  let bytes = 0

  const open = (path: Buffer): number =>
    openSync(path, constants.O_RDONLY | constants.O_NONBLOCK | constants.O_NOCTTY | constants.O_NOFOLLOW)

  const linesIn = (path: Buffer, places: readonly number[]) => {
    const counter = lineCounter(places)
    const descriptor = open(path)
    try {
      for (const part of partsOf(descriptor, buffer)) counter.push(part)
    } finally {
      closeSync(descriptor)
    }
    return counter
  }

  const scanFile = (path: Buffer): void => {
    const descriptor = open(path)
    try {
      if (!fstatSync(descriptor).isFile()) return
      files += 1
      advance(files)
      for (const part of partsOf(descriptor, buffer)) {
        bytes += part.length
        search.push(part)
      }
    } finally {
      closeSync(descriptor)
      const places = search.end()
      if (places.size > 0) {
        const counter = linesIn(
          path,
          [...places.values()].map(({ first }) => first),
        )
        for (const [name, { first, count }] of places)
          hits.push({ where: shown(path), name, line: counter.lineOf(first), count })
      }
    }
  }

  /** Does it, and lists what it was for when that can't be read. */
  const attempt = (path: Buffer, work: () => void): void => {
    try {
      work()
    } catch (error) {
      const reason = errnoOf(error)
      if (!/^E[A-Z0-9]+$/.test(reason)) throw error
      // Gone meanwhile, or a link or device in its place.
      if (!['ENOENT', 'ELOOP', 'ENXIO'].includes(reason)) unreadable.push({ path: shown(path), reason })
    }
  }

  // A list and not the stack: a tree may be deeper than any stack.
  const directories: Buffer[] = []
  for (const root of roots)
    attempt(root, () => {
      if (lstatSync(root).isDirectory()) directories.push(root)
      else scanFile(root)
    })
  for (let directory = directories.pop(); directory !== undefined; directory = directories.pop()) {
    const here = directory
    let entries: Array<Dirent<Buffer>> = []
    attempt(here, () => {
      entries = readdirSync(here, { withFileTypes: true, encoding: 'buffer' })
    })
    for (const entry of entries) {
      const path = below(here, entry.name)
      if (entry.isDirectory()) {
        // Compressed there: --history looks into it.
        if (entry.name.toString('latin1') !== '.git') directories.push(path)
      } else if (entry.isFile()) attempt(path, () => scanFile(path))
    }
  }
  return { hits, files, bytes, unreadable }
}
