import { describe, expect, test } from 'vitest'
import { type CreationRule, parseRules } from '../../../../src/host/access/rules.ts'
import { changeKeys, insertRule } from '../../../../src/host/access/rules-edit.ts'

const [A, B, C] = ['age1aaa', 'age1bbb', 'age1ccc']
const rulesOf = (body: string) => parseRules('/p/.sops.yaml', `creation_rules:\n${body}`)

type Groups = ReadonlyArray<readonly string[]>
/** Changes the groups of each rule, and returns what then stands in the file. */
async function edited(body: string, change: (rule: CreationRule) => Groups): Promise<string> {
  const { text } = await changeKeys(await rulesOf(body), change)
  return text.slice('creation_rules:\n'.length)
}
const adding =
  (key: string) =>
  ({ groups }: CreationRule): Groups =>
    groups.map((keys) => [...keys, key])
const without =
  (key: string) =>
  ({ groups }: CreationRule): Groups =>
    groups.map((keys) => keys.filter((one) => one !== key))
const refused = expect.objectContaining({
  code: 'rules-uneditable',
  message: expect.stringContaining('/p/.sops.yaml'),
})

describe('keys beside each other', () => {
  test.each([
    ['in a text with commas', `  - age: ${A}\n`, `  - age: ${A},${C}\n`],
    ['in a text, whatever blanks it has', `  - age: "${A}, ${B} "\n`, `  - age: "${A},${B},${C}"\n`],
    ['in a list', `  - age:\n      - ${A} # mine\n`, `  - age:\n      - ${A} # mine\n      - ${C}\n`],
    ['in a list of one line', `  - age: [${A}]\n`, `  - age: [ ${A}, ${C} ]\n`],
    ['where there was no such key', '  - pgp: AB # bob\n', `  - pgp: AB # bob\n    age: ${C}\n`],
    ['where the list was empty', '  - pgp: AB\n    age: ""\n', `  - pgp: AB\n    age: "${C}"\n`],
  ])('one more %s', async (_, before, after) => {
    expect(await edited(before, adding(C))).toBe(after)
  })

  test.each([
    ['from a text', `  - age: ${A},${B}\n`, `  - age: ${B}\n`],
    ['from a list', `  - age:\n      - ${A}\n      - ${B} # bob\n`, `  - age:\n      - ${B} # bob\n`],
    [
      'from a list whose entries have commas',
      `  - age: ["${A}", "${B},${C}"]\n`,
      `  - age: [ "${B},${C}" ]\n`,
    ],
  ])('one fewer %s', async (_, before, after) => {
    expect(await edited(before, without(A))).toBe(after)
  })

  test('one fewer of an entry with several leaves the other', async () => {
    const rules = await rulesOf(`  - age: ["${A},${B}"]\n`)
    const made = await changeKeys(rules, without(A))
    expect(made.rules[0]?.groups).toEqual([[B]])
  })

  test.each([
    ['pgp', 'pgp: AB,CD', 'pgp:AB', 'pgp: CD'],
    ['kms', 'kms: "arn:1+role|a:b,arn:2"', 'kms:arn:2', 'kms: "arn:1+role|a:b"'],
    ['gcp_kms', 'gcp_kms: [projects/p, projects/q]', 'gcp_kms:projects/p', 'gcp_kms: [ projects/q ]'],
    ['hckms', 'hckms: ["tr:1", "tr:2"]', 'hckms:tr:2', 'hckms: [ "tr:1" ]'],
    [
      'azure_kv',
      'azure_keyvault: https://v/keys/k/1,https://w/keys/k/2',
      'azure_kv:https://w/keys/k',
      'azure_keyvault: https://v/keys/k/1',
    ],
    [
      'hc_vault',
      'hc_vault_transit_uri: https://v/v1/t/keys/k,https://v/v1/t/keys/l',
      'hc_vault:https://v/v1/t/keys/l',
      'hc_vault_transit_uri: https://v/v1/t/keys/k',
    ],
  ])('of kind %s go one by one, and those that stay keep their text', async (_, before, key, after) => {
    expect(await edited(`  - age: ${A}\n    ${before}\n`, without(key))).toBe(`  - age: ${A}\n    ${after}\n`)
  })

  test('of one rule leave the text of the others', async () => {
    const body = `  # the first\n  - path_regex: ^a$\n    age: ${A}\n\n  - path_regex: ^b$ # the second\n    age: "${B}"\n`
    expect(await edited(body, (rule) => (rule.index === 0 ? adding(C)(rule) : rule.groups))).toBe(
      body.replace(`age: ${A}`, `age: ${A},${C}`),
    )
  })
})

