import { describe, expect, test } from 'vitest'
import type { Document, KeyType, SopsFormat } from '../../../src/nouns.ts'
import { allowsVault } from '../../../src/sops/allowance.ts'
import { restrictKeyTypes } from '../../../src/sops/restrict.ts'

const AGE = { recipient: 'age1x', enc: 'wrapped\n' }
const KMS = { arn: 'arn:aws:kms:eu-west-1:111122223333:key/1', created_at: '2026-11-25T00:00:00Z', enc: 'x' }
const REST = {
  lastmodified: '2026-11-25T00:00:00Z',
  mac: 'ENC[AES256_GCM,data:a,iv:a,tag:a,type:str]',
  version: '3.13.2',
}

const documentOf = (text: string, format: SopsFormat): Document => ({
  source: { role: 'env-file', path: '/x/.env.enc', plaintextAllowed: false },
  bytes: Buffer.from(text),
  format,
})

const restrict = (
  text: string,
  format: SopsFormat = 'sops-json',
  allowed: readonly KeyType[] = ['age', 'pgp'],
  variables: Record<string, string> = {},
) => restrictKeyTypes(documentOf(text, format), new Set(allowed), new Map(Object.entries(variables)))

const json = (sops: object, values: object = { A: 'ENC[x]' }) =>
  JSON.stringify({ ...values, sops: { ...REST, ...sops } })
const textOf = async (...call: Parameters<typeof restrict>) => (await restrict(...call)).bytes.toString()
const unclear = expect.objectContaining({ code: 'key-types-unclear' })

describe('JSON', () => {
  test('loses the keys that are not allowed, and nothing else', async () => {
    const text = `{"A":"ENC[x]","n":3.0,"n":3,"sops":${JSON.stringify({ age: [AGE], kms: [KMS], ...REST })}}`
    const seen = await restrict(text)
    expect(seen.bytes.toString()).toBe(
      `{"A":"ENC[x]","n":3.0,"n":3,"sops":${JSON.stringify({ age: [AGE], ...REST })}}`,
    )
    expect([...seen.held]).toEqual(['age'])
    expect([...seen.left]).toEqual(['kms'])
  })

  test('loses them in key groups', async () => {
    const seen = await restrict(json({ key_groups: [{ age: [AGE], kms: [KMS] }, { hc_vault: [{}] }] }))
    expect(JSON.parse(seen.bytes.toString()).sops.key_groups).toEqual([{ age: [AGE] }, {}])
    expect([...seen.left]).toEqual(['kms', 'hc_vault'])
  })

  test('keeps what is allowed by name', async () => {
    const text = json({ age: [AGE], kms: [KMS] })
    expect(JSON.parse(await textOf(text, 'sops-json', ['kms'])).sops).toEqual({ kms: [KMS], ...REST })
  })

  test('knows an empty list and null for none', async () => {
    const seen = await restrict(json({ age: [AGE], kms: null, gcp_kms: [] }))
    expect([...seen.left]).toEqual([])
    expect(seen.bytes.toString()).not.toContain('kms')
  })

  test.each([
    ['another spelling, which sops reads alike', { KMS: [KMS] }],
    ['a spelling of Unicode’s', { '\u212Ams': [KMS] }],
    ['an entry that is new', { quantum_kms: [KMS] }],
    ['a kind in a key group', { key_groups: [{ Kms: [KMS] }] }],
    ['a kind that is no list', { kms: KMS }],
  ])('is refused with %s', async (_, more) => {
    await expect(restrict(json({ age: [AGE], ...more }))).rejects.toThrow(unclear)
  })

  test.each([
    ['twice', `"sops":${JSON.stringify({ ...REST, age: [AGE] })},"sops":${JSON.stringify({ kms: [KMS] })}`],
    ['in capitals, too', `"sops":${JSON.stringify({ ...REST, age: [AGE] })},"SOPS":{"kms":[]}`],
    ['with a long s, too', `"sops":${JSON.stringify({ ...REST, age: [AGE] })},"\\u017fops":{"kms":[]}`],
    ['with an entry twice', `"sops":{"age":[],"age":[]}`],
    ['of no map', `"sops":[]`],
    ['in another spelling alone', `"Sops":{"age":[]}`],
  ])('is refused with metadata %s', async (_, members) => {
    await expect(restrict(`{"A":"x",${members}}`)).rejects.toThrow(unclear)
  })

  test.each([
    ['{"sops":{},"SOPS":{}}', 'metadata twice'],
    ['{"sops":null}', 'metadata that is no map'],
    ['{"sops":{"a":1}}', 'an entry that is unknown here'],
  ])('%j is told with what is unclear: %s', async (text, what) => {
    await expect(restrict(text)).rejects.toMatchObject({
      message: `/x/.env.enc: the types of key it is encrypted to are unclear: its metadata has ${what}`,
    })
  })

  test.each(['[]', '"sops"', '{', ''])('%j is not encrypted', async (text) => {
    await expect(restrict(text)).rejects.toMatchObject({ code: 'source-not-encrypted' })
  })

  test('of a binary file is called so', async () => {
    expect((await restrict(json({ age: [AGE] }), 'sops-binary')).type).toBe('binary')
    expect((await restrict(json({ age: [AGE] }))).type).toBe('json')
  })
})

