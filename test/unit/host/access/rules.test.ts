import { describe, expect, test } from 'vitest'
import { parseRules } from '../../../../src/host/access/rules.ts'
import { changeKeys, insertRule } from '../../../../src/host/access/rules-edit.ts'

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
