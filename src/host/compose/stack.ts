/** What exists now, told to the user and handed to compose, for `up` and `restart`. */
import { createHash } from 'node:crypto'
import { lstatSync, statSync } from 'node:fs'
import { dirname } from 'node:path'
import { errnoOf, quote } from '../../errors.ts'
import { readWhole } from '../../load/read.ts'
import type { Secret } from '../../secret.ts'
import type { HostContext } from '../context.ts'
import { AGENTS } from '../project.ts'
import { composeFiles, readComposeModel } from './docker.ts'
import { exposuresOf, OTHER_WAY, valuesFor } from './interpolation.ts'
import type { Model } from './model.ts'
import { checkSources, type EnvFile, IMAGE_KEYS, overrideDocument } from './mounts.ts'
import { ensureServiceKey, grantService } from '../store/grant.ts'
import { failure } from '../errors.ts'

export interface Stack {
  readonly model: Model
  readonly values: ReadonlyMap<string, Secret>
  readonly override: string
}

function isThere(path: string): boolean {
  try {
    lstatSync(path)
    return true
  } catch (error) {
    if (errnoOf(error) === 'ENOENT' || errnoOf(error) === 'ENOTDIR') return false
    throw failure('source-unreadable', { path, reason: errnoOf(error) })
  }
}

/** A hash of ciphertext; of plaintext it would be one of the secrets themselves, so there it is the time of change. */
function stampOf(path: string, encrypted: boolean): string {
  if (encrypted) return createHash('sha256').update(readWhole(path)).digest('hex').slice(0, 16)
  return String(statSync(path).mtimeMs)
}

/** The env file that containers get: `.env.enc`, or plaintext where there is no other. */
function envFileOf({ project, speak }: HostContext): Pick<EnvFile, 'path' | 'name'> | undefined {
  const encrypted = isThere(project.envFile)
  const plain = isThere(project.plainEnvFile)
  if (!encrypted && !plain) return undefined
  const path = encrypted ? project.envFile : project.plainEnvFile
  let isFile: boolean
  try {
    isFile = statSync(path).isFile()
  } catch {
    throw failure('source-dangling', { path })
  }
  if (!isFile) throw failure('source-irregular', { path, kind: 'a directory or a device' })
  if (!encrypted) {
    speak.warning({
      code: 'plaintext-env',
      message: `${quote(path)}: secrets in plaintext`,
      hint: 'disinto secrets migrate encrypts it to .env.enc',
    })
  } else if (plain) {
    speak.warning({
      code: 'plaintext-left',
      message: `${quote(project.plainEnvFile)}: plaintext left over beside .env.enc; it is not used`,
      hint: 'compare the two, then delete it',
    })
  }
  return { path, name: encrypted ? '.env.enc' : '.env' }
}

/** Says what docker inspect would show, before it is so. */
function warnOfExposure({ project, speak }: HostContext, model: Model, names: ReadonlySet<string>): void {
  for (const { service, where, name } of exposuresOf(model, names)) {
    speak.warning({
      code: 'inspect-shows',
      message: `${quote(service)}: ${where}: docker inspect will show the value of ${quote(name)}`,
      hint: OTHER_WAY,
    })
  }
  for (const { name, envFiles } of model.services) {
    if (!envFiles.includes(project.plainEnvFile)) continue
    speak.warning({
      code: 'inspect-shows',
      message: `${quote(name)}: env_file: docker inspect will show every value of .env`,
      hint: 'take env_file: out: disinto up mounts the file for the image’s entrypoint',
    })
  }
}

/** Makes the stack ready to start: keys made, .env.enc encrypted to them, values decrypted, mounts computed. */
export async function prepareStack(context: HostContext, allow: readonly string[]): Promise<Stack> {
  const { project } = context
  const model = await readComposeModel(context)
  checkSources(model, isThere)
  const found = envFileOf(context)
  const values = await valuesFor(context, model, allow)
  warnOfExposure(context, model, new Set(values.keys()))
  const keys = new Map<string, string>()
  for (const { name, mounts } of model.services) {
    const path = project.serviceKeyFile(name)
    const ownMount = mounts.some(({ target }) => target === IMAGE_KEYS)
    // A key that the file mounts itself, the operator's for example, is the one that counts.
    if (ownMount && path !== undefined) keys.set(name, dirname(path))
    else if (name === AGENTS) {
      const key = await ensureServiceKey(context, name)
      await grantService(context, name, key.recipient)
      keys.set(name, dirname(key.path))
    } else if (path !== undefined && isThere(path)) keys.set(name, dirname(path))
  }
  // Its content may have changed just now.
  const envFile = found && { ...found, stamp: stampOf(found.path, found.name === '.env.enc') }
  return { model, values, override: overrideDocument(model, { envFile, keys }) }
}

/** Throws unless the file has the service. */
export function checkService(context: HostContext, model: Model, service: string): void {
  const known = model.services.map(({ name }) => name)
  if (!known.includes(service)) {
    throw failure('service-missing', {
      path: composeFiles(context)[0] ?? context.project.composeFile,
      service,
      known,
    })
  }
}