test.each(['age', 'plaintext'] as const)('what is no SOPS file is not encrypted: %s', async (format) => {
  const document = { ...documentOf('{"sops":{}}', 'sops-json'), format }
  await expect(restrictKeyTypes(document, new Set(['age']), new Map())).rejects.toMatchObject({
    code: 'source-not-encrypted',
    message: '/x/.env.enc: is not encrypted, or is incomplete',
  })
})

describe('dotenv', () => {
  const flat = (...lines: string[]) =>
    [
      'A=ENC[x]',
      '#sops_kms__list_0__map_arn=in a comment',
      ...lines,
      'sops_mac=m',
      'sops_version=3.13.2',
      '',
    ].join('\n')
  const age = ['sops_age__list_0__map_enc=wrapped\\n', 'sops_age__list_0__map_recipient=age1x']

  test('loses the lines of keys that are not allowed', async () => {
    const kms = [
      'sops_kms__list_0__map_arn=arn',
      'sops_kms__list_0__map_context__map_a=b',
      'sops_kms__list_0__map_enc=x',
    ]
    const seen = await restrict(flat(...age, ...kms), 'sops-dotenv')
    expect(seen.bytes.toString()).toBe(flat(...age))
    expect([...seen.left]).toEqual(['kms'])
  })

  test('loses them in key groups', async () => {
    const groups = (kind: string) => [`sops_key_groups__list_0__map_${kind}__list_0__map_enc=x`]
    const seen = await restrict(flat(...groups('age'), ...groups('gcp_kms')), 'sops-dotenv')
    expect(seen.bytes.toString()).toBe(flat(...groups('age')))
  })

  test('keeps bytes that are no text', async () => {
    const bytes = Buffer.concat([Buffer.from('A=\xff\xfe\n', 'latin1'), Buffer.from(flat(...age))])
    const document = { ...documentOf('', 'sops-dotenv'), bytes }
    expect((await restrictKeyTypes(document, new Set(['age']), new Map())).bytes).toEqual(bytes)
  })

  test.each([
    'sops_KMS__list_0__map_arn=x',
    'sops_kms=x',
    'sops_new=x',
    'sops_key_groups__list_0__map_kms=x',
    'sops_mac=m',
    'sops_age__list_01__map_enc=x',
    'sops_age__list_1000000__map_enc=x',
    'sops_age__list_1__map_Enc=x',
    'sops_age__list_1__map_=x',
    `sops_age__list_1__map_${'e'.repeat(33)}=x`,
    `sops_kms__list_0__map_context__map_${'e'.repeat(257)}=x`,
    'sops_xage__list_1__map_enc=x',
    'sops_key_groups__list_00__map_age__list_0__map_enc=x',
    'sops_key_groups__list_x__map_age__list_0__map_enc=x',
    'sops_key_groups__list_0__map_key_groups__list_0__map_age__list_0__map_enc=x',
  ])('is refused with %s', async (line) => {
    await expect(restrict(flat(...age, line), 'sops-dotenv')).rejects.toThrow(unclear)
  })

  test.each([
    'sops_age__list_999999__map_enc=x',
    `sops_age__list_1__map_${'e'.repeat(32)}=x`,
    `sops_age__list_1__map_context__map_${'e'.repeat(256)}=x`,
    'sops_age__list_1__map_context__map_A b=x',
    'sops_key_groups__list_10__map_age__list_10__map_enc=x',
  ])('keeps %s', async (line) => {
    const seen = await restrict(flat(...age, line), 'sops-dotenv')
    expect(seen.bytes.toString()).toBe(flat(...age, line))
    expect([seen.type, [...seen.held], [...seen.left]]).toEqual(['dotenv', ['age'], []])
  })

  test('says what is unclear', async () => {
    for (const [line, what] of [
      ['sops_new=x', 'an entry that is unknown here'],
      ['sops_mac=m', 'an entry twice'],
    ])
      await expect(restrict(flat(`${line}`), 'sops-dotenv')).rejects.toMatchObject({
        message: expect.stringMatching(`${what}$`),
      })
  })
})

