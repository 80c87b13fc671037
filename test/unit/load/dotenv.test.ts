import { parse } from 'dotenv'
import { describe, expect, test } from 'vitest'
import { parseDotenv, readDotenv, readItems, valuesOf } from '../../../src/load/dotenv.ts'
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

  test('comments are not read', async () => {
    const comment: DotenvItem = { kind: 'comment', line: 1, bytes: Buffer.from(' x\rB=evil') }
    expect(valuesOf(await readItems([comment, item('A', 'x')]))).toEqual([['A', 'x']])
  })
})
