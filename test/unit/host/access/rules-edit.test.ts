import { describe, expect, test } from 'vitest'
import { type CreationRule, parseRules } from '../../../../src/host/access/rules.ts'
import { changeKeys, insertRule, removeRule, saysTheSame } from '../../../../src/host/access/rules-edit.ts'

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
    ['where nothing stood', '  - pgp: AB\n    age:\n', `  - pgp: AB\n    age: ${C}\n`],
    [
      'beside what a rule merges',
      `  - &one\n    age: ${A}\n    kms: arn\n  - <<: *one\n`,
      `  - &one\n    age: ${A},${C}\n    kms: arn\n  - <<: *one\n    age: ${A},${C}\n`,
    ],
    [
      'in a rule that merges them',
      `  - &one\n    age: ${A}\n  - <<: *one\n    age: ${B}\n`,
      `  - &one\n    age: ${A},${C}\n  - <<: *one\n    age: ${B},${C}\n`,
    ],
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

  test('of several kinds come and go at once, and the last of a kind leaves nothing', async () => {
    const body = `  - age: ${A}\n    pgp: AB,CD\n    kms: arn:1\n`
    const change = () => [[A, B, C, 'pgp:AB', 'pgp:EF']]
    expect(await edited(body, change)).toBe(`  - age: ${A},${B},${C}\n    pgp: AB,EF\n    kms: ""\n`)
    expect(await edited('  - pgp: AB\n', () => [[A, B]])).toBe(`  - pgp: ""\n    age: ${A},${B}\n`)
  })

  test('that are the same in another order change nothing', async () => {
    const rules = await rulesOf(`  - age: ${A},${B}\n`)
    expect(await changeKeys(rules, () => [[B, A]])).toBe(rules)
    expect(await changeKeys(rules, ({ groups }) => groups)).toBe(rules)
  })

  test('leave lines as long as they are', async () => {
    const long = `    encrypted_regex: ${'a b '.repeat(60)}c\n`
    expect(await edited(`  - age: ${A}\n${long}`, adding(C))).toBe(`  - age: ${A},${C}\n${long}`)
  })

  test('of a rule that is nothing can’t be set', async () => {
    await expect(edited('  - null\n', adding(C))).rejects.toEqual(refused)
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

  test.each([
    ['pgp:AB', `        pgp: [ CD ]\n`, ''],
    ['pgp:CD', `        pgp: [ AB ]\n`, ''],
    [B, `        pgp: [ AB, CD ]\n`, `          - ${B}\n`],
  ])('that go leave the others of the group, and what is said of them: %s', async (key, pgp, gone) => {
    const ages = `  - key_groups:\n      - age:\n          - ${A} # mine\n          - ${B}\n`
    expect(await edited(`${ages}        pgp: [ AB, CD ]\n`, without(key))).toBe(ages.replace(gone, '') + pgp)
  })

  test('leave a group that does not change as it is written', async () => {
    const merging = `      - merge:\n          - age: [ ${A} ] # theirs\n`
    const change = ({ groups: [first = []] }: CreationRule) => [first, [C]]
    expect(await edited(`  - key_groups:\n${merging}      - null\n`, change)).toBe(
      `  - key_groups:\n${merging}      - age:\n          - ${C}\n`,
    )
  })

  test.each([
    ['one more', adding(C), { age: [A, B, C], pgp: ['AB'], kms: [{ arn: 'arn:1' }] }],
    ['one fewer', without(A), { age: [B], pgp: ['AB'], kms: [{ arn: 'arn:1' }] }],
    ['the last of a kind fewer', without('pgp:AB'), { age: [A, B], kms: [{ arn: 'arn:1' }] }],
  ])('that a group has from a merge key are written out: %s', async (_, change, group) => {
    const shared = `keys: &keys\n  age: [${A}, ${B}]\n  pgp: [AB]\n`
    const body = `  - key_groups:\n      - <<: *keys\n        kms:\n          - arn: arn:1\n`
    const rules = await parseRules('/p/.sops.yaml', `${shared}creation_rules:\n${body}`)
    expect((await changeKeys(rules, change)).rules.map(({ raw }) => raw)).toEqual([{ key_groups: [group] }])
  })

  test('of a KMS go one by one', async () => {
    const body = `  - key_groups:\n      - age: [${A}]\n        kms: [{arn: "arn:1"}, {arn: "arn:2", context: {a: b}}]\n`
    const made = await changeKeys(await rulesOf(body), without('kms:arn:1'))
    expect(made.rules[0]?.raw.key_groups).toEqual([
      { age: [A], kms: [{ arn: 'arn:2', context: { a: 'b' } }] },
    ])
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

  test.each([
    ['the list of groups', `    key_groups: &x\n      - age: [${A}]\n`, '    key_groups: *x\n'],
    ['a group', `    key_groups:\n      - &x\n        age: [${A}]\n`, '    key_groups: [*x]\n'],
    ['the keys of a group', `    key_groups:\n      - age: &x [${A}]\n`, '    key_groups: [{age: *x}]\n'],
  ])('as %s become the own ones of either', async (_, own, shared) => {
    for (const at of [0, 1]) {
      const rules = await rulesOf(`  - path_regex: a\n${own}  - path_regex: b\n${shared}`)
      const made = await changeKeys(rules, (rule) => (rule.index === at ? adding(C)(rule) : rule.groups))
      expect(made.rules.map(({ groups }) => groups)).toEqual(
        [0, 1].map((index) => (index === at ? [[A, C]] : [[A]])),
      )
    }
  })

  test('as whole rules become the own ones of either', async () => {
    for (const at of [0, 1]) {
      const rules = await parseRules('/p/.sops.yaml', `x: &x {age: ${A}}\ncreation_rules: [*x, *x]\n`)
      const made = await changeKeys(rules, (rule) => (rule.index === at ? adding(C)(rule) : rule.groups))
      expect(made.rules.map(({ groups }) => groups)).toEqual(
        [0, 1].map((index) => (index === at ? [[A, C]] : [[A]])),
      )
    }
  })

  test('are told from those that others share', async () => {
    const body = [`&a [${A}]`, `&b [${B}]`, '*b', '*a'].map((age) => `  - age: ${age}\n`).join('')
    const made = await changeKeys(await rulesOf(body), (rule) =>
      rule.index === 0 ? adding(C)(rule) : rule.groups,
    )
    expect(made.rules.map(({ groups }) => groups)).toEqual([[[A, C]], [[B]], [[B]], [[A]]])
  })

  test('stand where the list of rules is an alias of', async () => {
    const before = `x: &x\n  - age: ${A}\ncreation_rules: *x\n`
    const { text } = await changeKeys(await parseRules('/p/.sops.yaml', before), adding(C))
    expect(text).toBe(before.replace(A, `${A},${C}`))
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
    const body = `  # ${A} is ours\n  - age: &mine "${B}, ${A}"\n    path_regex: ^a$\n  - age: *mine\n    shamir_threshold: 1\n`
    const { text } = await changeKeys(await rulesOf(`${body}    # end\n`), swapped, renamed)
    expect(text).toBe(`creation_rules:\n${body.replaceAll(A, C)}    # end\n`)
  })

  test('leaves what only begins alike', async () => {
    const body = `  - age: ${A},${A}x\n`
    const { text } = await changeKeys(await rulesOf(body), swapped, renamed)
    expect(text).toBe(`creation_rules:\n  - age: ${C},${A}x\n`)
  })

  test('leaves what is said behind something else', async () => {
    const body = `  - age: ${A} # once ${A}\n    kms: arn # for ${A}\n`
    const { text } = await changeKeys(await rulesOf(body), swapped, renamed)
    expect(text).toBe(`creation_rules:\n${body.replace(A, C)}`)
  })

  test.each([
    ['the name of something else', `    note: ${A}\n`],
    ['a line of a text that begins like a comment', `    note: |\n      # ${A}\n`],
  ])('leaves it where it is %s', async (_, rest) => {
    const { text } = await changeKeys(await rulesOf(`  - age: ${A}\n${rest}`), swapped, renamed)
    expect(text).toBe(`creation_rules:\n  - age: ${C}\n${rest}`)
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

  test('leaves lines as long as they are', async () => {
    const long = `  - encrypted_regex: ${'a b '.repeat(60)}c\n`
    expect((await insertRule(await rulesOf(long), undefined, 'n', { age: A })).text).toContain(long)
  })

  test('that is none is refused, as is one more in a list that stands elsewhere, or in what is no YAML', async () => {
    const rules = await rulesOf(BODY)
    await expect(insertRule(rules, 0, '^n$', { age: 1 })).rejects.toEqual(refused)
    await expect(insertRule({ ...rules, text: 'a: [' }, 0, '^n$', { age: A })).rejects.toEqual(refused)
    const elsewhere = await parseRules('/p/.sops.yaml', `x: &x\n  - age: ${A}\ncreation_rules: *x\n`)
    await expect(insertRule(elsewhere, 0, '^n$', { age: A })).rejects.toEqual(refused)
  })
})

describe('a rule fewer', () => {
  test('leaves the others, and what is said of them, as they are', async () => {
    const long = `    encrypted_regex: ${'a b '.repeat(60)}c\n`
    const [first, second] = [`  # one\n  - age: ${A}\n${long}`, `  - age: ${B} # two\n`]
    expect((await removeRule(await rulesOf(first + second), 1))?.text).toBe(`creation_rules:\n${first}`)
    expect((await removeRule(await rulesOf(second + first), 0))?.text).toBe(`creation_rules:\n${first}`)
  })

  test.each([
    ['an alias of what is in it', [`&x ${A}`, '*x']],
    // Without the second, the third is for whom the first is.
    ['an alias that would stand for something else', [B, `&x ${A}`, `&x ${B}`, '*x']],
  ])('is none where another has %s', async (_, keys) => {
    const rules = await rulesOf(keys.map((key) => `  - age: ${key}\n`).join(''))
    expect(await removeRule(rules, keys.length - 2)).toBeUndefined()
  })

  test('is none where the list of rules stands elsewhere', async () => {
    const rules = await parseRules('/p/.sops.yaml', `x: &x\n  - age: ${A}\ncreation_rules: *x\n`)
    expect(await removeRule(rules, 0)).toBeUndefined()
  })
})

test.each([
  ['for other files', `path_regex: ^b$\n    age: ${A}`, true],
  ['with the keys in another form', `key_groups: [{age: [${A}]}]`, true],
  ['for others', `age: ${B}`, false],
  ['for more', `age: ${A},${B}`, false],
  ['for more groups', `key_groups: [{age: [${A}]}, {age: [${A}]}]`, false],
  ['for as many groups as are there', `age: ${A}\n    shamir_threshold: 1`, false],
  ['with another setting', `age: ${A}\n    encrypted_suffix: _x`, false],
])('a rule %s says the same or not', async (_, other, same) => {
  const { rules } = await rulesOf(`  - path_regex: ^a$\n    age: ${A}\n  - ${other}\n`)
  const [one, two] = rules
  expect(one && two && [saysTheSame(one, two), saysTheSame(two, one)]).toEqual([same, same])
})

test('a text that goes too deep is no more edited than read', async () => {
  const rules = { ...(await rulesOf(`  - age: ${A}\n`)), text: `creation_rules: ${'['.repeat(200)}` }
  await expect(changeKeys(rules, adding(C))).rejects.toEqual(refused)
  await expect(insertRule(rules, 0, 'x', {})).rejects.toMatchObject({ code: 'yaml-limit' })
})
