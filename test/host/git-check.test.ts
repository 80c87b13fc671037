import { readFileSync } from 'node:fs'
import { describe, expect, test } from 'vitest'
import { sealDotenv, sealJson } from '../../src/sops/seal.ts'
import { encrypt } from '../shim/project.ts'
import { type Host, MARK } from './host.ts'
import { type Repository, repositoryWith } from './repository.ts'

const BASE = `A=${MARK}\nB=${MARK}\n`
/** Nobody's home: no key. */
const KEYLESS = { env: { HOME: '/sys/nowhere' } }

const sorted = (lines: readonly string[]) => [...lines].sort((one, other) => (one < other ? -1 : 1))

/** The codes that a check finds, each with the file. */
function found(host: Host, ...words: string[]): string[] {
  const { status, stdout, stderr } = host.run(['secrets', 'check', '--json', ...words], KEYLESS)
  expect(stdout + stderr).not.toContain(MARK)
  expect(stderr).toBe('')
  const { findings, errors } = JSON.parse(stdout) as {
    findings: Array<{ file: string; code: string; severity: string; message: string; fix: string }>
    errors: number
  }
  expect(status).toBe(errors === 0 ? 0 : 1)
  expect(findings.filter(({ severity }) => severity === 'error')).toHaveLength(errors)
  return sorted(findings.map(({ file, code }) => `${file}: ${code}`))
}

async function secret(repository: Repository, name: string, recipients = [repository.recipient()]) {
  repository.write(`secrets/${name}.enc`, await sealJson([[name, MARK]], recipients))
}

test('what disinto writes is good, without a key, in the work tree and in the index', async () => {
  const repository = repositoryWith(BASE)
  repository.add('TOKEN', MARK)
  expect(found(repository)).toEqual([])
  repository.git('add', '.')
  expect(found(repository, '--staged')).toEqual([])
  expect(repository.well(['secrets', 'check'], KEYLESS)).toMatch(/^2 files, 0 errors\n$/)
})

describe('finds', () => {
  const cases: ReadonlyArray<
    readonly [what: string, make: (it: Repository) => unknown, wanted: readonly string[]]
  > = [
    [
      'plaintext .env, wherever it is, and not a file of names alone',
      (it) => {
        it.write('.env.local', `A=${MARK}\n`)
        it.write('sub/.env', `A=${MARK}\n`)
        it.write('.env.example', 'A=\n')
        it.write('.env.test', 'A=\n# B\n')
        it.write('.gitignore', '')
      },
      ['.env.local: plaintext-env', 'sub/.env: plaintext-env'],
    ],
    [
      'plaintext under the name of a secret',
      (it) => it.write('secrets/A.enc', MARK),
      ['secrets/A.enc: not-encrypted'],
    ],
    ['an empty file', (it) => it.write('.env.enc', ''), ['.env.enc: not-encrypted']],
    [
      'a value in the clear inside an encrypted file',
      (it) => it.write('.env.enc', `PLAIN=${MARK}\n${it.read('.env.enc')}`),
      ['.env.enc: value-in-clear'],
    ],
    [
      'a value in the clear that the file itself asks for',
      (it) => it.write('.env.enc', encrypt('dotenv', BASE, it.recipient(), ['--encrypted-regex', '^A$'])),
      ['.env.enc: recipients-missing', '.env.enc: value-in-clear'],
    ],
    [
      'a comment in the clear',
      (it) => it.write('.env.enc', `# ${MARK}\n${it.read('.env.enc')}`),
      ['.env.enc: comment-in-clear'],
    ],
    [
      'another name than the file’s, and more than one',
      async (it) => {
        await secret(it, 'A')
        it.write('secrets/B.enc', readFileSync(it.path('secrets/A.enc')))
        it.write(
          'secrets/A.enc',
          await sealJson(
            [
              ['A', '1'],
              ['C', '2'],
            ],
            [it.recipient()],
          ),
        )
        it.write('secrets/D@web.enc', await sealJson([['D@web', MARK]], [it.recipient()]))
        it.write('secrets/E@web.enc', await sealJson([['E', MARK]], [it.recipient()]))
      },
      ['secrets/A.enc: name-mismatch', 'secrets/B.enc: name-mismatch', 'secrets/E@web.enc: name-mismatch'],
    ],
    [
      'a secret that was copied to .env.enc',
      async (it) => {
        await secret(it, 'TOKEN')
        it.write('.env.enc', readFileSync(it.path('secrets/TOKEN.enc')))
      },
      ['.env.enc: file-copied', '.env.enc: recipients-missing'],
    ],
    [
      'names that would take over the command',
      async (it) => {
        it.write('.env.enc', await sealDotenv('LD_PRELOAD=x\nexport PATH=y\n', [it.recipient()]))
      },
      ['.env.enc: name-refused', '.env.enc: name-refused', '.env.enc: recipients-missing'],
    ],
    [
      'a recipient that no rule names',
      (it) => secret(it, 'A', [it.recipient(), it.stranger().recipient]),
      ['secrets/A.enc: recipients-planted'],
    ],
    [
      'a recipient that the rule names and the file lacks',
      (it) => secret(it, 'A', [it.stranger().recipient]),
      ['secrets/A.enc: recipients-planted', 'secrets/A.enc: recipients-missing'],
    ],
    [
      'a PGP recipient that no rule names',
      async (it) => {
        await secret(it, 'A')
        const file = JSON.parse(it.read('secrets/A.enc'))
        file.sops.pgp = [{ fp: 'ABCD', created_at: '', enc: 'x' }]
        it.write('secrets/A.enc', JSON.stringify(file))
      },
      ['secrets/A.enc: recipients-planted'],
    ],
    [
      'a second recipient hidden in the data key of the first',
      async (it) => {
        const { sealAgeFile } = await import('../../src/age/file.ts')
        await secret(it, 'A')
        const file = JSON.parse(it.read('secrets/A.enc'))
        const both = [it.recipient(), it.stranger().recipient]
        const enc = await sealAgeFile(Buffer.alloc(32), both, { armored: true })
        file.sops.age[0].enc = enc.toString()
        it.write('secrets/A.enc', JSON.stringify(file))
      },
      ['secrets/A.enc: recipient-hidden'],
    ],
    [
      'git’s marks of a conflict',
      (it) => it.write('.env.enc', `<<<<<<< ours\n${it.read('.env.enc')}`),
      ['.env.enc: conflict-markers'],
    ],
    [
      'a file cut off',
      (it) => it.write('.env.enc', it.read('.env.enc').replace(/^sops_mac=.*\n/m, '')),
      ['.env.enc: form'],
    ],
    [
      'a value cut off',
      (it) => it.write('.env.enc', it.read('.env.enc').replace(/,tag:[^,]*/, '')),
      ['.env.enc: form'],
    ],
    [
      'a private key',
      (it) => it.write('keys/keys.txt', readFileSync(it.keyFile)),
      ['keys/keys.txt: key-in-git'],
    ],
    [
      'a rule that is for none of the files',
      (it) => it.write('.sops.yaml', 'creation_rules:\n  - path_regex: ^nothing$\n    age: age1x\n'),
      ['.env.enc: rule-none'],
    ],
  ]

  test.each(cases)('%s', async (_, make, wanted) => {
    const repository = repositoryWith(BASE)
    await make(repository)
    expect(found(repository)).toEqual(sorted(wanted))
    repository.git('add', '--all')
    expect(found(repository, '--staged')).toEqual(sorted(wanted))
    if (!wanted.some((line) => /rule-none/.test(line))) repository.remove('.git')
    const without = wanted.filter((line) => !/^(?:\.env\.local|sub|keys)/.test(line))
    expect(found(repository)).toEqual(sorted(without))
  })
})