describe('YAML', () => {
  const yaml = (...more: string[]) =>
    [
      'A: ENC[AES256_GCM,data:a+/=,iv:b,tag:c,type:str]',
      'n_unencrypted: 3.0',
      '# a comment',
      ...more,
      'sops:',
      '    age:',
      '        - recipient: age1x',
      '          enc: |',
      '            wrapped',
      '    mac: m',
      '    version: 3.13.2',
      '',
    ].join('\n')
  const kms = '    kms:\n        - arn: arn:aws:kms:x\n          enc: x'

  test('is written anew without the keys that are not allowed', async () => {
    const seen = await restrict(yaml().replace('    mac: m', `${kms}\n    mac: m`), 'sops-yaml')
    expect(seen.bytes.toString()).toBe(
      '"A": "ENC[AES256_GCM,data:a+/=,iv:b,tag:c,type:str]"\n"n_unencrypted": 3.0\n' +
        '"sops": {"age":[{"recipient":"age1x","enc":"wrapped\\n"}],"mac":"m","version":"3.13.2"}\n',
    )
    expect([seen.type, ...seen.left]).toEqual(['yaml', 'kms'])
  })

  test('has no line end but our own in it, whatever other readers take for one', async () => {
    const text = await textOf(yaml('"B": "x\u2028sops:\\n  kms: []\u0085"'), 'sops-yaml')
    expect(text).toContain('"B": "x\\u2028sops:\\n  kms: []\\u0085"\n')
  })

  test.each([
    ['an anchor', '"B": &x y'],
    ['an alias', 'B: &x y\nC: *x'],
    ['a merge', '"<<": {sops: {kms: [{arn: x}]}}'],
    ['a tag', 'B: !!binary aGk='],
    ['its metadata twice', 'sops: {kms: [{arn: x}]}'],
    ['a name that is no text', '? [a]\n: b'],
  ])('is refused with %s', async (_, line) => {
    await expect(restrict(yaml(line), 'sops-yaml')).rejects.toThrow(unclear)
  })

  test('names a value that no environment can hold', async () => {
    await expect(restrict(yaml('B: {a: b}'), 'sops-yaml')).rejects.toThrow(/"?B"? is a map/)
    await expect(restrict(yaml('B: [a]'), 'sops-yaml')).rejects.toThrow(/"?B"? is a list/)
  })

  test('that is no YAML is not encrypted', async () => {
    await expect(restrict('a: [', 'sops-yaml')).rejects.toThrow(/is not encrypted/)
  })
})