describe('keys in groups', () => {
  const GROUPS = `  - shamir_threshold: 2\n    key_groups:\n      - age:\n          - ${A}\n        pgp:\n          - AB\n      - age:\n          - ${B} # theirs\n`

  test('are changed in their own group alone', async () => {
    const change = ({ groups: [first = [], second = []] }: CreationRule) => [first, [...second, C]]
    expect(await edited(GROUPS, change)).toBe(`${GROUPS}          - ${C}\n`)
  })

  test('that go leave the other kinds of the group', async () => {
    const made = await edited(GROUPS, without('pgp:AB'))
    expect(made).toContain(`- ${A}`)
    expect(made).not.toContain('AB')
    expect(made).toContain('# theirs')
  })

  test('that a group merges are written out where one of them goes', async () => {
    const body = `  - key_groups:\n      - merge:\n          - age: [${A}, ${B}]\n        kms:\n          - arn: arn:1\n            role: r\n            aws_profile: p\n`
    const made = await changeKeys(await rulesOf(body), without(A))
    expect(made.rules[0]?.groups).toEqual([[B, 'kms:arn:1+r']])
    expect(made.text).not.toContain('merge')
    expect(made.text).toContain('aws_profile: p')
  })

  test('of a KMS are maps, and go as such', async () => {
    const body = `  - key_groups:\n      - age: [${A}]\n        gcp_kms:\n          - resource_id: p\n        azure_keyvault:\n          - vaultUrl: https://v\n            key: k\n            version: "1"\n        hckms:\n          - key_id: tr:1\n`
    const made = await changeKeys(await rulesOf(body), without('gcp_kms:p'))
    expect(made.rules[0]?.groups).toEqual([[A, 'hckms:tr:1', 'azure_kv:https://v/keys/k']])
  })

  test('that a rule has from another become its own where they change', async () => {
    const body = `  - &one\n    path_regex: ^a$\n    key_groups:\n      - age: [${A}]\n  - <<: *one\n    path_regex: ^b$\n`
    const made = await changeKeys(await rulesOf(body), (rule) =>
      rule.index === 1 ? adding(C)(rule) : rule.groups,
    )
    expect(made.rules.map(({ groups }) => groups)).toEqual([[[A]], [[A, C]]])
  })

  test('can’t become more or fewer groups', async () => {
    await expect(edited(GROUPS, ({ groups }) => [...groups, [C]])).rejects.toEqual(refused)
    await expect(edited(GROUPS, ({ groups: [first = []] }) => [first])).rejects.toEqual(refused)
  })
})

