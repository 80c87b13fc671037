import { writeFileSync } from 'node:fs'
import { describe, expect, it } from 'vitest'
import { parseIdentities } from '../../src/age/identities.ts'
import { generatePostQuantumKey } from '../../src/age/keygen.ts'
import { sealDotenv, sealJson, unholdableLine } from '../../src/sops/seal.ts'
import fc from '../helpers/property.ts'
import { anyDotenv, anyEntries } from './arbitrary.ts'
import {
  builtin,
  deep,
  keys,
  printed,
  put,
  recipients,
  secretOf,
  seed,
  sops,
  sopsDecrypt,
} from './reference.ts'

const numRuns = deep ? 300 : 25
const timeout = deep ? 1_200_000 : 120_000

/** What sops prints for dotenv text: every line but the blank ones. */
function withoutBlankLines(text: string): string {
  const lines = text.split('\n').filter((line) => line !== '')
  return lines.map((line) => `${line}\n`).join('')
}

async function read(path: string, kind: 'json' | 'dotenv') {
  const { readFileSync } = await import('node:fs')
  const answer = await builtin(readFileSync(path), kind)
  if (answer.kind !== 'opened') throw new Error(`builtin ${answer.kind}`)
  return answer.plaintext
}

describe('what builtin encrypts, sops opens to the same', () => {
  it('in dotenv', { timeout }, async () => {
    const property = fc.asyncProperty(anyDotenv, fc.integer({ min: 0, max: 2 }), async (text, which) => {
      fc.pre(unholdableLine(text) === undefined)
      const sealed = await sealDotenv(text, recipients)
      const ran = await sopsDecrypt(sealed, 'dotenv', 'dotenv', keys[which]?.text)
      expect(ran.stderr).toBe('')
      expect(ran.stdout.toString()).toBe(withoutBlankLines(text))
      const answer = await builtin(sealed, 'dotenv')
      expect(answer.kind === 'opened' && printed(answer.plaintext)).toEqual(ran.stdout)
    })
    await fc.assert(property, { numRuns, seed })
  })

  it('in JSON', { timeout }, async () => {
    const property = fc.asyncProperty(anyEntries, async (entries) => {
      const sealed = await sealJson(entries, recipients)
      const ran = await sopsDecrypt(sealed, 'json')
      expect(ran.stderr).toBe('')
      expect(JSON.parse(ran.stdout.toString())).toEqual(Object.fromEntries(entries))
      expect(await builtin(sealed, 'json')).toEqual({
        kind: 'opened',
        plaintext: { kind: 'values', values: entries, covers: 'all' },
      })
    })
    await fc.assert(property, { numRuns, seed })
  })

  it('and rotates, sets and edits it, and builtin reads that back', { timeout }, async () => {
    const property = fc.asyncProperty(anyEntries, fc.string(), async (entries, value) => {
      const path = put(await sealJson([...entries, ['LAST', 'value']], recipients), 'json')
      const expected = new Map<string, string>([...entries, ['LAST', 'value']])
      const rotated = await sops(['rotate', '--in-place', path])
      expect(rotated.stderr).toBe('')
      expect(await read(path, 'json')).toEqual({ kind: 'values', values: [...expected], covers: 'all' })
      const set = await sops(['set', path, '["LAST"]', JSON.stringify(value)])
      expect(set.stderr).toBe('')
      const values = [...expected.set('LAST', value)]
      expect(await read(path, 'json')).toEqual({ kind: 'values', values, covers: 'all' })
    })
    await fc.assert(property, { numRuns: deep ? 100 : 8, seed })

    const path = put(await sealDotenv('# first\nA=1\n# second\nB=x\\ny\n', recipients), 'env')
    const edited = await sops(['edit', path], keys[0].text, `sed -i s/A=1/A=2/`)
    expect(edited.stderr).toBe('')
    const text = '# first\nA=2\n# second\nB=x\\ny\n'
    expect(printed(await read(path, 'dotenv'))).toEqual(Buffer.from(text))
  })

  it('for a post-quantum recipient beside a classic one', { timeout }, async () => {
    const quantum = await generatePostQuantumKey()
    const sealed = await sealJson([['TOKEN', 'käse']], [quantum.recipient, keys[0].recipient])
    for (const text of [quantum.text, keys[0].text]) {
      const ran = await sopsDecrypt(sealed, 'json', 'json', text)
      expect(ran.stderr).toBe('')
      expect(JSON.parse(ran.stdout.toString())).toEqual({ TOKEN: 'käse' })
      const opened = await builtin(sealed, 'json', parseIdentities(secretOf(text)))
      expect(opened).toEqual({
        kind: 'opened',
        plaintext: { kind: 'values', values: [['TOKEN', 'käse']], covers: 'all' },
      })
    }
    const path = put(sealed, 'json')
    expect((await sops(['rotate', '--in-place', path], quantum.text)).stderr).toBe('')
    const { readFileSync } = await import('node:fs')
    const again = await builtin(readFileSync(path), 'json', parseIdentities(quantum.text))
    expect(again.kind).toBe('opened')
    writeFileSync(path, '')
  })

  it('and sops exec-env and --extract work on it without flags', { timeout }, async () => {
    const path = put(await sealJson([['TOKEN', 'a "b" $c\nd']], recipients), 'enc')
    expect((await sops(['exec-env', path, 'printf %s "$TOKEN"'])).stdout.toString()).toBe('a "b" $c\nd')
    expect((await sops(['decrypt', '--extract', '["TOKEN"]', path])).stdout.toString()).toBe('a "b" $c\nd')
  })
})