describe('INI', () => {
  const ini = (...more: string[]) =>
    [
      '; mine',
      '[DEFAULT]',
      'A = ENC[x]',
      '[sops]',
      'age__list_0__map_recipient = age1x',
      'age__list_0__map_enc       = wrapped\\n',
      ...more,
      'mac = m',
      '',
    ].join('\n')

  test('is handed over as JSON', async () => {
    const seen = await restrict(ini('kms__list_0__map_arn = x'), 'sops-ini')
    expect(JSON.parse(seen.bytes.toString())).toEqual({
      DEFAULT: { A: 'ENC[x]' },
      sops: { age: [{ recipient: 'age1x', enc: 'wrapped\n' }], mac: 'm' },
    })
    expect(seen.type).toBe('json')
    expect([...seen.left]).toEqual(['kms'])
  })

  test('is read by its sections, whatever stands between', async () => {
    const text = [
      'A=a',
      '# a comment',
      '  ; another',
      '',
      '  [S 1]  ',
      'B   =   b\\nc = d ',
      'C =',
      '[empty]',
      '[DEFAULT]',
      'D = "d',
      '[sops]',
      'age__list_1__map_enc = second',
      'age__list_0__map_enc = first',
      'age__list_1__map_recipient = age1second',
      'pgp__list_10__map_fp = F',
      'pgp__list_10__map_created_at = t',
      'mac = m',
      '[S 1]',
      'E = e',
      '[sops]',
      'version = 3',
    ]
    await expect(restrict(text.join('\n'), 'sops-ini')).rejects.toThrow(unclear)
    const seen = await restrict(text.join('\n').replace('"d', 'd'), 'sops-ini')
    expect(seen.bytes.toString()).toBe(
      JSON.stringify({
        DEFAULT: { A: 'a', D: 'd' },
        'S 1': { B: 'b\nc = d', C: '', E: 'e' },
        sops: {
          age: [{ enc: 'second', recipient: 'age1second' }, { enc: 'first' }],
          pgp: [{ fp: 'F', created_at: 't' }],
          mac: 'm',
          version: '3',
        },
      }),
    )
    expect([[...seen.held], [...seen.left]]).toEqual([['age', 'pgp'], []])
  })

  test.each([
    ['[DEFAULT]\nA = a\n', 'source-not-encrypted', 'is not encrypted, or is incomplete'],
    ['[sops]\n', 'source-not-encrypted', 'is not encrypted, or is incomplete'],
    [
      '[sops]\nmac = m\nkey_groups__list_0__map_age__list_0__map_enc = x\n',
      'key-types-unclear',
      'key groups or a context in INI',
    ],
    [
      '[sops]\nmac = m\nage__list_0__map_context__map_b = x\n',
      'key-types-unclear',
      'key groups or a context in INI',
    ],
    ['[sops]\nmac = m\nnothing\n', 'key-types-unclear', 'INI that is not in the form sops writes'],
    ['[sops]\nmac = m\nmac = n\n', 'key-types-unclear', 'an entry twice'],
  ])('%j is refused: %s', async (text, code, what) => {
    await expect(restrict(text, 'sops-ini')).rejects.toMatchObject({
      code,
      message: expect.stringMatching(`${what}$`),
    })
  })

  test.each([
    '"kms__list_0__map_arn" = x',
    'kms__list_0__map_arn : x',
    '`kms` = x',
    'A = "x',
    '[a]b',
    'a b = x',
  ])('is refused in another form than sops writes: %s', async (line) => {
    await expect(restrict(ini(line), 'sops-ini')).rejects.toThrow(unclear)
  })
})

