/** Every reader on what would be slow for one that goes back: a hang is found by the limit, ratios are the bench's. */
import { describe, expect, test } from 'vitest'
import { HOSTILE, timeOf } from '../differential/hostile.ts'
import { isAnswer, readers } from '../differential/readers.ts'

/** Milliseconds of the processor: twice the time for twice the bytes would be far below; a quadratic reader needs minutes. */
const LIMIT = 20_000

describe('ends soon, whatever it reads', () => {
  const all = readers([])
  test.each(HOSTILE.map((hostile) => [hostile.reader, hostile.title, hostile] as const))(
    '%s: %s',
    async (name, _, { make }) => {
      const read = all[name]
      if (read === undefined) throw new Error(`no reader ${name}`)
      for (const size of [64, 256 * 1024])
        expect(await timeOf(read, make(size), isAnswer)).toBeLessThan(LIMIT)
    },
    30 * LIMIT,
  )
})
