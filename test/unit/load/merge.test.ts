import { describe, expect, test } from 'vitest'
import type { Entry } from '../../../src/load/decrypt.ts'
import { merge } from '../../../src/load/merge.ts'
import { parseOptions } from '../../../src/load/options.ts'
import type { KeyType } from '../../../src/nouns.ts'
import { Secret } from '../../../src/secret.ts'
import fc from '../../helpers/property.ts'

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

  test('whatever files and environment hold, the last that is set wins, and every name keeps its place', async () => {
    const pairs = fc.array(fc.tuple(fc.constantFrom('A', 'B', 'C', 'D'), fc.constantFrom('', '1', '2', '3')))
    await fc.assert(
      fc.asyncProperty(pairs, pairs, fc.boolean(), async (before, files, override) => {
        const inherited = new Map<string, string>(before)
        const { environment, kept } = await merged(
          Object.fromEntries(inherited),
          files.map(([name, value]) => entry(name, value)),
          override ? ['--override'] : [],
        )
        const last = new Map<string, string>(files)
        const own = (name: string) =>
          override && last.has(name) ? undefined : inherited.get(name) || undefined
        const names = [...new Set([...inherited.keys(), ...last.keys()])]
        expect(environment).toEqual(names.map((name) => [name, own(name) ?? last.get(name) ?? '']))
        expect(kept).toEqual([...last.keys()].filter((name) => own(name) !== undefined))
      }),
    )
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

describe('what the command does not get', () => {
  const inherited = {
    SOPS_AGE_KEY: 'k',
    SOPS_AGE_KEY_FILE: 'k',
    SOPS_AGE_KEY_CMD: 'k',
    SOPS_AGE_SSH_PRIVATE_KEY_FILE: 'k',
    SOPS_AGE_SSH_PRIVATE_KEY_CMD: 'k',
    SOPS_AGE_RECIPIENTS: 'r',
    VAULT_TOKEN: 'v',
    AWS_SECRET_ACCESS_KEY: 'a',
  }
  async function names(words: string[], used: KeyType[] = []) {
    const options = await parseOptions(words, new Map())
    return [...merge(new Map(Object.entries(inherited)), [], options, new Set(used)).environment.keys()]
  }

  test('is the key, in every form', async () => {
    expect(await names([])).toEqual(['SOPS_AGE_RECIPIENTS', 'VAULT_TOKEN', 'AWS_SECRET_ACCESS_KEY'])
  })

  test('is what a KMS or Vault took that opened a file, and no other', async () => {
    expect(await names([], ['hc_vault', 'age'])).toEqual(['SOPS_AGE_RECIPIENTS', 'AWS_SECRET_ACCESS_KEY'])
    expect(await names([], ['hc_vault', 'kms'])).toEqual(['SOPS_AGE_RECIPIENTS'])
  })

  test('is nothing with --keep-key', async () => {
    expect(await names(['--keep-key'], ['hc_vault'])).toEqual(Object.keys(inherited))
  })
})

describe('what the image kept from our Node', () => {
  test.each([
    [
      'stands in its place again',
      { A: '1', NODE_OPTIONS: '', DISINTO_SAVED_NODE_OPTIONS: '-r x', Z: '2' },
      [
        ['A', '1'],
        ['NODE_OPTIONS', '-r x'],
        ['Z', '2'],
      ],
    ],
    [
      'is empty where it was empty',
      { NODE_OPTIONS: '', DISINTO_SAVED_NODE_OPTIONS: '' },
      [['NODE_OPTIONS', '']],
    ],
    [
      'is not there where it was not: env put it behind',
      { DISINTO_SAVED_NODE_OPTIONS: '', NODE_OPTIONS: '' },
      [],
    ],
    [
      'comes back where nothing stands for it',
      { DISINTO_SAVED_NODE_DEBUG: 'fs', A: '1' },
      [
        ['NODE_DEBUG', 'fs'],
        ['A', '1'],
      ],
    ],
    ['is left out where it was empty and nothing stands for it', { DISINTO_SAVED_NODE_DEBUG: '' }, []],
    [
      'is no other variable that begins alike',
      { DISINTO_SAVED_X: '1', X: '2' },
      [
        ['DISINTO_SAVED_X', '1'],
        ['X', '2'],
      ],
    ],
  ])('%s', async (_, inherited, environment) => {
    expect((await merged(inherited, [])).environment).toEqual(environment)
  })
})
