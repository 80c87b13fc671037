import { randomBytes } from 'node:crypto'
import { describe, expect, test } from 'vitest'
import { generateKey } from '../../../../src/age/keygen.ts'
import { markOf, summaryOf } from '../../../../src/host/git/summary.ts'
import { detectFormat } from '../../../../src/load/format.ts'
import { readOutside } from '../../../../src/sops/outside.ts'
import { readYamlTree } from '../../../../src/sops/outside-yaml.ts'
import { sealDotenv, sealJson } from '../../../../src/sops/seal.ts'
import fc from '../../../helpers/property.ts'

const MARK = 'hunter2-Zq7'
const { recipient } = generateKey()

describe('tells without a key', () => {
  test('names, comments and recipients of SOPS dotenv, each with a mark of its ciphertext', async () => {
    const bytes = await sealDotenv(`# ${MARK}\nA=${MARK}\nexport B=\n`, [recipient], {
      now: new Date('2026-01-02T03:04:05Z'),
    })
    const [line = ''] = bytes
      .toString()
      .split('\n')
      .filter((one) => one.startsWith('A='))
    expect((await summaryOf(bytes)).split('\n')).toEqual([
      expect.stringMatching(
        /^sops-dotenv, changed "2026-01-02T03:04:05Z", MAC [0-9a-f]{8}$|^sops-dotenv, changed 2026-01-02T03:04:05Z, MAC [0-9a-f]{8}$/,
      ),
      `A = <sealed ${markOf(line.slice(2))}>`,
      'B = <empty>',
      expect.stringMatching(/^# <sealed [0-9a-f]{8}>$/),
      `recipient ${recipient}`,
      '',
    ])
  })

  test('the names of SOPS JSON, escaped so that none can forge a line', async () => {
    const summary = await summaryOf(await sealJson([['a\n+recipient age1evil', MARK]], [recipient]))
    expect(summary).toMatch(/^"a\\n\+recipient age1evil" = <sealed/m)
    expect(summary.split('\n')).toHaveLength(4)
  })

  test.each([
    ['plaintext', `A=${MARK}\n`, /^NOT ENCRYPTED: 14 bytes/],
    ['nothing', '', /^empty$/m],
    ['JSON that is cut off', `{"A": "${MARK}`, /^NOT ENCRYPTED/],
    [
      'a value in the clear, without a mark that could be guessed from',
      `{"A": "${MARK}", "sops": {}}`,
      /^A = <IN THE CLEAR>$/m,
    ],
    ['an age file', 'age-encryption.org/v1\n', /^an age file/],
  ])('%s', async (_, text, wanted) => {
    expect(await summaryOf(Buffer.from(text))).toMatch(wanted)
  })
})

test('whatever the bytes, it ends, and a value that stands in them is not told', async () => {
  const value = randomBytes(12).toString('hex')
  const piece = fc.oneof(
    fc.constantFrom(
      '{',
      '}',
      '"sops":',
      '"sops_mac"',
      'sops_mac=',
      '[sops]',
      'sops:',
      '\n',
      '=',
      ':',
      '"',
      ',',
      'ENC[',
      '# ',
      '- ',
    ),
    fc.constant(value),
    fc.string(),
  )
  await fc.assert(
    fc.asyncProperty(fc.array(piece, { maxLength: 12 }), async (pieces) => {
      // As a value, that is: what stands in the place of a name is a name.
      const bytes = Buffer.from(pieces.join(''))
      const { values } = await readOutside(bytes, detectFormat(bytes), readYamlTree)
      const summary = await summaryOf(bytes)
      if (!values.some(({ name }) => name.includes(value))) expect(summary).not.toContain(value)
    }),
  )
})

test('a change of a file that is not encrypted shows, also where its length stays', async () => {
  const [one, other] = await Promise.all(['age: a\n', 'age: b\n'].map((text) => summaryOf(Buffer.from(text))))
  expect(one).toMatch(/^NOT ENCRYPTED: 7 bytes/)
  expect(other).not.toBe(one)
})
