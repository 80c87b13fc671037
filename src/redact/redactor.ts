/**
 * Replaces patterns in a stream of bytes, whatever the chunks. Searches for all patterns at once and mostly without
 * looking at every byte (S. Wu, U. Manber, "A fast algorithm for multi-pattern searching", 1994, with blocks of 2).
 */
import type { Pattern } from './forms.ts'

const BLOCK = 2
const TABLE = 1 << 16

export interface Redactor {
  /** The part of the stream that is now certain. Holds back only what may be the beginning of a pattern. */
  push(chunk: Buffer): Buffer
  /** What was held back, at the end of the stream. */
  end(): Buffer
}

interface Index {
  /** Length of the shortest pattern: the window that is slid over the bytes. */
  readonly window: number
  /** For the last block of a window: how far the window can move without missing anything. */
  readonly shift: Uint8Array
  /** For a block at the end of a window: the patterns it may be in, longest first. */
  readonly candidates: ReadonlyMap<number, readonly Pattern[]>
  /** The patterns that begin with a block, and the bytes that patterns begin with. */
  readonly openers: ReadonlyMap<number, readonly Pattern[]>
  readonly firstBytes: ReadonlySet<number>
  readonly longest: number
}

function group(patterns: readonly Pattern[], key: (bytes: Buffer) => number): Map<number, Pattern[]> {
  const groups = new Map<number, Pattern[]>()
  for (const pattern of patterns) {
    const block = key(pattern.bytes)
    groups.set(block, [...(groups.get(block) ?? []), pattern])
  }
  for (const list of groups.values()) list.sort((a, b) => b.bytes.length - a.bytes.length)
  return groups
}

const blockAt = (bytes: Buffer, at: number) => ((bytes[at] ?? 0) << 8) | (bytes[at + 1] ?? 0)

function indexOf(patterns: readonly Pattern[]): Index {
  const window = Math.min(255, ...patterns.map(({ bytes }) => bytes.length))
  const shift = new Uint8Array(TABLE).fill(window - BLOCK + 1)
  for (const pattern of patterns) {
    for (let at = 0; at + BLOCK <= window; at += 1) {
      const block = blockAt(pattern.bytes, at)
      shift[block] = Math.min(shift[block] ?? 0, window - BLOCK - at)
    }
  }
  return {
    window,
    shift,
    candidates: group(patterns, (bytes) => blockAt(bytes, window - BLOCK)),
    openers: group(patterns, (bytes) => blockAt(bytes, 0)),
    firstBytes: new Set(patterns.map(({ bytes }) => bytes[0] ?? 0)),
    longest: Math.max(...patterns.map(({ bytes }) => bytes.length)),
  }
}

/** Whether the bytes from `start` on could go on to become this pattern. */
function begins(bytes: Buffer, start: number, pattern: Buffer): boolean {
  const length = bytes.length - start
  return length < pattern.length && bytes.compare(pattern, 0, length, start) === 0
}

/** Makes a redactor that writes `[NAME]` in place of each pattern. Without patterns everything passes as it is. */
export function redactor(patterns: readonly Pattern[]): Redactor {
  if (patterns.length === 0) return { push: (chunk) => chunk, end: () => Buffer.alloc(0) }
  const { window, shift, candidates, openers, firstBytes, longest } = indexOf(patterns)
  const marks = new Map(patterns.map((pattern) => [pattern, Buffer.from(`[${pattern.name}]`)]))
  let held: Buffer = Buffer.alloc(0)

  const mayGoOn = (bytes: Buffer, start: number): boolean => {
    if (start + 1 === bytes.length) return firstBytes.has(bytes[start] ?? 0)
    return openers.get(blockAt(bytes, start))?.some((pattern) => begins(bytes, start, pattern.bytes)) === true
  }

  /** The first place at the end from which a pattern may go on in the next chunk. */
  const holdFrom = (bytes: Buffer, from: number): number => {
    for (let start = Math.max(from, bytes.length - longest + 1); start < bytes.length; start += 1) {
      if (mayGoOn(bytes, start)) return start
    }
    return bytes.length
  }

  const matchAt = (bytes: Buffer, start: number): Pattern | undefined =>
    candidates
      .get(blockAt(bytes, start + window - BLOCK))
      ?.find(
        ({ bytes: wanted }) =>
          start + wanted.length <= bytes.length &&
          bytes.compare(wanted, 0, wanted.length, start, start + wanted.length) === 0,
      )

  const scan = (bytes: Buffer, last: boolean): Buffer => {
    const out: Buffer[] = []
    let copied = 0
    let start = 0
    while (start + window <= bytes.length) {
      const step = shift[blockAt(bytes, start + window - BLOCK)] ?? 1
      if (step > 0) {
        start += step
        continue
      }
      const pattern = matchAt(bytes, start)
      // A longer pattern that begins here may still be on its way: then the shorter one has to wait.
      if (pattern === undefined || (!last && mayGoOn(bytes, start))) {
        start += 1
        continue
      }
      out.push(bytes.subarray(copied, start), marks.get(pattern) ?? Buffer.alloc(0))
      start += pattern.bytes.length
      copied = start
    }
    const hold = last ? bytes.length : holdFrom(bytes, copied)
    out.push(bytes.subarray(copied, hold))
    held = Buffer.from(bytes.subarray(hold))
    return out.length === 1 ? (out[0] ?? bytes) : Buffer.concat(out)
  }

  return {
    push: (chunk) => scan(held.length === 0 ? chunk : Buffer.concat([held, chunk]), false),
    end: () => scan(held, true),
  }
}
