/** The merge driver through git itself: merge, rebase, cherry-pick, stash. Read back with stock sops. */
import { spawnSync } from 'node:child_process'
import { describe, expect, test } from 'vitest'
import { sealDotenv, sealJson } from '../../src/sops/seal.ts'
import { SOPS } from '../helpers/parts.ts'
import fc from '../helpers/property.ts'
import { Repository, repositoryWith } from './repository.ts'

const MARK = 'hunter2-Zq7'
/** Pairs of branches that are merged; many more in the deep run. */
const PAIRS = process.env['DEEP'] === undefined ? 12 : 1000

/** Makes two branches from texts of `.env.enc`, each written as disinto writes it, and leaves `ours` checked out. */
async function branches(
  repository: Repository,
  texts: { readonly base?: string; readonly ours: string; readonly theirs: string },
): Promise<void> {
  const put = async (text: string) =>
    repository.write('.env.enc', await sealDotenv(text, [repository.recipient()]))
  if (texts.base !== undefined) {
    await put(texts.base)
    repository.commit('base')
  }
  repository.git('checkout', '--quiet', '-b', 'theirs')
  await put(texts.theirs)
  repository.commit('theirs')
  repository.git('checkout', '--quiet', '-b', 'ours', 'HEAD~1')
  await put(texts.ours)
  repository.commit('ours')
}

const BASE = `# head\nA=${MARK}-a\nB=${MARK}-b\nC=${MARK}-c\n`
const OURS = `# head\nA=${MARK}-a2\nB=${MARK}-b\n# of N\nN=${MARK}-n\nC=${MARK}-c\n`
const THEIRS = `# head\nA=${MARK}-a\nB=${MARK}-b2\nM=${MARK}-m\nC=${MARK}-c\n# end\n`
const BOTH = `# head\nA=${MARK}-a2\nB=${MARK}-b2\n# of N\nN=${MARK}-n\nM=${MARK}-m\nC=${MARK}-c\n# end\n`

