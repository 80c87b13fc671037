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
  ])('is filled in: %s', async (_, text, wanted) => {
    expect((await filled(text)).values['A']).toBe(wanted)
  })

  test.each([
    ['in single quotes', "B=b\nA='${B}'", '${B}'],
    ['in backticks', 'B=b\nA=`${B}`', '${B}'],
    ['without braces', 'B=b\nA=$B', '$B'],
    ['to what nothing sets', 'A=${NOPE}/z', '${NOPE}/z'],
    ['in a circle', 'A=${B}x\nB=${C}\nC=${A}', '${B}x'],
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
  })

  test('that stays, or is set further down, is noted with its line', async () => {
    expect((await filled('A=${NOPE}\nB=${C}\nC=c\nD=${B:?e}')).notes).toEqual([
      'form 4 D',
      'unresolved 1 A',
      'later 2 B',
    ])
  })

  test('can’t fill memory', async () => {
    const lines = Array.from({ length: 60 }, (_, at) => `A${at}=\${A${at + 1}}\${A${at + 1}}`)
    const { assignments } = await readDotenv([...lines, 'A60=xxxxxxxx'].join('\n'))
    expect(() => fillReferences(assignments, undefined)).toThrow(ReferencesTooLarge)
  })
})
