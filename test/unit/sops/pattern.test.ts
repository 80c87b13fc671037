import { describe, expect, it } from 'vitest'
import { translatePattern } from '../../../src/sops/pattern.ts'

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
    ['\\.env$', '.env', 'xenv'],
    ['a+?b', 'aab', 'a'],
    ['[a-]', '-', 'b'],
    ['^(?:xy){2}$', 'xyxy', 'xy'],
    ['^(a\\{)?b$', 'a{b', 'ab'],
    ['^.$', '🎉', '🎉🎉'],
  ])('%s matches as in Go', (pattern, yes, no) => {
    const matches = translatePattern(pattern)
    expect(matches?.(yes)).toBe(true)
    if (no !== undefined) expect(matches?.(no)).toBe(false)
  })

  it.each([
    '\\bword',
    '\\pL',
    '\\Aa',
    'a\\z',
    '(?P<name>a)',
    '(?<name>a)',
    '(?=a)',
    '(?s).',
    '[[:alpha:]]',
    '[]a]',
    '[a-\\d]',
    '[+--]',
    '\\x41',
    '\\Qa\\E',
    '\\1',
    'a**',
    'a{1001}',
    'a{,3}',
    'a{3,1}',
    'x{',
    '*a',
    '(a',
    'a)',
    '[a',
    '\\',
    '^*',
    '(a+)+$',
    '(a|aa)*$',
    '((a{2}))+',
    '(?i)\\w',
    '(?i)é',
  ])('%s is declined: it might mean something else, or nothing', (pattern) => {
    expect(translatePattern(pattern)).toBeUndefined()
  })
})
