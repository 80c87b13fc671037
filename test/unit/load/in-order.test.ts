import { expect, test } from 'vitest'
import { inOrder } from '../../../src/load/in-order.ts'
import fc from '../../helpers/property.ts'

test.each([
  ['nothing', [], []],
  ['what needs nothing, as it is', [[], []], [[0], [1]]],
  ['what is needed, first', [[1], [2], []], [[2], [1], [0]]],
  ['what needs itself, alone', [[0]], [[0]]],
])('%s', (_, needs, order) => {
  expect(inOrder(needs.length, (at) => [...(needs[at] ?? [])])).toEqual(order)
})

test('a circle is together, behind what it needs', () => {
  const needs = [[1], [2], [0, 3], []]
  const [first, circle, ...more] = inOrder(4, (at) => [...(needs[at] ?? [])])
  expect({ first, circle: circle?.toSorted(), more }).toEqual({ first: [3], circle: [0, 1, 2], more: [] })
})

test('each number comes once, never before another group that it needs', () => {
  const graph = fc.nat({ max: 12 }).chain((count) =>
    fc.array(fc.array(fc.nat({ max: Math.max(count - 1, 0) }), { maxLength: 4 }), {
      minLength: count,
      maxLength: count,
    }),
  )
  fc.assert(
    fc.property(graph, (needs) => {
      const groups = inOrder(needs.length, (at) => [...(needs[at] ?? [])])
      const groupOf = new Map(groups.flatMap((group, place) => group.map((one) => [one, place] as const)))
      expect(groups.flat().toSorted((one, other) => one - other)).toEqual(needs.map((_, at) => at))
      for (const [at, some] of needs.entries())
        for (const one of some) expect(groupOf.get(one)).toBeLessThanOrEqual(groupOf.get(at) ?? -1)
    }),
  )
})

test('is as deep as there are numbers', () => {
  const count = 200_000
  expect(inOrder(count, (at) => (at + 1 < count ? [at + 1] : [])).length).toBe(count)
})
