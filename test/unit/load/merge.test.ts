import { describe, expect, test } from 'vitest'
import type { Entry } from '../../../src/load/decrypt.ts'
import { merge } from '../../../src/load/merge.ts'
import { parseOptions } from '../../../src/load/options.ts'
import { Secret } from '../../../src/secret.ts'

const document = {
  source: { role: 'env-file', path: '/p/.env.enc', plaintextAllowed: false },
  bytes: Buffer.alloc(0),
  format: 'sops-dotenv',
} as const
const entry = (name: string, value: string): Entry => ({
  name,
  loadedAs: name,
  value: new Secret(value),
  document,
  by: 'builtin',
})

async function merged(inherited: Record<string, string>, entries: Entry[], words: string[] = []) {
  const { environment, outcome } = merge(
    new Map(Object.entries(inherited)),
    entries,
    await parseOptions(words, new Map()),
  )
  return {
    environment: [...environment],
    kept: [...outcome].filter(([, fate]) => fate.kept).map(([name]) => name),
  }
}

describe('merge', () => {
  test('later wins, and what was there already keeps its place', async () => {
    const { environment, kept } = await merged({ Z: '1', B: 'mine', A: '' }, [
      entry('A', 'first'),
      entry('B', 'file'),
      entry('A', 'second'),
      entry('C', 'new'),
    ])
    expect(environment).toEqual([
      ['Z', '1'],
      ['B', 'mine'],
      ['A', 'second'],
      ['C', 'new'],
    ])
    expect(kept).toEqual(['B'])
  })

  test('with --override the files win', async () => {
    const { environment, kept } = await merged({ B: 'mine' }, [entry('B', 'file')], ['--override'])
    expect(environment).toEqual([['B', 'file']])
    expect(kept).toEqual([])
  })

  test('a secret that was loaded under the name of a key stays', async () => {
    const { environment } = await merged({ SOPS_AGE_KEY: 'AGE-SECRET' }, [entry('SOPS_AGE_KEY', 'file')])
    expect(environment).toEqual([['SOPS_AGE_KEY', 'file']])
  })

  test('an unmet requirement', async () => {
    await expect(merged({ A: '' }, [entry('B', '')], ['--require', 'A,B,C'])).rejects.toMatchObject({
      code: 'require-unmet',
      message: 'required but missing or empty: A, B, C',
    })
  })

  test('nothing found is an error where something is required, and a value of any name is something', async () => {
    await expect(merged({ A: 'x' }, [], ['--require-any', '--root', '/etc/disinto'])).rejects.toMatchObject({
      code: 'require-any-unmet',
      message: expect.stringContaining('/etc/disinto'),
    })
    expect((await merged({}, [entry('B', '')], ['--require-any'])).environment).toEqual([['B', '']])
    expect((await merged({}, [])).environment).toEqual([])
  })
})
