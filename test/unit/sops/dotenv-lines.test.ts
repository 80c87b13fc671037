import { expect, test } from 'vitest'
import { alignLines, splitLines } from '../../../src/sops/dotenv-lines.ts'

test('lines are cut as sops cuts them: at line feeds alone, the name up to the first =, nothing trimmed', () => {
  expect(splitLines('# one\n\nA=b=c\n B = d \nsops_mac=ENC\nnothing\nC=x\r#y\n=\n')).toEqual([
    { kind: 'comment', line: 1, text: ' one' },
    { kind: 'value', line: 3, name: 'A', text: 'b=c' },
    { kind: 'value', line: 4, name: ' B ', text: ' d ' },
    { kind: 'metadata', line: 5, name: 'mac', text: 'ENC' },
    { kind: 'nothing', line: 6 },
    { kind: 'value', line: 7, name: 'C', text: 'x\r#y' },
    { kind: 'value', line: 8, name: '', text: '' },
  ])
  expect(splitLines('')).toEqual([])
})

const aligned = (file: string, printed: string) => alignLines(Buffer.from(file), Buffer.from(printed))

test('what sops printed belongs to the file line by line, its own metadata left out', () => {
  expect(aligned('#ENC1\nA=ENC2\nsops_mac=x\nB=ENC3\n', '# said\nA=a=1\nB=\n')).toEqual([
    { kind: 'comment', line: 1, bytes: Buffer.from(' said') },
    { kind: 'value', line: 2, name: Buffer.from('A'), bytes: Buffer.from('a=1') },
    { kind: 'value', line: 4, name: Buffer.from('B'), bytes: Buffer.from('') },
  ])
  expect(aligned('sops_mac=x\n', '')).toEqual([])
})

test('every byte comes back, those that are no text too', () => {
  const [item] =
    alignLines(Buffer.from([0x41, 0xff, 0x3d, 0x45]), Buffer.from([0x41, 0xff, 0x3d, 0xfe, 0x0a])) ?? []
  expect(item).toEqual({
    kind: 'value',
    line: 1,
    name: Buffer.from([0x41, 0xff]),
    bytes: Buffer.from([0xfe]),
  })
})

test.each([
  ['a line more', 'A=1\n', 'A=1\nB=2\n'],
  ['a line less', 'A=1\nB=2\n', 'A=1\n'],
  ['another name', 'A=1\n', 'B=1\n'],
  ['a name that only begins so', 'A=1\n', 'AB=1\n'],
  ['a value for a comment', '#x\n', 'A=1\n'],
  ['a comment for a value', 'A=1\n', '#A=1\n'],
  ['another order', 'A=1\nB=2\n', 'B=2\nA=1\n'],
  ['a line that assigns nothing', 'A\n', '#A\n'],
  ['an empty line for one', 'A=1\n', '\n'],
])('%s is none of the file’s', (_, file, printed) => {
  expect(aligned(file, printed)).toBeUndefined()
})
