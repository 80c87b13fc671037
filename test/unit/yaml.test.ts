import { describe, expect, test } from 'vitest'
import { parseYaml } from '../../src/yaml.ts'

const parsed = async (text: string): Promise<unknown> => (await parseYaml(text))?.toJS({ maxAliasCount: -1 })
const many = (count: number, line: (at: number) => string) =>
  Array.from({ length: count }, (_, at) => line(at)).join('')

describe('a document', () => {
  test('of a team, with aliases and merge keys, is read', async () => {
    expect(await parsed('a: &a {x: [1]}\nb: *a\nc: {<<: *a, y: 2}\n')).toEqual({
      a: { x: [1] },
      b: { x: [1] },
      c: { x: [1], y: 2 },
    })
  })

  test('may merge twice, and have an anchor anew', async () => {
    expect(await parsed('a: &a 1\nb: &a 2\nc: *a\nd: {<<: {x: 1}, <<: {y: 2}}\n')).toEqual({
      a: 1,
      b: 2,
      c: 2,
      d: { x: 1, y: 2 },
    })
  })

  test.each(['a: 1\na: 2\n', 'x: {a: 1, "a": 2}\n', 'a: [\n'])(
    'that is none, or has a key twice, is not: %j',
    async (text) => {
      expect(await parseYaml(text)).toBeUndefined()
    },
  )
})

describe('a document that is made to exhaust', () => {
  test.each([
    ['long lists, again and again', `a: &a [${'0,'.repeat(20_000)}]\nb: [${'*a,'.repeat(900)}]\n`],
    ['doubling', `a0: &a0 [x, x]\n${many(40, (at) => `a${at + 1}: &a${at + 1} [*a${at}, *a${at}]\n`)}`],
    ['maps that are names of maps', '{&'.repeat(1000)],
    ['maps that are names', `${'{'.repeat(200)}a${'}'.repeat(200)}`],
    ['an alias of what it stands in', 'a: &a [*a]\n'],
    ['an alias for each of many anchors', many(10_000, (at) => `a${at}: &b${at} 1\nc${at}: *b${at}\n`)],
  ])('is refused: %s', async (_, text) => {
    expect(await parseYaml(text)).toBeUndefined()
  })

  test('by many keys in one map is read', async () => {
    expect(await parseYaml(many(50_000, (at) => `a${at}: 1\n`))).toBeDefined()
  })
})
