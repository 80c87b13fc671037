/** compose's own settings, `COMPOSE_*`, from the environment and the env files. */

import { existsSync, statSync } from 'node:fs'
import { delimiter, dirname, join, resolve } from 'node:path'
import { parseDotenv } from '../../load/dotenv.ts'
import { reasonAgainst } from '../../load/names.ts'
import { readRegular } from '../../load/read.ts'
import { quote } from '../../quote.ts'
import type { HostContext } from '../context.ts'
import { failure } from '../errors.ts'
import { isForOthers } from '../store/open.ts'
import { encryptedNames, hasPlainEnv, plainValues } from './env-files.ts'
import { openValues } from './values.ts'

/** Not those that let compose call others: these are for the environment alone. */
const SETTING = /^COMPOSE_(?!EXPERIMENTAL_)/

export interface Settings {
  /** The context with the settings among its variables. */
  readonly context: HostContext
  /** The settings that no key at hand opens. */
  readonly unopened: readonly string[]
}

/**
 * Returns the context in which the settings of the env file count: the environment's win, then those of `.env.enc`,
 * of which only these names are decrypted, then those of a plaintext `.env`. Throws what opening `.env.enc` throws
 * when it is damaged; where only a key is missing, its settings are told in `unopened`.
 */
export async function readSettings(context: HostContext): Promise<Settings> {
  const { variables } = context
  const found = new Map(
    [...(await plainValues(context))].filter(([name]) => SETTING.test(name) && !variables.has(name)),
  )
  const known = await encryptedNames(context)
  // Of a file whose names can't be seen nothing is known: it is opened for what it has of these.
  const names = known === undefined ? ALL : [...known].filter((name) => SETTING.test(name))
  const wanted = names.filter((name) => !variables.has(name))
  let unopened: readonly string[] = []
  if (wanted.length > 0) {
    try {
      for (const [name, value] of await openValues(context, wanted)) found.set(name, value.reveal())
    } catch (error) {
      if (!isForOthers(error)) throw error
      unopened = wanted
    }
  }
  const settled = { ...context, variables: new Map([...variables, ...found]) }
  const own = await dockersOwn(settled)
  if (found.size + own.length === 0) return { context, unopened }
  // Set and empty, compose takes them from no file, and docker takes them for not set.
  for (const name of own) settled.variables.set(name, '')
  return { context: settled, unopened }
}

/** What says whom docker talks to, and with which settings and trust. */
const DOCKERS =
  /^(?:DOCKER_(?:HOST|CONTEXT|CONFIG|CERT_PATH|TLS\w*|CLI_\w+|CONTENT_TRUST\w*|CUSTOM_HEADERS)|BUILDKIT_HOST|BUILDX_(?:BUILDER|CONFIG))$/
/** Refused names of what docker's own programs and the git that they start are taken over by. */
const LOADERS = /^(?:LD|DYLD|GCONV|GIT|SSH)_/

const isDockersOwn = (name: string): boolean =>
  DOCKERS.test(name) || (LOADERS.test(name) && reasonAgainst(name) !== undefined)

/**
 * The names in plaintext env files that would decide what docker runs and whom it calls, each told of: compose takes all of
 * such a file into its own environment, and a build goes to the DOCKER_HOST that it finds there. The environment that we
 * were started with decides that.
 */
async function dockersOwn(context: HostContext): Promise<string[]> {
  const { variables, speak } = context
  const found: string[] = []
  for (const path of plainEnvFiles(context)) {
    const parsed = await parseDotenv(readRegular(path).toString())
    const names = [...new Map(parsed).keys()].filter((name) => isDockersOwn(name) && !variables.has(name))
    if (names.length === 0) continue
    found.push(...names)
    speak.warning({
      code: 'env-not-taken',
      message: `${quote(path)}: not taken from a file: ${names.map(quote).join(', ')}: this decides what docker runs or connects to`,
      hint: 'if it is meant, set it in the environment',
    })
  }
  return found
}

/** The env files that are given to compose, where nobody has named others. */
function plainEnvFiles(context: HostContext): string[] {
  const { project, variables } = context
  if (variables.get('COMPOSE_ENV_FILES')) return []
  let files: readonly string[] = []
  try {
    files = composeFiles(context)
  } catch {
    // Without a compose file there is none but the project's.
  }
  const other = join(dirname(files[0] ?? project.composeFile), '.env')
  return [...new Set([other, project.plainEnvFile])].filter(hasPlainEnv)
}

/** What compose is asked of in a file whose names can't be seen. */
const ALL = ['COMPOSE_FILE', 'COMPOSE_PATH_SEPARATOR', 'COMPOSE_PROJECT_NAME', 'COMPOSE_PROFILES']

/** As readSettings, where every setting is needed: throws what opening the file throws. */
export async function withSettings(context: HostContext): Promise<HostContext> {
  const { context: settled, unopened } = await readSettings(context)
  if (unopened.length > 0) await openValues(context, unopened)
  return settled
}

/** The compose files of the project, as compose itself would find them. Throws compose-file-missing. */
export function composeFiles({ project, variables }: HostContext): string[] {
  const named = variables.get('COMPOSE_FILE')
  if (named !== undefined && named !== '') {
    const separator = variables.get('COMPOSE_PATH_SEPARATOR') || delimiter
    return named.split(separator).map((file) => (/:\/\//.test(file) ? file : resolve(project.root, file)))
  }
  const found = project.composeFile
  if (!existsSync(found)) throw failure('compose-file-missing', { root: project.root })
  const overrides = ['yaml', 'yml'].map((ending) => found.replace(/ya?ml$/, `override.${ending}`))
  return [found, ...overrides.filter((path) => existsSync(path)).slice(0, 1)]
}

/** Throws source-irregular for what is there and no file: compose would wait for a pipe, and read a device without end. */
function refuseIrregular(path: string): void {
  const stats = statSync(path, { throwIfNoEntry: false })
  if (stats !== undefined && !stats.isFile())
    throw failure('source-irregular', { path, kind: 'a directory, a pipe or a device' })
}

/**
 * The words before compose's own command. A `.env` in plaintext is left to compose; one that is encrypted would be
 * taken as it stands. Where COMPOSE_FILE leads to another directory, compose reads the `.env` of both.
 */
export function composeWords(context: HostContext): string[] {
  const files = composeFiles(context)
  for (const path of files) refuseIrregular(path)
  const envFiles = plainEnvFiles(context)
  // Without a word of ours compose would look for itself. People who have named others mean those.
  if (envFiles.length === 0 && !context.variables.get('COMPOSE_ENV_FILES')) envFiles.push('/dev/null')
  return [
    'compose',
    ...envFiles.flatMap((path) => ['--env-file', path]),
    ...files.flatMap((file) => ['--file', file]),
  ]
}
