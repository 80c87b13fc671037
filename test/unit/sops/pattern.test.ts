import { describe, expect, it } from 'vitest'
import { agreesWithGo, loadPatterns } from '../../../src/sops/pattern.ts'

const compile = await loadPatterns()

describe('patterns', () => {
  it.each([
    ['^(data|secret)$', 'data', 'database'],
    ['^a.c$', 'a\u2028c', 'a\nc'],
    ['[A-Z]+_?\\d{2,3}$', 'X_12', 'x12'],
    ['^\\w+$', 'A_1', 'é'],
    ['\\s', 'a b', 'a\u00a0b'],
    ['(?i)token', 'MyToken', 'TOKE'],
    ['^[^_-]*$', 'abc', 'a-b'],
    ['a|', 'anything', undefined],
    ['\\bword', 'a word', 'sword'],
    ['\\Aa\\z', 'a', 'aa'],
    ['(?P<name>a)b', 'ab', 'a'],
    ['(?s)a.c', 'a\nc', 'ac'],
    ['[[:alpha:]]', 'a', '1'],
    ['[]a]', ']', 'b'],
    ['\\Qa.\\E', 'a.', 'ab'],
    ['^(a+)+$', 'aaa', 'aab'],
    ['^.$', '🎉', '🎉🎉'],
  ])('%s matches as in Go', (pattern, yes, no) => {
    const matches = compile(pattern)
    expect(matches?.(yes)).toBe(true)
    if (no !== undefined) expect(matches?.(no)).toBe(false)
  })

  it.each(['(?=a)', '(?<=a)', '\\1', 'a**', 'a{1001}', '*a', '(a', 'a)', '[a', '\\', '(a{1000}){1000}'])(
    '%s is none',
    (pattern) => {
      expect(compile(pattern)).toBeUndefined()
    },
  )

  it('is none where it nests too deeply, and takes no time', () => {
    expect(compile('('.repeat(100_000))).toBeUndefined()
    expect(compile(`${'.*'.repeat(500)}Q`)?.('a'.repeat(1_000_000))).toBe(false)
  })

  it('is sure only without Unicode, where that might be read otherwise', () => {
    expect(agreesWithGo('é', ['É'])).toBe(true)
    expect(agreesWithGo('(?i)a', ['A'])).toBe(true)
    expect(agreesWithGo('(?i)a', ['É'])).toBe(false)
    expect(agreesWithGo('(?si)é', ['A'])).toBe(false)
    expect(agreesWithGo('\\pL', ['é'])).toBe(false)
  })
})
