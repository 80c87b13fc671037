/** Random environments, as hostile as they come. */
import fc from '../helpers/property.ts'
import type { CreationRule } from './reference.ts'

const PEM = `-----BEGIN PRIVATE KEY-----\n${'MIIEvQIBADANBgkqhkiG9w0BAQEFAASC+/=\n'.repeat(8)}-----END PRIVATE KEY-----\n`

const HOSTILE = [
  '',
  ' ',
  ' blanks at both ends \t',
  `"double"`,
  `'single'`,
  '`back`',
  `it's "all" of \`them\``,
  'with # hash',
  '#hash first',
  '$HOME',
  ['$', '{HOME}'].join(''),
  '$(touch /tmp/never)',
  'back\\slash\\\\',
  'ends with \\',
  'literal \\n and \\t',
  '\\n',
  '\r',
  'line\r\nfeeds\r\n',
  'two\nlines',
  '\n',
  '\n\n leading and trailing \n\n',
  PEM,
  'ENC[AES256_GCM,data:AAAA,iv:AAAA,tag:AAAA,type:str]',
  'a=b=c',
  'null',
  'true',
  '007',
  '1e3',
  'Grüße, 世界 🎉\u2028\u0000\u007f\ufeff',
  '\ud83d\ude00é\u0301',
  'x'.repeat(64 * 1024),
]

const anyText = fc.oneof(
  { weight: 6, arbitrary: fc.constantFrom(...HOSTILE) },
  { weight: 3, arbitrary: fc.string({ unit: 'binary', maxLength: 60 }) },
  { weight: 3, arbitrary: fc.string({ maxLength: 40 }) },
  {
    weight: 1,
    arbitrary: fc.array(fc.constantFrom(...HOSTILE), { maxLength: 4 }).map((parts) => parts.join('')),
  },
)

const plainName = fc.stringMatching(/^[A-Za-z_][A-Za-z0-9_]{0,20}$/)
const suffixedName = fc
  .tuple(plainName, fc.constantFrom('_unencrypted', '_secret', '_PUBLIC', '_TOKEN', ''))
  .map(([name, suffix]) => name + suffix)
const oddName = fc.constantFrom(
  '',
  ' ',
  'A B',
  'a:b',
  ':',
  'export X',
  'é',
  'ключ',
  '1',
  '10',
  '-',
  'a.b',
  'ſ',
  '\u212a',
  'A\r',
)

/** Names of a file: usual ones more often than odd ones. */
export const anyName = fc
  .oneof({ weight: 5, arbitrary: suffixedName }, { weight: 1, arbitrary: oddName })
  .filter((name) => !name.startsWith('sops') && name !== '__proto__')

/** The values of a JSON file, scalars included. */
export const anyScalar = fc.oneof(
  { weight: 8, arbitrary: anyText.map((text) => JSON.stringify(text)) },
  { weight: 1, arbitrary: fc.constantFrom('true', 'false') },
  { weight: 1, arbitrary: fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n }).map(String) },
  { weight: 1, arbitrary: fc.integer().map(String) },
  {
    weight: 2,
    arbitrary: fc.double({ noNaN: true, noDefaultInfinity: true }).map((value) => JSON.stringify(value)),
  },
  {
    weight: 1,
    arbitrary: fc.constantFrom(
      '3.0',
      '1e21',
      '-0',
      '-0.0',
      '1E6',
      '123456.0',
      '1234567.5',
      '0.00001',
      '99999999999999999999',
      '5e-324',
      '1.7976931348623157e308',
    ),
  },
)

const PATTERNS = [
  '^A',
  'TOKEN$',
  '_(secret|PUBLIC)$',
  '[A-Z]+_?',
  '^[a-m].*$',
  '^.{3,7}$',
  '(?i)token',
  '(?i)k',
  '\\d',
  '^\\w+$',
  '^[^_]*$',
  'é|ключ',
  '\\s',
  // These are declined.
  '\\bA',
  '\\pL',
  '(?P<name>a)',
  '[[:alpha:]]',
  '\\x41',
  '(',
]

const pattern = fc.constantFrom(...PATTERNS)
const commentPattern = fc.constantFrom('secret', '^ plain', 'x', '(?i)SECRET', '\\bno\\b', 'ENC')

/** Creation rules: every option that changes what is encrypted, and the MAC over encrypted values alone. */
export const anyRule: fc.Arbitrary<CreationRule> = fc
  .tuple(
    fc.oneof(
      { weight: 3, arbitrary: fc.constant<CreationRule>({}) },
      fc
        .constantFrom('_unencrypted', '_PUBLIC', 'n')
        .map((unencrypted_suffix): CreationRule => ({ unencrypted_suffix })),
      fc
        .constantFrom('_secret', '_TOKEN', 'n')
        .map((encrypted_suffix): CreationRule => ({ encrypted_suffix })),
      pattern.map((unencrypted_regex): CreationRule => ({ unencrypted_regex })),
      pattern.map((encrypted_regex): CreationRule => ({ encrypted_regex })),
      commentPattern.map((unencrypted_comment_regex): CreationRule => ({ unencrypted_comment_regex })),
      commentPattern.map((encrypted_comment_regex): CreationRule => ({ encrypted_comment_regex })),
    ),
    fc.constantFrom<CreationRule>({}, {}, { mac_only_encrypted: true }),
  )
  .map(([rule, mac]) => ({ ...rule, ...mac }))

const line = fc.oneof(
  {
    weight: 6,
    arbitrary: fc
      .tuple(anyName, anyText)
      .map(([name, value]) => `${name.replace(/[=\n]|^#/g, '')}=${value.replaceAll('\n', '\\n')}`),
  },
  {
    weight: 2,
    arbitrary: fc
      .oneof(anyText, fc.constantFrom(' secret', ' plain', 'x', ''))
      .map((text) => `#${text.replaceAll('\n', ' ')}`),
  },
  { weight: 1, arbitrary: fc.constant('') },
)

/** dotenv text as sops takes it: raw lines. */
export const anyDotenv = fc
  .tuple(fc.array(line, { maxLength: 12 }), fc.boolean())
  .map(([lines, ends]) => lines.join('\n') + (ends ? '\n' : ''))

/** Members of a flat JSON file: names once each, values as JSON text. */
export const anyMembers = fc.uniqueArray(fc.tuple(anyName, anyScalar), {
  selector: ([name]) => name,
  maxLength: 10,
})

/** Names and strings, for files that we make. */
export const anyEntries = fc.uniqueArray(fc.tuple(anyName, anyText), {
  selector: ([name]) => name,
  maxLength: 10,
})