describe('a Vault', () => {
  test.each([
    [{}, false],
    [{ VAULT_ADDR: 'https://vault.example' }, true],
    [{ VAULT_ADDR: 'https://vault.example/' }, true],
    [{ VAULT_ADDR: 'https://vault' }, false],
    [{ VAULT_ADDR: 'https://other.example' }, false],
    [{ SOPS_HC_VAULT_ALLOWLIST: 'https://a.example,https://vault.example' }, true],
    [{ SOPS_HC_VAULT_ALLOWLIST: 'none', VAULT_ADDR: 'https://vault.example' }, false],
    [{ SOPS_HC_VAULT_ALLOWLIST: 'all' }, true],
  ])('is asked only where the environment names it: %j', async (variables, allowed) => {
    const address = 'https://vault.example'
    expect(allowsVault(address, new Map(Object.entries(variables)))).toBe(allowed)
    const text = json({ hc_vault: [{ vault_address: address, enc: 'x' }] })
    const seen = await restrict(text, 'sops-json', ['hc_vault'], variables)
    expect(seen.vaults).toEqual(allowed ? [] : [address])
    expect(JSON.parse(seen.bytes.toString()).sops.hc_vault?.length ?? 0).toBe(allowed ? 1 : 0)
    expect([...seen.held]).toEqual(allowed ? ['hc_vault'] : [])
  })

  test('of flattened metadata is, too', async () => {
    const line = (name: string) => `sops_hc_vault__list_0__map_${name}=https://vault.example\n`
    const text = `A=x\n${line('vault_address')}${line('enc')}sops_mac=m\n`
    const seen = await restrict(text, 'sops-dotenv', ['hc_vault'])
    expect(seen.bytes.toString()).toBe('A=x\nsops_mac=m\n')
    expect(seen.vaults).toEqual(['https://vault.example'])
    expect([...seen.held]).toEqual([])
  })

  test('of several, those that are named stay, in key groups too', async () => {
    const entry = (at: number, address: string) =>
      `sops_key_groups__list_0__map_hc_vault__list_${at}__map_vault_address=${address}\n` +
      `sops_key_groups__list_0__map_hc_vault__list_${at}__map_enc=${at}\n`
    const beside = entry(0, 'https://v.example').replaceAll('key_groups__list_0__map_', '')
    const good = `A=x\n${beside}${entry(1, 'https://v.example')}`
    const text = `${good}${entry(10, 'https://w.example')}sops_mac=m\n`
    const variables = { VAULT_ADDR: 'https://v.example' }
    const seen = await restrict(text, 'sops-dotenv', ['hc_vault'], variables)
    expect(seen.bytes.toString()).toBe(`${good}sops_mac=m\n`)
    expect([[...seen.held], seen.vaults]).toEqual([['hc_vault'], ['https://w.example']])
  })

  test.each([{ Vault_address: 'x' }, { 'vault_addre\u017f\u017f': 'x' }, {}])(
    'in another form is refused: %j',
    async (entry) => {
      await expect(restrict(json({ hc_vault: [entry] }), 'sops-json', ['hc_vault'])).rejects.toThrow(unclear)
    },
  )
})

describe('what the MAC covers', () => {
  const flat = (line: string) => `A=x\nsops_mac=m\n${line}\n`
  test.each<[string, SopsFormat, string]>([
    ['{"A":"x","sops":{"mac":"m","mac_only\\u005fencrypted":true}}', 'sops-json', 'encrypted'],
    ['{"A":"x","sops":{"mac":"m","mac_only_encrypted"           :  true}}', 'sops-json', 'encrypted'],
    ['{"A":"x","sops":{"mac":"m","mac_only_encrypted":false}}', 'sops-json', 'all'],
    ['{"A":"mac_only_encrypted: true","sops":{"mac":"m"}}', 'sops-json', 'all'],
    ['A: x\nsops:\n  mac: m\n  mac_only_encrypted: "yes"\n', 'sops-yaml', 'encrypted'],
    ['A: x\nsops:\n  mac: m\n  "mac_only\\x5fencrypted": True\n', 'sops-yaml', 'encrypted'],
    ['A: x\nsops:\n  mac: m\n', 'sops-yaml', 'all'],
    ['[DEFAULT]\nA = x\n\n[sops]\nmac = m\nmac_only_encrypted            = true\n', 'sops-ini', 'encrypted'],
    [flat('sops_mac_only_encrypted=true'), 'sops-dotenv', 'encrypted'],
    [flat('sops_mac_only_encrypted=false'), 'sops-dotenv', 'all'],
  ])('is told by the entry that sops sees, however it is written: %j', async (text, format, covers) => {
    expect((await restrict(text, format)).covers).toBe(covers)
  })
})

describe('a text that is made to be searched for ever', () => {
  const MANY = 200_000
  const metadata = (name: string) => `A=x\nsops_${name}\r=x\nsops_mac=m\n`
  test.each<[string, string, SopsFormat]>([
    ['the name of a key', metadata(`age__list_0${'__map_a'.repeat(MANY)}`), 'sops-dotenv'],
    [
      'the name of a key in a group',
      metadata(`key_groups__list_0__map_a__list_0${'__map_a'.repeat(MANY)}`),
      'sops-dotenv',
    ],
    ['blanks before a value', `[DEFAULT]\na =${' '.repeat(MANY)}\rx\rx\n[sops]\nmac=m\n`, 'sops-ini'],
  ])('is refused in time that goes with its length: %s', async (_, text, format) => {
    await expect(restrict(text, format)).rejects.toThrow(unclear)
  })
})
