/**
 * Searches bytes for many patterns at once, mostly without looking at every byte.
 * S. Wu, U. Manber, "A fast algorithm for multi-pattern searching", 1994, with blocks of 2.
 */
import type { Pattern } from './forms.ts'

/** Bytes that are looked at together. */
export const BLOCK = 2
const TABLE = 1 << 16

export interface Index {
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

/** The block at a place. */
export const blockAt = (bytes: Buffer, at: number) => ((bytes[at] ?? 0) << 8) | (bytes[at + 1] ?? 0)

/** Returns what a search for these patterns needs; there must be one at least. */
export function indexOf(patterns: readonly Pattern[]): Index {
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

/** Returns the longest pattern that is whole at a place where the window may stand. */
export function matchAt({ candidates, window }: Index, bytes: Buffer, start: number): Pattern | undefined {
  return candidates
    .get(blockAt(bytes, start + window - BLOCK))
    ?.find(
      ({ bytes: wanted }) =>
        start + wanted.length <= bytes.length &&
        bytes.compare(wanted, 0, wanted.length, start, start + wanted.length) === 0,
    )
}
