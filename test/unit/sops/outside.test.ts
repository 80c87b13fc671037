import { describe, expect, test } from 'vitest'
import { detectFormat } from '../../../src/load/format.ts'
import { readOutside } from '../../../src/sops/outside.ts'
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

test('aliases, which sops never writes, make YAML one that can’t be taken apart', async () => {
  const long = `a: &a [${'0,'.repeat(100_000)}]\nb: [${'*a,'.repeat(999)}]\nsops:\n    mac: x\n`
  expect((await outside(long)).whole).toBe(false)
})

test('maps that are names of maps do, too', async () => {
  expect((await outside(`? ${'{'.repeat(200)}a${'}'.repeat(200)}\n: x\nsops:\n    mac: x\n`)).whole).toBe(
    false,
  )
})
