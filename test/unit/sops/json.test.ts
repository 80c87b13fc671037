/** JSON as sops reads it, whichever of the two ways reads it: JSON.parse where it keeps all, or the scanner. */
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { type JsonValue, parseJson } from '../../../src/sops/json.ts'

/** As sops writes it. A blank before it has the scanner read it. */
const written = (value: unknown) => `${JSON.stringify(value, undefined, '\t')}\n`

test('text that is as sops writes it means what the scanner reads', () => {
  const string = fc.string({ unit: 'binary' })
  const json = fc.letrec((tie) => ({
    value: fc.oneof(string, fc.double(), fc.boolean(), fc.constant(null), tie('list'), tie('map')),
    list: fc.array(tie('value'), { maxLength: 4 }),
    map: fc.dictionary(fc.oneof(string, fc.constantFrom('__proto__', '1', '0', 'sops')), tie('value'), {
      maxKeys: 4,
      noNullPrototype: false,
    }),
  })).value
  fc.assert(
    fc.property(json, (value) => {
      const text = written(value)
      expect(parseJson(text)).toEqual(parseJson(` ${text}`))
    }),
    { numRuns: 500 },
  )
})

test.each<[what: string, text: string, value: JsonValue]>([
  [
    'a member twice',
    '{\n\t"a": 1,\n\t"a": 2\n}\n',
    {
      members: [
        ['a', { number: '1' }],
        ['a', { number: '2' }],
      ],
    },
  ],
  [
    'names that are numbers, in their order',
    '{\n\t"2": true,\n\t"1": null\n}\n',
    {
      members: [
        ['2', true],
        ['1', null],
      ],
    },
  ],
  ['a name that objects have', '{\n\t"__proto__": "x"\n}\n', { members: [['__proto__', 'x']] }],
  ['a number too exact', '[\n\t12345678901234567890\n]\n', [{ number: '12345678901234567890' }]],
  ['a number with a zero at the end', '[\n\t1.0\n]\n', [{ number: '1.0' }]],
  ['zero with a sign', '[\n\t-0\n]\n', [{ number: '-0' }]],
  ['a large number', '[\n\t1e+21\n]\n', [{ number: '1e+21' }]],
  ['half of a surrogate pair', '[\n\t"\\ud800"\n]\n', ['\ufffd']],
  ['escapes', '[\n\t"a\\"\\n\\\\u0041"\n]\n', ['a"\n\\u0041']],
  [
    'lists in lists, and empty ones',
    '[\n\t[],\n\t{},\n\t[\n\t\tfalse\n\t]\n]\n',
    [[], { members: [] }, [false]],
  ],
])('%s: read, and the same with other blanks', (_what, text, value) => {
  expect(parseJson(text)).toEqual(value)
  expect(parseJson(text.replaceAll(/[\t\n]/g, ''))).toEqual(value)
})

test('what is no JSON, or too deep, has no value', () => {
  for (const text of ['', '{', '{"a": 1,}', 'NaN', `${'['.repeat(200_000)}${']'.repeat(200_000)}`])
    expect(parseJson(text)).toBeUndefined()
})
