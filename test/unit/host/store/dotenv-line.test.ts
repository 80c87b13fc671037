import { expect, test } from 'vitest'
import { lineHolding } from '../../../../src/host/store/dotenv-line.ts'
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
