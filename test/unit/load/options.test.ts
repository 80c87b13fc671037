import { describe, expect, test } from 'vitest'
import { FLAGS, variableOf } from '../../../src/load/option-list.ts'
import { helpText, keyTypesOf, parseOptions } from '../../../src/load/options.ts'

const parse = (words: string[], variables: Record<string, string> = {}) =>
  parseOptions(words, new Map(Object.entries(variables)))

describe('where options end', () => {
  test.each([
    [
      ['--check', '--', 'a', '--b'],
      ['a', '--b'],
    ],
    [
      ['--check', 'a', '--', 'b'],
      ['a', '--', 'b'],
    ],
    [['--root', 'dir', 'a'], ['a']],
    [['--root=dir', 'a'], ['a']],
    [['--override', 'true'], ['true']],
    [['--', '--help'], ['--help']],
    [['-'], ['-']],
    [['--'], []],
    [[], []],
  ])('%j', async (words, command) => {
    expect((await parse(words)).command).toEqual(command)
  })
})

describe('values', () => {
  test('a flag wins over its variable, and an empty variable counts as not set', async () => {
    expect((await parse(['--root', 'flag'], { DISINTO_ROOT: 'variable' })).root).toBe('flag')
    expect((await parse([], { DISINTO_ROOT: 'variable' })).root).toBe('variable')
    expect((await parse([], { DISINTO_ROOT: '' })).root).toBeUndefined()
  })

  test('names can be given in one word, in several, and with blanks', async () => {
    expect((await parse(['--only', 'A, B', '--only=C'])).only).toEqual(['A', 'B', 'C'])
    expect((await parse([], { DISINTO_REQUIRE: 'A,,B' })).require).toEqual(['A', 'B'])
  })

  test.each([
    ['1', true],
    ['true', true],
    ['YES', true],
    ['on', true],
    ['0', false],
    ['false', false],
    ['no', false],
    ['', false],
  ])('a switch variable of %j is %s', async (text, on) => {
    expect((await parse([], { DISINTO_OVERRIDE: text })).override).toBe(on)
  })

  test('a switch can be turned off against its variable', async () => {
    expect((await parse(['--no-override'], { DISINTO_OVERRIDE: '1' })).override).toBe(false)
    expect((await parse(['--override=false'], { DISINTO_OVERRIDE: '1' })).override).toBe(false)
  })

  test('a value may begin with a dash, and may be a number', async () => {
    expect((await parse(['--root', '-dir', 'x'])).root).toBe('-dir')
    expect((await parse(['--user', '007', 'x'])).user).toBe('007')
  })
})

describe('mistakes', () => {
  test.each([
    [['--nope'], 'option-unknown'],
    [['-v'], 'option-unknown'],
    [['--root'], 'option-value'],
    [['--only=TOKEN=hunter2'], 'option-value'],
    [['--require', 'hunter2-x'], 'option-value'],
    [['--allow=A,B=c'], 'option-value'],
    [['--as-file=hunter2=='], 'option-value'],
    [['--engine=x'], 'option-value'],
    [['--__proto__=x'], 'option-unknown'],
  ])('%j', async (words, code) => {
    await expect(parse(words)).rejects.toMatchObject({ code })
  })
})

test('help names every option, and each has its variable', () => {
  const help = helpText()
  for (const { name } of FLAGS) expect(help).toContain(`--${name}`)
  expect(variableOf('env-file')).toBe('DISINTO_ENV_FILE')
  for (const line of help.split('\n')) expect(line.length).toBeLessThanOrEqual(100)
})

describe('each option', () => {
  const DEFAULTS = {
    root: undefined,
    envFile: undefined,
    secretsDir: undefined,
    only: undefined,
    require: [],
    requireAny: false,
    allow: new Set(),
    override: false,
    keepKey: false,
    asFile: [],
    redact: false,
    expand: true,
    engine: 'auto',
    user: undefined,
    noUser: false,
    allowReadableKey: false,
    home: undefined,
    keyHome: undefined,
    check: false,
    json: false,
    verbose: false,
    summary: false,
    started: false,
    help: false,
    version: false,
    command: [],
  }

  test('has a value where nothing is said', async () => {
    expect(await parse([])).toMatchObject(DEFAULTS)
  })

  test.each([
    ['--root=d', { root: 'd' }],
    ['--env-file=f', { envFile: 'f' }],
    ['--secrets-dir=d', { secretsDir: 'd' }],
    ['--only=A', { only: ['A'] }],
    ['--require=A', { require: ['A'] }],
    ['--require-any', { requireAny: true }],
    ['--allow=A', { allow: new Set(['A']) }],
    ['--override', { override: true }],
    ['--keep-key', { keepKey: true }],
    ['--as-file=A', { asFile: ['A'] }],
    ['--redact', { redact: true }],
    ['--no-expand', { expand: false }],
    ['--engine=sops', { engine: 'sops' }],
    ['--user=u', { user: 'u' }],
    ['--allow-readable-key', { allowReadableKey: true }],
    ['--home=h', { home: 'h' }],
    ['--key-home=h', { keyHome: 'h' }],
    ['--check', { check: true }],
    ['--json', { json: true }],
    ['--verbose', { verbose: true }],
    ['--summary', { summary: true }],
    ['--started', { started: true }],
    ['--help', { help: true }],
    ['--version', { version: true }],
  ])('%s, and its variable, set that and nothing else', async (word, set) => {
    expect(await parse([word])).toMatchObject({ ...DEFAULTS, ...set })
    const [name = '', value = '1'] = word.slice(2).split('=')
    expect(await parse([], { [variableOf(name)]: value })).toMatchObject({ ...DEFAULTS, ...set })
  })

  test('of kinds of keys takes those that there are, in whatever order', async () => {
    expect([...(await parse([])).keyTypes]).toEqual(['age', 'pgp'])
    expect((await parse(['--key-types=hc_vault,age'])).keyTypes).toEqual(new Set(['age', 'hc_vault']))
    await expect(parse(['--key-types=age,vault'])).rejects.toMatchObject({
      code: 'option-value',
      message: expect.stringContaining('hc_vault'),
    })
    expect(keyTypesOf(new Map([['DISINTO_KEY_TYPES', 'kms']]))).toEqual(new Set(['kms']))
    expect([...keyTypesOf(new Map())]).toEqual(['age', 'pgp'])
  })

  test('of a user is none where its variable is empty, and no flag says otherwise', async () => {
    expect(await parse([], { DISINTO_USER: '' })).toMatchObject({ noUser: true, user: undefined })
    expect(await parse(['--user=u'], { DISINTO_USER: '' })).toMatchObject({ noUser: false, user: 'u' })
  })

  test.each([
    [['--engine=x'], {}, /--engine.*auto, builtin, sops/],
    [['--only=A-B'], {}, /--only.*names of variables, and no values/],
    [[], { DISINTO_CHECK: 'maybe' }, /DISINTO_CHECK.*1 or 0/],
    [['--root'], {}, /--root.*a value/],
  ])('that is wrong is told with what is wanted: %j %j', async (words, variables, says) => {
    await expect(parse(words, variables)).rejects.toMatchObject({ message: expect.stringMatching(says) })
  })
})
