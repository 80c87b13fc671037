import { expect, test } from 'vitest'
import type { SopsFormat } from '../../../src/nouns.ts'
import { appendAgeKey } from '../../../src/sops/add-recipient.ts'
import { SopsFault } from '../../../src/sops/fault.ts'

const KEY = { recipient: 'age1new', enc: '-----BEGIN\nnew\n-----END\n' }

const append = async (text: string, format: SopsFormat) =>
  (await appendAgeKey(Buffer.from(text), format, KEY)).toString()

const YAML = `A: ENC[x]
sops:
    age:
        - enc: |
            -----BEGIN
            old
            -----END
          recipient: age1old
    lastmodified: "2026-01-01T00:00:00Z"
`

test('YAML gets one more entry in the list, written as sops writes it, and every other byte stays', async () => {
  const [before = '', after = ''] = YAML.split('    lastmodified')
  expect(await append(YAML, 'sops-yaml')).toBe(
    `${before}        - enc: |
            -----BEGIN
            new
            -----END
          recipient: age1new
    lastmodified${after}`,
  )
})

test('YAML whose last entry is the end of the text gets a line end first', async () => {
  const cut = YAML.replace(/\n {4}lastmodified.*\n/, '')
  expect(await append(cut, 'sops-yaml')).toBe(`${cut}
        - enc: |
            -----BEGIN
            new
            -----END
          recipient: age1new
`)
})

test.each([
  ['no list', 'A: x\nsops:\n    kms: []\n'],
  ['an empty list', 'A: x\nsops:\n    age: []\n'],
  ['a list in one line', 'A: x\nsops:\n    age: [{enc: x, recipient: age1old}]\n'],
  ['an entry in one line', 'A: x\nsops:\n    age:\n        - {enc: x, recipient: age1old}\n'],
  ['texts in place of entries', 'A: x\nsops:\n    age:\n        - age1old\n'],
  ['two documents', 'A: x\n---\nsops: {}\n'],
])('YAML with %s is declined', async (_, text) => {
  await expect(append(text, 'sops-yaml')).rejects.toThrow(SopsFault)
})

test('dotenv gets two more lines behind those of the last key, whatever its number, with its line ends', async () => {
  const text = (end: string) =>
    [
      'A=x',
      'sops_age__list_3__map_enc=old',
      'sops_age__list_3__map_recipient=age1old',
      'sops_mac=m',
      '',
    ].join(end)
  for (const end of ['\n', '\r\n']) {
    expect(await append(text(end), 'sops-dotenv')).toBe(
      text(end).replace(
        `sops_mac`,
        `sops_age__list_4__map_enc=-----BEGIN\\nnew\\n-----END\\n${end}sops_age__list_4__map_recipient=age1new${end}sops_mac`,
      ),
    )
  }
})

test('INI has blanks around the sign, and no prefix', async () => {
  expect(await append('[sops]\nage__list_0__map_recipient = age1old\n', 'sops-ini')).toBe(
    '[sops]\nage__list_0__map_recipient = age1old\nage__list_1__map_enc = -----BEGIN\\nnew\\n-----END\\n\nage__list_1__map_recipient = age1new\n',
  )
})

test.each(['A=x\n', 'sops_age__list_x__map_enc=y\n'])(
  'dotenv without numbered keys is declined: %j',
  async (text) => {
    await expect(append(text, 'sops-dotenv')).rejects.toThrow(SopsFault)
  },
)

test.each([
  ['in one line', '{"A":"x","sops":{"age":[{"recipient":"age1old","enc":"x"}]}}', undefined],
  [
    'by tabs',
    JSON.stringify({ sops: { age: [{ recipient: 'age1old', enc: '}"]' }], mac: 1 } }, undefined, '\t'),
    '\t',
  ],
  [
    'by blanks',
    JSON.stringify({ sops: { age: [{ recipient: 'age1old', enc: 'x' }] } }, undefined, '  '),
    '  ',
  ],
])('JSON laid out %s gets one more entry, laid out alike', async (_, text, unit) => {
  const done = await append(text, 'sops-json')
  const value = JSON.parse(text)
  value.sops.age.push({ enc: KEY.enc, recipient: KEY.recipient })
  expect(done).toBe(JSON.stringify(value, undefined, unit))
})

test('JSON with the name twice gets it in the last, as Go reads it', async () => {
  const text = '{"sops":{"age":[]},"sops":{"age":[{"recipient":"age1old"}] , "n": 1}}'
  expect(JSON.parse(await append(text, 'sops-json')).sops).toEqual({
    age: [{ recipient: 'age1old' }, { enc: KEY.enc, recipient: KEY.recipient }],
    n: 1,
  })
})

