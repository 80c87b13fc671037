import { mkdirSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, describe, expect, test } from 'vitest'
import {
  isGeneral,
  isGranted,
  namesInRules,
  withGrant,
  withoutGrant,
} from '../../../../src/host/access/grant-rule.ts'
import { type CreationRules, parseRules } from '../../../../src/host/access/rules.ts'
import { projectAt } from '../../../../src/host/project.ts'

const [ME, BOB, BOT, WEB] = ['age1me', 'age1bob', 'age1bot', 'age1web']

const root = mkdtempSync(join(tmpdir(), 'disinto-grant-'))
afterAll(() => rmSync(root, { recursive: true }))
const project = projectAt(root, new Map(), root)
const rulesOf = (body: string) => parseRules(join(root, '.sops.yaml'), `creation_rules:\n${body}`)
const rule = (pattern: string, age: string) => `  - path_regex: ${pattern}\n    age: ${age}\n`
const GENERAL = rule('^secrets/[^/]+\\.enc$', ME)
const OWN = rule('^secrets/A\\.enc$', `${ME},${BOT}`)
const GROUPS = `  - key_groups:\n      - age: [${ME}, ${BOT}]\n      - age: [${BOT}]\n`

const readers = (rules: CreationRules, ...secrets: string[]) =>
  secrets.map((name) => rules.for(project.secretFile(name)).recipients.join(' '))
const patterns = (rules: CreationRules) => rules.rules.map(({ raw }) => raw.path_regex)

describe('the rules of single secrets', () => {
  test('are those anchored to one file below the project, whatever its name', async () => {
    const rules = await rulesOf(
      OWN +
        rule('^secrets/B@web\\.enc$', ME) +
        rule('^secrets/c-d\\.e\\.enc$', ME) +
        // For other files, too, or for none of the project's.
        ['secrets/D\\.enc$', '^secrets/D\\.enc', '^secrets/D.enc$', '^x/secrets/D\\.enc$', '^D\\.enc$']
          .map((pattern) => rule(pattern, ME))
          .join('') +
        rule('^secrets/D.e\\.enc$', ME) +
        `  - age: ${ME}\n`,
    )
    expect(namesInRules(rules, project)).toEqual(['A', 'B@web', 'c-d.e'])
  })

  test('have the way to the project in them where the rules stand above it', async () => {
    const app = join(root, 'app.1')
    mkdirSync(app)
    const below = projectAt(app, new Map(), app)
    const rules = await rulesOf(rule('^app\\.1/secrets/A\\.enc$', ME) + OWN)
    expect(namesInRules(rules, below)).toEqual(['A'])
  })
})

test.each([
  ['the only one for them', GENERAL, 0, true],
  ['the first that fits any', OWN + GENERAL, 1, true],
  ['behind one that fits all', `${GENERAL}  - age: ${ME}\n`, 1, false],
  ['for one file', OWN + GENERAL, 0, false],
  ['for some files', rule('^secrets/AW', ME), 0, false],
  ['for whatever begins alike', rule('^secrets/NO_SUCH_NAME_', ME), 0, true],
  // Longer than a file's name may be: this one fits a file that can be.
  ['for a name that there can be', rule('^secrets/NO_SUCH_NAME\\.enc$', ME), 0, false],
])('a rule that is %s is for secrets in general or not', async (_, body, at, general) => {
  const rules = await rulesOf(body)
  const [found] = rules.rules.slice(at)
  expect(found && isGeneral(rules, project, found)).toBe(general)
})

test.each([
  ['a rule of its own that names the key', OWN + GENERAL, [BOT], true],
  ['one that names one of the keys', OWN + GENERAL, [WEB, BOT], true],
  ['one that names others', OWN + GENERAL, [WEB], false],
  ['one for some files', rule('^secrets/[AB]\\.enc$', `${ME},${BOT}`) + GENERAL, [BOT], true],
  ['the general one, which would grant what is not there yet', GENERAL, [ME], false],
  ['none', rule('^x$', BOT), [BOT], false],
])('a secret of %s is granted or not', async (_, body, keys, granted) => {
  expect(isGranted(await rulesOf(body), project, 'A', keys)).toBe(granted)
})