describe('--staged', () => {
  test('compares what is staged with the files that are not', async () => {
    const repository = repositoryWith(BASE)
    await secret(repository, 'TOKEN')
    repository.git('add', '--all')
    repository.git('commit', '--quiet', '--message', 'x')
    repository.write('.env.enc', readFileSync(repository.path('secrets/TOKEN.enc')))
    repository.git('add', '--all')
    expect(found(repository, '--staged')).toContain('.env.enc: file-copied')
    // Another project may well begin as a copy.
    repository.write('other/secrets/TOKEN.enc', readFileSync(repository.path('secrets/TOKEN.enc')))
    repository.git('add', '--all')
    expect(found(repository, '--staged').filter((line) => line.includes('file-copied'))).toHaveLength(1)
  })

  test('is about the index, whatever the work tree has', async () => {
    const repository = repositoryWith(BASE)
    await secret(repository, 'A', [repository.stranger().recipient])
    repository.git('add', '.')
    repository.remove('secrets')
    expect(found(repository)).toEqual([])
    expect(found(repository, '--staged')).toHaveLength(2)
  })

  test('looks at all encrypted files when the rules are what changed', () => {
    const repository = repositoryWith(BASE)
    const { recipient } = repository.stranger()
    repository.write(
      '.sops.yaml',
      repository.read('.sops.yaml').replaceAll(repository.recipient(), recipient),
    )
    expect(found(repository, '--staged')).toEqual([])
    repository.git('add', '.sops.yaml')
    expect(found(repository, '.sops.yaml')).toHaveLength(2)
    expect(found(repository, '--staged')).toEqual([
      '.env.enc: recipients-missing',
      '.env.enc: recipients-planted',
    ])
  })

  test('and from a directory below, for a project that is not the top, by the rules nearest to each file', async () => {
    const repository = repositoryWith(BASE)
    const { recipient } = repository.stranger()
    repository.write('app/.sops.yaml', `creation_rules:\n  - age: ${recipient}\n`)
    repository.write('app/.env.enc', await sealDotenv('A=1\n', [recipient]))
    repository.git('add', '.')
    expect(found(repository, '--staged')).toEqual([])
    expect(found(repository, '--staged', '--root', 'app')).toEqual([])
    expect(found(repository, '--root', 'app')).toEqual([])
  })
})

