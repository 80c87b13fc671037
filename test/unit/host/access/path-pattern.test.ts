import { describe, expect, test, vi } from 'vitest'
import { matcherOf } from '../../../../src/host/access/path-pattern.ts'
import { loadPatterns } from '../../../../src/sops/pattern.ts'
import fc from '../../../helpers/property.ts'

describe('a pattern', () => {
  test.each([
    ['^\\.env(\\.enc)?$', '.env', true],
    ['^\\.env(\\.enc)?$', '.envXenc', false],
    ['^\\.env(\\.enc)?$', 'a.env', false],
    ['^secrets/[^/]+\\.enc$', 'secrets/A.enc', true],
    ['^secrets/[^/]+\\.enc$', 'secrets/a/b.enc', false],
    ['^secrets/[^/]+\\.enc$', 'secrets/.enc', false],
    ['^secrets/[^/]*\\.enc$', 'secrets/.enc', true],
    ['secrets/.*', 'x/secrets/', true],
    ['secrets/.+', 'x/secrets/', false],
    ['a.*b', 'a\u2028b', true],
    ['a.*b', 'a\nb', false],
    ['(^|/)\\.env$', 'x/.env', true],
    ['(^|/)\\.env$', 'x.env', false],
    ['^a|b$', 'b', true],
    ['(?i)A', 'a', true],
  ])('%j fits %j: %s', async (pattern, path, fits) => {
    expect((await matcherOf(pattern))?.(path)).toBe(fits)
  })

  test.each(['(', '(?=x)', '\\1', 'a{1001}', '[z-a]'])('%j is none for sops either', async (pattern) => {
    expect(await matcherOf(pattern)).toBeUndefined()
  })

  test('means the same to the quick way and to RE2, whatever the path', async () => {
    const re2 = await loadPatterns()
    const part = fc.constantFrom('a', '-', '/', '\\.', '(^|/)', '(\\.enc)?', '.*', '.+', '[^/]+', '^', '$')
    const pattern = fc.array(part, { maxLength: 6 }).map((parts) => parts.join(''))
    const path = fc.string({
      unit: fc.constantFrom('a', '-', '/', '.', '.enc', '\n', '\u2028'),
      maxLength: 6,
    })
    await fc.assert(
      fc.asyncProperty(pattern, path, async (text, at) => {
        expect((await matcherOf(text))?.(at)).toBe(re2(text)?.(at))
      }),
      { numRuns: 1000 },
    )
  })
})

test('patterns like ours do without RE2, which takes long to load', async () => {
  vi.resetModules()
  vi.doMock('../../../../src/sops/pattern.ts', () => ({
    loadPatterns: async () => () => undefined,
  }))
  const { matcherOf: withoutRe2 } = await import('../../../../src/host/access/path-pattern.ts')
  vi.doUnmock('../../../../src/sops/pattern.ts')
  for (const [pattern, path] of [
    ['^\\.env(\\.enc)?$', '.env.enc'],
    ['^secrets/[^/]+\\.enc$', 'secrets/A.enc'],
    ['(^|/)secrets/.*$', 'x/secrets/A-B_c@web'],
    ['', ''],
  ] as const)
    expect((await withoutRe2(pattern))?.(path)).toBe(true)
  expect(await withoutRe2('(?i)a')).toBeUndefined()
})
