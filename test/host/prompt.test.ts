import { describe, expect, test } from 'vitest'
import { Host, MARK } from './host.ts'

const CTRL_C = '\x03'

describe('on a terminal', () => {
  test('add asks twice, shows nothing of it, and stores what was typed', async () => {
    const host = new Host()
    const terminal = host.terminal(['secrets', 'add', 'TOKEN'])
    await terminal.sees('Value of TOKEN (hidden)')
    // Ctrl-T is what the prompt library shows a value by, unless told not to.
    terminal.types(`${MARK}\x14`).types('\r')
    await terminal.sees('Once more')
    terminal.types(`${MARK}\r`)
    expect(await terminal.ends(), terminal.shown).toBe(0)
    expect(terminal.shown).not.toContain(MARK)
    expect(terminal.shown).not.toContain('hunter')
    expect(host.bySops('TOKEN')).toBe(MARK)
  })

  test('two that differ, and an empty one, are asked for again', async () => {
    const host = new Host()
    const terminal = host.terminal(['secrets', 'add', 'TOKEN'])
    await terminal.sees('Value of TOKEN')
    terminal.types('\r')
    await terminal.sees('an empty value')
    await terminal.sees('Value of TOKEN')
    terminal.types('one\r')
    await terminal.sees('Once more')
    terminal.types('other\r')
    await terminal.sees('the two differ')
    await terminal.sees('Value of TOKEN')
    terminal.types(`${MARK}\r`)
    await terminal.sees('Once more')
    terminal.types(`${MARK}\r`)
    expect(await terminal.ends(), terminal.shown).toBe(0)
    expect(host.bySops('TOKEN')).toBe(MARK)
  })

  test('a secret that exists is replaced only after yes', async () => {
    const host = new Host()
    host.add('TOKEN', 'old')
    const no = host.terminal(['secrets', 'add', 'TOKEN'])
    await no.sees('replace TOKEN?')
    no.types('\r')
    expect(await no.ends()).toBe(1)
    expect(host.bySops('TOKEN')).toBe('old')
    const yes = host.terminal(['secrets', 'add', 'TOKEN'])
    await yes.sees('replace TOKEN?')
    yes.types('y\r')
    await yes.sees('Value of TOKEN')
    yes.types(`${MARK}\r`)
    await yes.sees('Once more')
    yes.types(`${MARK}\r`)
    expect(await yes.ends(), yes.shown).toBe(0)
    expect(host.bySops('TOKEN')).toBe(MARK)
  })

  test('rm removes only after yes', async () => {
    const host = new Host()
    host.add('TOKEN', MARK)
    const no = host.terminal(['secrets', 'rm', 'TOKEN'])
    await no.sees('Remove')
    no.types('n\r')
    expect(await no.ends()).toBe(1)
    expect(host.exists('secrets/TOKEN.enc')).toBe(true)
    const yes = host.terminal(['secrets', 'rm', 'TOKEN'])
    await yes.sees('Remove')
    yes.types('y\r')
    expect(await yes.ends(), yes.shown).toBe(0)
    expect(host.exists('secrets/TOKEN.enc')).toBe(false)
  })

  test.each([
    ['to overwrite', ['secrets', 'add', 'TOKEN'], ['replace TOKEN?']],
    ['the value', ['secrets', 'add', 'TOKEN', '--force'], ['Value of TOKEN']],
    ['the value again', ['secrets', 'add', 'TOKEN', '--force'], ['Value of TOKEN', 'Once more']],
    ['to remove', ['secrets', 'rm', 'TOKEN'], ['Remove']],
  ])('Ctrl-C where it asks %s changes nothing and ends as Ctrl-C does', async (_, words, prompts) => {
    const host = new Host()
    host.add('TOKEN', 'old')
    const before = host.files(host.base)
    const terminal = host.terminal(words)
    for (const [at, prompt] of prompts.entries()) {
      if (at > 0) terminal.types(`${MARK}\r`)
      await terminal.sees(prompt)
    }
    terminal.types(CTRL_C)
    expect(await terminal.ends(), terminal.shown).toBe(130)
    expect(terminal.shown).toContain('nothing was changed')
    expect(terminal.shown).not.toContain(MARK)
    expect(host.bySops('TOKEN')).toBe('old')
    expect(host.files(host.base)).toEqual(before)
  })

  test('Ctrl-C at the very first prompt leaves no key and no rules behind', async () => {
    const host = new Host()
    const terminal = host.terminal(['secrets', 'add', 'TOKEN'])
    await terminal.sees('Value of TOKEN')
    terminal.types(CTRL_C)
    expect(await terminal.ends()).toBe(130)
    expect(host.files(host.base)).toEqual([])
  })
})