describe('a grant', () => {
  test('is a rule for this file before the one that it had, which says the same otherwise', async () => {
    const rules = await rulesOf(`${rule('^x$', BOB)}  - age: ${ME},${BOB}\n    encrypted_suffix: _x\n`)
    const made = await withGrant(rules, project, 'A.B', BOT)
    expect(patterns(made)).toEqual(['^x$', '^secrets/A\\.B\\.enc$', undefined])
    expect(made.rules.map(({ encrypts }) => encrypts.text)).toEqual(['_unencrypted', '_x', '_x'])
    expect(readers(made, 'A.B', 'AxB', 'B')).toEqual([`${ME} ${BOB} ${BOT}`, `${ME} ${BOB}`, `${ME} ${BOB}`])
  })

  test('goes into the rule that the file has for itself, beside the others', async () => {
    const made = await withGrant(await rulesOf(OWN + GENERAL), project, 'A', WEB)
    expect(patterns(made)).toEqual(['^secrets/A\\.enc$', '^secrets/[^/]+\\.enc$'])
    expect(readers(made, 'A', 'B')).toEqual([`${ME} ${BOT} ${WEB}`, ME])
  })

  test.each([
    ['by a rule of the file', OWN],
    ['by one for several files', rule('^secrets/[AB]\\.enc$', `${ME},${BOT}`)],
  ])('to whom it is granted already %s changes nothing', async (_, body) => {
    const rules = await rulesOf(body + GENERAL)
    expect(await withGrant(rules, project, 'A', BOT)).toBe(rules)
  })

  test('to whom the general rule names is a rule that names the key once', async () => {
    const made = await withGrant(await rulesOf(rule('^secrets/', `${ME},${BOT}`)), project, 'A', BOT)
    expect(patterns(made)).toEqual(['^secrets/A\\.enc$', '^secrets/'])
    expect(readers(made, 'A')).toEqual([`${ME} ${BOT}`])
    expect(isGranted(made, project, 'A', [BOT])).toBe(true)
  })

  test('is refused where several keys are needed, or no rule is for the file', async () => {
    await expect(withGrant(await rulesOf(GROUPS), project, 'A', WEB)).rejects.toMatchObject({
      code: 'grant-groups',
      message: expect.stringContaining('.sops.yaml: its rule for A needs'),
    })
    await expect(withGrant(await rulesOf(rule('^x$', ME)), project, 'A', BOT)).rejects.toMatchObject({
      code: 'rule-none',
    })
  })
})

describe('a grant that is taken back', () => {
  test('takes the rule of the file along where the next one is for the same readers', async () => {
    const made = await withoutGrant(await rulesOf(OWN + GENERAL), project, 'A', [BOT, WEB])
    expect(patterns(made)).toEqual(['^secrets/[^/]+\\.enc$'])
    expect(readers(made, 'A')).toEqual([ME])
  })

  test.each([
    ['the next one is for others', OWN + rule('^secrets/', BOB)],
    ['the next one encrypts otherwise', `${OWN}  - age: ${ME}\n    encrypted_suffix: _x\n`],
    ['no other is for the file', OWN],
  ])('leaves the rule of the file where %s', async (_, body) => {
    const made = await withoutGrant(await rulesOf(body), project, 'A', [BOT])
    expect(readers(made, 'A')).toEqual([ME])
    expect(patterns(made)[0]).toBe('^secrets/A\\.enc$')
  })

  test('from a rule for several files is a rule for this one before it', async () => {
    const several = rule('^secrets/[AB]\\.enc$', `${ME},${BOT}`)
    const made = await withoutGrant(await rulesOf(rule('^x$', BOB) + several), project, 'A', [BOT])
    expect(patterns(made)).toEqual(['^x$', '^secrets/A\\.enc$', '^secrets/[AB]\\.enc$'])
    expect(readers(made, 'A', 'B')).toEqual([ME, `${ME} ${BOT}`])
  })

  test.each([
    ['the rule names others', OWN],
    ['no rule is for the file', rule('^x$', WEB)],
  ])('changes nothing where %s', async (_, body) => {
    const rules = await rulesOf(body)
    expect(await withoutGrant(rules, project, 'A', [WEB])).toBe(rules)
  })

  test.each([
    ['nobody', rule('^x$', ME) + rule('^secrets/', BOT), 2],
    // One of the groups is as good as all of them: both are needed.
    ['nobody in one of the groups', GROUPS, 1],
  ])('is refused where it leaves %s', async (_, body, place) => {
    await expect(withoutGrant(await rulesOf(body), project, 'A', [BOT])).rejects.toMatchObject({
      code: 'recipient-last',
      message: `${BOT}: is the only recipient of rule ${place} of ${join(root, '.sops.yaml')}: nobody else could open it`,
    })
  })
})
