/** What a search for known values has found: where, which name, how often; never the value. */
import { type Finder, finder } from '../../redact/finder.ts'
import type { Pattern } from '../../redact/forms.ts'

export interface Hit {
  /** A file, an object of git, a container. */
  readonly where: string
  readonly name: string
  /** The line of the first, where it is known. */
  readonly line: number | undefined
  readonly count: number
}

/** How often each name was found in one stream, and where first. */
export type Places = ReadonlyMap<string, { readonly first: number; readonly count: number }>

/** A search that goes through one stream after the other. */
export interface Search {
  push(chunk: Buffer): void
  /** Ends a stream: what was found in it. The next begins. */
  end(): Places
}

const NOTHING: Places = new Map()

/** Makes a search for patterns. */
export function searchFor(patterns: readonly Pattern[]): Search {
  const { begin, push }: Finder = finder(patterns)
  let places = new Map<string, { first: number; count: number }>()
  const found = ({ name }: Pattern, place: number): void => {
    const known = places.get(name)
    if (known === undefined) places.set(name, { first: place, count: 1 })
    else known.count += 1
  }
  begin(found)
  return {
    push,
    end: () => {
      const ended = places.size === 0 ? NOTHING : places
      if (places.size > 0) places = new Map()
      begin(found)
      return ended
    },
  }
}

const LINE_FEED = 0x0a

/** Makes what counts the lines before places in a stream; `lineOf` is right once the stream has come so far. */
export function lineCounter(places: readonly number[]): {
  push(chunk: Buffer): void
  lineOf(place: number): number | undefined
} {
  const waiting = [...new Set(places)].sort((one, other) => one - other)
  const lines = new Map<number, number>()
  let line = 1
  let before = 0
  const countTo = (chunk: Buffer, from: number, to: number): void => {
    for (let at = chunk.indexOf(LINE_FEED, from); at >= 0 && at < to; at = chunk.indexOf(LINE_FEED, at + 1))
      line += 1
  }
  return {
    push: (chunk) => {
      let at = 0
      while (waiting.length > 0 && (waiting[0] ?? 0) < before + chunk.length) {
        const place = waiting.shift() ?? 0
        countTo(chunk, at, place - before)
        at = place - before
        lines.set(place, line)
      }
      if (waiting.length > 0) countTo(chunk, at, chunk.length)
      before += chunk.length
    },
    lineOf: (place) => lines.get(place),
  }
}