test.each([
  '{}',
  '[]',
  '{"sops":{}}',
  '{"sops":{"age":{}}}',
  '{"sops":{"age":[]}}',
  '{"sops":{"age":["x"]}}',
])('JSON without age keys is declined: %s', async (text) => {
  await expect(append(text, 'sops-json')).rejects.toThrow(SopsFault)
})

const ENTRY = { enc: KEY.enc, recipient: KEY.recipient }
const OLD = { recipient: 'age1old', enc: 'x' }

test.each<[what: string, before: string, after: string]>([
  [
    'blanks wherever there may be some',
    ' { "sops" : { "age" : [ {"enc":"x"} ] } } ',
    ` { "sops" : { "age" : [ {"enc":"x"},${JSON.stringify(ENTRY)} ] } } `,
  ],
  [
    'no blanks, and more behind',
    '{"sops":{"age":[{"a":1},{"b":2}],"kms":[{}]},"A":[{}]}',
    `{"sops":{"age":[{"a":1},{"b":2},${JSON.stringify(ENTRY)}],"kms":[{}]},"A":[{}]}`,
  ],
  [
    'values of each kind in front',
    '{"a":null,"b":-1.5e3,"c":[],"d":{},"e":[[{"age":[]}],{}],"f":true,"sops":{"mac":"m","age":[{}]}}',
    `{"a":null,"b":-1.5e3,"c":[],"d":{},"e":[[{"age":[]}],{}],"f":true,"sops":{"mac":"m","age":[{},${JSON.stringify(ENTRY)}]}}`,
  ],
  [
    'brackets and quotes in texts',
    '{"a]}":"}{\\"[\\\\","sops":{"age":[{"enc":"\\"}]\\\\"}]}}',
    `{"a]}":"}{\\"[\\\\","sops":{"age":[{"enc":"\\"}]\\\\"},${JSON.stringify(ENTRY)}]}}`,
  ],
  [
    'names in another writing',
    '{"s\\u006fps":{"\\u0061ge":[{}]}}',
    `{"s\\u006fps":{"\\u0061ge":[{},${JSON.stringify(ENTRY)}]}}`,
  ],
  [
    'texts that are like names',
    '{"x":"sops","sops":{"x":"age","age":[{}]},"y":{"sops":{}}}',
    `{"x":"sops","sops":{"x":"age","age":[{},${JSON.stringify(ENTRY)}]},"y":{"sops":{}}}`,
  ],
  [
    'tabs and line ends between, in one line with the list',
    '{\r\n\t"sops":\t{"age":\n[{}]}}',
    `{\r\n\t"sops":\t{"age":\n[{},${JSON.stringify(ENTRY)}]}}`,
  ],
  [
    'numbers at the end of lists',
    '{"a":[1,2],"b":[1 ],"c":[true\n],"sops":{"age":[{}]}}',
    `{"a":[1,2],"b":[1 ],"c":[true\n],"sops":{"age":[{},${JSON.stringify(ENTRY)}]}}`,
  ],
])('JSON with %s gets one more entry, and every other byte stays', async (_, before, after) => {
  expect(await append(before, 'sops-json')).toBe(after)
  expect(await append(before, 'sops-binary')).toBe(after)
})

test.each([' ', '    ', '\t'])('JSON laid out by %j is so behind several keys, too', async (unit) => {
  const value = { A: 'x', sops: { kms: null, age: [OLD, OLD], mac: 'm' } }
  const more = { ...value, sops: { ...value.sops, age: [OLD, OLD, ENTRY] } }
  expect(await append(JSON.stringify(value, undefined, unit), 'sops-json')).toBe(
    JSON.stringify(more, undefined, unit),
  )
})

test('JSON in which the list begins a line of its own has the entry behind the other', async () => {
  const text = '{"sops": {"age":\n   [{"enc": "x"}\n]}}'
  expect(await append(text, 'sops-json')).toBe(text.replace('}\n', `},${JSON.stringify(ENTRY)}\n`))
})

test('JSON whose last key stands behind another on its line has the entry there, too', async () => {
  const text = '{"sops":{"age":[\n  {"a":1}, {"b":2}]}}'
  expect(await append(text, 'sops-json')).toBe(text.replace(']', `,${JSON.stringify(ENTRY)}]`))
})

test('what is no JSON is an error', async () => {
  await expect(append('{"sops":{"age":[{}]}', 'sops-json')).rejects.toThrow(SyntaxError)
})

