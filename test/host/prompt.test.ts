import { describe, expect, test } from 'vitest'
import { Host, MARK } from './host.ts'

const CTRL_C = '\x03'

describe('on a terminal', () => {
  test('add asks once, shows nothing of it, says how long it is, and stores what was typed', async () => {
    const host = new Host()
    const terminal = host.terminal(['secrets', 'add', 'TOKEN'])
    await terminal.sees('Value of TOKEN (hidden')
    terminal.types(`${MARK}\x14\r`)
    await terminal.sees('11 characters')
    expect(await terminal.ends(), terminal.shown).toBe(0)
    expect(terminal.shown).not.toContain(MARK)
    expect(terminal.shown).not.toContain('hunter')
    expect(host.bySops('TOKEN')).toBe(MARK)
  })

  test('an empty one is asked for again', async () => {
    const host = new Host()
    const terminal = host.terminal(['secrets', 'add', 'TOKEN'])
    await terminal.sees('Value of TOKEN')
    terminal.types('\r')
    await terminal.sees('an empty value')
    await terminal.sees('Value of TOKEN')
    terminal.types(`${MARK}\r`)
    expect(await terminal.ends(), terminal.shown).toBe(0)
    expect(host.bySops('TOKEN')).toBe(MARK)
  })

  const PEM = `-----BEGIN KEY-----\r${MARK}\r-----END KEY-----\r`

  test.each([
    ['that the terminal marks', `\x1b[200~${PEM}\x1b[201~\r`],
    ['that comes as if it were typed', `${PEM}\r`],
  ])(
    'several lines pasted in a way %s are refused, and nothing of them is kept or left to the shell',
    async (_, keys) => {
      const host = new Host()
      const terminal = host.terminal(['secrets', 'add', 'DEPLOY_KEY'], { after: 'cat' })
      await terminal.sees('Value of DEPLOY_KEY')
      terminal.types(keys)
      await terminal.sees('had several lines')
      await terminal.sees('--from-file FILE')
      terminal.types('the shell\x04\x04')
      await terminal.ends()
      await terminal.sees('the shell')
      expect(terminal.shown).not.toContain(MARK)
      expect(terminal.shown).not.toContain('END KEY')
      expect(host.files(host.base)).toEqual([])
    },
  )

  test('a paste with its line end is one line, and what is odd about it is said', async () => {
    const host = new Host()
    const terminal = host.terminal(['secrets', 'add', 'TOKEN'])
    await terminal.sees('Value of TOKEN')
    terminal.types(`\x1b[200~ ${MARK}\r\x1b[201~\r`)
    await terminal.sees('12 characters')
    await terminal.sees('begins with a blank')
    expect(await terminal.ends(), terminal.shown).toBe(0)
    expect(terminal.shown).not.toContain(MARK)
    expect(host.bySops('TOKEN')).toBe(` ${MARK}`)
  })

  test('a secret that exists is replaced only after yes', async () => {
    const host = new Host()
    host.add('TOKEN', 'old')
    const no = host.terminal(['secrets', 'add', 'TOKEN'])
    await no.sees('replace TOKEN?')
    no.types('\r')
    expect([await no.ends(), no.shown.includes('error')]).toEqual([0, false])
    expect(no.shown).toContain('nothing was changed')
    expect(host.bySops('TOKEN')).toBe('old')
    const yes = host.terminal(['secrets', 'add', 'TOKEN'])
    await yes.sees('replace TOKEN?')
    yes.types('y\r')
    await yes.sees('Value of TOKEN')
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
    expect([await no.ends(), no.shown.includes('error')]).toEqual([0, false])
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
