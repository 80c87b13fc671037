import { spawnSync } from 'node:child_process'
import { chmodSync, readFileSync, renameSync } from 'node:fs'
import { join, relative } from 'node:path'
import { describe, expect, test } from 'vitest'
import { SOPS } from '../helpers/parts.ts'
import { encrypt } from '../shim/project.ts'
import { Host, MARK } from './host.ts'

/** A project with an env file and two secrets. */
function project(): Host {
  const host = new Host()
  host.write('.env', `# c\nA=${MARK}\nB="x\\ny"\n`)
  host.well(['secrets', 'migrate'])
  host.add('TOKEN', MARK)
  host.add('KEY', `${MARK}\nof two lines\n`)
  return host
}

function opensAll(host: Host, keyFile: string): void {
  expect(host.envBySops(keyFile)).toBe(`# c\nA=${MARK}\nB="x\\ny"\n`)
  expect(host.bySops('TOKEN', keyFile)).toBe(MARK)
  expect(host.bySops('KEY', keyFile)).toBe(`${MARK}\nof two lines\n`)
}

const service = (host: Host) => join(host.home, '.config/sops/age/project/agents/keys.txt')
const lastModified = (host: Host, file: string) =>
  /lastmodified"?[=:] ?"?([^"\n]+)/.exec(host.read(file))?.[1]

describe('recipients', () => {
  test('add lets another key open everything, and rm takes that back and lists what it knew', () => {
    const host = project()
    const { recipient, keyFile } = host.stranger()
    const changed = lastModified(host, 'secrets/TOKEN.enc')
    host.well(['secrets', 'recipients', 'add', recipient])
    opensAll(host, keyFile)
    opensAll(host, host.keyFile)
    expect(lastModified(host, 'secrets/TOKEN.enc')).toBe(changed)
    const rules = host.read('.sops.yaml')
    expect(rules).toContain('# Each other secret: the operator alone.')
    expect(host.fails(['secrets', 'recipients', 'add', recipient])).toContain('already in every rule')

    const before = host.read('secrets/TOKEN.enc')
    const { status, stderr } = host.run(['secrets', 'recipients', 'rm', recipient])
    expect(status, stderr).toBe(0)
    expect(stderr).toContain('change them at their issuers')
    for (const name of ['A', 'B', 'TOKEN', 'KEY'])
      expect(stderr).toMatch(new RegExp(`^disinto: {3}${name} \\(changed `, 'm'))
    opensAll(host, host.keyFile)
    expect(host.fails(['secrets', 'verify', '--key', keyFile])).toContain('3 of the files')
    expect(host.read('.sops.yaml')).not.toContain(recipient)
    // A new data key: the old one, which the removed recipient has, opens nothing new.
    expect(host.read('secrets/TOKEN.enc').split('\n')[1]).not.toBe(before.split('\n')[1])
    expect(host.fails(['secrets', 'recipients', 'rm', recipient])).toContain('is not in any rule')
  })

  test('add --env is for .env.enc alone', () => {
    const host = project()
    const { recipient, keyFile } = host.stranger()
    host.well(['secrets', 'recipients', 'add', recipient, '--env'])
    expect(host.envBySops(keyFile)).toContain(MARK)
    expect(host.read('secrets/TOKEN.enc')).not.toContain(recipient)
  })

  test('list shows who can open what without a key, and where a file is not as the rules have it', () => {
    const host = project()
    const { recipient } = host.stranger()
    host.write(
      '.sops.yaml',
      host.read('.sops.yaml').replaceAll(host.recipient(), `${host.recipient()},${recipient}`),
    )
    const shown = host.well(['secrets', 'recipients', 'list'], { env: { HOME: '/sys/nowhere' } })
    expect(shown).toContain('secrets/TOKEN.enc:  (not as .sops.yaml has it')
    expect(host.well(['secrets', 'recipients', 'list'])).toContain(`${host.recipient()}  (you)`)
    expect(host.well(['secrets', 'recipients', 'list'])).toContain(
      `${host.recipient(service(host))}  (service agents)`,
    )
    const json = JSON.parse(host.well(['secrets', 'recipients', 'list', '--json']))
    expect(json[0]).toMatchObject({
      file: '.env.enc',
      recipients: [host.recipient(), host.recipient(service(host))],
    })
  })

  test('a recipient goes by the name that it was added with, until it is taken out', () => {
    const host = project()
    const { recipient } = host.stranger()
    const add = ['secrets', 'recipients', 'add', recipient, '--secrets', '--name']
    expect(host.fails([...add, 'x: #'], { status: 2 })).toContain('--name')
    host.well([...add, 'Bob of ops'])
    const short = `${recipient.slice(0, 12)}… "Bob of ops"`
    const listed = host.well(['secrets', 'recipients', 'list'])
    expect(listed).toContain(`secrets/TOKEN.enc:\n    you\n    ${short}\n`)
    expect(listed).toContain(`    ${recipient}  ("Bob of ops")\n`)
    const whole = host.well(['secrets', 'recipients', 'list', '--verbose'])
    expect(whole).toContain(`TOKEN.enc:\n    ${host.recipient()}  (you)\n    ${recipient}  ("Bob of ops")\n`)
    expect(host.well(['secrets', 'list'])).toMatch(new RegExp(`^TOKEN .*  you, ${short}$`, 'm'))
    expect(host.well(['secrets', 'list', '--verbose'])).toContain(recipient)
    host.well(['secrets', 'recipients', 'rm', recipient])
    expect(host.read('.sops.yaml')).not.toContain('Bob')
  })

  test('a name goes over to the key that takes the place of another', () => {
    const host = project()
    const old = host.recipient()
    host.write('.sops.yaml', `${host.read('.sops.yaml')}# me: ${old}\n`)
    host.well(['secrets', 'rotate-key'])
    expect(host.read('.sops.yaml')).toContain(`# me: ${host.recipient()}\n`)
    expect(host.read('.sops.yaml')).not.toContain(old)
  })

  test('a format that sops alone writes goes through sops: by a relative key file, and never by a sops of the project', () => {
    const host = project()
    const { recipient, keyFile } = host.stranger()
    const plain = host.write('../yaml.txt', `WORD: ${MARK}\n`)
    const types = ['--input-type', 'yaml', '--output-type', 'yaml', '--filename-override', 'secrets/WORD.enc']
    host.write('secrets/WORD.enc', host.sops('encrypt', ...types, plain))
    host.write('sops', '#!/bin/sh\ntouch planted\n')
    chmodSync(host.path('sops'), 0o755)
    // At no place where it would be found by itself.
    const moved = join(host.base, 'key.txt')
    renameSync(host.keyFile, moved)
    const key = relative(host.directory, moved)
    const env = {
      PATH: `.:${host.environment()['PATH']}`,
      SOPS_AGE_KEY_FILE: key,
    }
    host.well(['secrets', 'recipients', 'add', recipient], { env })
    expect(host.exists('planted')).toBe(false)
    const words = ['decrypt', '--input-type', 'yaml', '--output-type', 'json', host.path('secrets/WORD.enc')]
    const { stdout } = spawnSync(SOPS, words, {
      env: host.environment({ SOPS_AGE_KEY_FILE: keyFile }),
      encoding: 'utf8',
    })
    expect(JSON.parse(stdout)).toEqual({ WORD: MARK })
  })

  test('the last one can’t be removed, nor one’s own without a yes; a secret key is not repeated', () => {
    const host = project()
    expect(host.fails(['secrets', 'recipients', 'rm', host.recipient()])).toContain('is the only recipient')
    const { recipient } = host.stranger()
    host.well(['secrets', 'recipients', 'add', recipient])
    expect(host.fails(['secrets', 'recipients', 'rm', host.recipient()])).toContain('--force')
    const secret = `AGE-SECRET-KEY-1${MARK}`
    expect(host.fails(['secrets', 'recipients', 'add', secret], { status: 2 })).not.toContain(secret)
    opensAll(host, host.keyFile)
  })
})

describe('rotate-key', () => {
  test('replaces the operator key everywhere, keeps the old one behind it, and lists what is due for change', () => {
    const host = project()
    const old = host.recipient()
    const oldKey = readFileSync(host.keyFile, 'utf8')
    const encrypted = host.read('secrets/TOKEN.enc')
    const { status, stderr } = host.run(['secrets', 'rotate-key'])
    expect(status, stderr).toBe(0)
    expect(stderr).toContain('back this file up')
    expect(stderr).toContain('TOKEN (changed')
    expect(host.recipient()).not.toBe(old)
    opensAll(host, host.keyFile)
    for (const file of ['.env.enc', 'secrets/TOKEN.enc', '.sops.yaml'])
      expect(host.read(file)).not.toContain(old)
    host.write('../old.txt', oldKey)
    expect(host.fails(['secrets', 'verify', '--key', '../old.txt'])).toContain('3 of the files')
    expect(readFileSync(host.keyFile, 'utf8')).toContain(oldKey)
    expect(host.envBySops(service(host))).toContain(MARK)
    expect(host.read('secrets/TOKEN.enc').split('\n')[1]).not.toBe(encrypted.split('\n')[1])
  })

  test('--service replaces that of a service, and leaves it no other', () => {
    const host = project()
    const old = readFileSync(service(host), 'utf8')
    host.well(['secrets', 'rotate-key', '--service', 'agents'])
    expect(host.envBySops(service(host))).toContain(MARK)
    expect(readFileSync(service(host), 'utf8')).not.toContain(old)
    opensAll(host, host.keyFile)
  })

  test('one file that can’t be opened, and none is encrypted anew', () => {
    const host = project()
    const { recipient } = host.stranger()
    const foreign = encrypt('json', `{"ZZZ":"${MARK}"}`, recipient)
    host.write('secrets/ZZZ.enc', foreign)
    const before = host.files().map((file) => host.read(file))
    expect(host.fails(['secrets', 'rotate-key'])).toContain('ZZZ.enc')
    expect(host.files().map((file) => host.read(file))).toEqual(before)
    opensAll(host, host.keyFile)
  })

  test('keeps what only sops can write: YAML, and numbers in JSON', () => {
    const host = project()
    host.write(
      '.env.enc',
      host.sops(
        'encrypt',
        '--filename-override',
        host.path('.env.enc'),
        '--input-type',
        'yaml',
        '--output-type',
        'yaml',
        host.write('../x.yaml', `A: ${MARK}\nN: 3.0\n`),
      ),
    )
    host.write(
      'secrets/PORT.enc',
      host.sops(
        'encrypt',
        '--filename-override',
        host.path('secrets/PORT.enc'),
        '--input-type',
        'json',
        '--output-type',
        'json',
        host.write('../x.json', '{"PORT": 8080}'),
      ),
    )
    const old = host.recipient()
    host.well(['secrets', 'rotate-key'])
    expect(host.read('.env.enc') + host.read('secrets/PORT.enc')).not.toContain(old)
    expect(host.sops('decrypt', '--input-type', 'yaml', '--output-type', 'yaml', '.env.enc')).toMatch(
      /^"?N"?: 3(?:\.0)?$/m,
    )
    expect(
      JSON.parse(host.sops('decrypt', '--input-type', 'json', '--output-type', 'json', 'secrets/PORT.enc')),
    ).toEqual({ PORT: 8080 })
  })
})