describe('keys that rules share', () => {
  const SHARED = `  - &rule\n    path_regex: ^a$\n    age: &keys [${A}, ${B}]\n  - path_regex: ^b$\n    age: *keys\n  - path_regex: ^c$\n    age: *keys\n`

  test.each([0, 1, 2])('become rule %i’s own where it alone changes, and the others share on', async (at) => {
    const made = await changeKeys(await rulesOf(SHARED), (rule) =>
      rule.index === at ? adding(C)(rule) : rule.groups,
    )
    expect(made.rules.map(({ groups }) => groups)).toEqual(
      [0, 1, 2].map((index) => (index === at ? [[A, B, C]] : [[A, B]])),
    )
    expect(made.text.match(/\*keys/g)).toHaveLength(1)
  })

  test('stay shared where all change', async () => {
    expect(await edited(SHARED, adding(C))).toBe(SHARED.replace(`[${A}, ${B}]`, `[ ${A}, ${B}, ${C} ]`))
  })

  test('by an anchor of one key lose it in the rule that changes alone', async () => {
    const body = `  - age: [&a ${A}, ${B}]\n    path_regex: ^a$\n  - age: [*a, ${B}]\n`
    const made = await changeKeys(await rulesOf(body), (rule) =>
      rule.index === 1 ? without(A)(rule) : rule.groups,
    )
    expect(made.rules.map(({ groups }) => groups)).toEqual([[[A, B]], [[B]]])
  })
})

describe('a key in the place of another', () => {
  const renamed = { old: A, now: C }
  const swapped = ({ groups }: CreationRule): Groups =>
    groups.map((keys) => keys.map((key) => (key === A ? C : key)))

  test('takes it wherever it stands: rules, anchors, and comments of their own lines', async () => {
    const body = `  # ${A} is ours\n  - age: &mine "${A}, ${B}"\n    path_regex: ^a$\n  - age: *mine\n`
    const { text } = await changeKeys(await rulesOf(body), swapped, renamed)
    expect(text).toBe(`creation_rules:\n${body.replaceAll(A, C)}`)
  })

  test('leaves what only begins alike', async () => {
    const body = `  - age: ${A},${A}x\n`
    const { text } = await changeKeys(await rulesOf(body), swapped, renamed)
    expect(text).toBe(`creation_rules:\n  - age: ${C},${A}x\n`)
  })

  test('is changed rule by rule where not all are to change', async () => {
    const body = `  - age: ${A}\n    path_regex: ^a$\n  - age: ${A}\n`
    const made = await changeKeys(
      await rulesOf(body),
      (rule) => (rule.index === 0 ? swapped(rule) : rule.groups),
      renamed,
    )
    expect(made.rules.map(({ groups }) => groups)).toEqual([[[C]], [[A]]])
  })
})

describe('a rule more', () => {
  const BODY = `  - path_regex: ^a$ # first\n    age: ${A}\n  - age: ${B}\n`

  test.each([
    [0, 0],
    [1, 1],
    [undefined, 2],
  ])('at %s stands there, with everything but the paths of the given rule', async (index, at) => {
    const made = await insertRule(await rulesOf(BODY), index, '^n$', {
      path_regex: '^other$',
      age: C,
      encrypted_suffix: '_x',
    })
    expect(made.rules).toHaveLength(3)
    expect(made.rules[at]?.raw).toEqual({ path_regex: '^n$', age: C, encrypted_suffix: '_x' })
    expect(made.rules.filter((_, place) => place !== at).map(({ groups }) => groups)).toEqual([[[A]], [[B]]])
    expect(made.text).toContain('# first')
  })

  test.each(['', 'creation_rules:\n', 'stores: {}\n'])(
    'is the first where there are none: %j',
    async (text) => {
      const made = await insertRule(await parseRules('/p/.sops.yaml', text), undefined, '^n$', { age: C })
      expect(made.rules.map(({ raw }) => raw)).toEqual([{ path_regex: '^n$', age: C }])
    },
  )

  test('that is none is refused', async () => {
    const rules = await rulesOf(BODY)
    await expect(insertRule(rules, 0, '^n$', { age: 1 })).rejects.toEqual(refused)
  })
})

test('a text that goes too deep is no more edited than read', async () => {
  const rules = { ...(await rulesOf(`  - age: ${A}\n`)), text: `creation_rules: ${'['.repeat(200)}` }
  await expect(changeKeys(rules, adding(C))).rejects.toEqual(refused)
  await expect(insertRule(rules, 0, 'x', {})).rejects.toMatchObject({ code: 'yaml-limit' })
})
