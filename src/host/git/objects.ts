/** The objects of a repository as streams of bytes, however large they are. */
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

/** Makes what takes apart the output of `git cat-file --batch`, whatever the chunks. */
export function objectParser(reader: ObjectReader): (chunk: Buffer) => void {
  let header = Buffer.alloc(0)
  let left = -1
  return (chunk) => {
    let at = 0
    while (at < chunk.length) {
      if (left < 0) {
        const end = chunk.indexOf(LINE_FEED, at)
        header = Buffer.concat([header, chunk.subarray(at, end < 0 ? chunk.length : end)])
        if (end < 0) return
        at = end + 1
        const [oid = '', type = '', size] = header.toString('latin1').split(' ')
        header = Buffer.alloc(0)
        if (size === undefined) reader.missing(oid)
        else {
          left = Number(size)
          reader.begin({ oid, type, size: left })
        }
      } else if (left > 0) {
        const part = chunk.subarray(at, at + left)
        reader.bytes(part)
        left -= part.length
        at += part.length
      } else {
        // The line feed that git writes behind each object.
        at += 1
        left = -1
        reader.end()
      }
    }
  }
}

/** Runs git with an input, and hands on what it writes as it comes. Throws git-missing and git-failed. */
async function streamGit(
  variables: ReadonlyMap<string, string>,
  directory: string,
  words: readonly string[],
  input: string,
  push: (chunk: Buffer) => void,
): Promise<void> {
  const git = gitProgram(variables)
  if (git === undefined) throw failure('git-missing')
  const surroundings = { cwd: directory, environment: git.variables }
  const {
    output,
    errors,
    status: ended,
  } = streamProgram(git.path, [...git.words, ...words], surroundings, input)
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
  await streamGit(
    variables,
    directory,
    oids === 'all' ? [...words, ...all] : words,
    input,
    objectParser(reader),
  )
}

/** Runs git and hands on what it writes, piece by piece as NUL separates them. Throws git-missing and git-failed. */
export async function readOutput(
  variables: ReadonlyMap<string, string>,
  directory: string,
  words: readonly string[],
  take: (piece: string) => void,
): Promise<void> {
  let rest = Buffer.alloc(0)
  await streamGit(variables, directory, words, '', (chunk) => {
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
