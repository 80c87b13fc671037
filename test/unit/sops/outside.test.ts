import { describe, expect, test } from 'vitest'
import { detectFormat } from '../../../src/load/format.ts'
import { isCiphertext, readClear, readOutside } from '../../../src/sops/outside.ts'
import { readYamlTree } from '../../../src/sops/outside-yaml.ts'

const ME = 'age16wufy8djxz3ug7qkd2aexn4q7lawynwxltcpw0ryhdkw9ku5kutsfu4vt3'

const outside = (text: string) => {
  const bytes = Buffer.from(text)
  return readOutside(bytes, detectFormat(bytes), readYamlTree)
}

const SSH = 'ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIOMa4LUTxnToRMG45/qeQ/kPkRGCSoWgPJ5piH+p9+pn user@host'

/** One of every kind of master key, as the JSON of sops has them. */
const ALL_KINDS = {
  kms: [
    {
      arn: 'arn:aws:kms:eu:1:key/2',
      role: 'arn:aws:iam::1:role/r',
      created_at: '',
      enc: 'x',
      aws_profile: '',
    },
  ],
  gcp_kms: [{ resource_id: 'projects/p/k', created_at: '', enc: 'x' }],
  hckms: [{ key_id: 'tr:id', created_at: '', enc: 'x' }],
  azure_kv: [{ vault_url: 'https://v.azure', name: 'k', version: '1', created_at: '', enc: 'x' }],
  hc_vault: [
    { vault_address: 'https://v:8200', engine_path: 'transit', key_name: 'k', created_at: '', enc: 'x' },
  ],
  pgp: [{ fp: '85d77543b3d624b63cea9e6dbc17301b491b3f21', created_at: '', enc: 'x' }],
  age: [
    { recipient: ME, enc: 'e1' },
    { recipient: SSH, enc: 'e2' },
    { recipient: 'age1yubikey1q2w7u3vpya839jxxuq8g0sedh3d740d4xvn639sqhr95ejj8vu3hyfumptt', enc: 'e3' },
  ],
}
const NAMES_OF_ALL = [
  'kms:arn:aws:kms:eu:1:key/2+arn:aws:iam::1:role/r',
  'gcp_kms:projects/p/k',
  'hckms:tr:id',
  'azure_kv:https://v.azure/keys/k',
  'hc_vault:https://v:8200/v1/transit/keys/k',
  'pgp:85D77543B3D624B63CEA9E6DBC17301B491B3F21',
  ...ALL_KINDS.age.map(({ recipient }) => recipient),
]

const REST = { lastmodified: '2026-01-02T03:04:05Z', mac: 'ENC[AES256_GCM,data:m]', version: '3.13.2' }

describe('a file, seen from outside', () => {
  test('names every kind of master key', async () => {
    const text = JSON.stringify({ A: 'ENC[AES256_GCM,data:x,type:str]', sops: { ...ALL_KINDS, ...REST } })
    const { recipients, names, groups, lastModified, ageKeys } = await outside(text)
    expect(recipients).toEqual(NAMES_OF_ALL)
    expect(groups).toEqual([NAMES_OF_ALL])
    expect(names).toEqual(['A'])
    expect(lastModified).toBe(REST.lastmodified)
    expect(ageKeys.map(({ enc }) => enc)).toEqual(['e1', 'e2', 'e3'])
  })

  test('names the keys of each key group, and how many groups it takes', async () => {
    const sops = {
      shamir_threshold: 2,
      key_groups: [{ age: [{ recipient: ME }] }, { pgp: ALL_KINDS.pgp }],
      ...REST,
    }
    const { groups, threshold, ageKeys } = await outside(JSON.stringify({ sops }))
    expect(groups).toEqual([[ME], [NAMES_OF_ALL[5]]])
    expect(threshold).toBe(2)
    expect(ageKeys).toEqual([])
  })

  test.each(['sops: {', '{"sops": {}, "A"', 'sops_mac\n', '[sops]\n', ''])(
    'is never an error: %j',
    async (text) => {
      expect((await outside(text)).recipients).toEqual([])
    },
  )
})

const C = (data: string) => `ENC[AES256_GCM,data:${data},iv:i,tag:t,type:str]`

/** One file in each form, with the same names and metadata. */
const DOTENV = [
  `A=${C('a')}`,
  `export B=${C('b')}`,
  ' #no comment=x',
  'EMPTY=',
  'PLAIN=text',
  `#${C('k')}`,
  '#in the clear',
  '#  ',
  `A=${C('c')}`,
  'sops_age__list_0__map_recipient=age1x',
  'sops_age__list_0__map_enc=a\\nb',
  'sops_age__list_1__map_recipient=age1y',
  'sops_age__list_1__map_enc=e',
  'sops_pgp__list_0__map_fp=ab cd',
  'sops_encrypted_regex=^A',
  'sops_mac_only_encrypted=true',
  'sops_lastmodified=2026-01-02T03:04:05Z',
  'sops_mac=m',
  'sops_version=3.13.3',
  '',
].join('\n')

