import { describe, expect, test } from 'vitest'
import { HiddenLine } from '../../../../src/host/cli/hidden-line.ts'
import fc from '../../../helpers/property.ts'

/** What a line makes of input that comes in these pieces. */
function typed(...pieces: string[]) {
  const line = new HiddenLine()
  for (const piece of pieces) line.feed(piece)
  return { value: line.value, end: line.end, several: line.isSeveralLines }
}

const paste = (text: string) => `\x1b[200~${text}\x1b[201~`

describe('one line', () => {
  test.each([
    ['typed', 'tok\r', 'tok'],
    ['typed, with a mistake taken back', 'tol\x7fk\r', 'tok'],
    ['typed anew', 'wrong\x15tok\r', 'tok'],
    ['typed with keys that are no characters', 't\x1b[Do\x1bOPk\x14\r', 'tok'],
    ['with a tab and a character of two halves', 'a\tb😀\r', 'a\tb😀'],
    ['pasted', `${paste('tok')}\r`, 'tok'],
    ['pasted with its line end', `${paste('tok\r\n')}\r`, 'tok'],
    ['pasted in two pieces', `${paste('to')}${paste('k')}\r`, 'tok'],
    ['pasted with a control character', `${paste('t\x03k')}\r`, 't\x03k'],
    ['pasted without marks, with its line end', 'tok\r\n\r', 'tok'],
  ])('%s', (_, input, value) => {
    expect(typed(input)).toEqual({ value, end: 'entered', several: false })
  })

  test('is the same whatever pieces it comes in', () => {
    const whole = `a\x1b[C${paste('b\x1b[c')}\x7f😀d\r`
    fc.assert(
      fc.property(fc.array(fc.nat(whole.length)), (cuts) => {
        const at = [0, ...cuts.sort((one, other) => one - other), whole.length]
        // A terminal sends whole characters: its bytes are decoded before.
        const pieces = at.slice(1).map((end, index) => whole.slice(at[index], end))
        if (pieces.some((piece) => /[\ud800-\udbff]$/.test(piece))) return
        expect(typed(...pieces)).toEqual(typed(whole))
      }),
    )
  })
})

describe('several lines', () => {
  test.each([
    ['pasted', `${paste('-----BEGIN\nabc\n-----END\n')}\r`],
    ['pasted with Windows line ends', `${paste('a\r\nb')}\r`],
    ['pasted without marks', 'a\rb\r'],
    ['of which the rest comes later', 'a\r', 'b\r'],
    ['in a second paste after Enter', `a\r${paste('b')}`],
  ])('%s are told from one', (_, ...pieces) => {
    expect(typed(...pieces)).toMatchObject({ end: 'entered', several: true })
  })
})

test.each([
  ['Ctrl-C', 'a\x03', 'interrupted'],
  ['Ctrl-D on an empty line', '\x04', 'interrupted'],
  ['Ctrl-D after a character, which means nothing', 'a\x04', undefined],
  ['Ctrl-\\', 'a\x1c', 'quit'],
  ['an escape that is not whole', 'a\x1b[', undefined],
])('%s', (_, input, end) => {
  expect(typed(input).end).toBe(end)
})
