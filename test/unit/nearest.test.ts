import { expect, test } from 'vitest'
import { nearest } from '../../src/nearest.ts'

test.each([
  ['CLAWHUB_TOKE', 'CLAWHUB_TOKEN'],
  ['clawhub_token', 'CLAWHUB_TOKEN'],
  ['Clawhub-Token', 'CLAWHUB_TOKEN'],
  ['forge', 'FORGE'],
  ['something', undefined],
])('%s was meant to be %s', (word, meant) => {
  expect(nearest(word, ['CLAWHUB_TOKEN', 'FORGE'])).toBe(meant)
})

test('nothing is near where nothing is known', () => {
  expect(nearest('A', [])).toBeUndefined()
})

test('a short word of which most letters differ was meant to be nothing', () => {
  expect(nearest('foo', ['root'])).toBeUndefined()
  expect(nearest('rot', ['root'])).toBe('root')
})
