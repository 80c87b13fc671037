/** What a terminal gets beside text: colours, and a line of progress. */
import { expect, test } from 'vitest'
import { Host, MARK } from './host.ts'

const RED = '\x1b[31m'

/** A project in which doctor finds an error. */
function broken(): Host {
  const host = new Host()
  host.add('TOKEN', MARK)
  host.write('secrets/BAD.enc', 'x')
  return host
}

test('on a terminal doctor is in colours, and not where NO_COLOR is set or nobody looks', async () => {
  const host = broken()
  const shown = async (env: Record<string, string>) => {
    const terminal = host.terminal(['doctor'], { env })
    await terminal.ends()
    expect(terminal.shown).toContain('source-not-encrypted')
    return terminal.shown
  }
  expect(await shown({})).toContain(`${RED}error:`)
  expect(await shown({ NO_COLOR: '' })).toContain(`${RED}error:`)
  expect(await shown({ NO_COLOR: '1' })).not.toContain('\x1b')
  expect(await shown({ TERM: 'dumb' })).not.toContain('\x1b')
  expect(host.run(['doctor']).stdout).not.toContain('\x1b')
})

test('errors are in colours, and what a file is called can have none', async () => {
  const host = broken()
  host.write('secrets/\x1b[32mGREEN.enc', 'x')
  const terminal = host.terminal(['secrets', 'verify'])
  await terminal.ends()
  expect(terminal.shown).toContain(`disinto: ${RED}error:`)
  expect(terminal.shown).toContain('GREEN')
  expect(terminal.shown).not.toContain('\x1b[32m')
})

test('what takes long says what it is doing, and the line is gone afterwards', async () => {
  const host = broken()
  const terminal = host.terminal(['secrets', 'verify'], {
    env: { SOPS_AGE_KEY_CMD: `sh -c 'sleep 1.5; cat ${host.keyFile}'` },
  })
  await terminal.sees('opening files')
  await terminal.sees(' of 2 …')
  await terminal.sees('\r\x1b[K')
  await terminal.sees('ok  secrets/TOKEN.enc')
  await terminal.ends()
  expect(host.run(['secrets', 'verify']).stderr).not.toContain('opening files')
})

test('where a KMS or Vault may be asked, opening one file says so, and nothing over what it is part of', async () => {
  const host = broken()
  const env = {
    DISINTO_KEY_TYPES: 'age,hc_vault',
    SOPS_AGE_KEY_CMD: `sh -c 'sleep 1.5; cat ${host.keyFile}'`,
  }
  const one = host.terminal(['secrets', 'show', 'TOKEN'], { env })
  await one.sees('TOKEN.enc …')
  await one.sees('\r\x1b[K')
  await one.ends()
  const all = host.terminal(['secrets', 'verify'], { env })
  await all.sees(' of 2 …')
  await all.ends()
  expect(all.shown).not.toContain('TOKEN.enc …')
})
