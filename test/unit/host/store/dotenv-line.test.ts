import { expect, test } from 'vitest'
import { lineHolding, meanTheSame, onlyAssignment } from '../../../../src/host/store/dotenv-line.ts'
import { meaningOf } from '../../../../src/host/store/env-text.ts'
import fc from '../../../helpers/property.ts'

test.each([
  ['tok', 'A=tok'],
  ['two words', 'A=two words'],
  ['', 'A='],
  ['p@ss#word', "A='p@ss#word'"],
  [' blank ', "A=' blank '"],
  ["it's #1", 'A="it\'s #1"'],
  ['"quoted"', 'A=\'"quoted"\''],
  ['a\nb', 'A="a\\nb"'],
  ['a\\nb', 'A=a\\nb'],
  ['${HOME}/x', "A='${HOME}/x'"],
  ['${B}\nx', 'A="\\${B}\\nx"'],
  ['$${B}\n', 'A="\\$${B}\\n"'],
  ['a\r\nb', 'A="a\\r\\nb"'],
  ['a\n\\nb', undefined],
])('%j is written %s', async (value, line) => {
  expect(await lineHolding('A', value)).toBe(line)
})

test('a name that SOPS keeps for itself has no line', async () => {
  expect(await lineHolding('sops_mac', 'x')).toBeUndefined()
})

test.each([
  ['A=1', 'A'],
  ['export A=1 # x', 'A'],
  ['', undefined],
  ['# A=1', undefined],
  ['what A=1', undefined],
  ['A=1\nwhat', undefined],
  ['A=1\nB=2', undefined],
])('%j is the assignment of %s', async (line, name) => {
  expect((await onlyAssignment(line))?.name).toBe(name)
})

test.each([
  ['A=1', "A='1'", true],
  ['A=1', 'A=2', false],
  ['A=1', 'B=1', false],
  ['A=1', '', false],
  ['A=${B}', 'A="${B}"', true],
  // A reference, and what only looks like one.
  ['A=${B}', "A='${B}'", false],
  ['A=${B}', 'A=${C}', false],
  ['A=${B}', 'A=', false],
  ['A=x${B}${C}', 'A=x${C}${B}', false],
  ['A=x${B}${C}', 'A="x${B}${C}"', true],
  ['A=${HOME}', 'A=$HOME', false],
  ['A=${A}', 'A=${A}', true],
])('%j means the same as %j: %s', async (one, other, same) => {
  const [first, second] = [await onlyAssignment(one), await onlyAssignment(other)]
  expect(first !== undefined && meanTheSame(first, second)).toBe(same)
})

test('whatever the value, the line that holds it gives it back, HOME and other names set or not', async () => {
  const piece = fc.constantFrom(
    '\\n',
    '\n',
    "'",
    '"',
    '`',
    '#',
    ' ',
    '${B}',
    '$',
    '\\',
    '${HOME}',
    '=',
    'x',
    '\u2028',
  )
  await fc.assert(
    fc.asyncProperty(
      fc.oneof(
        fc.array(piece).map((parts) => parts.join('')),
        fc.string(),
      ),
      async (value) => {
        const line = await lineHolding('A', value)
        if (line === undefined) return
        for (const text of [`${line}\n`, `B=1\n${line}\n`])
          expect((await meaningOf(text, '/h')).get('A')).toBe(value)
      },
    ),
    { numRuns: 3000 },
  )
})
