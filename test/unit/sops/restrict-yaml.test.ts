import { expect, test } from 'vitest'
import { Allowance } from '../../../src/sops/allowance.ts'
import { restrictYaml } from '../../../src/sops/restrict-yaml.ts'

const restrict = async (text: string) => {
  const allowance = new Allowance('A.enc', new Set(['age']), new Map())
  return (await restrictYaml(Buffer.from(text), 'A.enc', allowance)).toString()
}
const SOPS = 'sops: {mac: m}\n'
const WRITTEN = '"sops": {"mac":"m"}\n'

test.each([
  ['a number', '1.50', '1.50'],
  ['a date', '2026-11-25', '2026-11-25'],
  ['a plain word', 'yes', 'yes'],
  ['nothing', '', 'null'],
  ['null', '~', '"~"'],
  ['what is encrypted', 'ENC[AES256_GCM,data:a]', '"ENC[AES256_GCM,data:a]"'],
  ['text with blanks', 'a b', '"a b"'],
  ['a quoted number', '"1"', '"1"'],
  ['a quoted text', "'it''s'", '"it\'s"'],
  ['an empty text', '""', '""'],
  ['a block', '|\n  a\n  b\n', '"a\\nb\\n"'],
  ['a folded block', '>-\n  a\n  b\n', '"a b"'],
])('%s means the same to every reader: %j', async (_, value, written) => {
  expect(await restrict(`"n\\"": ${value}\n${SOPS}`)).toBe(`"n\\"": ${written}\n${WRITTEN}`)
})

test('values stay in their order without their comments, and the metadata, less what may not be used, come last', async () => {
  const metadata =
    'sops:\n  mac: m # said\n  age: [{enc: x, n: 3, "4": true, none: null}]\n  pgp: [{fp: y}]\n'
  expect(await restrict(`# said\nB: 2\n${metadata}A: 1\nC:\n`)).toBe(
    'B: 2\nA: 1\nC: null\n"sops": {"mac":"m","age":[{"enc":"x","n":3,"4":true,"none":null}]}\n'.replace(
      /^[A-C]/gm,
      '"$&"',
    ),
  )
})

test.each([
  ['source-not-encrypted', '', '[1]\n'],
  ['source-not-encrypted', '', 'A: 1\n'],
  ['source-not-encrypted', '', ''],
  ['value-type', 'A is a list', `A: [1]\n${SOPS}`],
  ['value-type', 'A is a map', `A: {x: 1}\n${SOPS}`],
  ['key-types-unclear', 'metadata that is no map', 'sops: x\n'],
  ['key-types-unclear', 'metadata that is no map', 'sops:\n'],
  ['key-types-unclear', 'a name that is no text', `1: x\n${SOPS}`],
  ['key-types-unclear', 'a name that is no text', `? [a]\n: x\n${SOPS}`],
  ['key-types-unclear', 'a name that is no text', `<<: x\n${SOPS}`],
  ['key-types-unclear', 'a tag or an anchor', `A: !!str 1\n${SOPS}`],
  ['key-types-unclear', 'a tag or an anchor', `A: &x 1\n${SOPS}`],
])('%s, %s: %j', async (code, what, text) => {
  await expect(restrict(text)).rejects.toMatchObject({ code, message: expect.stringContaining(what) })
})