describe('two sides that change different names', () => {
  test.each([
    ['merge', (it: Repository) => it.git('merge', '--no-edit', 'theirs'), BOTH],
    ['cherry-pick', (it: Repository) => it.git('cherry-pick', 'theirs'), BOTH],
    [
      'rebase, where theirs is what is put on ours',
      (it: Repository) => {
        it.git('checkout', '--quiet', 'theirs')
        it.git('rebase', 'ours')
      },
      BOTH,
    ],
    [
      'stash pop',
      (it: Repository) => {
        it.git('checkout', '--quiet', 'theirs')
        it.git('reset', '--quiet', '--soft', 'HEAD~1')
        it.git('stash')
        it.git('checkout', '--quiet', 'ours')
        it.git('stash', 'pop')
      },
      BOTH,
    ],
    ['revert', (it: Repository) => it.git('revert', '--no-edit', 'HEAD'), BASE],
  ])('are both there after %s, comments and order kept', async (_, join, wanted) => {
    const repository = repositoryWith(BASE)
    await branches(repository, { base: BASE, ours: OURS, theirs: THEIRS })
    join(repository)
    expect(repository.envBySops()).toBe(wanted)
    expect(repository.strays()).toEqual([])
    expect(repository.git('status', '--porcelain')).not.toMatch(/^(?:U|.U)/m)
    expect(repository.objects().includes(MARK)).toBe(false)
  })

  test('are both there without a common ancestor of the file', async () => {
    const repository = repositoryWith(BASE)
    repository.git('rm', '--quiet', '.env.enc')
    repository.commit('no env file')
    await branches(repository, { ours: `A=${MARK}\nB=1\n`, theirs: `A=${MARK}\nC=1\n` })
    repository.git('merge', '--no-edit', 'theirs')
    expect(repository.envBySops()).toBe(`A=${MARK}\nB=1\nC=1\n`)
  })

  test('are both there when two ancestors are the nearest', async () => {
    const repository = repositoryWith(BASE)
    await branches(repository, { base: BASE, ours: OURS, theirs: THEIRS })
    repository.git('branch', 'theirs-1', 'theirs')
    repository.git('branch', 'ours-1', 'ours')
    repository.git('merge', '--no-edit', 'theirs-1')
    repository.git('checkout', '--quiet', 'theirs')
    repository.git('merge', '--no-edit', 'ours-1')
    repository.write('.env.enc', await sealDotenv(`${BOTH}T=${MARK}-t\n`, [repository.recipient()]))
    repository.commit('theirs, again')
    repository.git('checkout', '--quiet', 'ours')
    repository.write('.env.enc', await sealDotenv(`O=${MARK}-o\n${BOTH}`, [repository.recipient()]))
    repository.commit('ours, again')
    repository.git('merge', '--no-edit', 'theirs')
    expect(repository.envBySops()).toBe(`O=${MARK}-o\n${BOTH}T=${MARK}-t\n`)
  })

  test('are both there where .env.enc is SOPS JSON', async () => {
    const repository = repositoryWith(BASE)
    const put = async (values: Record<string, string>) =>
      repository.write('.env.enc', await sealJson(Object.entries(values), [repository.recipient()]))
    await put({ A: `${MARK}\n"a"`, B: MARK })
    repository.commit('json')
    repository.git('checkout', '--quiet', '-b', 'theirs')
    await put({ A: `${MARK}\n"a"`, B: MARK, T: `${MARK}\\n` })
    repository.commit('theirs')
    repository.git('checkout', '--quiet', '-b', 'ours', 'HEAD~1')
    await put({ A: `${MARK}\n"a"`, O: MARK })
    repository.commit('ours')
    repository.git('merge', '--no-edit', 'theirs')
    const words = ['decrypt', '--input-type', 'json', '--output-type', 'json', '.env.enc']
    expect(JSON.parse(repository.sops(...words))).toEqual({ A: `${MARK}\n"a"`, O: MARK, T: `${MARK}\\n` })
  })

  test('are both there where JSON has numbers and booleans, which stay what they are', () => {
    const repository = repositoryWith(BASE)
    const put = (text: string) => {
      repository.write('plain.json', text)
      const words = ['--input-type', 'json', '--output-type', 'json', 'plain.json']
      repository.write('.env.enc', repository.sops('encrypt', '--filename-override', '.env.enc', ...words))
      repository.remove('plain.json')
    }
    put('{"A":"1","PORT":1,"RATE":0.5,"ON":true}')
    repository.commit('json')
    repository.git('checkout', '--quiet', '-b', 'theirs')
    put('{"A":"2","PORT":1,"RATE":0.5,"ON":false}')
    repository.commit('theirs')
    repository.git('checkout', '--quiet', '-b', 'ours', 'HEAD~1')
    put('{"A":"1","PORT":8080,"RATE":0.5,"ON":true,"N":"8080"}')
    repository.commit('ours')
    repository.git('merge', '--no-edit', 'theirs')
    const words = ['decrypt', '--input-type', 'json', '--output-type', 'json', '.env.enc']
    expect(JSON.parse(repository.sops(...words))).toEqual({
      A: '2',
      PORT: 8080,
      RATE: 0.5,
      ON: false,
      N: '8080',
    })
  })

  test('are both there in a project below the top, by the rules beside it', async () => {
    const repository = new Repository()
    const { recipient } = repository.stranger()
    repository.write('.sops.yaml', `creation_rules:\n  - age: ${recipient}\n`)
    repository.write('app/README', '')
    repository.well(['secrets', 'keygen', '--root', 'app'])
    const own = repository.recipient()
    repository.write('app/.sops.yaml', `creation_rules:\n  - age: ${own}\n`)
    repository.well(['git', 'setup', '--root', 'app'])
    const put = async (text: string) => repository.write('app/.env.enc', await sealDotenv(text, [own]))
    await put(BASE)
    repository.commit('base')
    repository.git('checkout', '--quiet', '-b', 'theirs')
    await put(THEIRS)
    repository.commit('theirs')
    repository.git('checkout', '--quiet', '-b', 'ours', 'HEAD~1')
    await put(OURS)
    repository.commit('ours')
    repository.git('merge', '--no-edit', 'theirs')
    const words = ['decrypt', '--input-type', 'dotenv', '--output-type', 'dotenv', 'app/.env.enc']
    expect(repository.sops(...words)).toBe(BOTH)
    expect(repository.read('app/.env.enc')).not.toContain(recipient)
  })
})

