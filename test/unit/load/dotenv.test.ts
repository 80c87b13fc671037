import { parse } from 'dotenv'
import { describe, expect, test } from 'vitest'
import {
  ForeignName,
  ownName,
  parseDotenv,
  readDotenv,
  readItems,
  textOf,
  valuesOf,
} from '../../../src/load/dotenv.ts'
import type { DotenvItem } from '../../../src/nouns.ts'
import fc from '../../helpers/property.ts'

const PIECES = [
  ...[
    'A',
    'B',
    'export ',
    'export\t',
    '=',
    ':',
    ' ',
    '\t',
    '\n',
    '\r',
    '\r\n',
    '"',
    "'",
    '`',
    '\\',
    '\\n',
    '#',
  ],
  ...['x', '-', '.', '\u2028', '\u2029', '\u0085', '\v', '\f', '\ufeff', '\u00a0', '$', '${A}', 'A=', 'B: '],
  ...['\\"', "\\'", 'é', '__proto__=', '1='],
]
const text = fc.array(fc.constantFrom(...PIECES), { maxLength: 20 }).map((pieces) => pieces.join(''))

function item(name: string, value: string): DotenvItem {
  return { kind: 'value', line: 1, name: Buffer.from(name), bytes: Buffer.from(value) }
}

test('any text means what the dotenv package says it means', async () => {
  await fc.assert(
    fc.asyncProperty(text, async (random) => {
      expect(Object.fromEntries(await parseDotenv(random))).toEqual(parse(random))
    }),
    { numRuns: 20_000 },
  )
})

test('each assignment has the line of its name, and each line that sets nothing its own', async () => {
  const { assignments, others } = await readDotenv('# c\nA=1\n\nB="x\ny"\nnothing\r\nexport C=3 # c\r\n')
  expect(assignments.map(({ name, line }) => [name, line])).toEqual([
    ['A', 2],
    ['B', 4],
    ['C', 7],
  ])
  expect(others.map(({ line }) => line)).toEqual([6])
})

/** Characters at the edges of what is a blank, a line end or part of a name, and the ones beside them. */
const EDGES = [
  ...[0x00, 0x08, 0x09, 0x0a, 0x0b, 0x0c, 0x0d, 0x0e, 0x1f, 0x20, 0x21, 0x22, 0x23, 0x24],
  ...[0x2c, 0x2d, 0x2e, 0x2f, 0x30, 0x39, 0x3a, 0x3b, 0x40, 0x41, 0x5a, 0x5b, 0x5c, 0x5e, 0x5f, 0x60],
  ...[0x61, 0x7a, 0x7b, 0x84, 0x85, 0x9f, 0xa0, 0xa1, 0x167f, 0x1680, 0x1681, 0x180e, 0x1fff, 0x2000],
  ...[0x2005, 0x200a, 0x200b, 0x2027, 0x2028, 0x2029, 0x202a, 0x202e, 0x202f, 0x2030, 0x205e, 0x205f],
  ...[0x2060, 0x2fff, 0x3000, 0x3001, 0xfefe, 0xfeff, 0xff00],
].map((code) => String.fromCharCode(code))

test('each character means what it means to the dotenv package, wherever it stands', async () => {
  for (const one of EDGES) {
    const texts = [
      ...[`${one}A=1`, `A${one}=1`, `A=1${one}B=2`, `A=${one}"x"`, `A="x"${one}`, `A="x"${one}#y`],
      ...[`export${one}A=1`, `export ${one}A=1`, `A:${one}x`, `A${one}: x`, `A=x${one}#y`, `#x${one}A=1`],
      ...[`${one}=1`, `A=${one}x${one}x${one}`, `A='${one}'`, `A=x # y${one}B=2`, `A="x${one}"`, `A=${one}`],
    ]
    for (const each of texts)
      expect([each, Object.fromEntries(await parseDotenv(each))]).toEqual([each, { ...parse(each) }])
  }
})

test.each<[text: string, what: object]>([
  ['A=x', { quote: undefined, text: 'A=x', valueAt: 2 }],
  ['  export \t A = "x" # c\nB=1', { name: 'A', value: 'x', quote: '"', text: 'A = "x" # c', valueAt: 3 }],
  ["A: 'x'", { quote: "'", text: "A: 'x'", valueAt: 3 }],
  ['A=`x`', { quote: '`', value: 'x' }],
  ['A="x', { quote: undefined, value: '"x' }],
  ['A="x"y', { quote: undefined, text: 'A="x"y' }],
  ['A="x\\" y"', { quote: '"', text: 'A="x\\" y"' }],
  ['A="a" #"b"', { quote: '"', text: 'A="a" #"b"' }],
  ['A=\n"x"', { quote: '"', text: 'A=\n"x"', value: 'x' }],
  ['A=\nB=1', { name: 'A', text: 'A=', value: '' }],
  ['A=x # c\n#d', { text: 'A=x # c', value: 'x' }],
  ['A=x#c\u2028B=1', { text: 'A=x#c', value: 'x' }],
  ['A=x\r\nB=1', { text: 'A=x', value: 'x' }],
  ['export=x', { name: 'export', text: 'export=x', valueAt: 7 }],
])('%j is read with its quotes and where its value is', async (source, what) => {
  expect((await readDotenv(source)).assignments[0]).toMatchObject({ line: 1, ...what })
})

