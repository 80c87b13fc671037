/** A page that is wrong must fail: the comparison finds what differs, and nothing else. */
import { expect, test } from 'vitest'
import { matches, matchesInAnyOrder, stepsOf } from './console.ts'

test.each([
  ['a\nb\n', 'a\nb\n', true],
  ['a\n', 'a\nb\n', false],
  ['a\nb\n', 'a\n', false],
  ['', '', true],
  ['', 'a\n', false],
  ['a…c\n', 'abbbc\n', true],
  ['a…c\n', 'ab\nc\n', false],
  ['a\n…\n', 'a\nb\nc\n', true],
  ['a\n…\n', 'a\n', true],
  ['…\nz\n', 'a\nz\n', true],
  ['…\nz\n', 'a\nz\nb\n', false],
  ['a.c\n', 'abc\n', false],
  ['a    b\n', 'a b\n', true],
  ['4711 4242 sh\n4712 4711 ps\n', '  9 1 sh\n 12 9 ps\n', true],
  ['4711 4242 sh\n4712 4711 ps\n', '  9 1 sh\n 12 8 ps\n', false],
])('%j and %j: %s', (expected, output, same) => {
  expect(matches(expected, output)).toBe(same)
})

test('lines of two streams may change places, but not be more or fewer', () => {
  expect(matchesInAnyOrder('a\nb…\n', 'bc\na\n')).toBe(true)
  expect(matchesInAnyOrder('a\nb\n', 'b\na\na\n')).toBe(false)
  expect(matchesInAnyOrder('a\nb\n', 'b\n')).toBe(false)
})

test('commands, their continuation and what they print', () => {
  const page =
    '```console\n$ one\n1\n$ two \\\n> 2\n```\n```sh\n$ not\n```\n```console docker\n$ three\n3\n> 3\n```\n'
  expect(stepsOf(page)).toEqual([
    { line: 2, command: 'one', expected: '1\n', docker: false },
    { line: 4, command: 'two \\\n2', expected: '', docker: false },
    { line: 11, command: 'three', expected: '3\n> 3\n', docker: true },
  ])
})
