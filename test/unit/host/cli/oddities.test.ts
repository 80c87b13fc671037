import { expect, test } from 'vitest'
import { odditiesOf } from '../../../../src/host/cli/oddities.ts'

test.each([
  ['tok', []],
  ['two words', []],
  ['-----BEGIN\n\tabc\r\n-----END\n', []],
  ['\ufefftok', ['begins with a byte order mark']],
  [' tok', ['begins with a blank']],
  ['\ntok', ['begins with a blank']],
  ['tok\t', ['ends with a blank']],
  ['tok\r', ['ends with a carriage return']],
  ['tok\n\n', ['ends with an empty line']],
  ['"tok"', ['is in quotes, which are part of it']],
  ['"', []],
  ['to\u200bk', ['has a character in it that is not seen']],
  ['to\u00a0k', ['has a character in it that is not seen']],
  ['to\x1bk', ['has a control character in it']],
  ['\ufeff "tok" ', ['begins with a byte order mark', 'begins with a blank', 'ends with a blank']],
])('of %j: %j', (value, oddities) => {
  expect(odditiesOf(value)).toEqual(oddities)
})
