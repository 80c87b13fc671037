/** A project with a proposal and a signer, in process: real keys, real ssh-keygen. */
import { execFileSync } from 'node:child_process'
import { appendFileSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { onTestFinished } from 'vitest'
import type { HostContext } from '../../../../src/host/context.ts'
import { projectAt } from '../../../../src/host/project.ts'
import { approve } from '../../../../src/host/vault/approve.ts'
import type { Warning } from '../../../../src/speak.ts'

export const PROPOSAL = { type: 'publish', source: 'agent-1', payload: { a: 1 }, secrets: ['TOKEN'] }

export class Vault {
  readonly base = mkdtempSync(join(tmpdir(), 'disinto-vault-'))
  readonly root = join(this.base, 'project')
  readonly home = join(this.base, 'home')
  readonly key = this.makeKey('me')
  readonly warnings: Warning[] = []
  readonly context: HostContext

  constructor() {
    onTestFinished(() => rmSync(this.base, { recursive: true, force: true }))
    this.write('secrets/TOKEN.enc', '{}')
    this.write('vault/approved/p.json', JSON.stringify(PROPOSAL))
    mkdirSync(this.home)
    const variables = new Map([
      ['PATH', process.env['PATH'] ?? ''],
      ['HOME', this.home],
    ])
    this.context = {
      project: projectAt(undefined, variables, this.root),
      variables,
      workingDirectory: this.root,
      speak: {
        error: () => {},
        note: () => {},
        warning: (warning) => this.warnings.push(warning),
      },
      interactive: false,
      print: () => {},
      write: () => {},
      readInput: () => Buffer.alloc(0),
    }
    this.allow('me@example.org', 'me')
  }

  get signers(): string {
    return join(this.home, '.config/sops/age/project/allowed_signers')
  }

  write(name: string, content: string | Buffer): void {
    const path = join(this.root, name)
    mkdirSync(dirname(path), { recursive: true })
    writeFileSync(path, content)
  }

  read(name: string): Buffer {
    return readFileSync(join(this.root, name))
  }

  /** Makes a key; the path of its private half. */
  makeKey(name: string, type = 'ed25519'): string {
    const path = join(this.base, name)
    execFileSync('ssh-keygen', ['-q', '-t', type, '-N', '', '-C', name, '-f', path])
    return path
  }

  /** Lists a key among those who may approve. */
  allow(principal: string, key: string, options = ''): void {
    mkdirSync(dirname(this.signers), { recursive: true })
    const line = `${principal} ${options}${readFileSync(join(this.base, `${key}.pub`), 'utf8')}`
    appendFileSync(this.signers, line)
  }

  approve(id = 'p', more: Partial<Parameters<typeof approve>[1]> = {}) {
    return approve(this.context, {
      id,
      allow: new Set(),
      signingKey: this.key,
      lasts: undefined,
      command: [],
      signers: undefined,
      ...more,
    })
  }
}