test.each<[text: string, others: ReadonlyArray<readonly [number, string]>]>([
  [
    'a b\n\n# c\n  d',
    [
      [1, 'a b'],
      [4, 'd'],
    ],
  ],
  [
    'export A\nexport\n',
    [
      [1, 'export A'],
      [2, 'export'],
    ],
  ],
  ['A\n=1', []],
  ['?A=1', [[1, '?A=1']]],
  [
    'A:1\r\rB',
    [
      [1, 'A:1'],
      [3, 'B'],
    ],
  ],
])('%j has lines that set nothing', async (source, others) => {
  expect((await readDotenv(source)).others.map(({ line, text: found }) => [line, found])).toEqual(others)
})

test('of a name twice the last counts, in the place of the first', async () => {
  expect(await parseDotenv('A=1\nB=2\nA=3')).toEqual([
    ['A', '3'],
    ['B', '2'],
  ])
})

test.each([
  ['A', 'A'],
  [' A\t', 'A'],
  ['export A', 'A'],
  [' export\t A ', 'A'],
  ['exportA', 'exportA'],
  ['export', 'export'],
  ['x export A', 'x export A'],
])('the name %j stands for %j', (raw, name) => {
  expect(ownName(raw)).toBe(name)
})

describe('an item of SOPS dotenv', () => {
  test.each([
    ['a plain one', 'A', 'x', 'x'],
    ['export', 'export A', 'x', 'x'],
    ['blanks round the name', ' A ', ' x ', 'x'],
    ['a byte order mark', '\ufeffA', 'x', 'x'],
    ['quotes and a comment', 'A', '"a\\nb" # c', 'a\nb'],
    ['a carriage return at the end', 'A', 'x\r', 'x'],
  ])('sets its own name: %s', async (_, name, value, wanted) => {
    expect(valuesOf(await readItems([item(name, value)]))).toEqual([['A', wanted]])
  })

  test.each([
    ['a comment', '#x\rB', 'evil'],
    ['a carriage return in the name', 'A\rB', 'evil'],
    ['a line separator in the name', 'A\u2028B', 'evil'],
    ['a colon in the name', 'B: "evil" #', ''],
    ['an open quote in the name', 'B="', ''],
    ['a carriage return in the value', 'A', 'x\rB=evil'],
    ['a line separator after quotes', 'A', '"x"\u2028B=evil'],
  ])('never sets another: %s', async (_, name, value) => {
    const read = await readItems([item('A', 'good'), item(name, value)]).catch((error: Error) => error.name)
    if (typeof read === 'string') expect(read).toBe('ForeignName')
    else expect(valuesOf(read)).toEqual([['A', 'good']])
  })

  test('whatever name and text it has, sets its own name, nothing, or is refused', async () => {
    await fc.assert(
      fc.asyncProperty(text, text, async (name, value) => {
        const raw = name.replaceAll(/[\n=]/g, '')
        const read = await readItems([item(raw, value.replaceAll('\n', '\\n'))]).catch(
          (error: Error) => error.name,
        )
        if (typeof read === 'string') expect(read).toBe('ForeignName')
        else for (const [set] of valuesOf(read)) expect(raw.trim().replace(/^export\s+/, '')).toBe(set)
      }),
      { numRuns: 5000 },
    )
  })

  test('is not opened by the quotes of the one before it', async () => {
    const items = [item('A', '"x'), item('B', 'y'), item('C', 'z"')]
    expect(valuesOf(await readItems(items))).toEqual([
      ['A', '"x'],
      ['B', 'y'],
      ['C', 'z"'],
    ])
  })

  test('has the line that it has in the file, also where it sets nothing', async () => {
    const at = (line: number, one: DotenvItem): DotenvItem => ({ ...one, line })
    const read = await readItems([
      at(7, item('A', '"x\\ny" z')),
      at(9, item('A b', '')),
      at(11, item('C', 'x')),
    ])
    expect(read.assignments.map(({ name, line }) => [name, line])).toEqual([
      ['A', 7],
      ['C', 11],
    ])
    expect(read.others).toEqual([{ line: 9, text: 'A b=' }])
    const foreign = readItems([at(3, item('A', 'x\rB=evil'))])
    await expect(foreign).rejects.toEqual(new ForeignName(3))
    await expect(foreign).rejects.toMatchObject({ line: 3, message: 'line 3 sets another name than its own' })
  })

  test('is put down as sops decrypt prints it', () => {
    const comment: DotenvItem = { kind: 'comment', line: 1, bytes: Buffer.from(' x') }
    expect(textOf([comment, item('A', 'x\\ny'), item('B', '')]).toString()).toBe('# x\nA=x\\ny\nB=\n')
    expect(textOf([]).toString()).toBe('')
  })

  test('comments are not read', async () => {
    const comment: DotenvItem = { kind: 'comment', line: 1, bytes: Buffer.from(' x\rB=evil') }
    expect(valuesOf(await readItems([comment, item('A', 'x')]))).toEqual([['A', 'x']])
  })
})
