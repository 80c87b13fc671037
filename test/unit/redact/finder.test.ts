import { describe, expect, test } from 'vitest'
import { finder } from '../../../src/redact/finder.ts'
import { type Pattern, patternsFor } from '../../../src/redact/forms.ts'
import fc from '../../helpers/property.ts'

const TOKEN = 'hunter2-Zq7/&"é+~'

/** What is found in a stream of these chunks, each with its place. */
function found(patterns: readonly Pattern[], ...chunks: Buffer[]): Array<[string, number]> {
  const hits: Array<[string, number]> = []
  const { begin, push } = finder(patterns)
  begin((pattern, place) => hits.push([pattern.name, place]))
  for (const chunk of chunks) push(chunk)
  return hits
}

const inPieces = (bytes: Buffer, size: number) =>
  Array.from({ length: Math.ceil(bytes.length / size) }, (_, at) =>
    bytes.subarray(at * size, (at + 1) * size),
  )

describe('finds', () => {
  const patterns = patternsFor([
    ['TOKEN', TOKEN],
    ['OTHER', 'other-value'],
  ])

  test('each value with its place, again and again, in every form that --redact knows', () => {
    const text = `a${TOKEN}b${TOKEN}\nother-value ${Buffer.from(`user:${TOKEN}`).toString('base64')}`
    expect(found(patterns, Buffer.from(text)).map(([name]) => name)).toEqual([
      'TOKEN',
      'TOKEN',
      'OTHER',
      'TOKEN',
    ])
    expect(found(patterns, Buffer.from('xother-value'))).toEqual([['OTHER', 1]])
  })

  test('the same in pieces of any size, each once', () => {
    const bytes = Buffer.from(`a${TOKEN}b${TOKEN}${TOKEN}other-valueother-value`)
    const whole = found(patterns, bytes)
    expect(whole).toHaveLength(5)
    for (let size = 1; size <= bytes.length; size += 1)
      expect(found(patterns, ...inPieces(bytes, size)), `${size}`).toEqual(whole)
  })

  test('nothing across two streams', () => {
    const hits: string[] = []
    const { begin, push } = finder(patterns)
    begin(({ name }) => hits.push(name))
    push(Buffer.from('other-'))
    begin(({ name }) => hits.push(name))
    push(Buffer.from('value'))
    expect(hits).toEqual([])
  })

  test('nothing without patterns', () => {
    expect(found([], Buffer.from('anything'))).toEqual([])
  })
})

test('for any values and bytes, exactly the places where a plain search finds them', () => {
  const letters = fc.string({ unit: fc.constantFrom('a', 'b'), minLength: 8, maxLength: 10 })
  fc.assert(
    fc.property(
      letters,
      letters,
      fc.string({ unit: fc.constantFrom('a', 'b'), maxLength: 40 }),
      fc.nat(12),
      (one, two, rest, size) => {
        const patterns = [{ name: 'ONE', bytes: Buffer.from(one) }]
        const text = `${rest}${one}${two}${rest}${one}`
        const wanted: number[] = []
        for (let at = text.indexOf(one); at >= 0; at = text.indexOf(one, at + one.length)) wanted.push(at)
        const places = found(patterns, ...inPieces(Buffer.from(text), size + 1)).map(([, place]) => place)
        expect(places).toEqual(wanted)
      },
    ),
  )
})
