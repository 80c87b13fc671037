import { describe, expect, test } from 'vitest'
import { type Pattern, patternsFor } from '../../../src/redact/forms.ts'
import { redactor } from '../../../src/redact/redactor.ts'
import fc from '../../helpers/property.ts'

function redact(patterns: readonly Pattern[], chunks: readonly Buffer[]): Buffer {
  const { push, end } = redactor(patterns)
  return Buffer.concat([...chunks.map(push), end()])
}

const TOKEN = 'hunter2-Zq7/&"é+~'
const patterns = patternsFor([
  ['TOKEN', TOKEN],
  ['KEY', '-----BEGIN KEY-----\nabc\ndef\n-----END KEY-----\n'],
  ['SHORT', 'abc'],
])
const shown = (text: string) => redact(patterns, [Buffer.from(text)]).toString()

describe('a value is replaced', () => {
  test.each([
    ['as it is', TOKEN],
    ['in JSON', JSON.stringify({ a: TOKEN }).slice(6, -2)],
    ['in JSON beyond ASCII escaped', JSON.stringify(TOKEN).slice(1, -1).replace('é', '\\u00e9')],
    ['in a URL', encodeURIComponent(TOKEN)],
    ['in a form', new URLSearchParams({ a: TOKEN }).toString().slice(2)],
  ])('%s', (_, text) => {
    expect(shown(`<${text}>`)).toBe('<[TOKEN]>')
  })

  test.each([0, 1, 2, 3, 4])('in base64, %i bytes into a longer text', (before) => {
    for (const encoding of ['base64', 'base64url'] as const) {
      const text = Buffer.from(`${'x'.repeat(before)}${TOKEN}and more`).toString(encoding)
      expect(shown(text)).toContain('[TOKEN]')
      expect(shown(text)).not.toContain(Buffer.from(TOKEN).toString(encoding).slice(4, 16))
    }
  })

  test('of several lines', () => {
    expect(shown('a\n-----BEGIN KEY-----\nabc\ndef\n-----END KEY-----\nb')).toBe('a\n[KEY]b')
  })

  test('again and again, side by side', () => {
    expect(shown(`${TOKEN}${TOKEN} ${TOKEN}`)).toBe('[TOKEN][TOKEN] [TOKEN]')
  })
})

test('short values and all other bytes pass', () => {
  const bytes = Buffer.from(Array.from({ length: 256 }, (_, at) => at))
  expect(redact(patterns, [bytes])).toEqual(bytes)
  expect(shown('abc')).toBe('abc')
  expect(redact([], [bytes])).toEqual(bytes)
})

test('the longest of several values at one place is taken, across chunks too', () => {
  const nested = patternsFor([
    ['SHORT', 'password'],
    ['LONG', 'password-and-more'],
  ])
  const split = (text: string, at: number) => [Buffer.from(text.slice(0, at)), Buffer.from(text.slice(at))]
  for (let at = 0; at <= 20; at += 1) {
    expect(redact(nested, split('<password-and-more>', at)).toString()).toBe('<[LONG]>')
    expect(redact(nested, split('<password-and-less>', at)).toString()).toBe('<[SHORT]-and-less>')
  }
})

test('a value that began before another inside it is not cut by it, across chunks', () => {
  const inside = patternsFor([
    ['OUTER', 'acbcabccaaaa'],
    ['INNER', 'cbcabcca'],
  ])
  for (let at = 0; at <= 12; at += 1) {
    const chunks = [Buffer.from('acbcabccaaaa'.slice(0, at)), Buffer.from('acbcabccaaaa'.slice(at))]
    expect(redact(inside, chunks).toString()).toBe('[OUTER]')
  }
})

test('what can’t be the beginning of a value is not held back', () => {
  const { push } = redactor(patterns)
  expect(push(Buffer.from('Password: ')).toString()).toBe('Password: ')
  expect(push(Buffer.from('hunter')).toString()).toBe('')
  expect(push(Buffer.from('!')).toString()).toBe('hunter!')
})

describe('for any values, text and chunks', () => {
  /** Left to right, the longest value that stands at a place: what the redactor does, one byte at a time. */
  const plainly = (list: readonly Pattern[], bytes: Buffer): Buffer => {
    const out: Buffer[] = []
    for (let at = 0; at < bytes.length; ) {
      const [longest] = list
        .filter(({ bytes: wanted }) => bytes.subarray(at, at + wanted.length).equals(wanted))
        .sort((a, b) => b.bytes.length - a.bytes.length)
      out.push(longest === undefined ? bytes.subarray(at, at + 1) : Buffer.from(`[${longest.name}]`))
      at += longest?.bytes.length ?? 1
    }
    return Buffer.concat(out)
  }

  test('the result is the same', () => {
    const letters = fc.string({ unit: fc.constantFrom('a', 'b', 'c'), minLength: 8, maxLength: 12 })
    fc.assert(
      fc.property(
        fc.array(letters, { minLength: 1, maxLength: 5 }),
        fc.array(fc.oneof(fc.string({ unit: fc.constantFrom('a', 'b', 'c') }), fc.nat({ max: 4 })), {
          maxLength: 12,
        }),
        fc.array(fc.nat({ max: 20 })),
        (values, parts, cuts) => {
          const list = patternsFor(values.map((value, at) => [`V${at}`, value] as const))
          const text = Buffer.from(
            parts.map((part) => (typeof part === 'number' ? (values[part] ?? '') : part)).join(''),
          )
          const chunks: Buffer[] = []
          let from = 0
          for (const cut of cuts) {
            chunks.push(text.subarray(from, from + cut))
            from += cut
          }
          chunks.push(text.subarray(from))
          expect(redact(list, chunks).toString()).toBe(plainly(list, text).toString())
        },
      ),
      { numRuns: 2000 },
    )
  })
})