describe('a true conflict', () => {
  test('names the variable, leaves ours without a mark in it, and the advice works as it is printed', async () => {
    const repository = repositoryWith(BASE)
    await branches(repository, {
      base: BASE,
      ours: BASE.replace('-a', '-ours'),
      theirs: `${BASE.replace('-a', '-theirs')}M=1\n`,
    })
    const ours = repository.read('.env.enc')
    const { status, said } = repository.tryGit(['merge', '--no-edit', 'theirs'])
    expect(status).toBe(1)
    expect(said).toMatch(/^disinto: error: \.env\.enc: both sides changed A in different ways/m)
    expect(said).toMatch(/^disinto: hint: .*git checkout --ours -- \.env\.enc, or --theirs/m)
    expect(said).toContain('CONFLICT')
    expect(repository.read('.env.enc')).toBe(ours)
    expect(repository.git('ls-files', '--unmerged').split('\n').filter(Boolean)).toHaveLength(3)
    repository.git('checkout', '--theirs', '--', '.env.enc')
    expect(repository.envBySops()).toBe(`${BASE.replace('-a', '-theirs')}M=1\n`)
    repository.git('checkout', '--ours', '--', '.env.enc')
    expect(repository.read('.env.enc')).toBe(ours)
    repository.git('add', '.env.enc')
    repository.git('commit', '--quiet', '--no-edit')
    expect(repository.strays()).toEqual([])
    expect(repository.objects().includes(MARK)).toBe(false)
  })

  test('is none where both mean the same value', async () => {
    const repository = repositoryWith(BASE)
    await branches(repository, { base: 'A=0\n', ours: `A="${MARK}"\nO=1\n`, theirs: `A=${MARK} # why\n` })
    repository.git('merge', '--no-edit', 'theirs')
    expect(repository.envBySops()).toBe(`A="${MARK}"\nO=1\n`)
  })
})

