/** Finds patterns in streams of bytes, whatever the chunks, and keeps nothing of them. */
import type { Pattern } from './forms.ts'
import { BLOCK, blockAt, indexOf, matchAt } from './search.ts'

/** Called for each pattern that is found, with the place of its first byte in the stream. */
export type Found = (pattern: Pattern, place: number) => void

export interface Finder {
  /** Begins a stream. */
  begin(found: Found): void
  /** Searches the next part of it. The part may be written over afterwards. */
  push(chunk: Buffer): void
}

/** Makes a finder; one is made for many streams, as it takes longer to make than to search most of them. */
export function finder(patterns: readonly Pattern[]): Finder {
  if (patterns.length === 0) return { begin: () => {}, push: () => {} }
  const index = indexOf(patterns)
  const { window, shift, longest } = index
  let found: Found = () => {}
  /** The end of what was searched, in which a pattern may begin that goes on in the next part. */
  let kept: Buffer = Buffer.alloc(0)
  let before = 0
  /** Where the last one that was found ends: of two that overlap the first is told. */
  let taken = 0

  const search = (bytes: Buffer): void => {
    const last = bytes.length - window
    const base = before - kept.length
    let start = Math.max(0, taken - base)
    while (start <= last) {
      const step = shift[blockAt(bytes, start + window - BLOCK)] ?? 1
      if (step > 0) {
        start += step
        continue
      }
      const pattern = matchAt(index, bytes, start)
      // What was whole in the part before has been told.
      const isNew = pattern !== undefined && start + pattern.bytes.length > kept.length
      if (isNew) {
        found(pattern, base + start)
        taken = base + start + pattern.bytes.length
      }
      start += isNew ? pattern.bytes.length : 1
    }
  }

  return {
    begin: (tell) => {
      found = tell
      kept = Buffer.alloc(0)
      before = 0
      taken = 0
    },
    push: (chunk) => {
      const bytes = kept.length === 0 ? chunk : Buffer.concat([kept, chunk])
      search(bytes)
      before += chunk.length
      kept = Buffer.from(bytes.subarray(Math.max(0, bytes.length - longest + 1)))
    },
  }
}
