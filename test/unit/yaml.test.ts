import { describe, expect, test } from 'vitest'
import { parseYaml } from '../../src/yaml.ts'

const parsed = async (text: string): Promise<unknown> =>
  (await parseYaml('file.yml', text))?.toJS({ maxAliasCount: -1 })
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
      expect(await parseYaml('file.yml', text)).toBeUndefined()
    },
  )
})

test.each([
  '<<: ',
  '- <<: 3',
  'a: &a [1]\n<<: *a',
  '<<: [[{a: 1}]]',
  '? !!merge "<<"\n: x',
  '!!str <<: 3',
  'a: {<<: [{b: 1}, c]}',
])('a document that merges what is no map is none: %j', async (text) => {
  expect(await parseYaml('file.yml', text)).toBeUndefined()
})

test('a document may merge a list of maps, and have a name that only looks like a merge', async () => {
  expect(await parsed('a: &a {b: 1}\nb: &b [*a, {c: 2}]\n<<: *b\n')).toMatchObject({
    b: [{ b: 1 }, { c: 2 }],
    c: 2,
  })
  expect(await parsed('"<<": x\n')).toEqual({ '<<': 'x' })
})

describe('a document that is made to exhaust', () => {
  test.each([
    ['long lists, again and again', `a: &a [${'0,'.repeat(20_000)}]\nb: [${'*a,'.repeat(900)}]\n`],
    ['doubling', `a0: &a0 [x, x]\n${many(40, (at) => `a${at + 1}: &a${at + 1} [*a${at}, *a${at}]\n`)}`],
    ['maps that are names of maps', '{&'.repeat(40)],
    ['maps that are names', `${'{'.repeat(45)}a${'}'.repeat(45)}`],
    ['an alias of what it stands in', 'a: &a [*a]\n'],
    ['an alias for each of many anchors', many(10_000, (at) => `a${at}: &b${at} 1\nc${at}: *b${at}\n`)],
  ])('is refused: %s', async (_, text) => {
    expect(await parseYaml('file.yml', text)).toBeUndefined()
  })

  test('by many keys in one map is read', async () => {
    expect(
      await parseYaml(
        'file.yml',
        many(50_000, (at) => `a${at}: 1\n`),
      ),
    ).toBeDefined()
  })
})

describe('a document that is too much for a parser', () => {
  test.each([
    ['lists in one line', '['.repeat(100_000)],
    ['lists that end', `${'['.repeat(101)}${']'.repeat(101)}`],
    ['maps in one line', '{a: '.repeat(100_000)],
    ['lists by dashes', '- '.repeat(100_000)],
    ['names by question marks', '? '.repeat(100_000)],
    ['maps by indent', many(200, (at) => `${' '.repeat(at)}a:\n`)],
    ['many bytes', `# ${'x'.repeat(4 * 2 ** 20)}\n`],
  ])('is refused by a code of its own: %s', async (_, text) => {
    await expect(parseYaml('file.yml', text)).rejects.toMatchObject({
      code: 'yaml-limit',
      message: expect.stringMatching(/^file\.yml: is YAML of more than /),
    })
  })

  test.each([
    ['tags in a row', '!a '.repeat(30_000)],
    ['anchors in a row', '&a '.repeat(30_000)],
    ['texts in a row', "'a' ".repeat(30_000)],
    ['ends of lists', 'a: ]\n'.repeat(20_000)],
    ['directives', '%a\n'.repeat(20_000)],
  ])('and of no depth is none: %s', async (_, text) => {
    expect(await parseYaml('file.yml', text)).toBeUndefined()
  })

  test('of ninety levels is read', async () => {
    expect(await parseYaml('file.yml', `${'['.repeat(90)}${']'.repeat(90)}`)).toBeDefined()
  })
})
