/** What each service was granted, for its mounts: exactly that. */
import { createHash } from 'node:crypto'
import { quote } from '../../errors.ts'
import { readWhole } from '../../load/read.ts'
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

const WHY: Readonly<Partial<Record<GrantState, string>>> = {
  locked: 'is not encrypted to its key, though the rules say so',
  unaccepted: 'is granted by a rule that nobody accepted on this machine',
  absent: 'is granted, and does not exist',
}

const FIX: Readonly<Partial<Record<GrantState, (grant: Grant) => string>>> = {
  locked: ({ service, secret }) => `disinto secrets grant ${service} ${secret}`,
  unaccepted: () => 'find out who wrote it (git log -p .sops.yaml); then disinto secrets recipients accept',
  absent: ({ service, secret }) =>
    `disinto secrets add ${secret}, or, if it was removed: disinto secrets revoke ${service} ${secret}`,
}

/** What is said of grants to services of a stack that give them nothing. */
export function warningsOfGrants(grants: readonly Grant[], services: ReadonlySet<string>): Warning[] {
  return grants.flatMap((grant) => {
    const { service, secret, state } = grant
    const [why, fix] = [WHY[state], FIX[state]]
    if (!services.has(service) || secret === ENV_FILE || why === undefined || fix === undefined) return []
    return [
      {
        code: `grant-${state}`,
        message: `${quote(service)}: does not get ${quote(secret)}, which ${why}`,
        hint: fix(grant),
      },
    ]
  })
}
