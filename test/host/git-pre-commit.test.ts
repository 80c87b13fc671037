/** The hook of .pre-commit-hooks.yaml, run by the real pre-commit (https://pre-commit.com). */
import { execFileSync, spawnSync } from 'node:child_process'
import { cpSync, mkdirSync, readdirSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { expect, test } from 'vitest'
import { sealJson } from '../../src/sops/seal.ts'
import { MARK } from './host.ts'
import { type Repository, repositoryWith } from './repository.ts'

const ROOT = fileURLToPath(new URL('../../', import.meta.url))
const HOUR = 3_600_000

/** Where pre-commit is, fetched if need be; fails with what is missing. */
function preCommitDirectory(): string {
  const words = [join(ROOT, 'tools/fetch.mjs'), 'pre-commit']
  const { status, stdout, stderr } = spawnSync(process.execPath, words, { encoding: 'utf8' })
  if (status !== 0) throw new Error(`needs pre-commit: ${stderr}`)
  return /^preCommit +(.*)$/m.exec(stdout)?.[1] ?? ''
}

/** A clone of this project as pre-commit would get it, in a repository of its own; returns its revision, too. */
function published(repository: Repository): { path: string; revision: string } {
  const path = join(repository.base, 'published')
  mkdirSync(path)
  const left = ['.git', 'node_modules', '.tools', 'coverage', 'test']
  for (const entry of readdirSync(ROOT).filter((name) => !left.includes(name)))
    cpSync(join(ROOT, entry), join(path, entry), { recursive: true })
  const git = (...words: string[]) =>
    execFileSync('git', ['-c', 'user.name=a', '-c', 'user.email=a@example.org', ...words], {
      cwd: path,
      env: repository.environment(),
      encoding: 'utf8',
    })
  git('init', '--quiet')
  git('add', '--all')
  git('commit', '--quiet', '--message', 'published')
  return { path, revision: git('rev-parse', 'HEAD').trim() }
}

test('pre-commit installs the hook from a clone, refuses what check finds, and lets a good commit through', {
  timeout: HOUR,
}, async () => {
  const python = preCommitDirectory()
  const repository = repositoryWith(`A=${MARK}\n`)
  const { path, revision } = published(repository)
  repository.write(
    '.pre-commit-config.yaml',
    `repos:\n  - repo: ${path}\n    rev: ${revision}\n    hooks:\n      - id: disinto-secrets-check\n`,
  )
  // Packages are taken from where npm keeps them on this machine.
  const cache = execFileSync('npm', ['config', 'get', 'cache'], { encoding: 'utf8' }).trim()
  const certificates = ['NODE_EXTRA_CA_CERTS', 'SSL_CERT_FILE', 'npm_config_registry', 'npm_config_cafile']
  const env = {
    PYTHONPATH: python,
    PRE_COMMIT_HOME: join(repository.base, 'pre-commit'),
    npm_config_cache: cache,
    npm_config_userconfig: join(process.env['HOME'] ?? '/', '.npmrc'),
    ...Object.fromEntries(certificates.map((name) => [name, process.env[name]])),
  }
  const run = (...words: string[]) =>
    spawnSync('python3', ['-m', 'pre_commit', ...words], {
      cwd: repository.directory,
      env: repository.environment(env),
      encoding: 'utf8',
    })
  const installed = run('install')
  expect(installed.status, `${installed.stdout}${installed.stderr}`).toBe(0)

  repository.write('secrets/GOOD.enc', await sealJson([['GOOD', MARK]], [repository.recipient()]))
  repository.git('add', '--all')
  const good = repository.tryGit(['commit', '--message', 'good'], { env })
  expect(good.said).toMatch(/disinto secrets check\.+Passed/)
  expect(good.status).toBe(0)

  const { recipient } = repository.stranger()
  repository.write('secrets/BAD.enc', await sealJson([['BAD', MARK]], [repository.recipient(), recipient]))
  repository.git('add', '--all')
  const bad = repository.tryGit(['commit', '--message', 'bad'], { env })
  expect(bad.said).toMatch(/recipients-planted: secrets\/BAD\.enc: encrypted to age1/)
  expect(bad.status).toBe(1)

  const all = run('run', '--all-files')
  expect(all.stdout).toMatch(/recipients-planted: secrets\/BAD\.enc/)
  repository.git('rm', '--quiet', '--cached', 'secrets/BAD.enc')
  repository.write('README.md', 'nothing of ours')
  repository.git('add', 'README.md')
  const other = repository.tryGit(['commit', '--message', 'other'], { env })
  expect(other.said).toMatch(/no files to check\)Skipped/)
})
