import { describe, expect, test } from 'vitest'
import { parseIdentities } from '../../../src/age/identities.ts'
import { generateKey } from '../../../src/age/keygen.ts'
import type { Keyring } from '../../../src/age/sources.ts'
import type { Document, KeyType } from '../../../src/nouns.ts'
import {
  keyRefusal,
  plainWords,
  recipientsOf,
  refusalOf,
  unwrap,
  withoutValues,
} from '../../../src/sops/refusal.ts'

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

test('sops’ box is taken from its words', () => {
  const stderr = 'Failed to get the data key\n\n  - | failed:\n    | no\n| identity\n\n'
  expect(unwrap(Buffer.from(stderr))).toBe('Failed to get the data key failed: no identity')
})

const NO_KEYS: Keyring = { identities: [], unusable: [], files: ['/k'] }
const PATH = '/p/secrets/A.enc'

describe('the reason why no identity opened a file', () => {
  const { text, recipient } = generateKey()
  const identities = parseIdentities(text)

  test('is that one can’t be read, before all others', () => {
    const keyring = { ...NO_KEYS, identities, unusable: [{ place: '/k', reason: 'EACCES' }] }
    expect(keyRefusal(PATH, [], keyring)).toMatchObject({
      code: 'key-unreadable',
      message: expect.stringContaining("/k can't be used (EACCES)"),
    })
  })

  test('is that there is none', () => {
    expect(keyRefusal(PATH, ['age1x'], NO_KEYS)).toMatchObject({
      code: 'key-missing',
      hint: expect.stringContaining('/k'),
    })
  })

  test('is that they are others’, which are named by their public halves', () => {
    const foreign = { kind: 'foreign', what: 'an SSH key' } as const
    const error = keyRefusal(PATH, ['age1x'], { ...NO_KEYS, identities: [...identities, foreign] })
    expect(error.code).toBe('key-wrong')
    for (const said of ['age1x', recipient, 'an SSH key'])
      expect(`${error.message} ${error.hint}`).toContain(said)
  })
})

describe('what sops says becomes', () => {
  const ofJson = (text: string): Document => ({
    source: { role: 'secret', name: 'A', path: PATH },
    format: 'sops-json',
    bytes: Buffer.from(text),
  })
  const FOR_US = ofJson('{"A":"ENC[x]","sops":{"age":[{"recipient":"age1x","enc":"e"}],"mac":"m"}}')
  const FOR_NOBODY = ofJson('{"A":"ENC[x]","sops":{"mac":"m"}}')
  const codeOf = async (said: string, document = FOR_US, used: readonly KeyType[] = ['age']) => {
    const ended = { status: 1, stdout: Buffer.alloc(0), stderr: Buffer.from(said), overflowed: false }
    return (await refusalOf(document, ended, async () => NO_KEYS, used)).code
  }
  const KEY = 'Failed to get the data key required to decrypt the SOPS file.'

  test.each([
    ['MAC mismatch. File has 1, computed 2', 'file-tampered'],
    ['Cannot decrypt MAC: x', 'file-tampered'],
    ['Error decrypting tree: x', 'file-tampered'],
    ['cipher: message authentication failed', 'file-tampered'],
    ['No keys found in file', 'file-tampered'],
    ['sops metadata not found', 'source-not-encrypted'],
    [`${KEY} failed to read header`, 'file-tampered'],
    [`${KEY} failed to copy decrypted data`, 'file-tampered'],
    [`${KEY} invalid armor`, 'file-tampered'],
    [`${KEY} bad header MAC`, 'file-tampered'],
    [`${KEY} could not read passphrase: standard input is not a terminal`, 'key-passphrase'],
    [KEY, 'key-missing'],
    ['something else', 'sops-failed'],
    ['', 'sops-failed'],
    // Words of a broken stanza alone are no reason.
    ['invalid armor', 'sops-failed'],
  ])('of %j: %s', async (said, code) => {
    expect(await codeOf(said)).toBe(code)
  })

  test.each([
    'connection refused',
    'no such host',
    'i/o timeout',
    'context deadline exceeded',
    'network is unreachable',
    'connection reset by peer',
    'server misbehaving',
    'TLS handshake timeout',
    'x509: unknown authority',
    'unexpected EOF',
  ])('of a service that says %j: one that can’t be reached', async (said) => {
    expect(await codeOf(`${KEY} ${said}`, FOR_US, ['age', 'hc_vault'])).toBe('key-service-silent')
    expect(await codeOf(`${KEY} ${said}`, FOR_US, ['age', 'pgp'])).toBe('key-missing')
  })

  test.each([
    'Code: 403. Errors',
    'StatusCode: 400',
    'permission denied',
    'AccessDeniedException',
    'UnrecognizedClientException',
    'ExpiredToken',
    'failed to refresh cached credentials',
    'failed to retrieve credentials',
    'no EC2 IMDS role found',
    'DisabledException',
    'missing client token',
  ])('of a service that says %j: one that refuses', async (said) => {
    expect(await codeOf(`${KEY} ${said}`, FOR_US, ['kms'])).toBe('key-service-refused')
    expect(await codeOf(`${KEY} ${said}`, FOR_US, [])).toBe('key-missing')
  })

  test('of a file for nobody of age: sops’ own words', async () => {
    expect(await codeOf(KEY, FOR_NOBODY)).toBe('sops-failed')
  })

  test('of a file whose damage can be seen: that', async () => {
    const conflict = ofJson('<<<<<<< a\n{}\n=======\n{}\n>>>>>>> b\n')
    expect(await codeOf('Error unmarshalling input json', conflict)).toBe('source-conflict')
    expect(await codeOf('MAC mismatch', conflict)).toBe('source-conflict')
  })

  test('of nothing: how it ended', async () => {
    const ended = { status: null, stdout: Buffer.alloc(0), stderr: Buffer.alloc(0), overflowed: false }
    expect((await refusalOf(FOR_US, ended, async () => NO_KEYS)).message).toContain('a signal ended it')
    const failed = await refusalOf(FOR_US, { ...ended, status: 7 }, async () => NO_KEYS)
    expect(failed.message).toContain('exit status 7')
    expect(failed.hint).toContain('--input-type json')
  })
})
