import { spawnSync } from 'node:child_process'
import { copyFileSync } from 'node:fs'
import { describe, expect, test } from 'vitest'
import { AGE, SHIM } from '../helpers/parts.ts'
import { encrypt } from '../shim/project.ts'
import { Host, MARK } from './host.ts'

function project(): Host {
  const host = new Host()
  host.write('.env', `A=${MARK}\nB=2\n`)
  host.well(['secrets', 'migrate'])
  host.add('TOKEN', MARK)
  return host
}

describe('list', () => {
  test('shows names, formats, recipients and ages without any key', () => {
    const host = project()
    const env = { HOME: '/sys/nowhere' }
    const rows = JSON.parse(host.well(['secrets', 'list', '--json'], { env }))
    expect(rows).toMatchObject([
      { name: 'A', file: '.env.enc', format: 'sops-dotenv', state: 'unknown' },
      { name: 'B', file: '.env.enc', format: 'sops-dotenv', state: 'unknown' },
      {
        name: 'TOKEN',
        file: 'secrets/TOKEN.enc',
        format: 'sops-json',
        recipients: [host.recipient()],
        state: 'unknown',
      },
    ])
    for (const { lastModified } of rows) expect(Date.parse(lastModified)).not.toBeNaN()
    expect(host.well(['secrets', 'list'], { env })).toMatch(
      /^TOKEN +secrets\/TOKEN\.enc +sops-json +\S.* age1/m,
    )
  })

  test('marks what the key at hand does not open, and what is damaged or not encrypted', () => {
    const host = project()
    const { keyFile, recipient } = host.stranger()
    const age = spawnSync(AGE, ['-r', recipient], { input: MARK }).stdout
    host.write('secrets/OTHERS.enc', age)
    host.write('secrets/PLAIN.enc', `${MARK}\n`)
    host.write('secrets/BAD.enc', host.read('secrets/TOKEN.enc').replace('TOKEN', 'BAD'))
    const states = () =>
      Object.fromEntries(
        JSON.parse(host.well(['secrets', 'list', '--json'])).map((row: { name: string; state: string }) => [
          row.name,
          row.state,
        ]),
      )
    expect(states()).toEqual({
      A: 'opens',
      B: 'opens',
      TOKEN: 'opens',
      OTHERS: 'not by this key',
      PLAIN: 'damaged',
      BAD: 'damaged',
    })
    copyFileSync(keyFile, host.keyFile)
    expect(states()).toMatchObject({ A: 'not by this key', TOKEN: 'not by this key', OTHERS: 'opens' })
    expect(host.well(['secrets', 'list'])).toContain('(this key does not open it)')
  })

  test('reads names of YAML, binary and INI files too', () => {
    const host = project()
    const { recipient } = host.stranger()
    for (const [type, text] of [
      ['yaml', 'YAML_NAME: x\n'],
      ['ini', 'INI_NAME = x\n'],
    ] as const) {
      host.write('.env.enc', encrypt(type, text, recipient))
      expect(host.well(['secrets', 'list'])).toContain(`${type.toUpperCase()}_NAME`)
    }
  })
})

describe('verify', () => {
  test('opens everything, or says which file can’t be opened and why, with status 1', () => {
    const host = project()
    expect(host.well(['secrets', 'verify'])).toBe('ok  .env.enc  A B\nok  secrets/TOKEN.enc  TOKEN\n')
    host.write('secrets/TOKEN.enc', host.read('secrets/TOKEN.enc').replace(/data:../, 'data:AA'))
    expect(host.fails(['secrets', 'verify'])).toContain('was changed after it was encrypted')
    const { status, stdout } = host.run(['secrets', 'verify', '--json'])
    expect(status).toBe(1)
    expect(JSON.parse(stdout)).toMatchObject([
      { file: '.env.enc', names: ['A', 'B'], error: null },
      { file: 'secrets/TOKEN.enc', error: { code: 'file-tampered' } },
    ])
  })

  test('--key tests a backup, and uses no other key', () => {
    const host = project()
    copyFileSync(host.keyFile, host.path('../backup'))
    expect(host.well(['secrets', 'verify', '--key', '../backup'])).toContain('ok  .env.enc')
    expect(host.fails(['secrets', 'verify', '--key', '../nothing'])).toContain('does not exist')
    host.write('../broken', 'AGE-SECRET-KEY-1XYZ\n')
    expect(host.fails(['secrets', 'verify', '--key', '../broken'])).toContain('line 1 is no age identity')
    expect(host.fails(['secrets', 'verify', '--key', host.stranger().keyFile])).toContain(
      'none of the age identities',
    )
  })

  test('without a key it says where it looked', () => {
    const host = project()
    const told = host.fails(['secrets', 'verify'], { env: { HOME: '/sys/nowhere' } })
    expect(told).toContain('/nowhere/.config/sops/age/keys.txt')
  })
})

describe('show', () => {
  test('prints a value from its own file, or from .env.enc; the whole of .env.enc when asked', () => {
    const host = project()
    expect(host.well(['secrets', 'show', 'TOKEN'])).toBe(`${MARK}\n`)
    expect(host.well(['secrets', 'show', 'B'])).toBe('2\n')
    expect(host.well(['secrets', 'show', '.env.enc'])).toBe(`A=${MARK}\nB=2\n`)
    expect(host.fails(['secrets', 'show', 'TOKN'])).toContain('did you mean TOKEN?')
  })

  test('fills in references of one value as the shim does, and shows the whole of .env.enc as it stands', () => {
    const host = project()
    const text = `A=${MARK}\nB=x-\${A}-\${TOKEN:-none}\n`
    host.write('.env.enc', encrypt('dotenv', text, host.recipient()))
    const { stdout } = spawnSync(process.execPath, [SHIM, '--', 'printenv', 'B'], {
      cwd: host.directory,
      env: host.environment(),
      encoding: 'utf8',
    })
    expect(stdout).toBe(`x-${MARK}-none\n`)
    expect(host.well(['secrets', 'show', 'B'])).toBe(stdout)
    expect(host.well(['secrets', 'show', '.env.enc'])).toBe(text)
  })
})
