/** Who can open what: rules as sops reads them, changes that do what they say, and nobody by a claim. */
import { spawnSync } from 'node:child_process'
import {
  chmodSync,
  cpSync,
  mkdirSync,
  readFileSync,
  renameSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import { createServer } from 'node:net'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { generateKey } from '../../src/age/keygen.ts'
import { DisintoError } from '../../src/errors.ts'
import type { HostContext } from '../../src/host/context.ts'
import { projectAt } from '../../src/host/project.ts'
import { ensureServiceKey, grantService } from '../../src/host/store/grant.ts'
import { SOPS } from '../helpers/parts.ts'
import { Host, MARK } from './host.ts'

/** Whether a key alone opens a file with stock sops. */
function opens(host: Host, key: string, file: string, type: string): boolean {
  const env = { PATH: process.env['PATH'], HOME: '/nonexistent', SOPS_AGE_KEY: key }
  const words = ['decrypt', '--input-type', type, '--output-type', type, host.path(file)]
  return spawnSync(SOPS, words, { env, cwd: '/' }).status === 0
}

/** A project with an operator key, and rules that name BOB as well. */
function project(rules: (me: string, bob: string) => string) {
  const host = new Host()
  const me = host.well(['secrets', 'keygen']).trim()
  const bob = generateKey()
  rmSync(host.path('.sops.yaml'))
  rmSync(join(host.home, '.config/sops/age/project'), { recursive: true })
  host.write('.sops.yaml', rules(me, bob.recipient))
  host.write('.env', `A=${MARK}\n`)
  host.well(['secrets', 'migrate'])
  host.well(['secrets', 'add', 'TOKEN'], { input: MARK })
  return { host, me, bob }
}

const SHAPES: ReadonlyArray<readonly [string, (me: string, bob: string) => string]> = [
  [
    'a list of aliases',
    (me, bob) => `keys:\n  - &me ${me}\n  - &bob ${bob}\ncreation_rules:\n  - age: [*me, *bob]\n`,
  ],
  [
    'key groups behind an alias',
    (me, bob) => `g: &g\n  - age:\n      - ${me}\n      - ${bob}\ncreation_rules:\n  - key_groups: *g\n`,
  ],
  [
    'a merge key',
    (me, bob) =>
      `default: &default\n  age: ${me},${bob}\ncreation_rules:\n  - path_regex: \\.env(\\.enc)?$\n    <<: *default\n  - <<: *default\n`,
  ],
  [
    'groups that merge',
    (me, bob) =>
      `creation_rules:\n  - key_groups:\n      - merge:\n          - age: [${me}]\n          - age: [${bob}]\n`,
  ],
  [
    'an anchor that two rules share',
    (me, bob) =>
      `creation_rules:\n  - path_regex: \\.env(\\.enc)?$\n    age: &both ${me},${bob}\n  - age: *both\n`,
  ],
  ['a folded text', (me, bob) => `creation_rules:\n  - age: >-\n      ${me},\n      ${bob}\n`],
]

describe.each(SHAPES)('rules with %s', (_, rules) => {
  test('are followed as sops follows them, and rm takes a person out of all of it', () => {
    const { host, bob } = project(rules)
    expect(opens(host, bob.text, '.env.enc', 'dotenv')).toBe(true)
    expect(opens(host, bob.text, 'secrets/TOKEN.enc', 'json')).toBe(true)
    host.well(['secrets', 'recipients', 'rm', bob.recipient])
    expect(opens(host, bob.text, '.env.enc', 'dotenv')).toBe(false)
    expect(opens(host, bob.text, 'secrets/TOKEN.enc', 'json')).toBe(false)
    // What sops writes by these rules is for the operator alone, too.
    host.write('x.env', 'A=1\n')
    host.sops(
      'encrypt',
      '--output',
      host.path('.env.enc'),
      '--filename-override',
      '.env.enc',
      ...['--input-type', 'dotenv', '--output-type', 'dotenv'],
      'x.env',
    )
    expect(opens(host, bob.text, '.env.enc', 'dotenv')).toBe(false)
  })

  test('rotate-key puts the new key in the place of the old one', () => {
    const { host, me, bob } = project(rules)
    host.well(['secrets', 'rotate-key'])
    expect(host.read('secrets/TOKEN.enc')).not.toContain(me)
    expect(opens(host, bob.text, 'secrets/TOKEN.enc', 'json')).toBe(true)
    expect(host.bySops('TOKEN')).toBe(MARK)
  })
})

describe('a recipient that came in by .sops.yaml alone', () => {
  const planted = () => {
    const made = project((me) => `creation_rules:\n  - age: ${me}\n`)
    made.host.write('.sops.yaml', `creation_rules:\n  - age: ${made.me},${made.bob.recipient}\n`)
    return made
  }

  test('is refused by name, and reads nothing that is written', () => {
    const { host, bob } = planted()
    const said = host.fails(['secrets', 'add', 'OTHER'], { input: MARK })
    expect(said).toContain(bob.recipient)
    expect(said).toContain('disinto secrets recipients accept')
    expect(host.exists('secrets/OTHER.enc')).toBe(false)
    expect(host.run(['doctor']).stdout).toContain('recipient-unaccepted')
  })

  test('is let in by accept, which says whom it lets in', () => {
    const { host, bob } = planted()
    expect(host.run(['secrets', 'recipients', 'accept']).stderr).toContain(bob.recipient)
    host.well(['secrets', 'add', 'OTHER'], { input: MARK })
    expect(opens(host, bob.text, 'secrets/OTHER.enc', 'json')).toBe(true)
    // Nobody is gained by writing a file again.
    host.well(['secrets', 'add', 'TOKEN', '--force'], { input: MARK })
    expect(opens(host, bob.text, 'secrets/TOKEN.enc', 'json')).toBe(false)
  })

  test('is asked about on a terminal, and let in by yes alone', async () => {
    const { host, bob } = planted()
    const asked = async () => {
      const terminal = host.terminal(['secrets', 'add', 'OTHER'])
      await terminal.sees('Value of OTHER')
      terminal.types(`${MARK}\r`)
      await terminal.sees('Accept these rules?')
      expect(terminal.shown).toContain(bob.recipient)
      return terminal
    }
    const no = await asked()
    no.types('n\r')
    expect(await no.ends(), no.shown).toBe(1)
    expect(host.exists('secrets/OTHER.enc')).toBe(false)
    const yes = await asked()
    yes.types('y\r')
    expect(await yes.ends(), yes.shown).toBe(0)
    expect(opens(host, bob.text, 'secrets/OTHER.enc', 'json')).toBe(true)
    // It is asked once.
    host.well(['secrets', 'add', 'MORE'], { input: MARK })
  })

  test('is let in by recipients add, which names it', () => {
    const { host, bob } = planted()
    host.well(['secrets', 'recipients', 'add', bob.recipient])
    host.well(['secrets', 'add', 'OTHER'], { input: MARK })
    expect(opens(host, bob.text, 'secrets/OTHER.enc', 'json')).toBe(true)
    expect(opens(host, bob.text, 'secrets/TOKEN.enc', 'json')).toBe(true)
  })

  test('is not let in by recipients add for other files', () => {
    const { host, me, bob } = project(
      (me) => `creation_rules:\n  - path_regex: ^secrets/\n    age: ${me}\n  - age: ${me}\n`,
    )
    host.write(
      '.sops.yaml',
      `creation_rules:\n  - path_regex: ^secrets/\n    age: ${me},${bob.recipient}\n  - age: ${me}\n`,
    )
    expect(host.fails(['secrets', 'recipients', 'add', bob.recipient, '--env'])).toContain(
      'recipients accept',
    )
    expect(host.fails(['secrets', 'add', 'OTHER'], { input: MARK })).toContain(bob.recipient)
  })

  test('is no matter on a machine that sees the rules for the first time, which says whom they name', () => {
    const { host, bob } = planted()
    rmSync(join(host.home, '.config/sops/age/project'), { recursive: true })
    const { stderr } = host.run(['secrets', 'add', 'OTHER'], { input: MARK })
    expect(stderr).toContain(bob.recipient)
    expect(opens(host, bob.text, 'secrets/OTHER.enc', 'json')).toBe(true)
  })
})

describe('rules that were changed for files that are not there yet', () => {
  /** bob may read what is no production secret; a later .sops.yaml says otherwise. */
  function changed(before: (me: string, bob: string) => string, after: (me: string, bob: string) => string) {
    const { host, me, bob } = project(
      (one, other) => `creation_rules:\n${before(one, other)}  - age: ${one},${other}\n`,
    )
    host.write('.sops.yaml', `creation_rules:\n${after(me, bob.recipient)}  - age: ${me},${bob.recipient}\n`)
    return { host, bob, said: host.run(['secrets', 'recipients', 'accept']).stderr }
  }
  const prod = (keys: string) => `  - path_regex: ^secrets/PROD\n    ${keys}\n`

  test('a rule that is gone is told of, with those whom another rule lets in', () => {
    const { bob, said } = changed(
      (me) => prod(`age: ${me}`),
      () => '',
    )
    expect(said).toMatch(/rule 1 as it was accepted, which is gone/)
    expect(said).toContain(bob.recipient)
  })

  test('a rule whose pattern is another is one that is gone', () => {
    const { bob, said } = changed(
      (me) => prod(`age: ${me}`),
      (me) => prod(`age: ${me}`).replace('PROD', 'PR0D'),
    )
    expect(said).toContain(bob.recipient)
  })

  test('fewer keys together are told of', () => {
    const groups = (me: string, bob: string) => `key_groups: [{age: [${me}]}, {age: [${bob}]}]`
    const { said } = changed(
      (me, bob) => prod(`${groups(me, bob)}\n    shamir_threshold: 2`),
      (me, bob) => prod(`${groups(me, bob)}\n    shamir_threshold: 1`),
    )
    expect(said).toMatch(/rule 1.*: needs fewer keys together than before/)
  })

  test('a change that lets nobody in names nobody', () => {
    const { bob, said } = changed(
      () => '',
      (me) => prod(`age: ${me}`),
    )
    expect(said).not.toContain(bob.recipient)
    expect(said).not.toMatch(/gone|fewer/)
  })
})

describe('what a file says of its readers', () => {
  test('makes nobody a reader: a comment, a planted entry, an old recipient', () => {
    const { host, me, bob } = project((me) => `creation_rules:\n  - age: ${me}\n`)
    const text = host.read('.env.enc')
    const enc = /^sops_age__list_0__map_enc=.*$/m.exec(text)?.[0].replace('list_0', 'list_1') ?? ''
    host.write(
      '.env.enc',
      `# ${bob.recipient}\n${text}${enc}\nsops_age__list_1__map_recipient=${bob.recipient}\n`,
    )
    const { stderr } = host.run(['secrets', 'edit', '.env.enc'], { env: { EDITOR: 'sed -i s/^A=.*/A=2/' } })
    expect(stderr).toContain(bob.recipient)
    expect(opens(host, bob.text, '.env.enc', 'dotenv')).toBe(false)
    expect(host.read('.env.enc').match(/^sops_age__list_\d+__map_recipient=.*$/gm)).toEqual([
      `sops_age__list_0__map_recipient=${me}`,
    ])
  })

  test('edit keeps the file’s own rule, and refuses to leave a new name in the clear', () => {
    const { host } = project((me) => `creation_rules:\n  - age: ${me}\n`)
    host.write('x.env', 'A=1\nPORT=80\n')
    writeFileSync(host.path('.env.enc'), host.sops('encrypt', '--unencrypted-regex', '^PORT', 'x.env'))
    host.well(['secrets', 'edit', '.env.enc'], { env: { EDITOR: 'sed -i s/^A=.*/A=2/' } })
    expect(host.read('.env.enc')).toMatch(/^PORT=80$/m)
    expect(host.envBySops()).toBe('A=2\nPORT=80\n')
    const said = host.fails(['secrets', 'edit', '.env.enc'], { env: { EDITOR: 'sed -i $aPORT_KEY=x' } })
    expect(said).toContain('PORT_KEY')
  })
})

describe('a value that somebody without a key has put into the clear, by another rule in the metadata', () => {
  /** The MAC covers the bytes of a value that stands in the clear, and who knows it can write it there. */
  function cleared(): Host {
    const { host } = project((me) => `creation_rules:\n  - age: ${me}\n`)
    host.well(['secrets', 'set', 'FORGE_URL'], { input: 'https://forge' })
    const text = host
      .read('.env.enc')
      .replace(/^FORGE_URL=.*$/m, 'FORGE_URL=https://forge')
      .replace(/^sops_unencrypted_suffix=.*$/m, 'sops_encrypted_regex=^A$')
    host.write('.env.enc', text)
    host.well(['secrets', 'verify'])
    return host
  }

  test.each([
    ['set', ['secrets', 'set', 'FORGE_URL', '--force']],
    ['edit', ['secrets', 'edit', '.env.enc']],
    ['import', ['secrets', 'import', 'new.env', '--force']],
  ])('is not followed there by the next one: %s', (_, words) => {
    const host = cleared()
    host.write('new.env', `FORGE_URL=${MARK}\n`)
    const before = host.read('.env.enc')
    const said = host.fails(words, { input: MARK, env: { EDITOR: `sed -i s/forge$/${MARK}/` } })
    expect(said).toMatch(/FORGE_URL would be left unencrypted by the file’s own encrypted_regex/)
    expect(host.read('.env.enc')).toBe(before)
  })

  test('stays as it is while others are changed', () => {
    const host = cleared()
    host.well(['secrets', 'set', 'A', '--force'], { input: 'x' })
    expect(host.envBySops()).toContain('FORGE_URL=https://forge\n')
  })
})

describe('two projects whose directories have one name', () => {
  test('have service keys of their own; one that was moved, or copied with its keys, finds its own again', () => {
    const host = new Host()
    host.well(['secrets', 'keygen'])
    const twin = join(host.base, 'other/project')
    mkdirSync(twin, { recursive: true })
    const key = (cwd: string, home = host.home) =>
      host.well(['secrets', 'keygen', '--service', 'agents'], { cwd, env: { HOME: home } }).trim()
    const mine = key(host.directory)
    host.well(['secrets', 'keygen'], { cwd: twin })
    expect(key(twin)).not.toBe(mine)
    expect(key(host.directory)).toBe(mine)

    const home = join(host.base, 'home-2')
    cpSync(host.home, home, { recursive: true })
    const clone = join(host.base, 'clone')
    cpSync(host.directory, clone, { recursive: true })
    expect(key(clone, home)).toBe(mine)

    const moved = join(host.base, 'moved')
    renameSync(host.directory, moved)
    expect(key(moved)).toBe(mine)
    renameSync(moved, host.directory)
  })

  test('does not get those of a project that is gone by naming them, unless its owner says that it is this one', () => {
    const host = new Host()
    host.write('.env', `A=${MARK}\n`)
    host.well(['secrets', 'migrate'])
    const rules = host.read('.sops.yaml')
    const keys = () => host.files(host.home).filter((file) => file.includes('agents'))
    const before = keys()
    const gone = host.directory
    renameSync(gone, join(host.base, 'archive'))
    rmSync(join(host.base, 'archive'), { recursive: true })
    const cwd = join(host.base, 'stranger')
    mkdirSync(cwd)
    writeFileSync(join(cwd, '.sops.yaml'), rules)
    const run = (...words: string[]) => host.run(['secrets', 'keygen', ...words], { cwd })
    for (const words of [
      ['--service', 'agents'],
      ['--service', 'other'],
    ]) {
      const { status, stderr } = run(...words)
      expect([status, stderr]).toEqual([1, expect.stringContaining(`was at ${gone} and is gone`)])
    }
    expect(keys()).toEqual(before)
    // The hint, as it is printed.
    const [, hint = ''] =
      /disinto secrets keygen (--moved-from \S+);/.exec(run('--service', 'agents').stderr) ?? []
    expect(run(...hint.split(' ')).status).toBe(0)
    expect(run('--service', 'agents').stderr).toContain('already exists')
  })

  test('so has a second clone of one: naming a key in .sops.yaml does not make it one’s own', () => {
    const host = new Host()
    host.well(['secrets', 'keygen'])
    host.write('.env', `A=${MARK}\n`)
    host.well(['secrets', 'migrate'])
    const keyFiles = () => host.files(host.home).filter((file) => file.endsWith('/agents/keys.txt'))
    const [first = ''] = keyFiles()
    const clone = join(host.base, 'clone')
    cpSync(host.directory, clone, { recursive: true })
    host.well(['secrets', 'grant', 'agents', '.env.enc'], { cwd: clone })
    const [second = '', ...others] = keyFiles().filter((file) => file !== first)
    expect([second === '', others]).toEqual([false, []])
    // What the clone commits opens for the agents of both.
    host.write('.env.enc', readFileSync(join(clone, '.env.enc')))
    for (const file of [first, second])
      expect(opens(host, readFileSync(join(host.home, file), 'utf8'), '.env.enc', 'dotenv')).toBe(true)
  })

  test.each(['..', '.', 'a/b', '../x', ''])(
    'a service called %j is refused before it is part of a path',
    (service) => {
      const host = new Host()
      host.well(['secrets', 'keygen'])
      const before = readFileSync(host.keyFile, 'utf8')
      for (const command of ['rotate-key', 'keygen'])
        expect(host.run(['secrets', command, '--service', service]).status).not.toBe(0)
      expect(readFileSync(host.keyFile, 'utf8')).toBe(before)
    },
  )
})

test('the rules that are made are for the project’s own files, below a .sops.yaml of several', () => {
  const host = new Host()
  host.well(['secrets', 'keygen'])
  expect(host.read('.sops.yaml')).toContain('path_regex: ^\\.env(\\.enc)?$')
})

test('a .sops.yaml above the project counts unless others can write it', () => {
  const host = new Host()
  const bob = generateKey()
  const above = join(host.base, '.sops.yaml')
  writeFileSync(above, `creation_rules:\n  - age: ${bob.recipient}\n`, { mode: 0o666 })
  spawnSync('chmod', ['666', above])
  host.well(['secrets', 'add', 'TOKEN', '--root', host.directory], { input: MARK })
  expect(opens(host, bob.text, 'secrets/TOKEN.enc', 'json')).toBe(false)
  expect(host.bySops('TOKEN')).toBe(MARK)
})

test('recipients add joins one key group, and never two by itself', () => {
  const host = new Host()
  const me = host.well(['secrets', 'keygen']).trim()
  const [bob, carol] = [generateKey(), generateKey()]
  const groups = `    key_groups:\n      - age: [${me}]\n      - age: [${bob.recipient}]\n`
  host.write('.sops.yaml', `creation_rules:\n  - shamir_threshold: 2\n${groups}`)
  const env = { SOPS_AGE_KEY: bob.text }
  host.well(['secrets', 'recipients', 'accept'], { env })
  host.well(['secrets', 'add', 'TOKEN'], { input: MARK, env })
  const add = ['secrets', 'recipients', 'add', carol.recipient]
  expect(host.fails(add, { env })).toContain('--group')
  expect(host.well(['secrets', 'recipients', 'list'])).not.toContain(carol.recipient)
  host.well([...add, '--group', '2'], { env })
  const listed = host.well(['secrets', 'recipients', 'list'])
  const short = (recipient: string) => `${recipient.slice(0, 12)}…`
  expect(listed).toMatch(new RegExp(`group 2:\\n +${short(bob.recipient)}\\n +${short(carol.recipient)}\\n`))
  expect(opens(host, carol.text, 'secrets/TOKEN.enc', 'json')).toBe(false)
  const both = `${readFileSync(host.keyFile, 'utf8')}\n${carol.text}`
  expect(opens(host, both, 'secrets/TOKEN.enc', 'json')).toBe(true)
})

test('init reads and writes through no link', () => {
  const host = new Host()
  const outside = join(host.base, 'keys.txt')
  writeFileSync(outside, MARK)
  symlinkSync(outside, host.path('.gitignore'))
  expect(host.fails(['init'])).toContain('.gitignore')
  expect(readFileSync(outside, 'utf8')).toBe(MARK)
  rmSync(host.path('.gitignore'))
  rmSync(host.path('.env'), { force: true })
  rmSync(host.path('.env.example'), { force: true })
  symlinkSync(outside, host.path('.env.example'))
  expect(host.fails(['init'])).toContain('.env.example')
  expect(host.exists('.env')).toBe(false)
})

test('a value that stands in the clear is told by list, verify and doctor', () => {
  const { host } = project((me) => `creation_rules:\n  - age: ${me}\n`)
  host.write('x.env', 'DB_PASSWORD=1\n')
  writeFileSync(host.path('.env.enc'), host.sops('encrypt', '--encrypted-regex', '^data$', 'x.env'))
  expect(host.well(['secrets', 'list'])).toMatch(/^DB_PASSWORD .*not encrypted/m)
  expect(host.run(['secrets', 'verify']).stderr).toContain('DB_PASSWORD')
  expect(host.run(['doctor']).stdout).toMatch(/DB_PASSWORD.*not encrypted/)
})

/** What `disinto up` does for the agents, without the engine, and whether it refused. */
async function grant(host: Host): Promise<string | undefined> {
  const variables = new Map(Object.entries(host.environment()))
  const context: HostContext = {
    project: projectAt(host.directory, variables, host.directory),
    variables,
    workingDirectory: host.directory,
    interactive: false,
    speak: { error: () => {}, warning: () => {}, note: () => {} },
    print: () => {},
    write: () => {},
    readInput: () => Buffer.alloc(0),
  }
  const { recipient } = await ensureServiceKey(context, 'agents')
  try {
    await grantService(context, 'agents', recipient)
    return undefined
  } catch (error) {
    return error instanceof DisintoError ? error.code : 'internal'
  }
}

test('rules that somebody has taken away are not made anew, unless by keygen', () => {
  const host = new Host()
  host.well(['secrets', 'add', 'TOKEN'], { input: MARK })
  const rules = host.read('.sops.yaml')
  rmSync(host.path('.sops.yaml'))
  expect(host.fails(['secrets', 'add', 'OTHER'], { input: MARK })).toMatch(/\.sops\.yaml: is gone/)
  expect(host.exists('.sops.yaml')).toBe(false)
  host.well(['secrets', 'keygen'])
  expect(host.read('.sops.yaml')).toBe(rules)
  host.well(['secrets', 'add', 'OTHER'], { input: MARK })
})

describe('ciphertext is not bound to its place', () => {
  const withSecret = () => {
    const host = new Host()
    host.well(['secrets', 'add', 'CLAWHUB_TOKEN'], { input: MARK })
    return host
  }

  test('a copy of a secret file is not given to the agents as .env.enc, and doctor tells it', async () => {
    const host = withSecret()
    cpSync(host.path('secrets/CLAWHUB_TOKEN.enc'), host.path('.env.enc'))
    const before = host.read('.env.enc')
    expect(await grant(host)).toBe('readers-widen')
    expect(host.read('.env.enc')).toBe(before)
    expect(host.run(['doctor']).stdout).toContain('file-copied')
  })

  test('nor is a secret file that was moved there, or put into the form of an env file', async () => {
    const host = withSecret()
    renameSync(host.path('secrets/CLAWHUB_TOKEN.enc'), host.path('.env.enc'))
    expect(await grant(host)).toBe('readers-widen')
    const parsed = JSON.parse(host.read('.env.enc')) as {
      CLAWHUB_TOKEN: string
      sops: Record<string, string> & { age: unknown }
    }
    const { age, ...rest } = parsed.sops
    const [key] = age as Array<{ enc: string; recipient: string }>
    const lines = [
      `CLAWHUB_TOKEN=${parsed.CLAWHUB_TOKEN}`,
      `sops_age__list_0__map_enc=${(key?.enc ?? '').replaceAll('\n', '\\n')}`,
      `sops_age__list_0__map_recipient=${key?.recipient ?? ''}`,
      ...Object.entries(rest).map(([name, value]) => `sops_${name}=${value}`),
    ]
    renameSync(host.path('.env.enc'), host.path('secrets/CLAWHUB_TOKEN.enc'))
    host.write('.env.enc', `${lines.join('\n')}\n`)
    expect(host.envBySops()).toBe(`CLAWHUB_TOKEN=${MARK}\n`)
    expect(await grant(host)).toBe('readers-widen')
  })

  test('an env file of its own is given, and what is in it is told', async () => {
    const host = withSecret()
    host.write('.env', `FORGE_TOKEN=${MARK}\n`)
    writeFileSync(host.path('.env.enc'), host.sops('encrypt', '--age', host.recipient(), '.env'))
    rmSync(host.path('.env'))
    const before = host.read('.env.enc')
    expect(await grant(host)).toBeUndefined()
    // Nothing was changed but that one key more opens it.
    const lines = host.read('.env.enc').split('\n')
    expect(lines.filter((line) => !line.startsWith('sops_age__list_1__')).join('\n')).toBe(before)
    const agents = readFileSync(join(host.home, '.config/sops/age/project/agents/keys.txt'), 'utf8')
    expect(opens(host, agents, '.env.enc', 'dotenv')).toBe(true)
  })

  test('one that an SSH key alone opens is given, too, by the sops program', async () => {
    const host = new Host()
    const key = join(host.home, '.ssh/id_ed25519')
    mkdirSync(join(host.home, '.ssh'), { mode: 0o700 })
    spawnSync('ssh-keygen', ['-q', '-t', 'ed25519', '-N', '', '-C', 'a@b', '-f', key])
    const recipient = readFileSync(`${key}.pub`, 'utf8').trim()
    host.write('.sops.yaml', `creation_rules:\n  - age: ${recipient}\n`)
    host.write('.env', `FORGE_TOKEN=${MARK}\n`)
    writeFileSync(
      host.path('.env.enc'),
      host.sops(
        'encrypt',
        '--filename-override',
        '.env.enc',
        '--input-type',
        'dotenv',
        '--output-type',
        'dotenv',
        '.env',
      ),
    )
    rmSync(host.path('.env'))
    expect(await grant(host)).toBeUndefined()
    const agents = readFileSync(join(host.home, '.config/sops/age/project/agents/keys.txt'), 'utf8')
    expect(opens(host, agents, '.env.enc', 'dotenv')).toBe(true)
    expect(host.read('.env.enc')).toContain(recipient)
  })

  test('plaintext needs no rules, whatever .sops.yaml says', async () => {
    const host = new Host()
    host.well(['secrets', 'keygen'])
    host.write('.env', 'A=1\n')
    for (const text of [
      'creation_rules:\n  - pgp: 85D77543B3D624B63CEA9E6DBC17301B491B3F21\n',
      'not: [yaml',
      'creation_rules: []\n',
    ]) {
      host.write('.sops.yaml', text)
      expect(await grant(host)).toBeUndefined()
      expect(host.read('.sops.yaml')).toBe(text)
    }
  })
})

describe('no data key and no token goes to an address that only a file names', () => {
  /** Whatever asks here is counted and turned away. */
  async function listening(): Promise<{ address: string; connections(): Promise<number> }> {
    let connections = 0
    const server = createServer((socket) => {
      connections += 1
      socket.destroy()
    })
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
    const at = server.address()
    return {
      address: `http://127.0.0.1:${typeof at === 'object' && at !== null ? at.port : 0}`,
      connections: async () => {
        // Who has come meanwhile is told at the next turn.
        await new Promise((resolve) => setTimeout(resolve, 50))
        await new Promise((resolve) => server.close(resolve))
        return connections
      },
    }
  }

  const vaultAt = (address: string) => ({
    vault_address: address,
    engine_path: 'transit',
    key_name: 'k',
    created_at: '2026-01-01T00:00:00Z',
    enc: 'vault:v1:AAAA',
  })

  /** Encrypts by stock sops what only sops encrypts anew, since it has a number in it. */
  function sealNumber(host: Host, me: string, type: 'json' | 'yaml'): void {
    const words = ['encrypt', '--age', me, '--input-type', 'json', '--output-type', type]
    const { status, stdout } = spawnSync(SOPS, [...words, '--filename-override', 'x'], {
      input: JSON.stringify({ A: MARK, N: 5 }),
      encoding: 'utf8',
      cwd: '/',
    })
    expect(status).toBe(0)
    host.write('.env.enc', stdout)
  }

  test('in a file that we encrypt anew ourselves', async () => {
    const { host } = project((me) => `creation_rules:\n  - age: ${me}\n`)
    const { address, connections } = await listening()
    const parsed = JSON.parse(host.read('secrets/TOKEN.enc')) as { sops: Record<string, unknown> }
    parsed.sops['hc_vault'] = [vaultAt(address)]
    host.write('secrets/TOKEN.enc', JSON.stringify(parsed, undefined, '\t'))
    expect(host.well(['secrets', 'recipients', 'list'])).toContain(`hc_vault:${address}`)
    host.well(['secrets', 'rotate-key'], { env: { VAULT_TOKEN: MARK } })
    expect(await connections()).toBe(0)
    expect(host.read('secrets/TOKEN.enc')).not.toContain('hc_vault')
    expect(host.bySops('TOKEN')).toBe(MARK)
  })

  test('in one that the sops program encrypts anew', async () => {
    const { host, me } = project((one) => `creation_rules:\n  - age: ${one}\n`)
    const { address, connections } = await listening()
    sealNumber(host, me, 'json')
    const parsed = JSON.parse(host.read('.env.enc')) as { sops: Record<string, unknown> }
    parsed.sops['hc_vault'] = [vaultAt(address)]
    host.write('.env.enc', JSON.stringify(parsed))
    host.well(['secrets', 'rotate-key'], { env: { VAULT_TOKEN: MARK } })
    expect(await connections()).toBe(0)
    expect(host.read('.env.enc')).not.toContain('hc_vault')
    expect(host.well(['secrets', 'verify'])).toContain('A N')
  })

  test('in one that could not be written anew without it: that is refused', async () => {
    const { host, me } = project((one) => `creation_rules:\n  - age: ${one}\n`)
    const { address, connections } = await listening()
    sealNumber(host, me, 'yaml')
    const entry = JSON.stringify([vaultAt(address)])
    const planted = host.read('.env.enc').replace('sops:\n', `sops:\n    hc_vault: ${entry}\n`)
    host.write('.env.enc', planted)
    const said = host.fails(['secrets', 'rotate-key'], { env: { VAULT_TOKEN: MARK } })
    expect(said).toContain('DISINTO_KEY_TYPES=age,pgp,hc_vault')
    expect(await connections()).toBe(0)
    expect(host.read('.env.enc')).toBe(planted)
  })
})

describe('a secret file brought to the place of .env.enc, with the name of a service in it', () => {
  /** As somebody can who has no key: the metadata is not authenticated, and a copy of the data key is as good as any. */
  function copied(): { host: Host; before: string } {
    const host = new Host()
    host.well(['secrets', 'keygen'])
    host.write('.env', 'A=1\n')
    host.well(['secrets', 'migrate'])
    host.well(['secrets', 'add', 'TOKEN'], { input: MARK })
    const agents = /,(age1\w+)$/m.exec(host.read('.sops.yaml'))?.[1] ?? ''
    const parsed = JSON.parse(host.read('secrets/TOKEN.enc')) as { sops: { age: Array<{ enc: string }> } }
    const [key] = parsed.sops.age
    parsed.sops.age.push({ ...key, recipient: agents } as { enc: string })
    const before = JSON.stringify(parsed)
    host.write('.env.enc', before)
    return { host, before }
  }

  test.each([
    ['set', ['secrets', 'set', 'OTHER']],
    ['edit', ['secrets', 'edit', '.env.enc']],
    ['rotate-key', ['secrets', 'rotate-key']],
    ['rotate-key of the service', ['secrets', 'rotate-key', '--service', 'agents']],
    ['recipients add', ['secrets', 'recipients', 'add', generateKey().recipient]],
  ])('is encrypted for that service by nothing: %s', (_, words) => {
    const { host, before } = copied()
    const said = host.fails(words, { input: 'x' })
    expect(said).toMatch(/names the key of agents, which does not open it/)
    expect(host.read('.env.enc')).toBe(before)
  })
})

describe('a link in the place of a file of the project', () => {
  /** Another project of the same person, whose files this one's lead to. */
  const linked = (name: string) => {
    const other = new Host()
    const { host } = project((me) => `creation_rules:\n  - age: ${me}\n`)
    other.write(name, host.read(name))
    rmSync(host.path(name))
    symlinkSync(other.path(name), host.path(name))
    return { host, other, before: other.read(name), key: readFileSync(host.keyFile, 'utf8') }
  }

  test.each(['.env.enc', 'secrets/TOKEN.enc'])('gives nobody what it leads to: %s', async (name) => {
    const { host, other, before, key } = linked(name)
    host.write('x.env', 'A=2\n')
    const { recipient } = generateKey()
    for (const words of [
      ['rotate-key'],
      ['recipients', 'add', recipient],
      ...(name === '.env.enc'
        ? [
            ['edit', name],
            ['set', 'A'],
            ['import', 'x.env'],
            ['rm', 'A', '--force'],
          ]
        : [
            ['edit', 'TOKEN'],
            ['add', 'TOKEN', '--force'],
          ]),
    ])
      expect(
        host.fails(['secrets', ...words], { input: 'A=2\n', env: { EDITOR: 'false' } }),
        words[0],
      ).toContain('is a link')
    if (name === '.env.enc') expect(await grant(host)).toBe('secret-link')
    expect([other.read(name), readFileSync(host.keyFile, 'utf8')]).toEqual([before, key])
    expect(other.files()).toEqual([name])
  })

  test('gives nobody what it leads to where secrets/ itself is one', () => {
    const { host } = project((me) => `creation_rules:\n  - age: ${me}\n`)
    const other = new Host()
    renameSync(host.path('secrets'), other.path('secrets'))
    symlinkSync(other.path('secrets'), host.path('secrets'))
    const before = other.read('secrets/TOKEN.enc')
    for (const words of [['rotate-key'], ['edit', 'TOKEN'], ['add', 'TOKEN', '--force'], ['add', 'NEW']])
      expect(
        host.fails(['secrets', ...words], { input: MARK, env: { EDITOR: 'false' } }),
        words.join(' '),
      ).toContain('leads out of')
    expect([other.files(), other.read('secrets/TOKEN.enc')]).toEqual([['secrets/TOKEN.enc'], before])
  })

  test('gives nobody a place in the rules of others', () => {
    const { host, other, before } = linked('.sops.yaml')
    const { recipient } = generateKey()
    expect(host.fails(['secrets', 'recipients', 'add', recipient])).toContain('leads out of')
    expect(other.read('.sops.yaml')).toBe(before)
  })

  test('is not followed within the project either, where it could lead to any other file', () => {
    const { host } = project((me) => `creation_rules:\n  - age: ${me}\n`)
    renameSync(host.path('.env.enc'), host.path('real.env.enc'))
    symlinkSync('real.env.enc', host.path('.env.enc'))
    const before = host.read('real.env.enc')
    for (const words of [['rotate-key'], ['edit', '.env.enc'], ['set', 'A']])
      expect(host.fails(['secrets', ...words], { input: '2' })).toContain('is a link')
    expect(host.read('real.env.enc')).toBe(before)
    expect(host.well(['secrets', 'show', 'A'])).not.toBe('')
  })
})

test('rules that other users can change are told of by doctor, and where they are accepted for the first time', () => {
  const { host } = project((me) => `creation_rules:\n  - age: ${me}\n`)
  const told = () => host.run(['doctor']).stdout.includes('rules-writable')
  expect(told()).toBe(false)
  chmodSync(host.path('.sops.yaml'), 0o666)
  expect(told()).toBe(true)
  rmSync(join(host.home, '.config/sops/age/project'), { recursive: true })
  const { status, stderr } = host.run(['secrets', 'add', 'OTHER'], { input: MARK })
  expect([status, stderr.includes('other users can change it')]).toEqual([0, true])
})