test('configuration may stand in a plaintext .env beside .env.enc, and secrets may not', () => {
  const repository = repositoryWith(BASE)
  repository.write('.env', 'PORT=8080\nNOT_SET_TOKEN=\n')
  expect(found(repository)).toEqual([])
  repository.write('.env', `PORT=8080\nA=${MARK}\n`)
  expect(found(repository)).toEqual(['.env: plaintext-env'])
  repository.write('.env', `OTHER_TOKEN=${MARK}\n`)
  expect(found(repository)).toEqual(['.env: plaintext-env'])
  repository.git('add', '--force', '.env')
  expect(found(repository, '--staged')).toEqual(['.env: plaintext-env'])
  repository.remove('.env.enc')
  repository.write('.env', 'PORT=8080\n')
  expect(found(repository)).toEqual(['.env: plaintext-env'])
})

test('without rules it is told that recipients can’t be compared, once, as a warning', async () => {
  const repository = repositoryWith(BASE)
  await secret(repository, 'A')
  repository.remove('.sops.yaml')
  const { status, stdout } = repository.run(['secrets', 'check'])
  expect(stdout).toMatch(
    /^warning: rules-missing: \.sops\.yaml: does not exist.*\n {2}fix: .*\n2 files, 0 errors\n$/,
  )
  expect(status).toBe(0)
})

test('--rules-of takes the rules of another branch, so that one can’t let its own recipients in', async () => {
  const repository = repositoryWith(BASE)
  const { recipient } = repository.stranger()
  repository.git('checkout', '--quiet', '-b', 'theirs')
  const rules = repository.read('.sops.yaml')
  repository.write(
    '.sops.yaml',
    rules.replaceAll(repository.recipient(), `${repository.recipient()},${recipient}`),
  )
  await secret(repository, 'A', [repository.recipient(), recipient])
  repository.commit('a way in')
  expect(found(repository, 'secrets/A.enc')).toEqual([])
  expect(found(repository, '--rules-of', 'main', 'secrets/A.enc')).toEqual([
    'secrets/A.enc: recipients-planted',
  ])
  expect(repository.fails(['secrets', 'check', '--rules-of', '--help'])).toMatch(/git rev-parse: failed/)
})

test('a recipient of the rules that nobody has accepted on this machine is found, until it is', async () => {
  const repository = repositoryWith(BASE)
  const { recipient } = repository.stranger()
  const rules = repository.read('.sops.yaml')
  repository.write(
    '.sops.yaml',
    rules.replaceAll(repository.recipient(), `${repository.recipient()},${recipient}`),
  )
  await secret(repository, 'A', [repository.recipient(), recipient])
  const codes = () => {
    const { stdout } = repository.run(['secrets', 'check', '--json', 'secrets/A.enc'])
    return JSON.parse(stdout).findings.map(({ code }: { code: string }) => code)
  }
  expect(codes()).toEqual(['recipient-unaccepted'])
  repository.well(['secrets', 'recipients', 'accept'])
  expect(codes()).toEqual([])
})

test('wrong use is 2, and a file that is not there is told', () => {
  const repository = repositoryWith(BASE)
  expect(repository.fails(['secrets', 'check', '--stagedd'], { status: 2 })).toMatch(/did you mean --staged/)
  expect(repository.fails(['secrets', 'check', 'nothing.enc'])).toMatch(/nothing\.enc/)
})

describe('the hooks', () => {
  test('refuse a commit of plaintext, and let a good one through', () => {
    const repository = repositoryWith(BASE)
    repository.well(['git', 'setup', '--hook'])
    repository.write('.env.local', `A=${MARK}\n`)
    repository.git('add', '.')
    const { status, said } = repository.tryGit(['commit', '--message', 'bad'])
    expect(status).toBe(1)
    expect(said).toMatch(/plaintext-env: \.env\.local/)
    repository.git('rm', '--quiet', '--cached', '.env.local')
    repository.remove('.env.local')
    repository.add('TOKEN', MARK)
    repository.git('add', '.')
    repository.git('commit', '--quiet', '--message', 'good')
  })

  test('look at what `git commit FILE` takes, which is another index', () => {
    const repository = repositoryWith(BASE)
    repository.well(['git', 'setup', '--hook'])
    repository.write('.gitignore', '')
    repository.write('.env', 'A=\n')
    repository.commit('names')
    repository.write('.env', `A=${MARK}\n`)
    expect(repository.tryGit(['commit', '--message', 'bad', '.env']).status).toBe(1)
    expect(repository.tryGit(['commit', '--message', 'bad', '--all']).status).toBe(1)
  })

  test('refuse a merge that brings a planted recipient', async () => {
    const repository = repositoryWith(BASE)
    repository.well(['git', 'setup', '--hook'])
    repository.git('checkout', '--quiet', '-b', 'theirs')
    await secret(repository, 'A', [repository.recipient(), repository.stranger().recipient])
    repository.git('add', '.')
    repository.git('commit', '--quiet', '--no-verify', '--message', 'planted')
    repository.git('checkout', '--quiet', 'main')
    repository.write('README', 'x')
    repository.commit('ours')
    const { status, said } = repository.tryGit(['merge', '--no-edit', 'theirs'])
    expect(status).not.toBe(0)
    expect(said).toMatch(/recipients-planted: secrets\/A\.enc/)
  })
})
