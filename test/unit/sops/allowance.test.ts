import { describe, expect, test } from 'vitest'
import type { KeyType } from '../../../src/nouns.ts'
import { Allowance, allowsVault } from '../../../src/sops/allowance.ts'
import { isMap, parseJson } from '../../../src/sops/json.ts'
import { jsonText } from '../../../src/sops/json-text.ts'

const VAULT = 'https://vault.example:8200'

/** What is left of metadata in JSON, and what was seen in them. */
function seen(
  text: string,
  allowed: readonly KeyType[] = ['age', 'hc_vault'],
  variables: Record<string, string> = {},
) {
  const allowance = new Allowance('A.enc', new Set(allowed), new Map(Object.entries(variables)))
  const root = parseJson(text)
  if (!isMap(root)) throw new Error('no object')
  const left = jsonText(allowance.metadata(root))
  return {
    text: left,
    held: [...allowance.held],
    left: [...allowance.left],
    vaults: allowance.vaults,
    covers: allowance.covers,
  }
}

describe('the addresses that a Vault may have', () => {
  test.each<[list: string | undefined, address: string | undefined, vault: string, allowed: boolean]>([
    [undefined, undefined, VAULT, false],
    ['', '', VAULT, false],
    ['none', VAULT, VAULT, false],
    ['all', undefined, VAULT, true],
    [undefined, VAULT, VAULT, true],
    [undefined, VAULT, `${VAULT}//`, true],
    [undefined, ` ${VAULT}/ `, `${VAULT}/v1`, true],
    [undefined, `${VAULT}/v1`, VAULT, false],
    [undefined, VAULT, `${VAULT}0`, false],
    [undefined, 'https://vault.example', 'https://vault.example.evil', false],
    ['https://other', VAULT, VAULT, false],
    [`https://other, ${VAULT}`, undefined, ` ${VAULT}`, true],
    ['https://x//y', undefined, 'https://x//y', true],
  ])('allowlist %j, VAULT_ADDR %j: %j %s', (list, address, vault, allowed) => {
    const variables = Object.entries({ SOPS_HC_VAULT_ALLOWLIST: list, VAULT_ADDR: address })
    expect(
      allowsVault(
        vault,
        new Map(variables.flatMap(([name, text]) => (text === undefined ? [] : [[name, text]]))),
      ),
    ).toBe(allowed)
  })
})

describe('metadata', () => {
  test('keep what is allowed and what is no key, in their order', () => {
    const text =
      '{"mac":"m","age":[{}],"pgp":[{}],"kms":[],"gcp_kms":null,"key_groups":[{"age":[1],"pgp":[2]}],"version":"3"}'
    expect(seen(text)).toEqual({
      text: '{"mac":"m","age":[{}],"key_groups":[{"age":[1]}],"version":"3"}',
      held: ['age'],
      left: ['pgp'],
      vaults: [],
      covers: 'all',
    })
    expect(seen('{"key_groups":null,"age":[]}')).toMatchObject({ text: '{}', held: [], left: [] })
  })

  test('keep Vaults that may have our token, and tell the others', () => {
    const vault = (address: string) => ({ vault_address: address, engine_path: 'p', key_name: 'k' })
    const text = JSON.stringify({ hc_vault: [vault(VAULT), vault('https://other')] })
    expect(seen(text, undefined, { VAULT_ADDR: VAULT })).toMatchObject({
      text: JSON.stringify({ hc_vault: [vault(VAULT)] }),
      held: ['hc_vault'],
      vaults: ['https://other'],
    })
    expect(seen(text)).toMatchObject({ text: '{}', held: [], left: [], vaults: [VAULT, 'https://other'] })
    expect(seen(text, ['age'])).toMatchObject({ text: '{}', left: ['hc_vault'], vaults: [] })
  })

  test.each([
    ['an entry twice', '{"mac":1,"mac":1}'],
    ['an entry that is unknown here', '{"more":[]}'],
    ['an entry that is unknown here', '{"key_groups":[{"mac":"m"}]}'],
    ['key groups', '{"key_groups":{}}'],
    ['a key group that is no map', '{"key_groups":[[]]}'],
    ['age that is no list', '{"age":{}}'],
    ['pgp that is no list', '{"pgp":""}'],
    ['a Vault in another form than sops writes', '{"hc_vault":["x"]}'],
    ['a Vault in another form than sops writes', '{"hc_vault":[{"vault_address":"x","Vault_Address":"y"}]}'],
    ['a Vault in another form than sops writes', '{"hc_vault":[{"vault_address":"x","key-name":"y"}]}'],
    ['a Vault without one address', '{"hc_vault":[{}]}'],
    ['a Vault without one address', '{"hc_vault":[{"vault_address":"x","vault_address":"y"}]}'],
    ['a Vault without an address', '{"hc_vault":[{"vault_address":5}]}'],
  ])('are unclear with %s: %s', (what, text) => {
    expect(() => seen(text)).toThrow(
      expect.objectContaining({ code: 'key-types-unclear', message: expect.stringContaining(what) }),
    )
  })

  test.each([
    ['null', 'all'],
    ['false', 'all'],
    ['""', 'all'],
    ['"false"', 'all'],
    ['true', 'encrypted'],
    ['"yes"', 'encrypted'],
    ['0', 'encrypted'],
  ])('mac_only_encrypted of %s: the MAC covers %s', (flag, covers) => {
    expect(seen(`{"mac_only_encrypted":${flag}}`).covers).toBe(covers)
    expect(seen(`{"mac":${flag}}`).covers).toBe('all')
  })
})

test('JSON is written back in one line, with nothing in it that another reader takes for a line end', () => {
  const text = '{"b": [1.50, true, null, {}], "a": "\\u0085\\u007f\\u2028\\u2029\\ufeff \\n\\u00a0ü"}'
  const root = parseJson(text) ?? null
  expect(jsonText(root)).toBe(
    '{"b":[1.50,true,null,{}],"a":"\\u0085\\u007f\\u2028\\u2029\\ufeff \\n\u00a0ü"}',
  )
  expect(parseJson(jsonText(root))).toEqual(root)
})
