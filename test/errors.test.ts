import { describe, expect, test } from 'vitest'
import { asDisintoError, errorCodes, failure, quote } from '../src/errors.ts'

// Any facts will do: what is held here is the form.
const made = errorCodes.map((code) =>
  (failure as (code: string, ...facts: unknown[]) => Error & { hint: string })(
    code,
    ['A'],
    ['B'],
    ['C'],
    ['D'],
  ),
)

describe('every error', () => {
  test.each(made.map((error, at) => [errorCodes[at], error] as const))(
    '%s speaks by the rules',
    (_, error) => {
      expect(error.message).not.toMatch(/^[A-Z][a-z]|\.$|\n|undefined|\[object/)
      expect(error.hint).not.toMatch(/^[A-Z][a-z]|\.$|\n|undefined|\[object/)
      expect(error.hint.length).toBeGreaterThan(0)
    },
  )
})

test('a stranger’s error keeps its type and code, and loses its message', () => {
  const stranger = Object.assign(new TypeError('The value is hunter2'), { code: 'ERR_X' })
  expect(asDisintoError(stranger).message).toBe('unexpected TypeError (ERR_X)')
  expect(asDisintoError('hunter2').message).toBe('unexpected string')
})

test.each([
  ['/plain/path-1.enc', '/plain/path-1.enc'],
  ['two words', '"two words"'],
  ['line\nbreak', '"line\\nbreak"'],
  ['', '""'],
])('%j is shown as %s', (text, shown) => {
  expect(quote(text)).toBe(shown)
})
