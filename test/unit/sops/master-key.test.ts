import { describe, expect, test } from 'vitest'
import {
  areSameKeys,
  bareKey,
  hasKey,
  KEY_KINDS,
  keysWithout,
  kindOf,
  nameAzureKey,
  nameKey,
  nameVaultKey,
  uniqueKeys,
} from '../../../src/sops/master-key.ts'

describe('the name of a master key', () => {
  test.each([
    ['age', ' age1abc\n', 'age1abc'],
    ['age', 'ssh-ed25519 AAAA a@b', 'ssh-ed25519 AAAA a@b'],
    ['pgp', ' 85d7 7543 b3d6 ', 'pgp:85D77543B3D6'],
    ['kms', ' arn:aws: kms:x', 'kms:arn:aws:kms:x'],
    ['gcp_kms', 'projects/a b', 'gcp_kms:projects/a b'],
    ['hckms', 'tr-west:Id', 'hckms:tr-west:Id'],
  ] as const)('of kind %s, %j, is %j', (kind, text, name) => {
    expect(nameKey(kind, text)).toBe(name)
    expect(kindOf(name)).toBe(kind)
  })

  test('in a vault is its address, one slash at its end left out', () => {
    expect(nameAzureKey('https://a.vault/', 'k')).toBe('azure_kv:https://a.vault/keys/k')
    expect(nameAzureKey('https://a.vault', 'k')).toBe('azure_kv:https://a.vault/keys/k')
    expect(nameVaultKey('http://v:8200/', 'transit', 'k')).toBe('hc_vault:http://v:8200/v1/transit/keys/k')
    expect(nameVaultKey('http://v:8200/a', 'transit', 'k')).toBe('hc_vault:http://v:8200/a/v1/transit/keys/k')
  })

  test('says of which kind it is, by what stands before its colon', () => {
    for (const kind of KEY_KINDS) expect(kindOf(`${kind}:x`)).toBe(kind)
    expect(kindOf('age1pgp:x')).toBe('age')
    expect(kindOf('kmsx')).toBe('age')
  })
})

const SSH = 'ssh-ed25519 AAAA'

test('the comment behind an SSH key is no part of it, and of other keys nothing is left out', () => {
  expect(bareKey(`${SSH} a@b c`)).toBe(SSH)
  expect(bareKey(SSH)).toBe(SSH)
  expect(bareKey('gcp_kms:a b c')).toBe('gcp_kms:a b c')
})

describe('keys that are compared', () => {
  test('are the same whatever is behind an SSH key', () => {
    expect(hasKey(['age1x', `${SSH} a@b`], `${SSH} other`)).toBe(true)
    expect(hasKey(['age1x', 'ssh-ed25519 BBBB'], SSH)).toBe(false)
    expect(hasKey([], SSH)).toBe(false)
    expect(keysWithout(['age1x', `${SSH} a@b`, 'age1y'], [SSH, 'age1y'])).toEqual(['age1x'])
  })

  test('stay in their order, the first of each as it is', () => {
    expect(uniqueKeys(['age1y', `${SSH} a@b`, 'age1x', SSH, 'age1y'])).toEqual([
      'age1y',
      `${SSH} a@b`,
      'age1x',
    ])
  })

  test('are the same in any order, and not where one has more', () => {
    expect(areSameKeys(['age1x', SSH], [`${SSH} a@b`, 'age1x'])).toBe(true)
    expect(areSameKeys(['age1x'], ['age1x', SSH])).toBe(false)
    expect(areSameKeys(['age1x', SSH], ['age1x'])).toBe(false)
    expect(areSameKeys([], [])).toBe(true)
  })
})
