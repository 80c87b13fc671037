import { describe, expect, test } from 'vitest'
import { type Entry, mergeByName, nameTwice, type Versions } from '../../../../src/host/git/merge.ts'
import fc from '../../../helpers/property.ts'

/** Entries from lines: `# text` or `NAME=content`. */
function entries(...lines: string[]): Entry[] {
  return lines.map((line) => {
    const [name = '', ...rest] = line.split('=')
    return line.startsWith('#')
      ? { kind: 'comment', text: line.slice(1) }
      : { kind: 'value', name, content: rest.join('=') }
  })
}

const lines = (list: readonly Entry[]) =>
  list.map((entry) => (entry.kind === 'comment' ? `#${entry.text}` : `${entry.name}=${entry.content}`))

function merge(base: string[], ours: string[], theirs: string[]) {
  const merged = mergeByName({ base: entries(...base), ours: entries(...ours), theirs: entries(...theirs) })
  return { lines: lines(merged.entries), conflicts: merged.conflicts }
}

describe('by name', () => {
  test('both sides’ additions are taken, ours first where both stand at one place', () => {
    expect(merge(['A=1', 'Z=1'], ['A=1', 'B=1', 'Z=1'], ['A=1', 'C=1', 'Z=1'])).toEqual({
      lines: ['A=1', 'B=1', 'C=1', 'Z=1'],
      conflicts: [],
    })
  })

  test('what one side changed, removed or left is as that side has it', () => {
    expect(merge(['A=1', 'B=1', 'C=1'], ['A=2', 'B=1', 'C=1'], ['A=1', 'C=3'])).toEqual({
      lines: ['A=2', 'C=3'],
      conflicts: [],
    })
  })

  test('what both did alike is no conflict', () => {
    expect(merge(['A=1', 'B=1'], ['A=2', 'C=1'], ['A=2', 'C=1'])).toEqual({
      lines: ['A=2', 'C=1'],
      conflicts: [],
    })
  })

  test.each([
    ['two values', ['A=1'], ['A=2'], ['A=3']],
    ['two additions', [], ['A=2'], ['A=3']],
    ['a change and a removal', ['A=1'], ['A=2'], []],
    ['a removal and a change', ['A=1'], [], ['A=3']],
  ])('a conflict names the variable, and ours stands: %s', (_, base, ours, theirs) => {
    expect(merge(base, ours, theirs)).toEqual({ lines: ours, conflicts: ['A'] })
  })

  test('contents that mean the same are no conflict', () => {
    const versions = { base: [], ours: entries('A="1"'), theirs: entries('A=1') }
    expect(mergeByName(versions, new Set(['A']))).toEqual({ entries: versions.ours, conflicts: [] })
  })

  test('an ancestor that lacks the file is one without entries', () => {
    expect(merge([], ['A=1', 'B=2'], ['A=1', 'C=3']).lines).toEqual(['A=1', 'B=2', 'C=3'])
  })
})

describe('comments and order', () => {
  test('a comment comes along with what stands below it', () => {
    expect(merge(['A=1', 'D=1'], ['A=1', 'D=1', '# end'], ['A=1', '# of B', 'B=1', 'D=1']).lines).toEqual([
      'A=1',
      '# of B',
      'B=1',
      'D=1',
      '# end',
    ])
  })

  test('a comment that one side removed or wrote anew is as that side has it, also one that stands twice', () => {
    expect(
      merge(['# x', 'A=1', '# x', 'B=1'], ['# x', 'A=1', '# x', 'B=1'], ['# x', 'A=1', '# y', 'B=1']).lines,
    ).toEqual(['# x', 'A=1', '# y', 'B=1'])
  })

  test('the order is ours, unless theirs alone was changed', () => {
    expect(merge(['A=1', 'B=1', 'C=1'], ['C=1', 'A=1', 'B=1'], ['A=1', 'B=2', 'C=1']).lines).toEqual([
      'C=1',
      'A=1',
      'B=2',
    ])
    expect(merge(['A=1', 'B=1', 'C=1'], ['A=1', 'B=2', 'C=1'], ['C=1', 'A=1', 'B=1']).lines).toEqual([
      'C=1',
      'A=1',
      'B=2',
    ])
  })
})

