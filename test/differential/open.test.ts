import { describe, expect, it } from 'vitest'
import fc from '../helpers/property.ts'
import { anyDotenv, anyMembers, anyRule } from './arbitrary.ts'
import { builtin, deep, printed, seed, sopsDecrypt, sopsEncrypt, sopsValues } from './reference.ts'

const numRuns = deep ? 1000 : 80
const timeout = deep ? 1_200_000 : 120_000

describe('what sops encrypts, builtin opens to the same', () => {
  it('in dotenv', { timeout }, async () => {
    let opened = 0
    let declined = 0
    const property = fc.asyncProperty(anyDotenv, anyRule, async (text, rule) => {
      const encrypted = await sopsEncrypt(text, 'dotenv', rule)
      // Some sops refuses to encrypt, like comments that its own rule could not find again.
      fc.pre(encrypted.ok)
      const expected = await sopsDecrypt(encrypted.stdout, 'dotenv')
      const answer = await builtin(encrypted.stdout, 'dotenv')
      if (answer.kind === 'declined') {
        expect(answer.reason).toContain('_regex')
        declined++
        return
      }
      if (!expected.ok) {
        expect(answer.kind).toBe('refused')
        return
      }
      if (answer.kind !== 'opened') throw new Error('refused')
      expect(printed(answer.plaintext)).toEqual(expected.stdout)
      opened++
    })
    await fc.assert(property, { numRuns, seed })
    console.log(`dotenv: ${opened} environments equal, ${declined} declined for their patterns`)
    expect(opened).toBeGreaterThan(numRuns / 2)
  })

  it('in dotenv of any bytes, UTF-8 or not', { timeout }, async () => {
    const bytes = fc
      .uint8Array({ maxLength: 40 })
      .map((array) => Buffer.from(array.filter((byte) => byte !== 0x0a)))
    const name = bytes.map((raw) => Buffer.from(raw.filter((byte) => byte !== 0x3d && byte !== 0x23)))
    const line = fc
      .tuple(name, bytes)
      .map(([key, value]) => Buffer.concat([key, Buffer.from('='), value, Buffer.from('\n')]))
    const property = fc.asyncProperty(fc.array(line, { maxLength: 5 }), async (lines) => {
      const text = Buffer.concat(lines)
      fc.pre(!/^sops_/m.test(text.toString('latin1')))
      const encrypted = await sopsEncrypt(text, 'dotenv')
      expect(encrypted.stderr).toBe('')
      const expected = await sopsDecrypt(encrypted.stdout, 'dotenv')
      const answer = await builtin(encrypted.stdout, 'dotenv')
      if (answer.kind !== 'opened') throw new Error('refused')
      expect(printed(answer.plaintext)).toEqual(expected.stdout)
    })
    await fc.assert(property, { numRuns: deep ? 300 : 15, seed })
  })

  it('in JSON, with typed values', { timeout }, async () => {
    let opened = 0
    let declined = 0
    const property = fc.asyncProperty(anyMembers, anyRule, async (members, rule) => {
      const text = `{${members.map(([name, value]) => `${JSON.stringify(name)}: ${value}`).join(', ')}}`
      const encrypted = await sopsEncrypt(text, 'json', rule)
      fc.pre(encrypted.ok)
      const expected = await sopsValues(encrypted.stdout)
      const answer = await builtin(encrypted.stdout, 'json')
      if (answer.kind === 'declined') {
        expect(answer.reason).toContain('_regex')
        declined++
        return
      }
      if (expected === undefined) {
        expect(answer.kind).toBe('refused')
        return
      }
      const byName = (values: ReadonlyArray<readonly [string, string]>) =>
        [...values].sort(([a], [b]) => (a < b ? -1 : 1))
      expect(answer.kind).toBe('opened')
      if (answer.kind !== 'opened' || answer.plaintext.kind !== 'values') throw new Error('no values')
      expect(byName(answer.plaintext.values)).toEqual(byName(expected))
      expect(answer.plaintext.values.map(([name]) => name)).toEqual(members.map(([name]) => name))
      opened++
    })
    await fc.assert(property, { numRuns, seed })
    console.log(`JSON: ${opened} environments equal, ${declined} declined for their patterns`)
    expect(opened).toBeGreaterThan(numRuns / 2)
  })

  it('in binary files, byte for byte', { timeout }, async () => {
    const property = fc.asyncProperty(fc.uint8Array({ minLength: 0, maxLength: 300 }), async (content) => {
      const encrypted = await sopsEncrypt(Buffer.from(content), 'binary')
      expect(encrypted.ok).toBe(true)
      const answer = await builtin(encrypted.stdout, 'binary')
      expect(answer).toEqual({ kind: 'opened', plaintext: { kind: 'bytes', bytes: Buffer.from(content) } })
    })
    await fc.assert(property, { numRuns: deep ? 100 : 15, seed })
  })
})