test.each<[format: SopsFormat, text: string, why: string]>([
  ['sops-json', '{"age":[{}]}', 'it has no list of age keys'],
  ['sops-json', '{"sops":{"age":[]}}', 'it has no list of age keys'],
  ['sops-json', '{"sops":{"age":"["}}', 'it has no list of age keys'],
  ['sops-json', '{"sops":{"age":"{}"}}', 'it has no list of age keys'],
  ['sops-binary', '{"sops":[{"age":[{}]}]}', 'it has no list of age keys'],
  ['sops-dotenv', 'age__list_0__map_enc=x\nxsops_age__list_0__map_enc=x\n', 'it has no lines of age keys'],
  ['sops-ini', '[sops]\nsops_age__list_0__map_enc = x\n', 'it has no lines of age keys'],
  ['sops-yaml', 'sops:\n    age: x\n', 'its age keys are not written as sops writes them'],
  ['sops-yaml', 'sops:\n    age:\n        - - enc: x\n', 'its age keys are not written as sops writes them'],
  ['sops-yaml', 'sops: {age: [enc: x]}\n', 'its age keys are not written as sops writes them'],
  [
    'sops-yaml',
    'sops:\n    age:\n        -\n            enc: x\n',
    'its age keys are not written as sops writes them',
  ],
  ['sops-yaml', '? sops\n: age:\n  ? x\n  : [', 'its age keys are not written as sops writes them'],
])('%s is declined with why: %j', async (format, text, why) => {
  await expect(append(text, format)).rejects.toMatchObject({ kind: 'declined', message: why })
})

test('dotenv has the lines behind the last of the keys, by the highest number, whatever stands between', async () => {
  const lines = [
    'sops_age__list_12__map_enc=old',
    'sops_age__list_12__map_recipient=age1old',
    'sops_kms__list_0__map_arn=x',
    'sops_age__list_2__map_enc=older',
    'sops_version=3',
  ]
  const more = [
    'sops_age__list_13__map_enc=-----BEGIN\\nnew\\n-----END\\n',
    'sops_age__list_13__map_recipient=age1new',
  ]
  expect(await append(lines.join('\n'), 'sops-dotenv')).toBe(
    [...lines.slice(0, 4), ...more, ...lines.slice(4)].join('\n'),
  )
  const cut = lines.slice(0, 2)
  expect(await append(cut.join('\n'), 'sops-dotenv')).toBe([...cut, ...more].join('\n'))
})

test.each<[format: SopsFormat, text: string]>([
  ['sops-dotenv', 'A=\xff\xfe\nsops_age__list_0__map_enc=x'],
  ['sops-ini', 'A = \xc3\xbc\nage__list_0__map_enc = x'],
  ['sops-yaml', 'A: \xc3\xbc\nsops:\n  age:\n    - enc: x\n'],
  ['sops-json', '{"A":"\xc3\xbc","sops":{"age":[{}'],
])('bytes that are no ASCII stay as they are in %s', async (format, text) => {
  const bytes = Buffer.from(text, 'latin1')
  const whole = format === 'sops-json' ? Buffer.concat([bytes, Buffer.from(']}}')]) : bytes
  const made = await appendAgeKey(whole, format, KEY)
  expect(made.subarray(0, bytes.length)).toEqual(bytes)
})

test.each<[what: string, before: string, after: string]>([
  [
    'a list that is no deeper than its name',
    'sops:\n  age:\n  - recipient: age1old\n    enc: x\n  mac: m\n',
    'sops:\n  age:\n  - recipient: age1old\n    enc: x\n  - enc: |\n      -----BEGIN\n      new\n      -----END\n    recipient: age1new\n  mac: m\n',
  ],
  [
    'a comment behind the entry, and a dash that stands apart',
    'sops:\n    age:\n        -   recipient: age1old # mine\n    # the end\n    mac: m\n',
    'sops:\n    age:\n        -   recipient: age1old # mine\n        -   enc: |\n              -----BEGIN\n              new\n              -----END\n            recipient: age1new\n    # the end\n    mac: m\n',
  ],
  [
    'several entries, and empty lines behind',
    'sops:\n    age:\n        - recipient: age1a\n        - recipient: age1b\n\n\nA: x\n',
    'sops:\n    age:\n        - recipient: age1a\n        - recipient: age1b\n        - enc: |\n            -----BEGIN\n            new\n            -----END\n          recipient: age1new\n\n\nA: x\n',
  ],
])('YAML with %s gets one more, as deep', async (_, before, after) => {
  expect(await append(before, 'sops-yaml')).toBe(after)
})
