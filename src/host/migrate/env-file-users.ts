/** Which services of the compose files name `.env` in `env_file:`. Without it compose does nothing. */
import { existsSync } from 'node:fs'
import { dirname, resolve } from 'node:path'
import { readRegular } from '../../load/read.ts'
import { parseYaml } from '../../yaml.ts'

/** One entry of `env_file:` that is `.env`. */
export interface EnvFileUser {
  /** The compose file that names it. */
  readonly file: string
  readonly service: string
}

/** The names that compose looks for, each with the overrides that go with it (compose-go, cli/options.go). */
const NAMES = ['compose.yaml', 'compose.yml', 'docker-compose.yaml', 'docker-compose.yml']
const OVERRIDES = [
  'compose.override.yaml',
  'compose.override.yml',
  'docker-compose.override.yaml',
  'docker-compose.override.yml',
]

function fieldsOf(value: unknown): ReadonlyMap<string, unknown> {
  return new Map(Object.entries(typeof value === 'object' && value !== null ? value : {}))
}

function listOf(value: unknown): readonly unknown[] {
  if (value === undefined || value === null) return []
  return Array.isArray(value) ? value : [value]
}

/** The files that compose reads in a directory, COMPOSE_FILE first. */
function composeFiles(root: string, named: string): string[] {
  if (named !== '') return named.split(':').map((file) => resolve(root, file))
  const first = NAMES.find((name) => existsSync(resolve(root, name)))
  const overrides = OVERRIDES.filter((name) => existsSync(resolve(root, name)))
  return first === undefined ? [] : [first, ...overrides].map((name) => resolve(root, name))
}

/** The services that the text of a compose file has, and the files that it includes. A tag changes nothing here. */
async function readCompose(
  path: string,
  text: string,
): Promise<{
  services: ReadonlyMap<string, unknown>
  includes: readonly unknown[]
}> {
  // What is no YAML compose does not take either: it says why.
  const fields = fieldsOf((await parseYaml(path, text))?.toJS({ maxAliasCount: -1 }))
  return { services: fieldsOf(fields.get('services')), includes: listOf(fields.get('include')) }
}

/** Where an entry of `env_file:` or `include:` leads: a text, or `path:`. References are not filled in. */
function pathsOf(entry: unknown): string[] {
  const path = typeof entry === 'string' ? entry : fieldsOf(entry).get('path')
  return listOf(path).filter((one) => typeof one === 'string')
}

async function usersIn(file: string, envFile: string, seen: Set<string>): Promise<EnvFileUser[]> {
  if (seen.has(file) || !existsSync(file)) return []
  seen.add(file)
  const directory = dirname(file)
  const { services, includes } = await readCompose(file, readRegular(file).toString())
  const isIt = (entry: unknown) => pathsOf(entry).some((path) => resolve(directory, path) === envFile)
  const own = [...services]
    .filter(([, service]) => listOf(fieldsOf(service).get('env_file')).some(isIt))
    .map(([service]) => ({ file, service }))
  const included = includes.flatMap(pathsOf).map((path) => usersIn(resolve(directory, path), envFile, seen))
  return [...own, ...(await Promise.all(included)).flat()]
}

/** Returns the services of a project that name this env file; `named` is what COMPOSE_FILE says. */
export async function envFileUsers(root: string, envFile: string, named: string): Promise<EnvFileUser[]> {
  const seen = new Set<string>()
  const found: EnvFileUser[] = []
  for (const file of composeFiles(root, named)) found.push(...(await usersIn(file, envFile, seen)))
  return found
}