describe('what a file says', () => {
  test('as dotenv', async () => {
    expect(await outside(DOTENV)).toEqual({
      format: 'sops-dotenv',
      names: ['A', 'B', '#no comment', 'EMPTY', 'PLAIN'],
      groups: [['pgp:ABCD', 'age1x', 'age1y']],
      recipients: ['pgp:ABCD', 'age1x', 'age1y'],
      threshold: 1,
      ageKeys: [
        { recipient: 'age1x', enc: 'a\nb' },
        { recipient: 'age1y', enc: 'e' },
      ],
      rule: { name: 'encrypted_regex', text: '^A' },
      macOnlyEncrypted: true,
      lastModified: '2026-01-02T03:04:05Z',
      version: '3.13.3',
      mac: 'm',
      clear: ['#no comment', 'PLAIN'],
      values: [
        { name: 'A', ciphertext: C('a') },
        { name: 'B', ciphertext: C('b') },
        { name: '#no comment', ciphertext: undefined },
        { name: 'EMPTY', ciphertext: '' },
        { name: 'PLAIN', ciphertext: undefined },
        { name: 'A', ciphertext: C('c') },
      ],
      comments: [C('k'), undefined, undefined],
      clearComments: 1,
      whole: true,
    })
  })

  test('as INI, whose names are of its sections', async () => {
    const text = `; one\n#${C('k')}\nA = ${C('a')}\n\n[web]\n B=b \nnothing\n[sops]\nmac = m\nage__list_0__map_recipient = age1x\nlastmodified=2026\n`
    expect(await outside(text)).toMatchObject({
      format: 'sops-ini',
      names: ['A', 'B'],
      clear: ['B'],
      recipients: ['age1x'],
      mac: 'm',
      lastModified: '2026',
      comments: [undefined, C('k')],
      clearComments: 1,
      macOnlyEncrypted: false,
      rule: { name: 'unencrypted_suffix', text: '_unencrypted' },
      whole: true,
    })
  })

  test('as JSON, with what lies below its names', async () => {
    const sops = { mac: 'm', version: 3.9, mac_only_encrypted: false, threshold: 3, key_groups: 'none' }
    const text = JSON.stringify({
      A: { b: C('1'), c: [C('2'), ''] },
      B: [{ d: C('3') }, 5],
      N: null,
      T: true,
      E: [],
      sops,
    })
    expect(await outside(text)).toMatchObject({
      format: 'sops-json',
      names: ['A', 'B', 'N', 'T', 'E'],
      clear: ['B', 'T'],
      groups: [],
      recipients: [],
      threshold: 0,
      ageKeys: [],
      version: '3.9',
      lastModified: undefined,
      values: [
        { name: 'A', ciphertext: `b ${C('1')} c ${C('2')} ` },
        { name: 'B', ciphertext: undefined },
        { name: 'N', ciphertext: '' },
        { name: 'T', ciphertext: undefined },
        { name: 'E', ciphertext: '' },
      ],
      comments: [],
    })
  })

  test('as YAML, of all its documents', async () => {
    const text = `# in the clear\nA: ${C('a')}\nsops:\n    mac: m\n    age:\n        - recipient: age1x\n          enc: e\n---\nB: b\n`
    expect(await outside(text)).toMatchObject({
      format: 'sops-yaml',
      names: ['A', 'B'],
      clear: ['B'],
      recipients: ['age1x'],
      clearComments: 1,
      whole: true,
    })
    expect(await readOutside(Buffer.from(text), 'sops-yaml')).toMatchObject({
      format: 'sops-yaml',
      whole: false,
    })
  })

  test('as one encrypted value, whose name is no name', async () => {
    const binary = JSON.stringify({ data: C('x'), sops: { mac: 'm' } })
    expect(await outside(binary)).toMatchObject({ format: 'sops-binary', names: [], clear: [], whole: true })
    const clear = JSON.stringify({ data: 'x', sops: { mac: 'm' } })
    expect(await outside(clear)).toMatchObject({ names: [], clear: ['data'] })
  })

  test('as an age file, and as none', async () => {
    const nothing = {
      names: [],
      recipients: [],
      groups: [],
      values: [],
      clear: [],
      comments: [],
      clearComments: 0,
    }
    expect(await readOutside(Buffer.alloc(0), 'age')).toMatchObject({
      ...nothing,
      format: 'age',
      whole: true,
    })
    for (const format of ['plaintext', undefined] as const)
      expect(await readOutside(Buffer.from('A=1'), format)).toMatchObject({
        ...nothing,
        format: undefined,
        whole: false,
      })
  })
})

test.each([
  [C('x'), true],
  ['ENC[AES256_GCM,data:', false],
  ['ENC[AES256_GCM,iv:x]', false],
  [` ${C('x')}`, false],
  ['', false],
])('%j is what SOPS makes of a value: %s', (text, is) => {
  expect(isCiphertext(text)).toBe(is)
})

test('the values in the clear are given with their names, of nothing else', async () => {
  expect(await readClear(Buffer.from(DOTENV), 'sops-dotenv', readYamlTree)).toEqual(
    new Map([
      ['#no comment', 'x'],
      ['PLAIN', 'text'],
    ]),
  )
  for (const format of ['age', undefined] as const)
    expect(await readClear(Buffer.from(DOTENV), format, readYamlTree)).toEqual(new Map())
  expect(await readClear(Buffer.from('{'), 'sops-json', readYamlTree)).toEqual(new Map())
})

test('aliases, which sops never writes, make YAML one that can’t be taken apart', async () => {
  const long = `a: &a [${'0,'.repeat(100_000)}]\nb: [${'*a,'.repeat(999)}]\nsops:\n    mac: x\n`
  expect((await outside(long)).whole).toBe(false)
})

test('maps that are names of maps do, too', async () => {
  expect((await outside(`? ${'{'.repeat(200)}a${'}'.repeat(200)}\n: x\nsops:\n    mac: x\n`)).whole).toBe(
    false,
  )
})
