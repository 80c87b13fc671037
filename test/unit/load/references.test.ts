import { describe, expect, test } from 'vitest'
import { readDotenv } from '../../../src/load/dotenv.ts'
import { fillReferences, ReferencesTooLarge } from '../../../src/load/references.ts'

async function filled(text: string, home: string | undefined = '/home/me') {
  const { values, notes } = fillReferences((await readDotenv(text)).assignments, home)
  return {
    values: Object.fromEntries(values),
    notes: notes.map(({ kind, line, name }) => `${kind} ${line} ${name}`),
  }
}

describe('a reference', () => {
  test.each([
    ['to a name above', 'B=/srv\nA=${B}/x', '/srv/x'],
    ['to a name below', 'A=${B}/x\nB=/srv', '/srv/x'],
    ['in double quotes', 'B=b\nA="${B} c"', 'b c'],
    ['to HOME', 'A=${HOME}/x', '/home/me/x'],
    ['to another, which refers on', 'A=${B}\nB=${C}\nC=c', 'c'],
    ['with a default for what is missing', 'A=${B:-d e}', 'd e'],
    ['with a default for what is empty', 'B=\nA=${B:-d}', 'd'],
    ['with a default for what is missing alone', 'B=\nA=x${B-d}', 'x'],
    ['with a default that refers on', 'C=c\nA=${B:-${C}}', 'c'],
    ['with a default in a default', 'A=${B:-${C:-${D:-deep}}}', 'deep'],
    ['with an empty default', 'A=x${B-}', 'x'],
    ['to itself, with a default', 'A=${A:-self}', 'self'],
    ['into a circle, with a default', 'A=${B:-a}\nB=${A:-b}', 'a'],
    ['to itself, set above', 'A=1\nA=${A}2', '12'],
    ['to a name twice, which ends up with the last', 'B=1\nA=${B}\nB=2', '2'],
    ['beside another', 'B=b\nC=c\nA=${B}${C}}', 'bc}'],
    ['to a name whose value looks like one', "B='${C}'\nC=c\nA=${B}", '${C}'],
    ['to what is empty', 'B=\nA=x${B}y', 'xy'],
    ['with a default for what is itself not set', 'A=${B:-${C}x}\nC=', 'x'],
    ['to itself, set above twice', 'A=1\nA=${A}2\nA=${A}3', '123'],
    ['to itself from another', 'B=${A}\nA=1\nA=${A}2', '12'],
    ['to HOME, set below', 'A=${HOME}\nHOME=/own', '/own'],
    ['in double quotes with a line feed', 'B=b\nA="${B}\\nc"', 'b\nc'],
  ])('is filled in: %s', async (_, text, wanted) => {
    expect((await filled(text)).values['A']).toBe(wanted)
  })

  test.each([
    ['in single quotes', "B=b\nA='${B}'", '${B}'],
    ['in backticks', 'B=b\nA=`${B}`', '${B}'],
    ['without braces', 'B=b\nA=$B', '$B'],
    ['to what nothing sets', 'A=${NOPE}/z', '${NOPE}/z'],
    ['in a circle', 'A=${B}x\nB=${C}\nC=${A}', '${B}x'],
    ['to itself, set nowhere else', 'A=${A}x', '${A}x'],
    ['to itself, set below', 'A=${A}x\nB=1', '${A}x'],
    ['in a default that is taken', 'A=${B:-${C}}', '${C}'],
    ['of another form', 'B=b\nA=${B:?no}${B:+x}', '${B:?no}${B:+x}'],
    ['in another form', 'B=b\nA=${B:+${B}}', '${B:+${B}}'],
    ['that is not closed', 'B=b\nA=${B', '${B'],
    ['without a name', 'A=${}', '${}'],
    ['to what begins with a digit', 'A=${1}', '${1}'],
    ['escaped by a second dollar sign', 'B=b\nA=$${B}', '${B}'],
    ['escaped in double quotes', 'B=b\nA="\\${B}"', '${B}'],
  ])('stays: %s', async (_, text, wanted) => {
    expect((await filled(text)).values['A']).toBe(wanted)
  })

  test('is filled in inside of one that is not closed', async () => {
    expect((await filled('B=b\nA=${C:-${B}')).values['A']).toBe('${C:-b')
  })

  test('to HOME stays where there is none, and means the file’s own where it has one', async () => {
    expect(fillReferences((await readDotenv('A=${HOME}')).assignments, undefined).values).toEqual([
      ['A', '${HOME}'],
    ])
    expect((await filled('HOME=/h\nA=${HOME}')).values['A']).toBe('/h')
    expect((await filled('HOME=${HOME}/x')).values['HOME']).toBe('${HOME}/x')
  })

  test('that stays, or is set further down, is noted with its line', async () => {
    expect((await filled('A=${NOPE}\nB=${C}\nC=c\nD=${B:?e}')).notes).toEqual([
      'form 4 D',
      'unresolved 1 A',
      'later 2 B',
    ])
  })

  test.each<[what: string, text: string, notes: string[]]>([
    ['a default that is taken is no word', 'A=${B:-d}', []],
    ['a default that is taken, though it is set below', 'A=${B:-d}\nB=', []],
    ['one set below that is taken', 'A=${B:-d}\nB=b', ['later 1 A']],
    ['one set above and below', 'B=1\nA=${B}\nB=2', ['later 2 A']],
    ['one set below, in a circle with another', 'A=${B}\nB=${A}', ['unresolved 1 A', 'unresolved 2 B']],
    ['one of a default that is taken', 'A=${B:-${C}}', ['unresolved 1 A']],
    ['one of a default that is not', 'B=b\nA=${B:-${C}}', []],
    ['in single quotes and backticks', "A='${B}'\nB=`${C:?x}`", []],
    ['another form beside one that is none', 'A=${B:?x}${C}', ['form 1 A', 'unresolved 1 A']],
    ['to HOME', 'A=${HOME}', []],
    ['of several lines', 'B="x\ny"\nA=${C}', ['unresolved 3 A']],
  ])('is noted or not: %s', async (_, text, notes) => {
    expect((await filled(text)).notes.sort()).toEqual(notes)
  })

  test('changes nothing of the order of names', async () => {
    for (const reference of ['x', '${C}'])
      expect(
        fillReferences((await readDotenv(`A=1\nB=${reference}\nA=2\nC=x`)).assignments, undefined).values,
      ).toEqual([
        ['A', '2'],
        ['B', 'x'],
        ['C', 'x'],
      ])
  })

  test('may make a file as large as any environment is, and no larger', async () => {
    const half = 5 * 2 ** 20
    const made = async (more: string) =>
      fillReferences(
        (await readDotenv(`X=${'x'.repeat(half)}\nA=\${X}\nPLAIN=${'y'.repeat(half)}\nB=\${X}${more}`))
          .assignments,
        undefined,
      )
    expect((await made('')).values.at(-1)?.[1]).toHaveLength(half)
    await expect(made('z')).rejects.toThrow(
      expect.objectContaining({ line: 4, message: 'line 4 grows beyond 10485760 bytes' }),
    )
  })

  test('can’t fill memory', async () => {
    const lines = Array.from({ length: 60 }, (_, at) => `A${at}=\${A${at + 1}}\${A${at + 1}}`)
    const { assignments } = await readDotenv([...lines, 'A60=xxxxxxxx'].join('\n'))
    expect(() => fillReferences(assignments, undefined)).toThrow(ReferencesTooLarge)
  })
})
