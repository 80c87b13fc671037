import { expect, test } from 'vitest'
import { toldIn } from '../../../../src/host/compose/exposures.ts'

test('what an example says of its names is read, indented or not', () => {
  const { secrets, config } = toldIn('A=  # [SECRET] x\n  # export B = 1 # [CONFIG]\n#C=# [SECRET]\nD=1\n')
  expect([[...secrets], [...config]]).toEqual([['A', 'C'], ['B']])
})

test('a line of blanks is read in time that goes with its length', () => {
  expect(toldIn(' '.repeat(2_000_000)).secrets.size).toBe(0)
})
