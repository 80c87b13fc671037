import { describe, expect, test } from 'vitest'
import { generateKey } from '../../../../src/age/keygen.ts'
import { type CreationRule, parseRules } from '../../../../src/host/access/rules.ts'
import {
  audienceOfFile,
  audienceOfRule,
  reasonForSops,
  sopsConfigFor,
} from '../../../../src/host/store/audience.ts'
import { copiesAmong } from '../../../../src/host/store/copies.ts'
import { readOutsideOf } from '../../../../src/host/store/inventory.ts'
import type { Outside } from '../../../../src/sops/outside.ts'
import type { Rule } from '../../../../src/sops/rule.ts'

const [A, B, C] = ['age1aaa', 'age1bbb', 'age1ccc']
const CONFIG = '/p/.sops.yaml'
const FILE = '/p/secrets/A.enc'

async function ruleOf(fields: Readonly<Record<string, unknown>>): Promise<CreationRule> {
  return (await parseRules(CONFIG, JSON.stringify({ creation_rules: [fields] }))).for(FILE)
}

const grouped = (...groups: ReadonlyArray<readonly string[]>) => ({
  key_groups: groups.map((age) => ({ age })),
})

/** What a file says that is for these. */
async function fileFor(
  groups: ReadonlyArray<readonly string[]>,
  threshold = groups.length,
): Promise<Outside> {
  const outside = await readOutsideOf(Buffer.from('{"A":"ENC[x]","sops":{"mac":"m"}}'))
  return { ...outside, groups, recipients: groups.flat(), threshold }
}

test('a file that is new is for all that its rule names', async () => {
  expect(audienceOfRule(await ruleOf({ ...grouped([A], [B], [C]), shamir_threshold: 2 }))).toEqual({
    groups: [[A], [B], [C]],
    threshold: 2,
    lost: [],
    lacking: [],
  })
})

describe('a file that is written again', () => {
  type Keys = readonly string[]
  interface Case {
    readonly had: Keys
    readonly named: Keys
    readonly own?: Keys
    readonly given?: Keys
    /** What comes of it. */
    readonly keys: Keys
    readonly lost?: Keys
    readonly lacking?: Keys
  }

  test.each<[string, Case]>([
    ['is for those of before that the rule names', { had: [A, B], named: [A, B], keys: [A, B] }],
    ['is not for those that the rule does not name', { had: [A, B], named: [A], keys: [A], lost: [B] }],
    ['is for nobody more, though the rule names them', { had: [A], named: [A, B], keys: [A], lacking: [B] }],
    ['stays open to our keys, whatever the rule says', { had: [A, B], named: [B], own: [A], keys: [B, A] }],
    ['is not for our keys that could not open it', { had: [A], named: [A], own: [B], keys: [A] }],
    [
      'is for one that is given it, if the rule names it',
      { had: [A], named: [A, B], given: [B], keys: [A, B] },
    ],
    [
      'is not for one that is given it and that no rule names',
      { had: [A], named: [A], given: [C], keys: [A] },
    ],
    ['nor if that is ours', { had: [A], named: [A], own: [C], given: [C], keys: [A] }],
  ])('%s', async (_, { had, named, own = [], given = [], keys, lost = [], lacking = [] }) => {
    const rule = await ruleOf({ age: named })
    expect(audienceOfFile(await fileFor([had]), rule, own, given)).toEqual({
      groups: [keys],
      threshold: 1,
      lost,
      lacking,
    })
  })

  test('is refused where nobody would be left, of all or of a group', async () => {
    const none = { code: 'readers-none', message: expect.stringContaining(FILE) }
    const one = await ruleOf({ age: A })
    const file = await fileFor([[B]])
    expect(() => audienceOfFile(file, one, [])).toThrow(expect.objectContaining(none))
    const two = await ruleOf(grouped([A], [B]))
    expect(() => audienceOfFile(file, two, [])).toThrow(expect.objectContaining(none))
    const nobody = await fileFor([])
    expect(() => audienceOfFile({ ...nobody, groups: [] }, { ...one, groups: [] }, [])).toThrow(
      expect.objectContaining(none),
    )
  })

  test('has the groups of whoever wants more keys together, the rule’s where both want as many', async () => {
    const together = { lost: [], lacking: [], threshold: 2 }
    const one = await ruleOf({ age: [A, B] })
    const two = await ruleOf(grouped([A], [B]))
    const swapped = await ruleOf(grouped([B], [A]))
    const [separate, both] = [await fileFor([[A], [B]]), await fileFor([[A, B]])]
    expect(audienceOfFile(separate, one, [])).toEqual({ groups: [[A], [B]], ...together })
    expect(audienceOfFile(both, two, [])).toEqual({ groups: [[A], [B]], ...together })
    expect(audienceOfFile(separate, swapped, [])).toEqual({ groups: [[B], [A]], ...together })
  })

  test('takes as many of the groups as whoever has more of them says, and no more than there are', async () => {
    const rule = await ruleOf({ ...grouped([A], [B], [C]), shamir_threshold: 2 })
    expect(audienceOfFile(await fileFor([[A, B, C]]), rule, []).threshold).toBe(2)
    const few = await ruleOf({ age: [A, B, C] })
    expect(audienceOfFile(await fileFor([[A], [B], [C]], 2), few, []).threshold).toBe(2)
    expect(audienceOfFile(await fileFor([[A], [B], [C]], 9), few, []).threshold).toBe(3)
    expect(audienceOfFile(await fileFor([[A], [B], [C]], 0), few, []).threshold).toBe(1)
  })

  test('of one group has no key twice', async () => {
    const rule = await ruleOf({ age: [A, B] })
    expect(audienceOfFile(await fileFor([[B, A]]), rule, []).groups).toEqual([[A, B]])
  })
})

