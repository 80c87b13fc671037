/**
 * The key that an approval is signed with.
 * A file, or what git signs with: never what a repository says.
 */
import { existsSync } from 'node:fs'
import { resolve } from 'node:path'
import { capture } from '../../child.ts'
import { errnoOf } from '../../errors.ts'
import { dockerEnvironment } from '../compose/docker.ts'
import type { HostContext } from '../context.ts'
import { failure } from '../errors.ts'

export type SigningKey =
  /** A private key, or a public one whose private half an agent or a token has. */
  | { readonly kind: 'file'; readonly path: string }
  /** A public key as git's configuration may hold it; an agent has the private half. */
  | { readonly kind: 'literal'; readonly text: string }

const LITERAL = /^(?:key::)?((?:ssh|ecdsa|sk)-[\w@.-]+ [A-Za-z0-9+/=]+.*)$/

/** git's user.signingkey in the person's own or the machine's configuration; that of a repository is anybody's. */
async function ofGit(context: HostContext): Promise<string | undefined> {
  for (const place of ['--global', '--system']) {
    const words = ['config', place, '--includes', '--type=path', '--get', 'user.signingkey']
    try {
      const ended = await capture('git', words, { environment: dockerEnvironment(context), cwd: '/' })
      const text = ended.stdout.toString().trim()
      if (ended.status === 0 && text !== '') return text
    } catch (error) {
      if (errnoOf(error) === 'ENOENT') return undefined
      throw error
    }
  }
  return undefined
}

/** Returns the key that was named, or git's. Throws signing-key-missing. */
export async function findSigningKey(context: HostContext, named: string | undefined): Promise<SigningKey> {
  const text = named ?? (await ofGit(context))
  const literal = LITERAL.exec(text ?? '')?.[1]
  if (named === undefined && literal !== undefined) return { kind: 'literal', text: literal }
  const path = text === undefined ? undefined : resolve(context.workingDirectory, text)
  if (path === undefined || !existsSync(path)) throw failure('signing-key-missing', { path: named ?? text })
  return { kind: 'file', path }
}
