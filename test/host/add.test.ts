import { spawnSync } from 'node:child_process'
import { mkdirSync, readFileSync, renameSync, rmSync, statSync, symlinkSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { describe, expect, onTestFinished, test } from 'vitest'
import { AGE, AGE_KEYGEN, SHIM } from '../helpers/parts.ts'
import { Host, MARK } from './host.ts'

const mode = (path: string) => (statSync(path).mode & 0o777).toString(8)

describe('the first use', () => {
  test('makes a key that is its owner’s alone, and rules, and says in two lines to back the key up', () => {
    const host = new Host()
    const { status, stderr } = host.run(['secrets', 'add', 'TOKEN'], { input: `${MARK}\n` })
    expect(status, stderr).toBe(0)
    expect([mode(host.keyFile), mode(dirname(host.keyFile))]).toEqual(['600', '700'])
    expect(stderr).toContain(`made the operator key ${host.keyFile}: back this file up`)
    expect(stderr).toContain('disinto secrets verify --key')
    expect(host.recipient()).toMatch(/^age1/)
    expect(host.read('.sops.yaml')).toContain(host.recipient())
    expect(host.bySops('TOKEN')).toBe(MARK)
    expect(mode(host.path('secrets/TOKEN.enc'))).toBe('600')
  })

  test('its rules let stock sops encrypt .env for the operator and the agents, and a secret for the operator', () => {
    const host = new Host()
    host.well(['secrets', 'keygen'])
    host.write('.env', `A=${MARK}\n`)
    const encrypted = host.sops('encrypt', '--input-type', 'dotenv', '--output-type', 'dotenv', '.env')
    host.write('.env.enc', encrypted)
    const service = join(host.home, '.config/sops/age/project/agents/keys.txt')
    expect([host.envBySops(), host.envBySops(service)]).toEqual([`A=${MARK}\n`, `A=${MARK}\n`])
    host.add('TOKEN', MARK)
    expect(host.read('secrets/TOKEN.enc')).toContain(host.recipient())
    expect(host.read('secrets/TOKEN.enc')).not.toContain(host.recipient(service))
  })

  test('uses a key that age-keygen made, and makes no other', () => {
    const host = new Host()
    host.well(['secrets', 'keygen'])
    const other = new Host()
    spawnSync('mkdir', ['-p', dirname(other.keyFile)])
    expect(spawnSync(AGE_KEYGEN, ['-o', other.keyFile]).status).toBe(0)
    const recipient = other.recipient()
    const { stderr } = other.run(['secrets', 'add', 'TOKEN'], { input: MARK })
    expect(stderr).not.toContain('made the operator key')
    expect(other.recipient()).toBe(recipient)
    expect(other.bySops('TOKEN')).toBe(MARK)
  })

  test('encrypts to the recipients of a .sops.yaml that exists, also without a key', () => {
    const host = new Host()
    const { recipient, keyFile } = host.stranger()
    const rules = `# ours\ncreation_rules:\n  - age: ${recipient}\n`
    host.write('.sops.yaml', rules)
    const { status, stderr } = host.run(['secrets', 'add', 'TOKEN'], { input: MARK })
    expect(status, stderr).toBe(0)
    expect(stderr).toContain('no key here opens it')
    expect(host.read('.sops.yaml')).toBe(rules)
    expect(host.bySops('TOKEN', keyFile)).toBe(MARK)
  })

  test('does not put a new key in place of one that it can’t read', () => {
    const host = new Host()
    host.write('../home/.config/sops/age/keys.txt', 'AGE-SECRET-KEY-1BROKEN\n')
    const told = host.fails(['secrets', 'add', 'TOKEN'], { input: MARK })
    expect(told).toContain('line 1 is no age identity')
    expect(host.files()).toEqual([])
  })

  test('keygen makes post-quantum keys too, which stock sops opens', () => {
    const host = new Host()
    const { recipient } = JSON.parse(host.well(['secrets', 'keygen', '--post-quantum', '--json']))
    expect(recipient).toMatch(/^age1pq1/)
    host.add('TOKEN', MARK)
    expect(host.bySops('TOKEN')).toBe(MARK)
  })
})

describe('rules that take the sops program', () => {
  function groups(host: Host): void {
    const [one, two] = [host.stranger('one'), host.stranger('two')]
    spawnSync('mkdir', ['-p', dirname(host.keyFile)])
    spawnSync('sh', ['-c', `cat ${one.keyFile} ${two.keyFile} > ${host.keyFile}`])
    host.write(
      '.sops.yaml',
      `creation_rules:\n  - shamir_threshold: 2\n    key_groups:\n      - age: [${one.recipient}]\n      - age: [${two.recipient}]\n`,
    )
  }

  test('go through it, and no argument of any process holds the value', () => {
    const host = new Host()
    groups(host)
    const log = join(host.base, 'execs')
    const through = ['strace', '-f', '-qq', '-s', '100000', '-e', 'trace=execve', '-o', log]
    // With it sops would encrypt to whom it names.
    const env = { SOPS_AGE_RECIPIENTS: host.stranger('third').recipient }
    host.well(['secrets', 'add', 'TOKEN'], { input: MARK, through, env })
    const execs = spawnSync('cat', [log], { encoding: 'utf8' }).stdout
    expect(execs).toMatch(/\/sops".*"encrypt"/)
    expect(execs).not.toContain(MARK)
    expect(host.bySops('TOKEN')).toBe(MARK)
    expect(host.well(['secrets', 'show', 'TOKEN'])).toBe(`${MARK}\n`)
  })

  test.skipIf(spawnSync('gpg', ['--version']).error !== undefined)(
    'PGP: stock sops and we open what it made, and list names the kind of key',
    () => {
      const host = new Host()
      const env = { GNUPGHOME: join(host.base, 'gpg') }
      mkdirSync(env.GNUPGHOME, { mode: 0o700 })
      onTestFinished(() => {
        spawnSync('gpgconf', ['--kill', 'all'], { env: host.environment(env) })
      })
      const gpg = (...words: string[]) =>
        spawnSync('gpg', ['--batch', '--passphrase', '', ...words], {
          env: host.environment(env),
          encoding: 'utf8',
        })
      expect(gpg('--quick-generate-key', 'x@x', 'default', 'default').status).toBe(0)
      const fingerprint = /^fpr:+(\w+)/m.exec(gpg('--with-colons', '--list-keys').stdout)?.[1]
      host.write('.sops.yaml', `creation_rules:\n  - pgp: ${fingerprint}\n`)
      host.well(['secrets', 'add', 'TOKEN'], { input: MARK, env })
      expect(host.well(['secrets', 'show', 'TOKEN'], { env })).toBe(`${MARK}\n`)
      expect(host.well(['secrets', 'list'], { env })).toMatch(/^TOKEN .* pgp:[0-9A-F…]+$/m)
      host.write('.env', `A=${MARK}\n`)
      host.well(['secrets', 'migrate'], { env })
      expect(host.well(['secrets', 'show', 'A'], { env })).toBe(`${MARK}\n`)
      // Without the key nothing is lost, and what is wrong is said.
      expect(host.fails(['secrets', 'show', 'TOKEN'], { env: { GNUPGHOME: '/sys/nowhere' } })).toContain(
        'sops failed',
      )
    },
  )

  test('say so where there is none', () => {
    const host = new Host()
    groups(host)
    const told = host.fails(['secrets', 'add', 'TOKEN'], { input: MARK, env: { PATH: '/nowhere' } })
    expect(told).toContain('needs the sops program')
    expect(host.exists('secrets/TOKEN.enc')).toBe(false)
  })

  test('and what they would leave in the clear is refused', () => {
    const host = new Host()
    host.write(
      '.sops.yaml',
      `creation_rules:\n  - encrypted_regex: ^data$\n    age: ${host.stranger().recipient}\n`,
    )
    expect(host.fails(['secrets', 'add', 'TOKEN'], { input: MARK })).toContain('left unencrypted')
    expect(host.holding(MARK)).toEqual([])
  })
})

describe('values', () => {
  const KEY = `-----BEGIN KEY-----\n${MARK}\n\tb=c#d "e" 'f' \\n $HOME é\n-----END KEY-----\n`

  test.each([
    ['one final newline is dropped', `${MARK}\n`, [], MARK],
    ['only one', `${MARK}\n\n`, [], `${MARK}\n`],
    ['with --raw none', `${MARK}\n`, ['--raw'], `${MARK}\n`],
    ['a key of many lines stays to the byte', KEY, ['--raw'], KEY],
    ['blanks stay', ` ${MARK}\t `, [], ` ${MARK}\t `],
  ])('%s', (_, input, options, expected) => {
    const host = new Host()
    host.well(['secrets', 'add', 'TOKEN', ...options], { input })
    expect(host.bySops('TOKEN')).toBe(expected)
    expect(host.well(['secrets', 'show', 'TOKEN', '--raw'])).toBe(expected)
    const { stdout } = spawnSync(process.execPath, [SHIM, '--', 'printenv', '-0', 'TOKEN'], {
      cwd: host.directory,
      env: host.environment(),
      encoding: 'utf8',
    })
    expect(stdout).toBe(`${expected}\0`)
  })

  test('come from a file with --from-file', () => {
    const host = new Host()
    host.write('key', KEY)
    host.well(['secrets', 'add', 'DEPLOY_KEY', '--from-file', 'key', '--raw'])
    expect(host.bySops('DEPLOY_KEY')).toBe(KEY)
    expect(host.fails(['secrets', 'add', 'B', '--from-file', 'nokey'])).toContain('does not exist')
  })

  test.each([
    ['a name the shim refuses', 'LD_PRELOAD', MARK, 'makes the dynamic loader run other code'],
    ['more than a file of ours may hold', 'TOKEN', 'x'.repeat(8 * 1024 * 1024), 'larger than 10 MiB'],
    ['the name that SOPS keeps', 'sops', MARK, 'SOPS reserves this name'],
    ['what is not UTF-8', 'TOKEN', Buffer.from([0xff, 0xfe, 0x41]), 'not UTF-8'],
    ['nothing', 'TOKEN', '', 'is empty'],
    ['a name whose value sops leaves in the clear', 'A_unencrypted', MARK, 'left unencrypted'],
  ])('refuses %s, and writes no secret', (_, name, input, told) => {
    const host = new Host()
    expect(host.fails(['secrets', 'add', name], { input })).toContain(told)
    expect(host.files().filter((file) => !file.startsWith('.sops'))).toEqual([])
  })

  test.each([
    ['a name that is none', 'A-B', 'must be a variable name'],
    ['a name that leads elsewhere', '../../x', 'must be a variable name'],
    ['a value beside the name', `TOKEN=${MARK}`, 'disinto secrets add TOKEN'],
    ['a value in its place', `${MARK}==`, 'disinto secrets add NAME'],
  ])('refuses %s without repeating it, and makes nothing', (_, word, told) => {
    const host = new Host()
    for (const command of ['add', 'show', 'edit', 'rm'])
      expect(host.fails(['secrets', command, word], { input: MARK, status: 2 })).toContain(told)
    expect(host.files(host.base)).toEqual([])
  })

  test.each([
    ['a NUL byte', `${MARK}\0x`, 'holds a NUL byte'],
    ['more than the kernel takes', `${MARK}${'x'.repeat(128 * 1024)}`, 'is too long'],
  ])('with %s are stored, and only --as-file hands them over, which add says', (_, value, told) => {
    const host = new Host()
    const { status, stderr } = host.run(['secrets', 'add', 'TOKEN'], { input: value })
    expect([status, stderr.includes(MARK)]).toEqual([0, false])
    expect(stderr).toContain(told)
    expect(stderr).toContain('--as-file TOKEN')
    expect(host.bySops('TOKEN')).toBe(value)
    expect(host.well(['secrets', 'show', 'TOKEN', '--raw'])).toBe(value)
    const shim = (...words: string[]) =>
      spawnSync(process.execPath, [SHIM, ...words], {
        cwd: host.directory,
        env: host.environment(),
        encoding: 'utf8',
      })
    expect(shim('--as-file', 'TOKEN', '--', 'sh', '-c', 'cat "$TOKEN_FILE"').stdout).toBe(value)
    const without = shim('--', 'true')
    expect([without.status, without.stderr.includes('--as-file TOKEN')]).toEqual([125, true])
  })

  test.each([
    ['a byte order mark', `\ufeff${MARK}`, 'begins with a byte order mark'],
    ['a blank at its end', `${MARK} `, 'ends with a blank'],
  ])('with %s are stored as they are, and it is said', (_, value, told) => {
    const host = new Host()
    const { status, stderr } = host.run(['secrets', 'add', 'TOKEN'], { input: value })
    expect([status, stderr.includes(MARK)]).toEqual([0, false])
    expect(stderr).toContain(told)
    expect(host.bySops('TOKEN')).toBe(value)
  })

  test('go where secrets/NAME.enc says, from any directory', () => {
    const host = new Host()
    host.well(['secrets', 'add', 'secrets/TOKEN.enc'], { input: MARK })
    expect(host.bySops('TOKEN')).toBe(MARK)
    const elsewhere = { cwd: host.path('secrets'), env: { DISINTO_ROOT: host.directory } }
    expect(host.well(['secrets', 'show', 'TOKEN.enc'], elsewhere)).toBe(`${MARK}\n`)
    expect(host.fails(['secrets', 'show', 'token'])).toContain('did you mean TOKEN?')
    host.well(['secrets', 'rm', 'secrets/TOKEN.enc', '--force'])
    expect(host.exists('secrets/TOKEN.enc')).toBe(false)
  })

  test.each(['--force', '--raw'])('never go through a link (%s)', (option) => {
    const host = new Host()
    host.add('OTHER', 'other')
    renameSync(host.path('secrets/OTHER.enc'), join(host.base, 'elsewhere'))
    for (const target of ['../../elsewhere', '../../nowhere', host.keyFile]) {
      symlinkSync(target, host.path('secrets/TOKEN.enc'))
      const before = host.holding('')
      expect(host.fails(['secrets', 'add', 'TOKEN', option], { input: MARK })).toContain('is a link')
      expect(host.holding('')).toEqual(before)
      rmSync(host.path('secrets/TOKEN.enc'))
    }
    expect(readFileSync(host.keyFile, 'utf8')).toContain('AGE-SECRET-KEY-')
  })

  test('in a pipe, nothing is overwritten without --force', () => {
    const host = new Host()
    host.add('TOKEN', 'old')
    const told = host.fails(['secrets', 'add', 'TOKEN'], { input: MARK })
    expect(told).toContain('--force')
    expect(host.bySops('TOKEN')).toBe('old')
    host.well(['secrets', 'add', 'TOKEN', '--force'], { input: MARK })
    expect(host.bySops('TOKEN')).toBe(MARK)
  })
})

test('stock age opens the data key of a secret file', () => {
  const host = new Host()
  host.add('TOKEN', MARK)
  const { enc } = JSON.parse(host.read('secrets/TOKEN.enc')).sops.age[0]
  const opened = spawnSync(AGE, ['--decrypt', '-i', host.keyFile], { input: enc })
  expect([opened.status, opened.stdout.length]).toEqual([0, 32])
})

describe('files that stock sops has changed are still ours to read', () => {
  test('after set, rotate, updatekeys and edit', () => {
    const host = new Host()
    host.add('TOKEN', 'old')
    const file = 'secrets/TOKEN.enc'
    host.sops(
      'set',
      '--input-type',
      'json',
      '--output-type',
      'json',
      file,
      '["TOKEN"]',
      JSON.stringify(`${MARK}-set`),
    )
    expect(host.well(['secrets', 'show', 'TOKEN'])).toBe(`${MARK}-set\n`)
    host.sops('rotate', '-i', '--input-type', 'json', '--output-type', 'json', file)
    expect(host.well(['secrets', 'show', 'TOKEN'])).toBe(`${MARK}-set\n`)
    const { recipient, keyFile } = host.stranger()
    host.write('.sops.yaml', `creation_rules:\n  - age: ${host.recipient()},${recipient}\n`)
    host.sops('updatekeys', '--yes', '--input-type', 'json', file)
    expect(host.well(['secrets', 'show', 'TOKEN'])).toBe(`${MARK}-set\n`)
    expect(host.well(['secrets', 'verify', '--key', keyFile])).toContain('ok  secrets/TOKEN.enc')
    const edit = { ...host.environment(), SOPS_EDITOR: 'sed -i s/-set/-edited/' }
    expect(
      spawnSync('sops', ['edit', '--input-type', 'json', '--output-type', 'json', file], {
        cwd: host.directory,
        env: edit,
      }).status,
    ).toBe(0)
    expect(host.well(['secrets', 'show', 'TOKEN'])).toBe(`${MARK}-edited\n`)
  })
})
