/** The objects of a repository as streams of bytes, however large they are. */
import type { Surroundings } from '../../child.ts'
import { failure } from '../errors.ts'
import { streamProgram } from '../process.ts'
import { gitProgram } from './program.ts'

export interface GitObject {
  readonly oid: string
  /** `blob`, `tree`, `commit` or `tag`. */
  readonly type: string
  readonly size: number
}

/** What is told of each object, in this order. */
export interface ObjectReader {
  begin(object: GitObject): void
  bytes(part: Buffer): void
  end(): void
  /** An object that the repository does not have, though something refers to it. */
  missing(oid: string): void
}

const LINE_FEED = 0x0a

/** Headers and objects in turn. */
class ObjectParser {
  readonly #reader: ObjectReader
  #header = Buffer.alloc(0)
  /** Bytes of the object that are still to come; undefined where a header is. */
  #left: number | undefined

  constructor(reader: ObjectReader) {
    this.#reader = reader
  }

  push(chunk: Buffer): void {
    let at = 0
    while (at < chunk.length)
      at = this.#left === undefined ? this.#head(chunk, at) : this.#body(chunk, at, this.#left)
  }

  /** Reads of a header what is there; returns where to go on. */
  #head(chunk: Buffer, at: number): number {
    const feed = chunk.indexOf(LINE_FEED, at)
    const end = feed < 0 ? chunk.length : feed
    this.#header = Buffer.concat([this.#header, chunk.subarray(at, end)])
    if (feed < 0) return end
    const [oid = '', type = '', size] = this.#header.toString('latin1').split(' ')
    this.#header = Buffer.alloc(0)
    if (size === undefined) this.#reader.missing(oid)
    else {
      this.#left = Number(size)
      this.#reader.begin({ oid, type, size: this.#left })
    }
    return end + 1
  }

  /** Reads of an object what is there, or the line feed that git writes behind each; returns where to go on. */
  #body(chunk: Buffer, at: number, left: number): number {
    if (left === 0) {
      this.#left = undefined
      this.#reader.end()
      return at + 1
    }
    const part = chunk.subarray(at, at + left)
    this.#reader.bytes(part)
    this.#left = left - part.length
    return at + part.length
  }
}

/** Makes what takes apart the output of `git cat-file --batch`, whatever the chunks. */
export function objectParser(reader: ObjectReader): (chunk: Buffer) => void {
  const parser = new ObjectParser(reader)
  return (chunk) => parser.push(chunk)
}

/** Runs git with an input, and hands on what it writes as it comes. Throws git-missing and git-failed. */
async function streamGit(
  words: readonly string[],
  surroundings: Surroundings,
  input: string,
  push: (chunk: Buffer) => void,
): Promise<void> {
  const git = gitProgram(surroundings.environment)
  if (git === undefined) throw failure('git-missing')
  const {
    output,
    errors,
    status: ended,
  } = streamProgram(
    git.path,
    [...git.words, ...words],
    { ...surroundings, environment: git.variables },
    input,
  )
  errors.resume()
  for await (const chunk of output) push(chunk as Buffer)
  const status = await ended
  if (status !== 0)
    throw failure('git-failed', { command: words[0] ?? '', reason: `exit status ${status ?? 'none'}` })
}

/**
 * Reads objects: those named, or all that the repository has, also those that nothing refers to any more. Throws
 * git-missing and git-failed.
 */
export async function readObjects(
  variables: ReadonlyMap<string, string>,
  directory: string,
  oids: readonly string[] | 'all',
  reader: ObjectReader,
): Promise<void> {
  const words = ['cat-file', '--batch', '--buffer']
  const all = ['--batch-all-objects', '--unordered']
  const input = oids === 'all' ? '' : oids.map((oid) => `${oid}\n`).join('')
  const surroundings = { cwd: directory, environment: variables }
  await streamGit(oids === 'all' ? [...words, ...all] : words, surroundings, input, objectParser(reader))
}

/** Runs git and hands on what it writes, piece by piece as NUL separates them. Throws git-missing and git-failed. */
export async function readOutput(
  variables: ReadonlyMap<string, string>,
  directory: string,
  words: readonly string[],
  take: (piece: string) => void,
): Promise<void> {
  let rest = Buffer.alloc(0)
  await streamGit(words, { cwd: directory, environment: variables }, '', (chunk) => {
    let bytes = rest.length === 0 ? chunk : Buffer.concat([rest, chunk])
    for (let end = bytes.indexOf(0); end >= 0; end = bytes.indexOf(0)) {
      take(bytes.toString('utf8', 0, end))
      bytes = bytes.subarray(end + 1)
    }
    rest = Buffer.from(bytes)
  })
}

/** Reads blobs that are no larger than `limit` whole, by name; of larger ones only that they are there. */
export async function readBlobs(
  variables: ReadonlyMap<string, string>,
  directory: string,
  oids: readonly string[],
  limit: number,
): Promise<Map<string, Buffer | 'too large'>> {
  const blobs = new Map<string, Buffer | 'too large'>()
  let parts: Buffer[] = []
  let current: GitObject | undefined
  await readObjects(variables, directory, [...new Set(oids)], {
    begin: (object) => {
      current = object
      parts = []
    },
    bytes: (part) => {
      if (current !== undefined && current.size <= limit) parts.push(Buffer.from(part))
    },
    end: () => {
      if (current !== undefined)
        blobs.set(current.oid, current.size <= limit ? Buffer.concat(parts) : 'too large')
    },
    missing: () => {},
  })
  return blobs
}
