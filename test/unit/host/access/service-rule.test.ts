import { mkdirSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { basename, dirname, join } from 'node:path'
import { afterAll, describe, expect, test } from 'vitest'
import { parseRules } from '../../../../src/host/access/rules.ts'
import {
  anchoredPattern,
  isShared,
  ruleFor,
  withoutService,
  withService,
} from '../../../../src/host/access/service-rule.ts'
import { projectAt } from '../../../../src/host/project.ts'

const ME = 'age16wufy8djxz3ug7qkd2aexn4q7lawynwxltcpw0ryhdkw9ku5kutsfu4vt3'
const BOB = 'age1yubikey1q2w7u3vpya839jxxuq8g0sedh3d740d4xvn639sqhr95ejj8vu3hyfumptt'
const AGENT = 'age1lggyhqrw2nlhcxprm67z43rta597azn8gknawjehu9d9dl0jq3yqqvfafg'

const root = mkdtempSync(join(tmpdir(), 'disinto-rule-'))
afterAll(() => rmSync(root, { recursive: true }))
const app = join(root, 'app')
mkdirSync(app)
const project = projectAt(app, new Map(), app)
const rulesOf = (body: string, directory = app) =>
  parseRules(join(directory, '.sops.yaml'), `creation_rules:\n${body}`)
const OURS = `  - path_regex: ^\\.env(\\.enc)?$\n    age: ${ME}\n  - path_regex: ^secrets/[^/]+\\.enc$\n    age: ${ME}\n`

test('the pattern of a project below its rules is anchored, and has none of the letters of a pattern', () => {
  expect(anchoredPattern('/p/.sops.yaml', '/p', 'x')).toBe('^x$')
  expect(anchoredPattern('/p/.sops.yaml', '/p/a.b+c (1)', 'x')).toBe('^a\\.b\\+c \\(1\\)/x$')
})

describe('a service that gets .env.enc', () => {
  test('is added to the rule of that file alone, to the end', async () => {
    const made = await withService(await rulesOf(OURS), project, AGENT, [])
    expect(made.for(join(app, '.env.enc')).recipients).toEqual([ME, AGENT])
    expect(made.for(join(app, 'secrets/A.enc')).recipients).toEqual([ME])
    expect(made.rules).toHaveLength(2)
  })

  test('is not added twice', async () => {
    const rules = await rulesOf(OURS)
    const made = await withService(rules, project, AGENT, [])
    expect(await withService(made, project, AGENT, [])).toBe(made)
    expect(await withService(rules, project, ME, [])).toBe(rules)
  })

  test('gets a rule of its own before one that is for other files, too', async () => {
    const rules = await rulesOf(`  - age: ${ME},${BOB}\n    encrypted_suffix: _x\n`)
    const made = await withService(rules, project, AGENT, [])
    expect(made.for(join(app, '.env.enc')).recipients).toEqual([ME, BOB, AGENT])
    expect(made.for(join(app, 'secrets/A.enc')).recipients).toEqual([ME, BOB])
    expect(made.rules.map(({ raw }) => [raw.path_regex, raw.encrypted_suffix])).toEqual([
      ['^\\.env(\\.enc)?$', '_x'],
      [undefined, '_x'],
    ])
  })

  test('gets a rule of its own where the rule is for a secret whose name says that it is not encrypted', async () => {
    const rules = await rulesOf(
      `  - path_regex: (^\\.env|_UNENCRYPTED)\\.enc$\n    age: ${ME}\n  - age: ${ME}\n`,
    )
    const made = await withService(rules, project, AGENT, [])
    expect(made.rules).toHaveLength(3)
    expect(made.for(join(app, 'secrets/X_UNENCRYPTED.enc')).recipients).toEqual([ME])
  })

  test('below the rules of several projects gets one for this project’s file', async () => {
    const rules = await rulesOf(`  - path_regex: \\.env\\.enc$\n    age: ${ME}\n`, root)
    const made = await withService(rules, project, AGENT, [])
    expect(made.for(join(app, '.env.enc')).recipients).toEqual([ME, AGENT])
    expect(made.for(join(root, 'other/.env.enc')).recipients).toEqual([ME])
    expect(made.for(join(root, '.env.enc')).recipients).toEqual([ME])
    expect(made.rules[0]?.raw.path_regex).toBe('^app/\\.env(\\.enc)?$')
  })

  test('gets a rule behind the others where none is for the file, with our keys', async () => {
    const rules = await rulesOf(`  - path_regex: ^secrets/\n    age: ${BOB}\n`)
    const made = await withService(rules, project, AGENT, [ME])
    expect(made.rules.map(({ recipients }) => recipients)).toEqual([[BOB], [ME, AGENT]])
    expect(made.for(join(app, '.env.enc')).index).toBe(1)
  })

  test.each([
    ['nobody, and we have no key', '  - path_regex: ^secrets/\n    age: x\n', 'names nobody'],
    [
      'keys of several groups',
      `  - key_groups:\n      - age: [${ME}]\n      - age: [${BOB}]\n`,
      'needs keys from several groups',
    ],
  ])('is refused where the rules name %s', async (_, body, what) => {
    await expect(withService(await rulesOf(body), project, AGENT, [])).rejects.toMatchObject({
      code: 'rules-foreign',
      message: expect.stringContaining(what),
    })
  })

  test('changes nothing where it is named already, be it in one group of several', async () => {
    const rules = await rulesOf(`  - key_groups:\n      - age: [${ME}]\n      - age: [${AGENT}]\n`)
    expect(await withService(rules, project, AGENT, [])).toBe(rules)
  })
})

describe('a rule is for other files, too, where it is for', () => {
  const shared = async (pattern: string, directory = app) => {
    const rules = await rulesOf(`  - path_regex: ${pattern}\n    age: ${ME}\n`, directory)
    const rule = ruleFor(rules, project.envFile)
    return rule && isShared(rules, rule, project)
  }

  test.each([
    ['a secret', '^(\\.env|secrets/.*)\\.enc$', app, true],
    ['this file alone', '^\\.env\\.enc$', app, false],
    ['this file alone, from above', '^app/\\.env\\.enc$', root, false],
    ['that of a project above', '^(app/)?\\.env\\.enc$', root, true],
    ['that of a project beside it', '^[^/]+/\\.env\\.enc$', root, true],
  ])('%s', async (_, pattern, directory, found) => {
    expect(await shared(pattern, directory)).toBe(found)
  })

  test('that of a project beside it, from further up', async () => {
    const top = dirname(root)
    expect(await shared(`^${basename(root)}/[^/]+/\\.env\\.enc$`, top)).toBe(true)
  })
})

describe('a service that has .env.enc no more', () => {
  test('is taken out of the rule of that file', async () => {
    const body = OURS.replace(ME, `${ME},${AGENT}`)
    const made = await withoutService(await rulesOf(body), project, [AGENT, BOB])
    expect(made.for(join(app, '.env.enc')).recipients).toEqual([ME])
    expect(made.text).toBe(`creation_rules:\n${OURS}`)
  })

  test('leaves a rule that is for other files, too, as it is', async () => {
    const rules = await rulesOf(`  - path_regex: ^x$\n    age: ${BOB}\n  - age: ${ME},${AGENT}\n`)
    const made = await withoutService(rules, project, [AGENT])
    expect(made.for(join(app, '.env.enc')).recipients).toEqual([ME])
    expect(made.for(join(app, 'secrets/A.enc')).recipients).toEqual([ME, AGENT])
    expect(made.rules.map(({ raw }) => raw.path_regex)).toEqual(['^x$', '^\\.env(\\.enc)?$', undefined])
  })

  test.each([
    ['the rule names others', OURS],
    ['no rule is for the file', `  - path_regex: ^secrets/\n    age: ${AGENT}\n`],
  ])('changes nothing where %s', async (_, body) => {
    const rules = await rulesOf(body)
    expect(await withoutService(rules, project, [AGENT])).toBe(rules)
  })

  test.each([
    ['nobody', `  - path_regex: ^x$\n    age: ${ME}\n  - age: ${AGENT}\n`, 2],
    ['nobody in a group', `  - key_groups:\n      - age: [${ME}]\n      - age: [${AGENT}]\n`, 1],
  ])('is refused where it leaves %s', async (_, body, place) => {
    await expect(withoutService(await rulesOf(body), project, [AGENT])).rejects.toMatchObject({
      code: 'recipient-last',
      message: `${AGENT}: is the only recipient of rule ${place} of ${join(app, '.sops.yaml')}: nobody else could open it`,
    })
  })
})
