/** compose's own settings, `COMPOSE_*`, from the environment and the env files. */
import { delimiter, dirname, join, resolve } from 'node:path'
import { existsSync, statSync } from 'node:fs'
import type { HostContext } from '../context.ts'
import { COMPOSE_FILES } from '../project.ts'
import { isForOthers } from '../store/open.ts'
import { hasPlainEnv, plainValues, encryptedNames } from './env-files.ts'
import { openValues } from './values.ts'
import { failure } from '../errors.ts'

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
  if (found.size === 0) return { context, unopened }
  return { context: { ...context, variables: new Map([...variables, ...found]) }, unopened }
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
  const found = COMPOSE_FILES.map((name) => join(project.root, name)).find((path) => existsSync(path))
  if (found === undefined) throw failure('compose-file-missing', { root: project.root })
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
  const { project } = context
  const files = composeFiles(context)
  for (const path of files) refuseIrregular(path)
  const other = join(dirname(files[0] ?? project.composeFile), '.env')
  const envFiles = [...new Set([other, project.plainEnvFile])].filter(hasPlainEnv)
  // Without a word of ours compose would look for itself.
  if (envFiles.length === 0) envFiles.push('/dev/null')
  // People who have named others mean those.
  if (context.variables.get('COMPOSE_ENV_FILES')) envFiles.length = 0
  return [
    'compose',
    ...envFiles.flatMap((path) => ['--env-file', path]),
    ...files.flatMap((file) => ['--file', file]),
  ]
}
