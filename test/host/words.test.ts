import { describe, expect, test } from 'vitest'
import packageJson from '../../package.json' with { type: 'json' }
import { COMMANDS } from '../../src/host/commands.ts'
import { Host } from './host.ts'

describe('words', () => {
  test('no word at all prints the help on standard error, with status 2', () => {
    const { status, stdout, stderr } = new Host().run([])
    expect({ status, stdout }).toEqual({ status: 2, stdout: '' })
    expect(stderr).toMatch(/^Usage: disinto COMMAND/)
  })

  test('help lists every command', () => {
    const shown = new Host().well(['help'])
    for (const name of COMMANDS.keys()) expect(shown).toContain(`  ${name} `)
    expect(new Host().well(['--help'])).toBe(shown)
  })

  test('version is that of the package', () => {
    expect(new Host().well(['version'])).toBe(`disinto ${packageJson.version}\n`)
    expect(new Host().well(['--version'])).toBe(`disinto ${packageJson.version}\n`)
  })

  test.each([...COMMANDS.keys()])('%s has a help with examples, and names what it is called by', (name) => {
    const host = new Host()
    const shown = host.well([...name.split(' '), '--help'])
    expect(shown).toContain(`Usage: disinto ${name}`)
    expect(shown).toMatch(/\nExamples:\n {2}\S/)
    expect(host.well(['help', ...name.split(' ')])).toBe(shown)
  })

  test('a group shows its commands: asked for on standard output, else on standard error with status 2', () => {
    const host = new Host()
    expect(host.well(['secrets', '--help'])).toContain('secrets rotate-key')
    const { status, stderr } = host.run(['secrets'])
    expect(status).toBe(2)
    expect(stderr).toContain('secrets rotate-key')
  })

  test.each([
    [['secrte'], 'did you mean disinto secrets?'],
    [['secrets', 'ad', 'X'], 'did you mean disinto secrets add?'],
    [['secrets', 'recipients', 'ls'], 'did you mean disinto secrets recipients list?'],
    [['secrets', 'zzzzzz'], 'disinto help secrets lists the commands'],
    [['migrate'], 'did you mean disinto secrets migrate?'],
    [['secrets', 'add', 'X', '--form-file', 'y'], 'did you mean --from-file?'],
    [['secrets', 'add'], 'usage: disinto secrets add NAME'],
    [['secrets', 'add', 'X', '--from-file'], 'disinto help secrets add'],
    [['--rot'], 'disinto help lists the options'],
  ])('%j is a wrong use, status 2, and is told the right one', (words, hint) => {
    expect(new Host().fails(words, { status: 2 })).toContain(hint)
  })

  test('a value that somebody gives as an argument is refused and not repeated', () => {
    const told = new Host().fails(['secrets', 'add', 'X', 'hunter2-Zq7'], { status: 2 })
    expect(told).toContain('arguments show in ps')
  })

  test('--root and DISINTO_ROOT say where the project is, before and after the command', () => {
    const host = new Host()
    host.add('A_TOKEN', 'x')
    for (const words of [
      ['--root', host.directory, 'secrets', 'list', '--json'],
      ['secrets', 'list', '--json', `--root=${host.directory}`],
    ])
      expect(JSON.parse(host.well(words, { cwd: '/' }))).toMatchObject([{ name: 'A_TOKEN' }])
    const byVariable = host.well(['secrets', 'list'], { cwd: '/', env: { DISINTO_ROOT: host.directory } })
    expect(byVariable).toContain('A_TOKEN')
    expect(host.fails(['secrets', 'list', '--root', '/proc/nowhere'])).toContain('does not exist')
  })

  test('DISINTO_LOG=json makes errors JSON objects', () => {
    const { stderr } = new Host().run(['secrets', 'show', 'X'], { env: { DISINTO_LOG: 'json' } })
    expect(JSON.parse(stderr)).toMatchObject({ program: 'disinto', level: 'error', code: 'secret-missing' })
  })
})
