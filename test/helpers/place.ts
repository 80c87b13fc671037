/** A project and a home in temporary directories, as a command of the host program sees them, in process. */
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { onTestFinished } from 'vitest'
import { generateKey, type NewKey } from '../../src/age/keygen.ts'
import type { HostContext } from '../../src/host/context.ts'
import { projectAt } from '../../src/host/project.ts'
import { sealDotenv, sealJson } from '../../src/sops/seal.ts'

/** Every value in these tests has this in it, so that one search finds a leak of any. */
export const MARK = 'hunter2-Zq7'

export class Place {
  readonly base = mkdtempSync(join(tmpdir(), 'disinto-place-'))
  readonly root = join(this.base, 'project')
  readonly home = join(this.base, 'home')
  readonly key: NewKey = generateKey()
  /** What was said on standard error, and what was printed. */
  readonly said: string[] = []
  readonly printed: string[] = []

  constructor() {
    onTestFinished(() => rmSync(this.base, { recursive: true, force: true }))
    mkdirSync(this.root)
    mkdirSync(this.home)
  }

  /** Writes a file below the project; a path that begins with a slash is below the temporary directory. */
  write(path: string, content: string | Buffer, mode = 0o600): string {
    const at = join(path.startsWith('/') ? this.base : this.root, path)
    mkdirSync(dirname(at), { recursive: true, mode: 0o700 })
    writeFileSync(at, content, { mode })
    return at
  }

  read(path: string): string {
    return readFileSync(join(this.root, path), 'utf8')
  }

  /** Puts the operator's key where it is looked for. */
  withKey(mode = 0o600): this {
    this.write('/home/.config/sops/age/keys.txt', this.key.text, mode)
    return this
  }

  /** Writes a secret to a file of its own, for these recipients. */
  async secret(name: string, recipients = [this.key.recipient], holds = name): Promise<string> {
    return this.write(`secrets/${name}.enc`, await sealJson([[holds, MARK]], recipients))
  }

  async envFile(text: string, recipients = [this.key.recipient]): Promise<string> {
    return this.write('.env.enc', await sealDotenv(text, recipients))
  }

  rules(...recipients: string[]): string {
    const age = (recipients.length === 0 ? [this.key.recipient] : recipients).join(',')
    return this.write('.sops.yaml', `creation_rules:\n  - age: ${age}\n`)
  }

  /** The context of a command that is called here. Nobody can be asked. */
  context(variables: Readonly<Record<string, string>> = {}): HostContext {
    const all = new Map(Object.entries({ HOME: this.home, PATH: '/nowhere', ...variables }))
    const say = (kind: string) => (what: string | { readonly message: string }) => {
      this.said.push(`${kind}: ${typeof what === 'string' ? what : what.message}`)
    }
    return {
      project: projectAt(this.root, all, this.root),
      variables: all,
      workingDirectory: this.root,
      speak: { error: say('error'), warning: say('warning'), note: say('note') },
      interactive: false,
      print: (text) => this.printed.push(text),
      write: (text) => this.printed.push(text),
      readInput: () => Buffer.alloc(0),
    }
  }
}
