/** A project in a git repository of its own, with an operator key, an env file and git set up. */
import { spawnSync } from 'node:child_process'
import { readdirSync } from 'node:fs'
import { expect } from 'vitest'
import { Host, MARK, type RunOptions } from './host.ts'

export interface GitResult {
  readonly status: number | null
  /** Both streams. */
  readonly said: string
}

export class Repository extends Host {
  constructor(directory?: string) {
    super(directory)
    if (spawnSync('git', ['--version'], { stdio: 'ignore' }).error !== undefined)
      throw new Error('needs the git program: apt-get install git')
    this.git('init', '--quiet', '--initial-branch', 'main')
    this.git('config', 'user.name', 'Tester')
    this.git('config', 'user.email', 'tester@example.org')
  }

  override environment(changes: RunOptions['env'] = {}): Record<string, string> {
    return super.environment({ GIT_CONFIG_NOSYSTEM: '1', GIT_EDITOR: 'true', LC_ALL: 'C', ...changes })
  }

  /** Runs git, which may fail. */
  tryGit(words: readonly string[], options: RunOptions = {}): GitResult {
    const { status, stdout, stderr, error } = spawnSync('git', words, {
      cwd: options.cwd ?? this.directory,
      env: this.environment(options.env),
      input: options.input ?? '',
      encoding: 'utf8',
      maxBuffer: 256 * 1024 * 1024,
    })
    if (error !== undefined) throw error
    const said = `${stdout}${stderr}`
    expect(said, 'a value in what git said').not.toContain(MARK)
    return { status, said }
  }

  /** Runs git, which must go well; returns both streams. */
  git(...words: string[]): string {
    const { status, said } = this.tryGit(words)
    expect(status, `git ${words.join(' ')}: ${said}`).toBe(0)
    return said
  }

  commit(message: string): void {
    this.git('add', '--all')
    this.git('commit', '--quiet', '--allow-empty', '--message', message)
  }

  /** Writes `.env.enc` anew, as stock sops makes it of this text for the project's rules. */
  env(text: string): void {
    this.write('.env', text)
    const words = ['encrypt', '--input-type', 'dotenv', '--output-type', 'dotenv', '.env']
    this.write('.env.enc', this.sops(...words))
    this.remove('.env')
  }

  /** Changes `.env.enc` with stock sops, which leaves the ciphertext of what it does not change: `set`, `unset`. */
  bySopsOf(command: 'set' | 'unset', name: string, ...value: string[]): void {
    const words = ['--input-type', 'dotenv', '--output-type', 'dotenv', '.env.enc', `["${name}"]`]
    this.sops(command, ...words, ...value.map((text) => JSON.stringify(text)))
  }

  remove(name: string): void {
    spawnSync('rm', ['-rf', this.path(name)])
  }

  /** Every object of the repository, whole, in one buffer: what `git cat-file` gives of each. */
  objects(): Buffer {
    const { stdout, status } = spawnSync('git', ['cat-file', '--batch-all-objects', '--batch'], {
      cwd: this.directory,
      env: this.environment(),
      maxBuffer: 1024 * 1024 * 1024,
    })
    expect(status).toBe(0)
    return stdout
  }

  /** What lies in the work tree beside what was put there; a merge must leave nothing. */
  strays(): string[] {
    return readdirSync(this.directory).filter((name) => /^\.merge_file|^\.disinto/.test(name))
  }
}

/** A repository with rules, an `.env.enc` of this text, and git set up, all of it committed. */
export function repositoryWith(text: string): Repository {
  const repository = new Repository()
  repository.well(['secrets', 'keygen'])
  repository.write('.gitignore', '.env\n')
  repository.env(text)
  repository.well(['git', 'setup'])
  repository.commit('first')
  return repository
}
