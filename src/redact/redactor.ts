/** Replaces patterns in a stream of bytes, whatever the chunks. */
import type { Pattern } from './forms.ts'
import { BLOCK, blockAt, type Index, indexOf, matchAt } from './search.ts'

export interface Redactor {
  /** The part of the stream that is now certain. Holds back only what may be the beginning of a pattern. */
  push(chunk: Buffer): Buffer
  /** What was held back, at the end of the stream. */
  end(): Buffer
}

/** Whether the bytes from `start` on could go on to become this pattern. */
function begins(bytes: Buffer, start: number, pattern: Buffer): boolean {
  const length = bytes.length - start
  return length < pattern.length && bytes.compare(pattern, 0, length, start) === 0
}

/** Finds whole patterns in what comes in chunks; what may be the beginning of one is held until the next chunk. */
class Scanner {
  readonly #index: Index
  readonly #marks: ReadonlyMap<Pattern, Buffer>
  #held: Buffer = Buffer.alloc(0)

  constructor(patterns: readonly Pattern[]) {
    this.#index = indexOf(patterns)
    this.#marks = new Map(patterns.map((pattern) => [pattern, Buffer.from(`[${pattern.name}]`)]))
  }

  push(chunk: Buffer): Buffer {
    return this.#scan(this.#held.length === 0 ? chunk : Buffer.concat([this.#held, chunk]), false)
  }

  end(): Buffer {
    return this.#scan(this.#held, true)
  }

  #mayGoOn(bytes: Buffer, start: number): boolean {
    const { firstBytes, openers } = this.#index
    if (start + 1 === bytes.length) return firstBytes.has(bytes[start] ?? 0)
    return openers.get(blockAt(bytes, start))?.some((pattern) => begins(bytes, start, pattern.bytes)) === true
  }

  /** The first place from `from` on at which a pattern begins that may go on in the next chunk; else the end. */
  #holdFrom(bytes: Buffer, from: number): number {
    for (
      let start = Math.max(from, bytes.length - this.#index.longest + 1);
      start < bytes.length;
      start += 1
    ) {
      if (this.#mayGoOn(bytes, start)) return start
    }
    return bytes.length
  }

  #scan(bytes: Buffer, last: boolean): Buffer {
    const { window, shift } = this.#index
    const out: Buffer[] = []
    let copied = 0
    let start = 0
    let hold = last ? bytes.length : this.#holdFrom(bytes, 0)
    while (start + window <= bytes.length) {
      const step = shift[blockAt(bytes, start + window - BLOCK)] ?? 1
      const pattern = step > 0 ? undefined : matchAt(this.#index, bytes, start)
      if (pattern === undefined) {
        start += Math.max(step, 1)
        continue
      }
      // One that began here or before, and is not whole yet, comes first: it would lose its middle to this one, and
      // its ends would be shown.
      if (hold <= start) break
      out.push(bytes.subarray(copied, start), this.#marks.get(pattern) ?? Buffer.alloc(0))
      start += pattern.bytes.length
      copied = start
      if (hold < copied) hold = this.#holdFrom(bytes, copied)
    }
    out.push(bytes.subarray(copied, hold))
    this.#held = Buffer.from(bytes.subarray(hold))
    return out.length === 1 ? (out[0] ?? bytes) : Buffer.concat(out)
  }
}

/** Makes a redactor that writes `[NAME]` in place of each pattern. Without patterns everything passes as it is. */
export function redactor(patterns: readonly Pattern[]): Redactor {
  if (patterns.length === 0) return { push: (chunk) => chunk, end: () => Buffer.alloc(0) }
  const scanner = new Scanner(patterns)
  return { push: (chunk) => scanner.push(chunk), end: () => scanner.end() }
}
