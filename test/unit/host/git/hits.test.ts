import { expect, test } from 'vitest'
import { lineCounter, searchFor } from '../../../../src/host/git/hits.ts'
import fc from '../../../helpers/property.ts'

test('lines are counted to each place, whatever the chunks', () => {
  const text = fc.string({ unit: fc.constantFrom('a', '\n'), minLength: 1, maxLength: 40 })
  fc.assert(
    fc.property(text, fc.array(fc.nat(39)), fc.integer({ min: 1, max: 10 }), (text, wanted, size) => {
      const places = wanted.map((place) => place % text.length)
      const counter = lineCounter(places)
      const bytes = Buffer.from(text)
      for (let at = 0; at < bytes.length; at += size) counter.push(bytes.subarray(at, at + size))
      for (const place of places) expect(counter.lineOf(place)).toBe(text.slice(0, place).split('\n').length)
    }),
  )
})

test('what is found is told by stream: how often, and where first', () => {
  const { push, end } = searchFor([{ name: 'A', bytes: Buffer.from('value-of-a') }])
  push(Buffer.from('xvalue-of-a value-of-a'))
  expect([...end()]).toEqual([['A', { first: 1, count: 2 }]])
  push(Buffer.from('nothing'))
  expect([...end()]).toEqual([])
})