describe('sops has to encrypt', () => {
  const mine = generateKey().recipient
  const SUFFIX: Rule = { name: 'unencrypted_suffix', text: '_x' }
  const reason = (groups: ReadonlyArray<readonly string[]>, encrypts = SUFFIX) =>
    reasonForSops({ groups, threshold: 1, lost: [], lacking: [] }, encrypts)

  test('not for age keys by a rule that we can read', async () => {
    expect(await reason([[mine]])).toBeUndefined()
    expect(await reason([[mine]], { name: 'encrypted_regex', text: '^A$' })).toBeUndefined()
  })

  test.each([
    ['several groups', [[mine], [mine]], SUFFIX, 'its rule has several key groups'],
    ['a key of another kind', [[mine, 'pgp:AB']], SUFFIX, 'its rule has a key of pgp'],
    [
      'an SSH key',
      [[mine, 'ssh-ed25519 AAAA']],
      SUFFIX,
      'its rule has a recipient of an SSH key or a plugin',
    ],
    [
      'a pattern that we can’t read',
      [[mine]],
      { name: 'encrypted_regex', text: '(' } as const,
      'its encrypted_regex is a pattern that only sops reads',
    ],
  ])('for %s', async (_, groups, encrypts, said) => {
    expect(await reason(groups, encrypts)).toBe(said)
  })
})

describe('the .sops.yaml for sops', () => {
  const SUFFIX: Rule = { name: 'encrypted_suffix', text: '_s' }
  async function config(
    fields: Readonly<Record<string, unknown>>,
    groups: ReadonlyArray<readonly string[]>,
    { threshold = 1, macOnlyEncrypted = false } = {},
  ): Promise<unknown> {
    const rule = await ruleOf({ path_regex: '.', unencrypted_regex: 'x', ...fields })
    const text = sopsConfigFor(rule, { groups, threshold, lost: [], lacking: [] }, SUFFIX, macOnlyEncrypted)
    const { creation_rules: rules } = JSON.parse(text)
    expect(rules).toHaveLength(1)
    expect(rules[0]).toMatchObject({ encrypted_suffix: '_s', mac_only_encrypted: macOnlyEncrypted })
    const { encrypted_suffix: _, mac_only_encrypted: __, ...keys } = rules[0]
    return keys
  }

  test('has the keys of an audience and no more, each in the field and by the text that the rule has', async () => {
    const fields = {
      age: `${A}, ${B}`,
      pgp: 'ab12 , CD34',
      kms: ['arn:aws:kms:eu:1:key/2+arn:role|a:b', 'arn:other'],
      azure_keyvault: 'https://v.azure/keys/k/1',
      hc_vault_transit_uri: 'https://v/v1/t/keys/k',
      gcp_kms: 'projects/p',
      aws_profile: 'ops',
    }
    const all = (await ruleOf(fields)).recipients
    expect(await config(fields, [all])).toEqual({
      age: [A, B],
      pgp: ['ab12', 'CD34'],
      kms: ['arn:aws:kms:eu:1:key/2+arn:role|a:b', 'arn:other'],
      azure_keyvault: ['https://v.azure/keys/k/1'],
      hc_vault_transit_uri: ['https://v/v1/t/keys/k'],
      gcp_kms: ['projects/p'],
      aws_profile: 'ops',
    })
    expect(await config(fields, [[B, 'pgp:CD34']], { macOnlyEncrypted: true })).toEqual({
      age: [B],
      pgp: ['CD34'],
      aws_profile: 'ops',
    })
    expect(await config({ age: A }, [['pgp:AB']])).toEqual({})
  })

  test('has a recipient of age that the rule does not name: our own, or one of the file', async () => {
    expect(await config({ age: A }, [[A, C]])).toEqual({ age: [A, C] })
    expect(await config(grouped([A]), [[A, C]])).toEqual({ key_groups: [{ age: [A, C] }] })
    expect(await config({ key_groups: [{ pgp: ['AB'] }] }, [[C, 'pgp:AB', 'pgp:CD']])).toEqual({
      key_groups: [{ pgp: ['AB'], age: [C] }],
    })
  })

  test('has groups where there are some, and how many it takes', async () => {
    const kms = { arn: 'arn:k', role: 'arn:r', context: { a: 'b' } }
    const fields = {
      key_groups: [
        { age: [A], kms: [kms] },
        { age: [B], hc_vault: ['https://v'] },
      ],
    }
    const groups = (await ruleOf(fields)).groups
    expect(await config(fields, groups, { threshold: 2 })).toEqual({ ...fields, shamir_threshold: 2 })
    expect(await config({ age: [A, B] }, [[A], [B]])).toEqual({
      ...grouped([A], [B]),
      shamir_threshold: 1,
    })
    expect(await config(fields, [[A]])).toEqual({ key_groups: [{ age: [A] }] })
  })
})

test('files with one MAC are copies of the first of them; those that have none are not', () => {
  const file = (path: string, mac?: string) => ({ path, mac })
  const [one, two, three, four, five] = [file('1', 'x'), file('2', 'y'), file('3', 'x'), file('4'), file('5')]
  expect(copiesAmong([one, two, three, four, five, { ...three, path: '6' }])).toEqual([
    { copy: three, of: one },
    { copy: { path: '6', mac: 'x' }, of: one },
  ])
})
