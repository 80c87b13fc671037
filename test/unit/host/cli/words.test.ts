import { describe, expect, test } from 'vitest'
import type { Commands, HostCommand } from '../../../../src/host/cli/command.ts'
import { groupHelp, helpOf, namesUnder, unknownCommand } from '../../../../src/host/cli/help.ts'
import { findCommand, parseWords } from '../../../../src/host/cli/words.ts'
import { COMMANDS } from '../../../../src/host/commands.ts'

const command = (more: Partial<HostCommand> = {}): HostCommand => ({
  name: 'secrets add',
  about: 'add a secret',
  usage: 'NAME [OPTION ...]',
  examples: ['disinto secrets add TOKEN'],
  options: [{ name: 'raw', about: 'as it is' }],
  words: [1, 1],
  run: async () => 0,
  ...more,
})
const commands: Commands = new Map([
  ['up', async () => command({ name: 'up' })],
  ['secrets add', async () => command()],
  ['secrets recipients add', async () => command({ name: 'secrets recipients add' })],
])

describe('the command that words call', () => {
  test.each([
    [['secrets', 'recipients', 'add', 'x'], 'secrets recipients add', ['x']],
    [['secrets', 'add', 'recipients', 'add'], 'secrets add', ['recipients', 'add']],
    [['up'], 'up', []],
  ])('%j is the longest run that is one', (words, name, rest) => {
    expect(findCommand(commands, words)).toEqual({ name, rest })
  })

  test.each([[[]], [['secrets']], [['add', 'up']]])('%j call none', (words) => {
    expect(findCommand(commands, words)).toBeUndefined()
  })
})

describe('the words of a command', () => {
  test('are counted, but not where help is asked for', async () => {
    await expect(parseWords(command(), [])).rejects.toMatchObject({ code: 'words-missing' })
    await expect(parseWords(command(), ['A', 'hunter2'])).rejects.toMatchObject({ code: 'words-extra' })
    await expect(parseWords(command(), ['A', '--', 'hunter2'])).rejects.toMatchObject({ code: 'words-extra' })
    expect((await parseWords(command(), ['--help'])).given.get('help')).toEqual([true])
    expect((await parseWords(command({ takesRest: true }), ['A', '--', 'b'])).rest).toEqual(['b'])
  })

  test('a word too many may be a value, and is not repeated', async () => {
    const told = await parseWords(command(), ['A', 'hunter2']).catch((error: unknown) => String(error))
    expect(told).not.toContain('hunter2')
  })
})

describe('help', () => {
  test('of every command fits into 80 columns and has an example for it', async () => {
    for (const [name, load] of COMMANDS) {
      const text = helpOf(await load())
      expect(text.startsWith(`Usage: disinto ${name}`), name).toBe(true)
      const lines = text.slice(0, text.indexOf('\nExamples:')).split('\n').slice(1)
      expect(
        lines.filter((line) => !line.startsWith('  --') && line.length > 80),
        name,
      ).toEqual([])
      expect(text.slice(text.indexOf('Examples:')), name).toContain(`disinto ${name}`)
    }
  })

  test('of a group has its commands, that of all has all', async () => {
    expect(namesUnder(commands, 'secrets')).toEqual(['secrets add', 'secrets recipients add'])
    expect(namesUnder(commands, 'secret')).toEqual([])
    const text = await groupHelp(commands, '')
    for (const name of commands.keys()) expect(text).toContain(`  ${name} `)
  })

  test.each([
    [['upp'], 'did you mean disinto up?'],
    [['secrets', 'new'], 'did you mean disinto secrets add?'],
    [['secrets', 'recipients', 'ad'], 'did you mean disinto secrets recipients add?'],
    [['secrets', 'qqqqq'], 'disinto help secrets lists the commands'],
    [['qqqqq'], 'disinto help lists the commands'],
  ])('of %j names what was meant', (words, hint) => {
    expect(unknownCommand(commands, words)).toMatchObject({ code: 'subcommand-unknown', hint })
  })
})
