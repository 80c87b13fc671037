import { describe, expect, test } from 'vitest'
import { sealDotenv, sealJson } from '../../src/sops/seal.ts'
import { MARK } from './host.ts'
import { type Repository, repositoryWith } from './repository.ts'

const BASE = `# note\nKEPT=${MARK}-1\nCHANGED=${MARK}-2\nGONE=${MARK}-3\n`
const AFTER = `# note\nKEPT=${MARK}-1\nCHANGED=${MARK}-x\nNEW="${MARK}\\n-y"\n`
const KEYLESS = { env: { HOME: '/sys/nowhere' } }

/** A repository whose `.env.enc` was encrypted anew, as `secrets edit` does, with other values. */
async function changed(): Promise<Repository> {
  const repository = repositoryWith(BASE)
  repository.write('.env.enc', await sealDotenv(AFTER, [repository.recipient()]))
  repository.write('secrets/A.enc', await sealJson([['A', MARK]], [repository.recipient()]))
  return repository
}

describe('a file that was encrypted anew', () => {
  test('shows only what changed to whoever has the key, in git diff and in disinto git diff', async () => {
    const repository = await changed()
    const signs = repository
      .git('diff', '.env.enc')
      .split('\n')
      .filter((line) => /^[-+]\w+ = /.test(line))
      .map((line) => line.replace(/ = .*/, ''))
    expect(signs).toEqual(['-CHANGED', '-GONE', '+CHANGED', '+NEW'])
    const lost = repository.git('show', 'HEAD:.sops.yaml').match(/age1[a-z0-9]+(?=$|\n)/)?.[0]
    expect(lost).not.toBe(repository.recipient())
    expect(repository.well(['git', 'diff'])).toBe(
      `.env.enc\n  ~ CHANGED\n  - GONE\n  + NEW\n  - recipient ${lost}\nsecrets/A.enc\n  + A\n  + recipient ${repository.recipient()}\n`,
    )
  })

  test('says so to whoever has none', async () => {
    const repository = await changed()
    expect(repository.well(['git', 'diff'], KEYLESS)).toMatch(
      /^ {2}~ KEPT\n {2}~ CHANGED\n {2}- GONE\n {2}\+ NEW\n.*\n {2}encrypted again: without a key/m,
    )
  })

  test('asks no program for a key', async () => {
    const repository = await changed()
    const env = { HOME: '/sys/nowhere', SOPS_AGE_KEY_CMD: `touch ${repository.path('ASKED')}` }
    repository.tryGit(['diff'], { env })
    repository.run(['git', 'diff'], { env })
    expect(repository.exists('ASKED')).toBe(false)
  })
})

test('compares the index, revisions, and files that came or went', async () => {
  const repository = await changed()
  expect(repository.well(['git', 'diff', '--staged'])).toBe('')
  repository.git('add', 'secrets')
  expect(repository.well(['git', 'diff', '--staged'])).toMatch(/^secrets\/A\.enc\n {2}\+ A\n/)
  repository.commit('all')
  expect(repository.well(['git', 'diff'])).toBe('')
  expect(repository.well(['git', 'diff', 'HEAD~1'])).toMatch(/~ CHANGED/)
  expect(repository.well(['git', 'diff', 'HEAD', 'HEAD~1'])).toMatch(/\n {2}\+ GONE\n/)
  expect(repository.well(['git', 'diff', 'HEAD', 'HEAD~1'])).toMatch(/secrets\/A\.enc\n {2}- A\n/)
  const facts = JSON.parse(repository.well(['git', 'diff', 'HEAD~1', 'HEAD', '--json']))
  expect(facts[0]).toMatchObject({ path: '.env.enc', gained: [], lost: [expect.stringMatching(/^age1/)] })
  expect(facts[0].names).toEqual([
    { sign: '~', name: 'CHANGED' },
    { sign: '-', name: 'GONE' },
    { sign: '+', name: 'NEW' },
  ])
  expect(repository.fails(['git', 'diff', 'nothing'])).toMatch(/git ls-tree: failed/)
})

describe('--values', () => {
  test('shows old and new on a terminal to whoever has the key', async () => {
    const repository = await changed()
    const terminal = repository.terminal(['git', 'diff', '--values'])
    expect(await terminal.ends()).toBe(0)
    expect(terminal.shown.replaceAll('\r', '')).toMatch(
      new RegExp(
        `^\\.env\\.enc\n  ~ CHANGED: ${MARK}-2 -> ${MARK}-x\n  - GONE: ${MARK}-3\n  \\+ NEW: "\\\\"${MARK}`,
      ),
    )
  })

  test('shows nothing to others, and nothing where a program reads', async () => {
    const repository = await changed()
    const terminal = repository.terminal(['git', 'diff', '--values'], KEYLESS)
    expect(await terminal.ends()).toBe(0)
    expect(terminal.shown).toMatch(/CHANGED: \(not opened\) -> \(not opened\)/)
    expect(terminal.shown).not.toContain(MARK)
    expect(repository.fails(['git', 'diff', '--values'], { status: 2 })).toMatch(/only on a terminal/)
  })

  test('leaves nothing in the repository', async () => {
    const repository = await changed()
    await repository.terminal(['git', 'diff', '--values']).ends()
    repository.git('diff')
    repository.commit('all')
    expect(repository.objects().includes(MARK)).toBe(false)
    expect(repository.holding(MARK)).toEqual([])
  })
})
