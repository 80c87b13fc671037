import { execFileSync } from 'node:child_process'
import { describe, expect, it } from 'vitest'
import { openAgeFile, sealAgeFile } from '../../src/age/file.ts'
import { parseIdentities } from '../../src/age/identities.ts'
import { generateKey, generatePostQuantumKey } from '../../src/age/keygen.ts'
import fc from '../helpers/property.ts'
import { deep, put, seed } from './reference.ts'

const timeout = deep ? 600_000 : 60_000

/** Runs a program of the age package, 1.3 or later for post-quantum keys. */
function age(
  program: 'age' | 'age-keygen',
  args: readonly string[],
  input: Buffer = Buffer.alloc(0),
): Buffer {
  const path = process.env[program === 'age' ? 'AGE_PROGRAM' : 'AGE_KEYGEN_PROGRAM'] ?? program
  try {
    return execFileSync(path, args, { input, stdio: ['pipe', 'pipe', 'pipe'], maxBuffer: 64 * 1024 * 1024 })
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'ENOENT')
      throw new Error(`needs the ${program} program`)
    throw error
  }
}

describe.each([
  ['X25519', async () => generateKey()],
  ['post-quantum', () => generatePostQuantumKey()],
] as const)('age and disinto with %s keys', (_, generate) => {
  it('agree about the public half of a key that either made', { timeout }, async () => {
    const key = await generate()
    const file = put(key.text, 'txt')
    expect(age('age-keygen', ['-y', file]).toString().trim()).toBe(key.recipient)
  })

  it('open what the other sealed', { timeout }, async () => {
    const [key, other] = [await generate(), await generate()]
    const file = put(key.text, 'txt')
    const identities = parseIdentities(key.text)
    const content = fc.oneof(
      fc.uint8Array({ maxLength: 200 }),
      fc.constantFrom(65536, 65537, 131072).map((size) => new Uint8Array(size)),
    )
    const property = fc.asyncProperty(content, fc.boolean(), async (bytes, armored) => {
      const plain = Buffer.from(bytes)
      const ours = await sealAgeFile(plain, [other.recipient, key.recipient], { armored })
      expect(age('age', ['--decrypt', '--identity', file], ours).equals(plain)).toBe(true)
      const armor = armored ? ['--armor'] : []
      const theirs = age('age', ['--encrypt', ...armor, '-r', other.recipient, '-r', key.recipient], plain)
      expect((await openAgeFile(theirs, identities)).equals(plain)).toBe(true)
    })
    await fc.assert(property, { numRuns: deep ? 100 : 10, seed })
  })
})

it('a key made by age-keygen opens here, and its comments are read as comments', async () => {
  const text = age('age-keygen', []).toString()
  const [identity] = parseIdentities(text)
  const sealed = age('age', ['--encrypt', '-r', /age1\w+/.exec(text)?.[0] ?? ''], Buffer.from('plain'))
  expect((await openAgeFile(sealed, identity === undefined ? [] : [identity])).toString()).toBe('plain')
})