describe('what can’t be merged is left as ours, with a reason', () => {
  test('without a key', async () => {
    const repository = repositoryWith(BASE)
    await branches(repository, { base: BASE, ours: OURS, theirs: THEIRS })
    const ours = repository.read('.env.enc')
    const { status, said } = repository.tryGit(['merge', '--no-edit', 'theirs'], {
      env: { HOME: '/sys/nowhere' },
    })
    expect(status).toBe(1)
    expect(said).toMatch(
      /disinto: error: \.env\.enc: not merged, since the common ancestor can't be opened here/,
    )
    expect(repository.read('.env.enc')).toBe(ours)
  })

  test('a version that was changed by somebody without the key', async () => {
    const repository = repositoryWith(BASE)
    await branches(repository, { base: BASE, ours: OURS, theirs: THEIRS })
    repository.git('checkout', '--quiet', 'theirs')
    const lines = repository.read('.env.enc').split('\n')
    repository.write('.env.enc', lines.filter((line) => !line.startsWith('M=')).join('\n'))
    repository.commit('M taken out, without the key')
    repository.git('checkout', '--quiet', 'ours')
    const { status, said } = repository.tryGit(['merge', '--no-edit', 'theirs'])
    expect(status).toBe(1)
    expect(said).toMatch(/their version can't be opened here \(file-tampered\)/)
    expect(repository.envBySops()).toBe(OURS)
  })

  test('rules that are in conflict themselves', async () => {
    const repository = repositoryWith(BASE)
    await branches(repository, { base: BASE, ours: OURS, theirs: THEIRS })
    repository.write('.sops.yaml', '<<<<<<< ours\n')
    repository.commit('bad rules')
    const { status, said } = repository.tryGit(['merge', '--no-edit', 'theirs'])
    expect(status).toBe(1)
    expect(said).toMatch(/\.sops\.yaml: /)
    expect(repository.envBySops()).toBe(OURS)
  })
})

describe('recipients', () => {
  test('are those of the rules, not those that a side put into the file', async () => {
    const repository = repositoryWith(BASE)
    const { recipient, keyFile } = repository.stranger()
    await branches(repository, { base: BASE, ours: OURS, theirs: THEIRS })
    repository.git('checkout', '--quiet', 'theirs')
    repository.write('.env.enc', await sealDotenv(`${OURS}M=${MARK}\n`, [repository.recipient(), recipient]))
    repository.commit('a recipient that no rule names')
    repository.git('checkout', '--quiet', 'ours')
    repository.git('merge', '--no-edit', 'theirs')
    expect(repository.envBySops()).toBe(`${OURS}M=${MARK}\n`)
    expect(repository.read('.env.enc')).not.toContain(recipient)
    const { status } = spawnSync(
      SOPS,
      ['decrypt', '--input-type', 'dotenv', '--output-type', 'dotenv', repository.path('.env.enc')],
      { env: repository.environment({ HOME: '/sys/nowhere', SOPS_AGE_KEY_FILE: keyFile }), cwd: '/' },
    )
    expect(status).not.toBe(0)
  })

  test('are not those whom somebody put into the rules and nobody accepted here', async () => {
    const repository = repositoryWith(BASE)
    const { recipient } = repository.stranger()
    repository.write(
      '.sops.yaml',
      repository.read('.sops.yaml').replaceAll(/(age: .*)$/gm, `$1,${recipient}`),
    )
    repository.commit('rules with one more')
    await branches(repository, { base: BASE, ours: OURS, theirs: THEIRS })
    const ours = repository.read('.env.enc')
    const { status, said } = repository.tryGit(['merge', '--no-edit', 'theirs'])
    expect(status).toBe(1)
    expect(said).toContain(recipient)
    expect(said).toMatch(/disinto secrets recipients accept/)
    expect(repository.read('.env.enc')).toBe(ours)
    repository.git('merge', '--abort')
    repository.well(['secrets', 'recipients', 'accept'])
    repository.git('merge', '--no-edit', 'theirs')
    expect(repository.read('.env.enc')).toContain(recipient)
  })

  test('are not let into a secret that a side has put in the place of .env.enc', async () => {
    const repository = repositoryWith(BASE)
    const secret = sealJson([['TOKEN', MARK]], [repository.recipient()])
    repository.write('secrets/TOKEN.enc', await secret)
    await branches(repository, { base: BASE, ours: `${BASE}N=1\n`, theirs: `TOKEN=${MARK}\n` })
    const ours = repository.read('.env.enc')
    const { status, said } = repository.tryGit(['merge', '--no-edit', 'theirs'])
    expect(status).toBe(1)
    expect(said).toMatch(/would be able to open TOKEN, which looks like a copy from secrets/)
    expect(repository.read('.env.enc')).toBe(ours)
  })

  test('are all of those that the rules name and both sides have, services as well', () => {
    const repository = repositoryWith(BASE)
    repository.git('checkout', '--quiet', '-b', 'theirs')
    repository.env(THEIRS)
    repository.commit('theirs')
    repository.git('checkout', '--quiet', '-b', 'ours', 'HEAD~1')
    repository.env(OURS)
    repository.commit('ours')
    repository.git('merge', '--no-edit', 'theirs')
    expect(repository.envBySops()).toBe(BOTH)
    expect(repository.well(['secrets', 'check'])).toMatch(/^1 file, 0 errors\n$/)
  })

  /** Two branches of one file: `theirs` as it is given, and `ours` as the project itself writes it. */
  async function put(
    repository: Repository,
    path: string,
    theirs: Buffer,
    ours: () => void,
  ): Promise<string> {
    repository.git('checkout', '--quiet', '-b', 'theirs')
    repository.write(path, theirs)
    repository.commit('theirs')
    repository.git('checkout', '--quiet', '-b', 'ours', 'HEAD~1')
    ours()
    repository.commit('ours')
    return repository.read(path)
  }

  test('are no services where a side is another file, of which nothing is here to compare it with', async () => {
    const repository = repositoryWith(BASE)
    const theirs = await sealDotenv(`${BASE}TOKEN=${MARK}\nX=\n`, [repository.recipient()])
    const ours = await put(repository, '.env.enc', theirs, () => repository.env(`${BASE}N=1\n`))
    const { status, said } = repository.tryGit(['merge', '--no-edit', 'theirs'])
    expect(status).toBe(1)
    expect(said).toMatch(/only one of the two versions is encrypted to "service agents"/)
    expect(repository.read('.env.enc')).toBe(ours)
  })

  test('of a granted secret are not shown another of its name, nor one of another name', async () => {
    for (const [name, says] of [
      ['TOKEN', /only one of the two versions is encrypted to "service forge"/],
      ['DEPLOY', /it holds DEPLOY, which is not its name/],
    ] as const) {
      const repository = repositoryWith(BASE)
      repository.add('TOKEN', `${MARK}-0`)
      repository.well(['secrets', 'grant', 'forge', 'TOKEN'])
      repository.commit('granted')
      const theirs = await sealJson([[name, MARK]], [repository.recipient()])
      const ours = await put(repository, 'secrets/TOKEN.enc', theirs, () =>
        repository.well(['secrets', 'grant', 'db', 'TOKEN']),
      )
      const { status, said } = repository.tryGit(['merge', '--no-edit', 'theirs'])
      expect(status).toBe(1)
      expect(said).toMatch(says)
      expect(repository.read('secrets/TOKEN.enc')).toBe(ours)
    }
  })

  test('are nobody whom rules name that a branch has brought for a directory of its own', async () => {
    const repository = repositoryWith(BASE)
    const { recipient } = repository.stranger()
    const own = repository.recipient()
    repository.write('evil/.sops.yaml', `creation_rules:\n  - age: ${own},${recipient}\n`)
    repository.write('.gitattributes', `${repository.read('.gitattributes')}evil/.env.enc merge=disinto\n`)
    repository.write('evil/.env.enc', await sealDotenv('X=1\n', [own]))
    repository.commit('a directory')
    const theirs = Buffer.from(repository.read('.env.enc'))
    const again = await sealDotenv('X=1\n', [own])
    const ours = await put(repository, 'evil/.env.enc', theirs, () =>
      repository.write('evil/.env.enc', again),
    )
    const { status, said } = repository.tryGit(['merge', '--no-edit', 'theirs'])
    expect(status).toBe(1)
    expect(said).toContain(recipient)
    expect(said).toMatch(/nobody has accepted/)
    expect(repository.read('evil/.env.enc')).toBe(ours)
  })
})

describe('secret files', () => {
  /** Two branches with a value each of one secret file. */
  async function secrets(ours: string, theirs: string): Promise<Repository> {
    const repository = repositoryWith(BASE)
    const put = async (value: string) =>
      repository.write('secrets/TOKEN.enc', await sealJson([['TOKEN', value]], [repository.recipient()]))
    await put(`${MARK}-0`)
    repository.commit('a secret')
    repository.git('checkout', '--quiet', '-b', 'theirs')
    await put(theirs)
    repository.commit('theirs')
    repository.git('checkout', '--quiet', '-b', 'ours', 'HEAD~1')
    await put(ours)
    repository.commit('ours')
    return repository
  }

  test.each([
    ['the value that one side changed, where the other only encrypted it anew', `${MARK}-0`, `${MARK}-2`, 2],
    ['the value that both have', `${MARK}-3`, `${MARK}-3`, 3],
  ])('%s', async (_, ours, theirs, wanted) => {
    const repository = await secrets(ours, theirs)
    repository.git('merge', '--no-edit', 'theirs')
    expect(repository.bySops('TOKEN')).toBe(`${MARK}-${wanted}`)
  })

  test('two values are a conflict that names the secret', async () => {
    const repository = await secrets(`${MARK}-1`, `${MARK}-2`)
    const { status, said } = repository.tryGit(['merge', '--no-edit', 'theirs'])
    expect(status).toBe(1)
    expect(said).toMatch(/secrets\/TOKEN\.enc: both sides changed TOKEN/)
    expect(repository.bySops('TOKEN')).toBe(`${MARK}-1`)
  })

  test('a name with a blank, a quote and a newline in it is merged as any other', async () => {
    const repository = repositoryWith(BASE)
    const name = `it's "a\n$(touch PWNED)`
    const put = (value: string) =>
      sealJson([[name, value]], [repository.recipient()]).then((bytes) =>
        repository.write(`secrets/${name}.enc`, bytes),
      )
    await put('1')
    repository.commit('odd')
    repository.git('checkout', '--quiet', '-b', 'theirs')
    await put(MARK)
    repository.commit('theirs')
    repository.git('checkout', '--quiet', '-b', 'ours', 'HEAD~1')
    await put('1')
    repository.commit('ours')
    repository.git('merge', '--no-edit', 'theirs')
    expect(repository.git('diff', 'HEAD~1')).toContain(' = <value ')
    expect(repository.exists('PWNED')).toBe(false)
  })
})

describe('random edits on two branches', () => {
  const name = fc.constantFrom('A', 'B', 'C', 'D', 'E', 'F', 'G')
  const version = fc.uniqueArray(fc.tuple(name, fc.integer({ min: 0, max: 3 })), {
    selector: ([one]) => one,
    minLength: 1,
  })
  type Version = ReadonlyArray<readonly [string, number]>
  const textOf = (version: Version) =>
    version.map(([name, value]) => `${name}=${MARK}-${name}${value}\n`).join('')

  /** The merge of three maps: what is set, and which names both sides have changed, each in its own way. */
  function mergeOf(base: Version, ours: Version, theirs: Version) {
    const [b, o, t] = [new Map(base), new Map(ours), new Map(theirs)]
    const wanted = new Map<string, number>()
    const conflicting: string[] = []
    for (const key of new Set([...o.keys(), ...t.keys()])) {
      const [was, one, two] = [b.get(key), o.get(key), t.get(key)]
      if (new Set([was, one, two]).size === 3) conflicting.push(key)
      const value = one === was ? two : one
      if (value !== undefined) wanted.set(key, value)
    }
    return { wanted, conflicting }
  }

  test(`${PAIRS} pairs: git merge is the merge of the plaintexts by name, and no object holds a value`, {
    timeout: 3_600_000,
  }, async () => {
    const repository = repositoryWith(BASE)
    const start = repository.git('rev-parse', 'HEAD').trim()
    let conflicts = 0
    await fc.assert(
      fc.asyncProperty(version, version, version, async (base, ours, theirs) => {
        repository.git('checkout', '--quiet', '--detach', start)
        repository.tryGit(['branch', '--quiet', '-D', 'ours', 'theirs'])
        await branches(repository, { base: textOf(base), ours: textOf(ours), theirs: textOf(theirs) })
        const before = repository.read('.env.enc')
        const { wanted, conflicting } = mergeOf(base, ours, theirs)
        const { status, said } = repository.tryGit(['merge', '--no-edit', 'theirs'])
        if (conflicting.length > 0) {
          conflicts += 1
          expect(status).toBe(1)
          for (const key of conflicting) expect(said).toMatch(new RegExp(`both sides changed .*\\b${key}\\b`))
          expect(repository.read('.env.enc')).toBe(before)
          repository.git('merge', '--abort')
        } else {
          expect(status, said).toBe(0)
          const lines = repository.exists('.env.enc') ? repository.envBySops().split('\n') : []
          expect(new Set(lines.filter(Boolean))).toEqual(
            new Set([...wanted].map(([key, value]) => `${key}=${MARK}-${key}${value}`)),
          )
        }
      }),
      { numRuns: PAIRS },
    )
    expect(conflicts).toBeGreaterThan(0)
    expect(repository.objects().includes(MARK)).toBe(false)
    expect(repository.holding(MARK)).toEqual([])
  })
})
