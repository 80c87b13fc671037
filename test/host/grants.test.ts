import { spawnSync } from 'node:child_process'
import { cpSync, mkdirSync, readFileSync, renameSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { AGE, Host, MARK, SOPS } from './host.ts'

/** sops wants a rule for every file where there is a .sops.yaml. */
const NO_CONFIG = ['--config', '/dev/null']
const NAMES = ['A', 'B', 'C', 'D', 'E', 'F']

/** A project with these secrets. */
function withSecrets(names: readonly string[] = NAMES): Host {
  const host = new Host()
  for (const name of names) host.add(name, `${MARK}-${name}`)
  return host
}

const keyOf = (host: Host, service: string) =>
  join(host.home, '.config/sops/age/project', service, 'keys.txt')

/** Whether stock sops opens a file with one key alone. */
function opens(host: Host, keyFile: string, file: string): boolean {
  const { status } = spawnSync(
    SOPS,
    ['decrypt', '--input-type', 'json', '--output-type', 'json', host.path(file)],
    {
      env: { PATH: process.env['PATH'] ?? '', HOME: '/nonexistent', SOPS_AGE_KEY_FILE: keyFile },
    },
  )
  return status === 0
}

/** The secrets that a key opens, by stock sops. */
function openedBy(host: Host, keyFile: string): string[] {
  return host
    .files()
    .filter((file) => file.startsWith('secrets/') && opens(host, keyFile, file))
    .map((file) => file.slice('secrets/'.length, -'.enc'.length))
}

interface Row {
  readonly service: string
  readonly name: string
  readonly file: string
  readonly state: string
}

const grantsIn = (host: Host): string[] =>
  (JSON.parse(host.well(['secrets', 'grants', '--json'])) as Row[]).map(
    ({ service, file, state }) => `${service} ${file} ${state}`,
  )

const codesOf = (host: Host): string[] =>
  (
    JSON.parse(host.run(['doctor', '--json']).stdout) as {
      findings: Array<{ code: string; severity: string }>
    }
  ).findings
    .filter(({ severity }) => severity !== 'note')
    .map(({ code }) => code)
    .filter((code) => !/^(?:tool|docker|compose|engine|git)-/.test(code))

describe('grant', () => {
  test('opens exactly the granted files to each service, by stock sops, and changes nothing else in them', () => {
    const host = withSecrets()
    const before = Object.fromEntries(
      NAMES.map((name) => [name, JSON.parse(host.read(`secrets/${name}.enc`))]),
    )
    host.well(['secrets', 'grant', 'qwen', 'A', 'B'])
    host.well(['secrets', 'grant', 'llama', 'B', 'secrets/C.enc'])
    host.well(['secrets', 'grant', 'web', 'F'])
    expect(openedBy(host, keyOf(host, 'qwen'))).toEqual(['A', 'B'])
    expect(openedBy(host, keyOf(host, 'llama'))).toEqual(['B', 'C'])
    expect(openedBy(host, keyOf(host, 'web'))).toEqual(['F'])
    expect(openedBy(host, host.keyFile)).toEqual(NAMES)
    for (const name of NAMES) {
      const { sops, ...values } = JSON.parse(host.read(`secrets/${name}.enc`))
      const { sops: old, ...same } = before[name]
      expect(values).toEqual(same)
      expect({ ...sops, age: [] }).toEqual({ ...old, age: [] })
      expect(sops.age[0]).toEqual(old.age[0])
    }
    expect(grantsIn(host)).toEqual([
      'llama secrets/B.enc granted',
      'llama secrets/C.enc granted',
      'qwen secrets/A.enc granted',
      'qwen secrets/B.enc granted',
      'web secrets/F.enc granted',
    ])
    expect(codesOf(host)).toEqual([])
  })

  test('is by rules of its own for each file, so that stock sops updatekeys has nothing to change', () => {
    const host = withSecrets(['A', 'B'])
    host.well(['secrets', 'grant', 'qwen', 'A'])
    for (const name of ['A', 'B']) {
      const text = host.read(`secrets/${name}.enc`)
      host.sops('updatekeys', '--yes', '--input-type', 'json', host.path(`secrets/${name}.enc`))
      expect(host.read(`secrets/${name}.enc`)).toBe(text)
    }
    // A new value by our own command or by stock sops keeps its readers.
    host.add('A', `${MARK}-new`)
    expect(openedBy(host, keyOf(host, 'qwen'))).toEqual(['A'])
    host.sops('set', host.path('secrets/A.enc'), '["A"]', '"by sops"')
    expect(host.bySops('A', keyOf(host, 'qwen'))).toBe('by sops')
  })

  test('is of one project alone where several have one .sops.yaml above them', () => {
    const host = withSecrets(['A'])
    renameSync(host.path('.sops.yaml'), join(host.base, '.sops.yaml'))
    const rules = readFileSync(join(host.base, '.sops.yaml'), 'utf8')
    host.write('../.sops.yaml', rules.replaceAll('path_regex: ^', 'path_regex: (^|/)'))
    mkdirSync(join(host.base, 'other'))
    cpSync(host.path('secrets'), join(host.base, 'other', 'secrets'), { recursive: true })
    host.well(['secrets', 'recipients', 'accept'])
    host.well(['secrets', 'grant', 'qwen', 'A'])
    const [before, after] = ['other', 'project'].map((project) => {
      const words = ['--config', join(host.base, '.sops.yaml'), 'updatekeys', '--yes', '--input-type', 'json']
      const path = join(host.base, project, 'secrets', 'A.enc')
      host.sops(...words, path)
      return readFileSync(path, 'utf8').match(/"recipient"/g)?.length
    })
    expect([before, after]).toEqual([1, 2])
  })

  test('is the same a second time, and from a directory below', () => {
    const host = withSecrets(['A'])
    host.well(['secrets', 'grant', 'qwen', 'A'])
    const files = [host.read('.sops.yaml'), host.read('secrets/A.enc')]
    const { stderr } = host.run(['secrets', 'grant', 'qwen', 'A'], { cwd: host.path('secrets') })
    expect(stderr).toContain('can already open it')
    expect([host.read('.sops.yaml'), host.read('secrets/A.enc')]).toEqual(files)
  })

  test('gives .env.enc to another service than the agents by its own rule', () => {
    const host = withSecrets(['A'])
    host.write('.env', `TOKEN=${MARK}\n`)
    host.well(['secrets', 'migrate'])
    host.well(['secrets', 'grant', 'web', '.env.enc'])
    expect(host.envBySops(keyOf(host, 'web'))).toContain(MARK)
    // Not by the rule of all that comes later, either.
    host.add('B', `${MARK}-B`)
    expect(openedBy(host, keyOf(host, 'web'))).toEqual([])
    host.well(['secrets', 'revoke', 'web', '.env.enc'])
    expect(opens(host, keyOf(host, 'web'), '.env.enc')).toBe(false)
    expect(host.fails(['secrets', 'revoke', 'agents', '.env.enc'])).toContain('agents')
  })
})

describe('a value for one service', () => {
  test('is in NAME@SERVICE.enc, granted to it, and no other service or command takes it for NAME', () => {
    const host = withSecrets(['TOKEN'])
    host.well(['secrets', 'add', 'TOKEN', '--for', 'qwen', '--raw'], { input: `${MARK}-qwen` })
    expect(openedBy(host, keyOf(host, 'qwen'))).toEqual(['TOKEN@qwen'])
    expect(host.well(['secrets', 'show', 'TOKEN@qwen', '--raw'])).toBe(`${MARK}-qwen`)
    expect(host.well(['secrets', 'show', 'TOKEN', '--raw'])).toBe(`${MARK}-TOKEN`)
    expect(host.well(['run', '--', 'printenv', 'TOKEN'])).toBe(`${MARK}-TOKEN\n`)
    expect(host.well(['run', '--as', 'TOKEN=TOKEN@qwen', '--', 'printenv', 'TOKEN'])).toBe(`${MARK}-qwen\n`)
    expect(host.well(['secrets', 'verify'])).toContain('TOKEN@qwen')
    host.well(['secrets', 'check'])
    expect(codesOf(host)).toEqual([])
    // The name is the service's, so its own value is what is granted.
    expect(host.run(['secrets', 'grant', 'qwen', 'TOKEN']).stderr).toContain('TOKEN@qwen.enc')
    expect(openedBy(host, keyOf(host, 'qwen'))).toEqual(['TOKEN@qwen'])
    host.well(['secrets', 'revoke', 'qwen', 'TOKEN'])
    expect(openedBy(host, keyOf(host, 'qwen'))).toEqual([])
    expect(host.fails(['secrets', 'grant', 'llama', 'TOKEN@qwen'])).toContain('a service other than llama')
  })

  test('is never the copy of a value for others', () => {
    const host = withSecrets(['TOKEN'])
    host.write('secrets/TOKEN@qwen.enc', host.read('secrets/TOKEN.enc'))
    expect(host.fails(['secrets', 'grant', 'qwen', 'TOKEN'])).toContain('TOKEN@qwen')
    expect(openedBy(host, keyOf(host, 'qwen'))).toEqual([])
    expect(host.run(['secrets', 'check']).status).toBe(1)
  })
})

describe('revoke', () => {
  test('encrypts anew, with a new data key, lists what is due, and leaves the rules as they were before', () => {
    const host = withSecrets(['A', 'B'])
    const rules = host.read('.sops.yaml')
    host.well(['secrets', 'grant', 'qwen', 'A', 'B'])
    const granted = host.write('granted.json', host.read('secrets/A.enc'))
    const { stderr, status } = host.run(['secrets', 'revoke', 'qwen', 'A', 'B'])
    expect(status, stderr).toBe(0)
    expect(stderr).toMatch(/change them at their issuers:\n.* A \(changed .*\n.* B \(changed /)
    expect(openedBy(host, keyOf(host, 'qwen'))).toEqual([])
    expect(openedBy(host, host.keyFile)).toEqual(['A', 'B'])
    expect(host.read('.sops.yaml')).toBe(rules)
    expect(opens(host, keyOf(host, 'qwen'), 'granted.json')).toBe(true)
    const [old, now] = [readFileSync(granted, 'utf8'), host.read('secrets/A.enc')].map(
      (text) => JSON.parse(text).A,
    )
    expect(now).not.toBe(old)
  })

  test('of one service leaves the other what it has', () => {
    const host = withSecrets(['A'])
    host.well(['secrets', 'grant', 'qwen', 'A'])
    host.well(['secrets', 'grant', 'llama', 'A'])
    host.well(['secrets', 'revoke', 'qwen', 'A'])
    expect(grantsIn(host)).toEqual(['llama secrets/A.enc granted'])
    expect(openedBy(host, keyOf(host, 'llama'))).toEqual(['A'])
  })

  test('takes from a service what the rule for all secrets gives it, for this file', () => {
    const host = withSecrets(['A', 'B'])
    const recipient = host.well(['secrets', 'keygen', '--service', 'qwen']).trim()
    host.well(['secrets', 'recipients', 'add', recipient, '--secrets'])
    expect(grantsIn(host)).toEqual(['qwen secrets/A.enc stray', 'qwen secrets/B.enc stray'])
    expect(codesOf(host)).toEqual(['service-opens-secret', 'service-opens-secret'])
    host.well(['secrets', 'revoke', 'qwen', 'A'])
    expect(openedBy(host, keyOf(host, 'qwen'))).toEqual(['B'])
    host.add('A', MARK)
    expect(openedBy(host, keyOf(host, 'qwen'))).toEqual(['B'])
  })
})

describe('refused, and nothing changed, is', () => {
  const cases: Array<[title: string, arrange: (host: Host) => readonly string[], says: RegExp]> = [
    ['a name that there is not', () => ['grant', 'qwen', 'A', 'MISSING'], /MISSING/],
    ['a service whose name is a path', () => ['grant', '../qwen', 'A'], /service with a key/],
    ['a value in place of a name', () => ['grant', 'qwen', `A=${MARK}`], /value/],
    ['nothing to grant', () => ['grant', 'qwen'], /missing/],
    [
      'what was never granted',
      (host) => {
        host.well(['secrets', 'keygen', '--service', 'qwen'])
        return ['revoke', 'qwen', 'A']
      },
      /was not granted/,
    ],
    ['a service without a key', () => ['revoke', 'qwen', 'A'], /no key here/],
    [
      'a name of .env.enc',
      (host) => {
        host.write('.env', `TOKEN=${MARK}\n`)
        host.well(['secrets', 'migrate'])
        return ['grant', 'qwen', 'TOKEN']
      },
      /is in .env.enc/,
    ],
    [
      'a file that does not say which secret it holds',
      (host) => {
        const flags = ['--age', host.recipient(), '--input-type', 'binary', '--output-type', 'json']
        host.write('x', MARK)
        host.write('secrets/N.enc', host.sops(...NO_CONFIG, 'encrypt', ...flags, host.path('x')))
        return ['grant', 'qwen', 'A', 'N']
      },
      /does not say which secret/,
    ],
    [
      'a file under another name than its own',
      (host) => {
        host.write('secrets/N.enc', host.read('secrets/A.enc'))
        return ['grant', 'qwen', 'N']
      },
      /must hold/,
    ],
    [
      'a rule that somebody else has added',
      (host) => {
        const { recipient } = host.stranger()
        host.write('.sops.yaml', host.read('.sops.yaml').replaceAll(/(age: .*)/g, `$1,${recipient}`))
        return ['grant', 'qwen', 'A']
      },
      /nobody has accepted/,
    ],
    [
      'a file that no key here opens',
      (host) => {
        const { recipient } = host.stranger()
        host.write('x.json', `{"N":"${MARK}"}`)
        host.write(
          'secrets/N.enc',
          host.sops(...NO_CONFIG, 'encrypt', '--age', recipient, host.path('x.json')),
        )
        return ['grant', 'qwen', 'A', 'N']
      },
      /N\.enc/,
    ],
  ]
  test.each(cases)('%s', (_, arrange, says) => {
    const host = withSecrets(['A'])
    const words = arrange(host)
    const before = [host.read('.sops.yaml'), host.read('secrets/A.enc')]
    expect(
      host.fails(['secrets', ...words], { status: words.length < 3 || words[2]?.includes('=') ? 2 : 1 }),
    ).toMatch(says)
    expect([host.read('.sops.yaml'), host.read('secrets/A.enc')]).toEqual(before)
    expect(host.files(host.base).filter((file) => file.endsWith('.tmp'))).toEqual([])
  })
})

describe('a file that an SSH key alone opens', () => {
  /** A project whose operator has an SSH key and no other, with a secret. */
  function withSshKey(): { host: Host; recipient: string } {
    const host = new Host()
    const key = join(host.home, '.ssh/id_ed25519')
    mkdirSync(join(host.home, '.ssh'), { mode: 0o700 })
    spawnSync('ssh-keygen', ['-q', '-t', 'ed25519', '-N', '', '-C', 'a@b', '-f', key])
    const recipient = readFileSync(`${key}.pub`, 'utf8').trim()
    host.write('.sops.yaml', `creation_rules:\n  - age: ${recipient}\n`)
    host.add('A', `${MARK}-A`)
    return { host, recipient }
  }

  test('is granted by the sops program, and stays as it was for everybody else', () => {
    const { host, recipient } = withSshKey()
    const before = JSON.parse(host.read('secrets/A.enc'))
    host.well(['secrets', 'grant', 'qwen', 'A'])
    const after = JSON.parse(host.read('secrets/A.enc'))
    expect(opens(host, keyOf(host, 'qwen'), 'secrets/A.enc')).toBe(true)
    expect(after.A).toBe(before.A)
    expect(after.sops.age[0].recipient).toBe(recipient)
    expect(host.well(['secrets', 'show', 'A'])).toBe(`${MARK}-A\n`)
  })

  test('is not where the rules name somebody less than those who can open it: they would lose it', () => {
    const { host, recipient } = withSshKey()
    const other = host.stranger()
    host.write('.sops.yaml', `creation_rules:\n  - age: ${recipient},${other.recipient}\n`)
    host.well(['secrets', 'recipients', 'accept'])
    host.add('B', `${MARK}-B`)
    host.write('.sops.yaml', `creation_rules:\n  - age: ${recipient}\n`)
    const before = host.read('secrets/B.enc')
    expect(host.fails(['secrets', 'grant', 'qwen', 'B'])).toContain('secrets/B.enc')
    expect(host.read('secrets/B.enc')).toBe(before)
    expect(opens(host, other.keyFile, 'secrets/B.enc')).toBe(true)
  })
})

test('migrate gives a service no age file that it could not open, put in the place of a granted one', () => {
  const host = withSecrets(['A'])
  host.well(['secrets', 'grant', 'qwen', 'A'])
  const sealed = spawnSync(AGE, ['--recipient', host.recipient()], { input: MARK })
  host.write('secrets/A.enc', sealed.stdout)
  host.well(['secrets', 'migrate'])
  expect(host.bySops('A')).toBe(MARK)
  const qwen = host.recipient(join(host.home, '.config/sops/age/project/qwen/keys.txt'))
  expect(host.read('secrets/A.enc')).not.toContain(qwen)
})

test('another service than the agents that a stranger’s rule names for .env.enc is asked about', () => {
  const host = withSecrets(['A'])
  host.write('.env', `TOKEN=${MARK}\n`)
  host.well(['secrets', 'migrate'])
  host.well(['secrets', 'grant', 'qwen', 'A'])
  const qwen = host.recipient(join(host.home, '.config/sops/age/project/qwen/keys.txt'))
  host.write('.sops.yaml', host.read('.sops.yaml').replace(/(\.env.*\n\s*age: .*)/, `$1,${qwen}`))
  const before = host.read('.env.enc')
  expect(host.fails(['secrets', 'set', 'N'], { input: 'value' })).toContain(qwen)
  expect(host.read('.env.enc')).toBe(before)
})

describe('seen by grants and doctor is', () => {
  test('a file that a stranger’s rule names a service for: no grant until it is accepted', () => {
    const host = withSecrets(['A', 'B'])
    host.well(['secrets', 'grant', 'qwen', 'A'])
    host.write('.sops.yaml', host.read('.sops.yaml').replace('secrets/A\\.enc', 'secrets/B\\.enc'))
    expect(grantsIn(host)).toEqual(['qwen secrets/A.enc stray', 'qwen secrets/B.enc unaccepted'])
    expect(codesOf(host)).toEqual(
      expect.arrayContaining(['service-opens-secret', 'recipient-unaccepted', 'recipients-differ']),
    )
  })

  test('a file that was written without the service’s key', () => {
    const host = withSecrets(['A'])
    const text = host.read('secrets/A.enc')
    host.well(['secrets', 'grant', 'qwen', 'A'])
    host.write('secrets/A.enc', text)
    expect(grantsIn(host)).toEqual(['qwen secrets/A.enc locked'])
    expect(codesOf(host)).toEqual(['recipients-differ'])
    host.well(['secrets', 'grant', 'qwen', 'A'])
    expect(grantsIn(host)).toEqual(['qwen secrets/A.enc granted'])
  })

  test('a secret that was removed: it is granted again once it is there', () => {
    const host = withSecrets(['A'])
    host.well(['secrets', 'grant', 'qwen', 'A'])
    host.well(['secrets', 'rm', 'A', '--force'])
    expect(grantsIn(host)).toEqual(['qwen secrets/A.enc absent'])
    host.add('A', MARK)
    expect(openedBy(host, keyOf(host, 'qwen'))).toEqual(['A'])
  })
})

test('a recipient who is added for secrets can open granted ones as well', () => {
  const host = withSecrets(['A', 'B'])
  host.well(['secrets', 'grant', 'qwen', 'A'])
  const { keyFile, recipient } = host.stranger()
  host.well(['secrets', 'recipients', 'add', recipient, '--secrets'])
  expect(openedBy(host, keyFile)).toEqual(['A', 'B'])
  expect(openedBy(host, keyOf(host, 'qwen'))).toEqual(['A'])
})

test('rotate-key of a service replaces its key in what it was granted', () => {
  const host = withSecrets(['A', 'B'])
  host.well(['secrets', 'grant', 'qwen', 'A'])
  const old = host.write('old-key', readFileSync(keyOf(host, 'qwen')))
  host.well(['secrets', 'rotate-key', '--service', 'qwen'])
  expect(openedBy(host, old)).toEqual([])
  expect(openedBy(host, keyOf(host, 'qwen'))).toEqual(['A'])
  expect(grantsIn(host)).toEqual(['qwen secrets/A.enc granted'])
})

test('completion offers services, then names', () => {
  const host = withSecrets(['A', 'B'])
  host.well(['secrets', 'grant', 'qwen', 'A'])
  host.add('A@qwen', MARK)
  const offered = (...words: string[]) =>
    host
      .well(['completion', '--words', '--', ...words])
      .split('\n')
      .filter((word) => word !== '')
  expect(offered('secrets', 'grant', 'q')).toEqual(['qwen'])
  expect(offered('secrets', 'revoke', 'qwen', '')).toEqual(['A', 'B', '.env.enc'])
})
