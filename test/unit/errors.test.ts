import { describe, expect, test } from 'vitest'
import { CORE_CATALOGUE, type Fault } from '../../src/catalogue.ts'
import { asDisintoError } from '../../src/errors.ts'
import { HOST_CATALOGUE } from '../../src/host/errors.ts'
import { escapeUnseen, quote } from '../../src/quote.ts'

/** Any facts will do: what is held here is the form. A list stands for a text, too. */
const FACTS = new Proxy({}, { get: () => ['A'] })

const composers = Object.entries({ ...CORE_CATALOGUE, ...HOST_CATALOGUE })

describe('every error', () => {
  test.each(composers)('%s speaks by the rules', (_, compose) => {
    const { message, hint } = (compose as (facts: object) => Fault)(FACTS)
    for (const text of [message, hint]) {
      expect(text).not.toMatch(/^[A-Z][a-z]|\.$|\n|undefined|\[object/)
      expect(text.length).toBeGreaterThan(0)
    }
  })
})

describe('a stranger’s error', () => {
  const stranger = Object.assign(new TypeError('The value is hunter2\n    at hunter2'), { code: 'ERR_X' })

  test('keeps its type and code, and loses its message', () => {
    expect(asDisintoError(stranger).message).toBe('unexpected TypeError (ERR_X)')
    expect(asDisintoError('hunter2').message).toBe('unexpected string')
  })

  test('keeps where it was thrown, without a word of its message', () => {
    const { frames } = asDisintoError(stranger)
    expect(frames.length).toBeGreaterThan(0)
    for (const frame of frames) expect(frame).toMatch(/^at .*:\d+:\d+\)?$/)
    expect(JSON.stringify(frames)).not.toContain('hunter2')
  })

  test('has no frames where they can’t be told from the message', () => {
    const changed = new Error('hunter2')
    // V8 writes the text when it is first asked for.
    expect(changed.stack).toContain('hunter2')
    changed.message = 'other'
    expect(asDisintoError(changed).frames).toEqual([])
  })
})

test.each([
  ['/plain/path-1.enc', '/plain/path-1.enc'],
  ['two words', '"two words"'],
  ['line\nbreak', '"line\\nbreak"'],
  ['', '""'],
])('%j is shown as %s', (text, shown) => {
  expect(quote(text)).toBe(shown)
})

test.each([
  ['\u001b[31m', '\\u001b[31m'],
  ['a\r\nb', 'a\\u000d\\u000ab'],
  ['\u009b2J', '\\u009b2J'],
  ['\u202egnp.exe', '\\u202egnp.exe'],
  ['\u2066x\u2069', '\\u2066x\\u2069'],
  ['a\u2028b\u2029c', 'a\\u2028b\\u2029c'],
  ['a\u200bb\ufeff', 'a\\u200bb\\ufeff'],
  ['Grüße, 世界 🎉 👩‍🚀', 'Grüße, 世界 🎉 👩‍🚀'],
])('in %j nothing is left that a reader can’t see', (text, shown) => {
  expect(escapeUnseen(text)).toBe(shown)
})

test('a quoted text has none of it either, and is still JSON', () => {
  const text = 'a\u009b\u202e\u001b"\n'
  expect(quote(text)).toBe('"a\\u009b\\u202e\\u001b\\"\\n"')
  expect(JSON.parse(quote(text))).toBe(text)
})
