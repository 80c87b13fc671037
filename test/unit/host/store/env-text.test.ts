import { expect, test } from 'vitest'
import { changedBetween, meaningOf, withLine, withoutName } from '../../../../src/host/store/env-text.ts'

const TEXT = '# first\nA=1\nexport B=2\n# last\n'

test.each([
  ['is changed where it stands', TEXT, 'A=9', '# first\nA=9\nexport B=2\n# last\n'],
  ['is found under export', TEXT, 'B=9', '# first\nA=1\nB=9\n# last\n'],
  ['is added at the end', TEXT, 'C=9', `${TEXT}C=9\n`],
  ['begins an empty file', '', 'C=9', 'C=9\n'],
  ['that stands twice stands once, where it counted', 'A=1\nB=2\nA=3\n', 'A=9', 'B=2\nA=9\n'],
  ['that is first and alone stands once', 'A=1\n', 'A=9', 'A=9\n'],
  ['is no comment, nor a line that sets nothing', '#A=1\nA\n', 'A=9', '#A=1\nA\nA=9\n'],
  ['leaves blank lines as they are', 'A=1\n\nB=2\n', 'B=9', 'A=1\n\nB=9\n'],
  ['in a file without a final newline', 'A=1', 'B=2', 'A=1\nB=2\n'],
])('a name %s', (_, text, line, wanted) => {
  expect(withLine(text, line)).toBe(wanted)
})

test('all lines of a name go, and no other', () => {
  expect(withoutName('A=1\n# A=2\nexport A=3\nAB=4\n', 'A')).toBe('# A=2\nAB=4\n')
})

test('what refers to a name changes with it', async () => {
  const text = 'A=1\nB=${A}/x\nC=2\n'
  expect(await changedBetween(text, withoutName(text, 'A'), new Set(['A']))).toEqual(['B'])
  expect(await changedBetween(text, withoutName(text, 'C'), new Set(['C']))).toEqual([])
})

test('lines that set nothing mean nothing, whatever would be read in them', async () => {
  const meaning = await meaningOf('# A=1\nB: 2\nC=3 # x\n=4\nD=${C}/${HOME}\n', '/h')
  expect([...meaning]).toEqual([
    ['C', '3'],
    ['D', '3//h'],
  ])
})
