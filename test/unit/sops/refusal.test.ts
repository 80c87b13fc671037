import { expect, test } from 'vitest'
import type { Document } from '../../../src/nouns.ts'
import { plainWords, recipientsOf, withoutValues } from '../../../src/sops/refusal.ts'

const document: Document = {
  source: { role: 'secret', name: 'A', path: '/p/secrets/A.enc' },
  format: 'sops-yaml',
  bytes: Buffer.from(
    'A_unencrypted: password\nsops:\n    kms:\n        - arn: arn:aws:kms:eu:1:key/2\n    age:\n        - recipient: age1qqqqqqqqqqqqqqqqqqqqqqq\n',
  ),
}

test.each([
  ['failed to reach the key service', 'failed to reach the key service'],
  ['cannot use s3cr3t-value here', 'cannot use […] here'],
  ['the name password is in the file', 'the name […] is in the file'],
  ['a name like answer was on stdout', 'a name like […] was on stdout'],
  ['no access to arn:aws:kms:eu:1:key/2: status 403', 'no access to arn:aws:kms:eu:1:key/2: status 403'],
  ['open /p/secrets/A.enc: gone', 'open /p/secrets/A.enc: gone'],
  ['parsing "hunter2": bad', 'parsing […] bad'],
])('%j is told as %j', (text, told) => {
  expect(withoutValues(text, document, Buffer.from('the answer'))).toBe(told)
})

test('the recipients of a file are read from its metadata', async () => {
  expect(await recipientsOf(document)).toEqual(['age1qqqqqqqqqqqqqqqqqqqqqqq'])
})

test('what is known is shown, what stands in the secret is not, be it known', () => {
  const isKnown = (word: string) => 'age1abc topsecret'.includes(word)
  expect(plainWords('failed for age1abc with x9y and topsecret', 'a topsecret b', isKnown)).toBe(
    'failed for age1abc with […] and […]',
  )
})

test('of a text that sops could make long, the beginning is shown', () => {
  expect(plainWords('word '.repeat(100_000), '', () => false).length).toBeLessThanOrEqual(500)
})

test('a word of marks alone is told apart in time that goes with its length', () => {
  expect(plainWords(`a${'!'.repeat(2_000_000)}a`, '', () => false)).toBe('[…]')
  expect(plainWords(`(reason${'!'.repeat(2_000_000)}`, '', () => false)).toMatch(/^\(reason!+$/)
})
