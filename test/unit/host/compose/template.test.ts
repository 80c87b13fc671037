// biome-ignore-all lint/suspicious/noTemplateCurlyInString: references of compose are what this is about.
import { expect, test } from 'vitest'
import { fillIn, referencesIn } from '../../../../src/host/compose/template.ts'

test.for<[text: string, names: string[]]>([
  ['plain', []],
  ['$A and ${B}', ['A', 'B']],
  ['$$A and $${B}', []],
  ['$$$A', ['A']],
  ['${A:-default}${B-x}${C:+y}', ['A', 'B', 'C']],
  ['${A:-${B:-${C}}}', ['A', 'B', 'C']],
  ['${A:-${HOME}/.ssh}:/x:ro', ['A', 'HOME']],
  ['${A:?say it}', ['A']],
  ['5$ ${1} $-', []],
  ['${A', []],
  ['$lower_1x', ['lower_1x']],
])('the variables of %j are found', ([text, names]) => {
  expect(referencesIn(text).map(({ name }) => name)).toEqual(names)
})

test('what an absent value does is told by the operator', () => {
  const absent = (text: string) => referencesIn(text).map((reference) => reference.absent)
  expect(absent('$A ${A} ${A:-x} ${A-} ${A+y} ${A:?no} ${A?no}')).toEqual([
    'empty',
    'empty',
    'default',
    'default',
    'default',
    'required',
    'required',
  ])
})

test.for<[text: string, filled: string]>([
  ['${A}/x', '1/x'],
  ['${NONE:-${A}}-${EMPTY:-e}-${EMPTY-e}', '1-e-'],
  ['${A:+set}${NONE:+set}', 'set'],
  ['$$A ${NONE}', '$A '],
])('%j is filled in as compose does', ([text, filled]) => {
  const values = new Map([
    ['A', '1'],
    ['EMPTY', ''],
  ])
  expect(fillIn(text, (name) => values.get(name))).toBe(filled)
})