test('a name that stands twice is found', () => {
  expect(nameTwice(entries('A=1', '# A', 'B=1', 'A=2'))).toBe('A')
  expect(nameTwice(entries('A=1', '# A', '# A'))).toBe(undefined)
})

describe('for any three versions', () => {
  const line = fc.oneof(
    { weight: 3, arbitrary: fc.tuple(fc.constantFrom(...'ABCDEFG'), fc.constantFrom('1', '2', '3')) },
    { weight: 1, arbitrary: fc.tuple(fc.constant('#'), fc.constantFrom('x', 'y', 'z')) },
  )
  const version = fc
    .array(line, { maxLength: 8 })
    .map((list) =>
      list
        .filter(([name], at) => name === '#' || list.findIndex(([other]) => other === name) === at)
        .map(([name, text]) => (name === '#' ? `#${text}` : `${name}=${text}`)),
    )
  const valuesOf = (list: readonly Entry[]) =>
    new Map(list.flatMap((entry) => (entry.kind === 'value' ? [[entry.name, entry.content] as const] : [])))

  /** The merge of three maps: what is set, and which names both sides have changed, each in its own way. */
  function mergeOfMaps({ base, ours, theirs }: Versions) {
    const [b, o, t] = [valuesOf(base), valuesOf(ours), valuesOf(theirs)]
    const wanted = new Map<string, string>()
    const conflicts = new Set<string>()
    for (const name of new Set([...o.keys(), ...t.keys()])) {
      const [was, one, two] = [b.get(name), o.get(name), t.get(name)]
      if (new Set([was, one, two]).size === 3) conflicts.add(name)
      const value = one === was ? two : one
      if (value !== undefined) wanted.set(name, value)
    }
    return { wanted, conflicts }
  }

  test('the values are those of a merge of three maps', () => {
    fc.assert(
      fc.property(version, version, version, (base, ours, theirs) => {
        const versions = { base: entries(...base), ours: entries(...ours), theirs: entries(...theirs) }
        const merged = mergeByName(versions)
        const { wanted, conflicts } = mergeOfMaps(versions)
        expect(Object.fromEntries(valuesOf(merged.entries))).toEqual(Object.fromEntries(wanted))
        expect(new Set(merged.conflicts)).toEqual(conflicts)
      }),
      { numRuns: 2000 },
    )
  })

  test('no comment is lost or doubled', () => {
    const count = (list: readonly Entry[], text: string) =>
      list.filter((entry) => entry.kind === 'comment' && entry.text === text).length
    const all = fc.tuple(version, version, version, fc.constantFrom('x', 'y', 'z'))
    fc.assert(
      fc.property(all, ([base, ours, theirs, text]) => {
        const versions = { base: entries(...base), ours: entries(...ours), theirs: entries(...theirs) }
        const [was, one, two] = [versions.base, versions.ours, versions.theirs].map((list) =>
          count(list, text),
        )
        const left = count(mergeByName(versions).entries, text)
        if (one === was) expect(left).toBe(two)
        else if (two === was) expect(left).toBe(one)
      }),
      { numRuns: 2000 },
    )
  })

  test('one side that changed nothing gives the other, to the line and its order', () => {
    fc.assert(
      fc.property(version, version, (base, other) => {
        expect(merge(base, base, other).lines).toEqual(other)
        expect(merge(base, other, base).lines).toEqual(other)
      }),
    )
  })

  test('a long file takes no more than its length in steps', () => {
    const many = Array.from({ length: 20_000 }, (_, at) => `N${at}=1`)
    const theirs = many.flatMap((line, at) => [line, `T${at}=1`])
    expect(merge(many, [...many, 'O=1'], theirs).lines).toHaveLength(40_001)
  }, 20_000)
})
