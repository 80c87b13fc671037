import { describe, expect, test } from 'vitest'
import { FLAGS, variableOf } from '../../../src/load/option-list.ts'
import { helpText, parseOptions } from '../../../src/load/options.ts'

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
