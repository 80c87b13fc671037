/** What each service was granted, for its mounts: exactly that. */
import { createHash } from 'node:crypto'
import { readWhole } from '../../load/read.ts'
import { quote } from '../../quote.ts'
import type { Warning } from '../../speak.ts'
import { AGENTS } from '../project.ts'
import { ENV_FILE, type Grant, type GrantState } from '../store/grants.ts'

export interface GrantedFile {
  /** NAME or NAME@SERVICE, as its file is called. */
  readonly secret: string
  readonly path: string
  /** Differs when the content does, and says nothing about it. */
  readonly stamp: string
}

export interface Granted {
  /** Whether the service gets the env file. */
  readonly envFile: boolean
  readonly secrets: readonly GrantedFile[]
}

/** What a service gets; `agents` works with the env file, and another service only where it was granted. */
export function grantedTo(grants: readonly Grant[], service: string): Granted {
  const own = grants.filter((grant) => grant.service === service)
  // A rule for an encrypted file that is not there yet is one for the plaintext that it will be made of.
  const isGranted = ({ secret, state }: Grant) =>
    secret === ENV_FILE && (state === 'granted' || state === 'absent')
  return {
    envFile: service === AGENTS || own.some(isGranted),
    secrets: own
      .filter(({ secret, state }) => secret !== ENV_FILE && state === 'granted')
      .map(({ secret, path }) => ({ secret, path, stamp: stampOf(readWhole(path)) })),
  }
}

/** A short hash of ciphertext. */
export function stampOf(bytes: Buffer | string): string {
  return createHash('sha256').update(bytes).digest('hex').slice(0, 16)
}

/** Differs when the granted files or their content do; empty for none. */
export function stampOfSecrets(files: readonly GrantedFile[]): string {
  return files.length === 0 ? '' : stampOf(files.map(({ secret, stamp }) => `${secret} ${stamp}\n`).join(''))
}

/** What is said of a grant that gives a service nothing. */
const UNGIVEN: Readonly<
  Partial<Record<GrantState, { readonly code: string; readonly why: string; hint(grant: Grant): string }>>
> = {
  locked: {
    code: 'grant-locked',
    why: 'is not encrypted to its key, though the rules say so',
    hint: ({ service, secret }) => `disinto secrets grant ${service} ${secret}`,
  },
  unaccepted: {
    code: 'grant-unaccepted',
    why: 'is granted by a rule that nobody has accepted on this machine',
    hint: () => 'find out who wrote it (git log -p .sops.yaml), then run: disinto secrets recipients accept',
  },
  absent: {
    code: 'grant-absent',
    why: 'is granted, but does not exist',
    hint: ({ service, secret }) =>
      `disinto secrets add ${secret}, or, if it was removed: disinto secrets revoke ${service} ${secret}`,
  },
}

/** Warnings of the grants to services of a stack that give them nothing. */
export function warningsOfGrants(grants: readonly Grant[], services: ReadonlySet<string>): Warning[] {
  return grants.flatMap((grant) => {
    const ungiven = UNGIVEN[grant.state]
    if (!services.has(grant.service) || grant.secret === ENV_FILE || ungiven === undefined) return []
    const message = `${quote(grant.service)}: does not get ${quote(grant.secret)}, which ${ungiven.why}`
    return [{ code: ungiven.code, message, hint: ungiven.hint(grant) }]
  })
}
