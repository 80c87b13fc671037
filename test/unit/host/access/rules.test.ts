import { chmodSync, chownSync, lchownSync, symlinkSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import {
  findRules,
  groupEntries,
  groupEntryName,
  isOurs,
  keyNamed,
  overRules,
  parseRules,
  rulesOf as rulesInForce,
} from '../../../../src/host/access/rules.ts'
import { changeKeys, insertRule } from '../../../../src/host/access/rules-edit.ts'
import { Place } from '../../../helpers/place.ts'

const ME = 'age16wufy8djxz3ug7qkd2aexn4q7lawynwxltcpw0ryhdkw9ku5kutsfu4vt3'
const BOB = 'age1yubikey1q2w7u3vpya839jxxuq8g0sedh3d740d4xvn639sqhr95ejj8vu3hyfumptt'
const SSH = 'ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIOMa4LUTxnToRMG45/qeQ/kPkRGCSoWgPJ5piH+p9+pn'

const rulesOf = (text: string) => parseRules('/p/.sops.yaml', text)
const groupsOf = async (text: string, path = '/p/secrets/A.enc') => (await rulesOf(text)).for(path).groups

describe('a rule is read as sops reads it', () => {
  test('keys of every kind, by their names', async () => {
    const text = `creation_rules:
  - age: "${ME}, ${SSH} me@host"
    pgp: 85d7 7543,AB
    kms: arn:aws:kms:eu:1:key/2+arn:aws:iam::1:role/r|a:b
    gcp_kms: [projects/p]
    hckms: ["tr:id"]
    azure_keyvault: https://v.azure/keys/k/1
    hc_vault_transit_uri: https://v:8200/v1/transit/keys/k
`
    expect(await groupsOf(text)).toEqual([
      [
        ME,
        `${SSH} me@host`,
        'pgp:85D77543',
        'pgp:AB',
        'kms:arn:aws:kms:eu:1:key/2+arn:aws:iam::1:role/r',
        'gcp_kms:projects/p',
        'hckms:tr:id',
        'azure_kv:https://v.azure/keys/k',
        'hc_vault:https://v:8200/v1/transit/keys/k',
      ],
    ])
  })

  test.each([
    ['a text', 'pgp: "AB, ,CD,"'],
    ['a list', 'pgp: [AB, CD]'],
    ['a list of texts', 'pgp: ["AB,", " CD ,AB"]'],
  ])('keys stand in %s, each counts once', async (_, keys) => {
    expect(await groupsOf(`creation_rules:\n  - ${keys}\n`)).toEqual([['pgp:AB', 'pgp:CD']])
  })

  test('of a group, only its age recipients stand with commas between them', async () => {
    const text = `creation_rules:
  - key_groups:
      - age: ["${ME}, ${BOB}", "${ME}"]
        pgp: ["AB,CD"]
        hc_vault: ["https://v/v1/t/keys/k,l"]
      - null
`
    expect(await groupsOf(text)).toEqual([[ME, BOB, 'pgp:AB,CD', 'hc_vault:https://v/v1/t/keys/k,l'], []])
  })

  test('no groups, and nothing in a field, are as if they were not there', async () => {
    const text = `creation_rules:\n  - age: ${ME}\n    pgp:\n    kms: ""\n    key_groups: []\n    encrypted_suffix: ""\n`
    const rule = (await rulesOf(text)).for('/p/x')
    expect([rule.groups, rule.encrypts.name]).toEqual([[[ME]], 'unencrypted_suffix'])
    expect((await rulesOf('creation_rules: [null]')).for('/p/x').recipients).toEqual([])
  })

  test('what it says beside keys', async () => {
    const text = `creation_rules:
  - path_regex: ^a$
    mac_only_encrypted: true
    encrypted_regex: x
    shamir_threshold: 1
    key_groups: [{age: [${ME}]}, {age: [${BOB}, ${ME}]}]
  - shamir_threshold: 0
    key_groups: [{age: [${ME}]}, {age: [${BOB}]}]
`
    const rules = await rulesOf(text)
    const common = { config: '/p/.sops.yaml', recipients: [ME, BOB] }
    expect(rules.for('/p/a')).toMatchObject({
      ...common,
      index: 0,
      path: '/p/a',
      threshold: 1,
      macOnlyEncrypted: true,
      encrypts: { name: 'encrypted_regex', text: 'x' },
    })
    expect(rules.for('/p/b')).toMatchObject({
      ...common,
      index: 1,
      path: '/p/b',
      threshold: 2,
      macOnlyEncrypted: false,
      encrypts: { name: 'unencrypted_suffix', text: '_unencrypted' },
    })
    expect(rules.rules.map(({ path }) => path)).toEqual(['/p/.sops.yaml', '/p/.sops.yaml'])
  })

  test.each([
    'unencrypted_suffix',
    'encrypted_suffix',
    'unencrypted_regex',
    'encrypted_regex',
    'unencrypted_comment_regex',
    'encrypted_comment_regex',
  ])('what it encrypts: %s', async (name) => {
    expect((await rulesOf(`creation_rules:\n  - ${name}: x\n`)).for('/p/a').encrypts).toEqual({
      name,
      text: 'x',
    })
  })

  test('a path is the one from its directory on, or the whole one of a file elsewhere', async () => {
    const rules = await rulesOf(
      `creation_rules:\n  - path_regex: ^a/b$\n    age: ${ME}\n  - path_regex: ^/q/a/b$\n    age: ${BOB}\n`,
    )
    expect([rules.for('/p/a/b'), rules.for('/q/a/b')].map(({ index }) => index)).toEqual([0, 1])
    expect(() => rules.for('/pp/a/b')).toThrow('no creation rule matches /pp/a/b')
  })

  test('.env.enc has the rule of .env beside it where none is for itself, and no other file has', async () => {
    const rules = await rulesOf(`creation_rules:\n  - path_regex: ^(x/)?(\\.env|a)$\n    age: ${ME}\n`)
    for (const path of ['/p/.env.enc', '/p/x/.env.enc']) {
      const rule = rules.for(path)
      expect([rule.recipients, rule.path]).toEqual([[ME], path.replace('.enc', '')])
    }
    for (const path of ['/p/a.enc', '/p/y/.env.enc', '/p/x.env.enc'])
      expect(() => rules.for(path)).toThrow('no creation rule matches')
  })

  test('groups win over what stands beside them, with what they merge', async () => {
    const text = `creation_rules:
  - age: ${BOB}
    key_groups:
      - merge: [{age: [${ME}]}, {pgp: [ab]}]
        age: [${BOB}]
      - kms: [{arn: "arn:1", role: r}]
`
    expect(await groupsOf(text)).toEqual([[ME, 'pgp:AB', BOB], ['kms:arn:1+r']])
  })

  test.each([
    ['\\.env(\\..*)?$', true],
    ['(?i)^\\.ENV\\.enc$', true],
    ['^[[:punct:]]env', true],
    ['^(?:a|b)+$', false],
    ['^/p/', false],
    ['\\Q.env.enc\\E', true],
    ['^\\.env$', true],
  ])('path_regex %j for .env.enc: %s', async (pattern, fits) => {
    const rules = await rulesOf(
      `creation_rules:\n  - path_regex: '${pattern}'\n    age: ${ME}\n  - age: ${BOB}\n`,
    )
    // The last one is for .env, which counts where no rule is for .env.enc; here the second one is.
    expect(rules.for('/p/.env.enc').recipients).toEqual([fits && pattern !== '^\\.env$' ? ME : BOB])
  })

  test.each([
    ['a pattern that is none', `creation_rules:\n  - path_regex: '('\n    age: ${ME}\n  - age: ${ME}\n`],
    ['a repeat that backtracks', `creation_rules:\n  - path_regex: '(?=x)'\n    age: ${ME}\n`],
    ['a list with a number in it', 'creation_rules:\n  - age: [1]\n'],
    ['a name twice', `creation_rules:\n  - age: ${ME}\n    age: ${BOB}\n`],
    [
      'two ways to say what is encrypted',
      `creation_rules:\n  - age: ${ME}\n    encrypted_regex: a\n    encrypted_suffix: b\n`,
    ],
    ['no rule', 'creation_rules: []\n'],
    ['nothing', ''],
  ])('%s is never a yes', async (_, text) => {
    await expect(rulesOf(text).then((rules) => rules.for('/p/secrets/A.enc'))).rejects.toThrow(
      expect.objectContaining({ code: expect.stringMatching(/^(?:sops-config|rule-none)$/) }),
    )
  })

  test.each([
    ['a: [', 'is not YAML'],
    ['creation_rules: [{<<: 1}]', 'is not YAML'],
    ['1', 'not what sops expects at its top'],
    ['creation_rules: {}', 'not what sops expects at creation_rules'],
    ['creation_rules: [{}, {path_regex: 1}]', 'not what sops expects at creation_rules.1.path_regex'],
    ['creation_rules: [{hckms: x}]', 'not what sops expects at creation_rules.0.hckms'],
    [
      'creation_rules: [{key_groups: [{age: x}]}]',
      'not what sops expects at creation_rules.0.key_groups.0.age',
    ],
    [
      'creation_rules: [{key_groups: [{merge: [{kms: [x]}]}]}]',
      'not what sops expects at creation_rules.0.key_groups.0.merge.0.kms.0',
    ],
    [
      'creation_rules: [{path_regex: ^b$}, {path_regex: "("}, {}]',
      'rule 2 has a path_regex that is not a regular expression',
    ],
    [
      'creation_rules: [{path_regex: ^b$}, {encrypted_regex: a, encrypted_suffix: b}]',
      'rule 2 has two settings for what is encrypted',
    ],
    ['creation_rules: [{path_regex: ^b$}]', 'no creation rule matches /p/a'],
  ])('%j is refused with what is wrong: %s', async (text, reason) => {
    await expect(rulesOf(text).then((rules) => rules.for('/p/a'))).rejects.toMatchObject({
      message: `/p/.sops.yaml: ${reason}`,
    })
  })

  test('a rule that counts is found before one that is none', async () => {
    const text =
      'creation_rules: [{path_regex: ^a$}, {path_regex: "("}, {encrypted_regex: a, encrypted_suffix: b}]'
    expect((await rulesOf(text)).for('/p/a').index).toBe(0)
  })

  test('a pattern that would keep JavaScript busy for ever is matched at once', async () => {
    const rules = await rulesOf(
      `creation_rules:\n  - path_regex: '^(a|a)*(a*)*x$'\n    age: ${ME}\n  - age: ${BOB}\n`,
    )
    expect(rules.for(`/p/${'a'.repeat(4000)}`).recipients).toEqual([BOB])
  })
})

describe('a change', () => {
  const both = `# who\nkeys:\n  - &me ${ME} # mine\n  - &bob ${BOB}\ncreation_rules:\n  # the env file\n  - path_regex: ^a$\n    age: &all [*me, *bob]\n  - age: *all\n`

  test('of one rule leaves the other that shares its anchor, and the comments', async () => {
    const rules = await rulesOf(both)
    const made = await changeKeys(rules, ({ index, groups }) => (index === 0 ? [[ME]] : groups))
    expect(made.rules.map(({ groups }) => groups)).toEqual([[[ME]], [[ME, BOB]]])
    for (const comment of ['# who', '# mine', '# the env file']) expect(made.text).toContain(comment)
  })

  test('of both is made where they share it', async () => {
    const made = await changeKeys(await rulesOf(both), () => [[ME]])
    expect(made.text).toContain('*all')
    expect(made.rules.map(({ groups }) => groups)).toEqual([[[ME]], [[ME]]])
  })

  test('of nothing is the same object', async () => {
    const rules = await rulesOf(both)
    expect(await changeKeys(rules, ({ groups }) => groups)).toBe(rules)
  })

  test('to what no rule can say is refused, and nothing is made', async () => {
    const rules = await rulesOf('creation_rules:\n  - age: x\n')
    await expect(changeKeys(rules, () => [[ME], [BOB]])).rejects.toMatchObject({ code: 'rules-uneditable' })
  })

  test('by a rule more is before the others, which stay as they are', async () => {
    const rules = await rulesOf(both)
    const made = await insertRule(rules, 0, '^b$', { age: ME })
    expect(made.rules.map(({ groups }) => groups)).toEqual([[[ME]], [[ME, BOB]], [[ME, BOB]]])
  })
})

describe('the name of a key is', () => {
  test.each<[field: string, entry: unknown, name: string]>([
    ['age', ` ${ME}`, ME],
    ['pgp', 'ab c', 'pgp:ABC'],
    ['hc_vault', 'https://v/v1/t/keys/k', 'hc_vault:https://v/v1/t/keys/k'],
    ['kms', { arn: 'arn:1', role: '' }, 'kms:arn:1'],
    ['kms', { arn: 'arn:1', role: 'arn:r', aws_profile: 'p' }, 'kms:arn:1+arn:r'],
    ['gcp_kms', { resource_id: 'projects/p' }, 'gcp_kms:projects/p'],
    ['hckms', { key_id: 'tr:id' }, 'hckms:tr:id'],
    ['azure_keyvault', { vaultUrl: 'https://v/', key: 'k', version: '1' }, 'azure_kv:https://v/keys/k'],
    ['gcp_kms', {}, 'gcp_kms:'],
    ['kms', null, 'kms:'],
  ])('in a group, of %s %j: %s', (field, entry, name) => {
    expect(groupEntryName(field, entry)).toBe(name)
  })

  test.each([
    ['kms', 'arn:1+r|a:b', 'kms:arn:1+r'],
    ['pgp', 'ab|c', 'pgp:AB|C'],
    ['azure_kv', 'https://v/keys/k/1', 'azure_kv:https://v/keys/k'],
    ['azure_kv', 'https://v', 'azure_kv:https://v/keys/'],
    ['age', ME, ME],
  ] as const)('beside groups, of %s %j: %s', (kind, text, name) => {
    expect(keyNamed(kind, text)).toBe(name)
  })
})

test('a group has what it merges before its own, in sops’ order', () => {
  const deep = { merge: [{ age: ['one'] }, { hc_vault: ['two'], pgp: null }], kms: [{ arn: '3' }] }
  const group = { hc_vault: ['5'], age: ['4'], other: ['none'], merge: [deep] }
  expect(groupEntries(group)).toEqual([
    ['age', 'one'],
    ['hc_vault', 'two'],
    ['kms', { arn: '3' }],
    ['age', '4'],
    ['hc_vault', '5'],
  ])
  expect(groupEntries(null)).toEqual([])
})

describe('the rules in force', () => {
  const text = (key: string) => `creation_rules:\n  - age: ${key}\n`
  const found = async (root: string) => (await findRules(root))?.rules[0]?.recipients[0]

  test('are the nearest, and new ones are written over what was read', async () => {
    const place = new Place()
    const path = place.write('/.sops.yaml', text(BOB))
    expect(await found(place.root)).toBe(BOB)
    place.write('.sops.yaml', text(ME), 0o666)
    expect(await found(place.root)).toBe(ME)
    expect(await found(place.base)).toBe(BOB)
    const rules = await rulesInForce(place.base)
    expect(overRules(rules)).toEqual({ over: Buffer.from(text(BOB)), within: place.base })
    expect(rules.path).toBe(path)
  })

  test('above the project don’t count where others can write them, and in it they do', async () => {
    const place = new Place()
    const inner = join(place.root, 'a', 'b')
    place.write('a/b/x', '')
    place.write('/.sops.yaml', text(ME))
    const others = place.write('a/.sops.yaml', text(BOB))
    expect(await found(inner)).toBe(BOB)
    chmodSync(others, 0o602)
    expect(await found(inner)).toBe(ME)
    expect(await found(join(place.root, 'a'))).toBe(BOB)
  })

  test('are none where there are none, and it is said how they come to be', async () => {
    const place = new Place()
    expect(await findRules(place.root)).toBeUndefined()
    await expect(rulesInForce(place.root)).rejects.toMatchObject({
      code: 'rules-missing',
      message: `${join(place.root, '.sops.yaml')}: does not exist, so nothing says who may open secrets`,
    })
  })
})

describe('a file is ours', () => {
  test.each([
    [0o600, true],
    [0o644, true],
    [0o602, false],
    [0o646, false],
  ])('with mode %o: %s', (mode, ours) => {
    const place = new Place()
    const path = place.write('x', '')
    chmodSync(path, mode)
    expect(isOurs(path, place.root)).toBe(ours)
    symlinkSync(path, `${path}-link`)
    expect(isOurs(`${path}-link`, place.root)).toBe(ours)
  })

  test.runIf(process.getuid?.() === 0).each([
    ['of a group called after its only member', [0, 0, 0o660], 0, true],
    ['of another group that can write', [0, 12345, 0o660], 0, false],
    ['of another group that can read', [0, 12345, 0o640], 0, true],
    ['of another user', [12345, 12345, 0o600], 0, false],
    ['of the project’s owner', [12345, 12345, 0o660], 12345, true],
    ['of root, in a project of another’s', [0, 0, 0o600], 12345, true],
  ])('%s or not (needs root)', (_, file, owner, ours) => {
    const [uid = 0, gid = 0, mode = 0] = file
    const place = new Place()
    const path = place.write('x', '')
    chmodSync(path, mode)
    chownSync(path, uid, gid)
    chownSync(place.root, owner, owner)
    expect(isOurs(path, place.root)).toBe(ours)
  })

  test.runIf(process.getuid?.() === 0)('if the link to it is, too (needs root)', () => {
    const place = new Place()
    const link = join(place.root, 'link')
    symlinkSync(place.write('x', ''), link)
    lchownSync(link, 12345, 12345)
    expect(isOurs(link, place.root)).toBe(false)
  })
})

test.each([
  ['a next line', '\u0085'],
  ['a line separator', '\u2028'],
  ['a paragraph separator', '\u2029'],
  ['a carriage return', '\r'],
])('a rule behind %s in a comment, which sops sees, is not read over', async (_, end) => {
  const text = `creation_rules:\n  # x${end}  - age: ${SSH}\n  - age: ${ME}\n`
  await expect(rulesOf(text)).rejects.toMatchObject({ code: 'sops-config' })
  expect((await rulesOf(text.replace(end, '').replaceAll('\n', '\r\n'))).rules).toHaveLength(1)
})
