/** Which sources exist, and whether their names are good. Opens nothing. */
import { lstatSync, readdirSync, statSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { errnoOf, failure } from '../errors.ts'
import type { EnvFile, SecretFile, Source } from '../nouns.ts'
import { checkSecretName, namesGiven, partsOfName } from './names.ts'
import type { Options } from './options.ts'

export interface Located {
  /** The env file first, then the secret files in byte order of their names: later wins. */
  readonly sources: readonly Source[]
  /** A `.env` beside `.env.enc`, which counts. */
  readonly leftover: string | undefined
}

/** Whether a directory entry is there; a dangling link is there. Whatever else goes wrong is an error. */
function isThere(path: string): boolean {
  try {
    lstatSync(path)
    return true
  } catch (error) {
    const errno = errnoOf(error)
    if (errno === 'ENOENT') return false
    throw failure('source-unreadable', { path, reason: errno })
  }
}

function isDirectory(path: string): boolean {
  try {
    return statSync(path).isDirectory()
  } catch (error) {
    const errno = errnoOf(error)
    if (errno === 'ENOENT' || errno === 'ENOTDIR') return false
    throw failure('source-unreadable', { path, reason: errno })
  }
}

function locateEnvFile(
  options: Options,
  root: string,
  workingDirectory: string,
): { found: EnvFile | undefined; leftover: string | undefined } {
  if (options.envFile !== undefined) {
    const path = resolve(workingDirectory, options.envFile)
    if (!isThere(path)) throw failure('source-missing', { path })
    return {
      found: { role: 'env-file', path, plaintextAllowed: /(^|\/)\.env$/.test(path) },
      leftover: undefined,
    }
  }
  const encrypted = join(root, '.env.enc')
  const plain = join(root, '.env')
  const plainIsThere = isThere(plain)
  if (isThere(encrypted)) {
    return {
      found: { role: 'env-file', path: encrypted, plaintextAllowed: false },
      leftover: plainIsThere ? plain : undefined,
    }
  }
  return {
    found: plainIsThere ? { role: 'env-file', path: plain, plaintextAllowed: true } : undefined,
    leftover: undefined,
  }
}

function locateSecrets(options: Options, root: string, workingDirectory: string): SecretFile[] {
  const directory =
    options.secretsDir === undefined ? join(root, 'secrets') : resolve(workingDirectory, options.secretsDir)
  if (!isThere(directory)) {
    if (options.secretsDir !== undefined) throw failure('source-missing', { path: directory })
    return []
  }
  if (!isDirectory(directory)) throw failure('secrets-dir-irregular', { path: directory })
  let entries: Buffer[]
  try {
    entries = readdirSync(directory, { encoding: 'buffer' })
  } catch (error) {
    throw failure('source-unreadable', { path: directory, reason: errnoOf(error) })
  }
  const inside = join(directory, '/')
  return entries
    .sort(Buffer.compare)
    .map((entry) => entry.toString())
    .filter((entry) => entry.endsWith('.enc'))
    .map((entry) => ({
      role: 'secret' as const,
      path: `${inside}${entry}`,
      name: entry.slice(0, -'.enc'.length),
    }))
}

/** The names that the command gets of a secret file: NAME@SERVICE is none of them. */
function namesOf({ name }: SecretFile, { as }: Options): string[] {
  return namesGiven(name, as).filter((one) => partsOfName(one) === undefined)
}

/**
 * Finds the sources for these options. What is named and does not exist is an error, what is only a default may
 * be absent. With --only, files that hold none of the names are left out, and NAME@SERVICE.enc without --as.
 */
export function locate(options: Options, workingDirectory: string): Located {
  const root = resolve(workingDirectory, options.root ?? '.')
  if (options.root !== undefined && !isDirectory(root)) throw failure('root-missing', { path: root })
  const { only } = options
  const { found, leftover } = locateEnvFile(options, root, workingDirectory)
  const secrets = locateSecrets(options, root, workingDirectory).filter((secret) =>
    namesOf(secret, options).some((name) => only?.includes(name) ?? true),
  )
  for (const { name, path } of secrets) checkSecretName(name, path, options.allow)
  const envFileNeeded =
    only?.every((name) => secrets.some((secret) => namesOf(secret, options).includes(name))) !== true
  return { sources: found !== undefined && envFileNeeded ? [found, ...secrets] : secrets, leftover }
}
