/**
 * The vault-runner as the compose file has it, filled in.
 * What a container of it is created with, and what is refused.
 */
import { quote } from '../../errors.ts'
import { KEY_VARIABLES } from '../../nouns.ts'
import type { Secret } from '../../secret.ts'
import { askDocker } from '../compose/docker.ts'
import { type ComposeSources, readSources } from '../compose/files.ts'
import { readStack } from '../compose/read.ts'
import { composeFiles, composeWords } from '../compose/settings.ts'
import { openValues } from '../compose/values.ts'
import type { HostContext } from '../context.ts'
import { type Project, VAULT_RUNNER } from '../project.ts'
import { failure } from '../errors.ts'
import { realPath } from '../files/real-path.ts'
import { isEmpty, isObject, type Json, listOf, objectOf } from './json.ts'
import { type Mount, type Surplus, surplusOfMount } from './mounts.ts'
import { surplusOfSettings, wordsOfSettings } from './settings.ts'

/** A network of the compose file; made when it is not there, unless it is somebody else's. */
export interface Network {
  readonly key: string
  readonly name: string
  readonly external: boolean
  readonly words: readonly string[]
}

export interface RunnerService {
  readonly image: string
  /** The words of `docker create` for its settings, without mounts, variables, networks and the command. */
  readonly words: readonly string[]
  readonly environment: ReadonlyMap<string, string>
  readonly mounts: readonly Mount[]
  /** Empty: the engine's own bridge, or none at all. */
  readonly networks: readonly Network[]
  /** `none` or `bridge`, where the file says so. */
  readonly networkMode: string | undefined
  readonly command: readonly string[]
  /** Whether compose can build the image. */
  readonly builds: boolean
}

/** What somebody lets a run have, by name. */
export interface Let {
  readonly mounts: readonly string[]
  readonly names: ReadonlySet<string>
  /** Names that encrypted files hold: none of them comes from the compose file. */
  readonly secrets: ReadonlySet<string>
  /** The engine's own socket, where it is one. */
  readonly engine?: string
}

/** compose escapes the dollar signs of what it has filled in. */
function unescaped(value: unknown): unknown {
  if (typeof value === 'string') return value.replaceAll('$$', '$')
  if (Array.isArray(value)) return value.map(unescaped)
  if (!isObject(value)) return value
  return Object.fromEntries(Object.entries(value).map(([key, inner]) => [key, unescaped(inner)]))
}

/** A mount of the compose file; undefined for one of a kind that we don't know. `name` is the volume's own. */
function mountOf(mount: Json, name: string | undefined): Mount | undefined {
  const { type } = mount
  const target = String(mount['target'] ?? '')
  const source = isEmpty(mount['source']) ? undefined : String(mount['source'])
  const readOnly = mount['read_only'] === true
  if (type === 'bind') return { type, source: realPath(source ?? '/'), target, readOnly }
  if (type === 'tmpfs') return { type, source: undefined, target, readOnly }
  return type === 'volume' ? { type, source: name ?? source, target, readOnly } : undefined
}

/** Whether a volume is more than a directory of the engine: with options it is whatever they name. */
const isMore = ({ driver, driver_opts: options }: Json): boolean =>
  !isEmpty(options) || !(isEmpty(driver) || driver === 'local')

function mountsOf(service: Json, volumes: Json): { mounts: Mount[]; surplus: Surplus[] } {
  const surplus: Surplus[] = []
  const mounts = listOf(service['volumes']).flatMap((value): Mount[] => {
    const fields = objectOf(value)
    const volume = objectOf(volumes[String(fields['source'])])
    const mount = mountOf(fields, isEmpty(volume['name']) ? undefined : String(volume['name']))
    if (mount === undefined) {
      const target = quote(String(fields['target']))
      surplus.push({ what: `a mount of a kind that vault-run does not know (volumes: ${target})` })
    } else if (mount.type === 'volume' && isMore(volume)) {
      const source = quote(String(fields['source']))
      surplus.push({ what: `a volume with options or a driver of its own (volumes: ${source})` })
    }
    return mount === undefined ? [] : [mount]
  })
  return { mounts, surplus }
}

const KEY_TEXT = /AGE-(?:SECRET-KEY|PLUGIN)-|-----BEGIN [A-Z ]*PRIVATE KEY|OPENSSH PRIVATE KEY/

function surplusOfEnvironment(environment: ReadonlyMap<string, string>, allow: Let): Surplus[] {
  return [...environment].flatMap(([name, value]) => {
    if (value === '' || allow.names.has(name)) return []
    const isKey = (KEY_VARIABLES as readonly string[]).includes(name) || KEY_TEXT.test(value)
    if (isKey) return [{ what: `a key (environment: ${quote(name)})` }]
    if (!allow.secrets.has(name)) return []
    const what = `a value of ${quote(name)}, which an encrypted file holds (environment:)`
    return [{ what, allow: `--allow ${name}` }]
  })
}

/** `docker network create` for a network that compose would make. */
function networkOf(key: string, value: unknown, project: string): Network {
  const network = objectOf(value)
  const name = String(network['name'] ?? `${project}_${key}`)
  const ipam = objectOf(network['ipam'])
  const pools = listOf(ipam['config']).map(objectOf)
  const given = (option: string, from: unknown) => (isEmpty(from) ? [] : [option, String(from)])
  const pairs = (option: string, from: unknown) =>
    Object.entries(objectOf(from)).flatMap(([left, right]) => [option, `${left}=${String(right)}`])
  const words = [
    ...['--label', `com.docker.compose.project=${project}`, '--label', `com.docker.compose.network=${key}`],
    ...pairs('--label', network['labels']),
    ...given('--driver', network['driver']),
    ...pairs('--opt', network['driver_opts']),
    ...(network['internal'] === true ? ['--internal'] : []),
    ...(network['attachable'] === true ? ['--attachable'] : []),
    ...(network['enable_ipv6'] === true ? ['--ipv6'] : []),
    ...given('--ipam-driver', ipam['driver']),
    ...pools.flatMap((pool) => [
      ...given('--subnet', pool['subnet']),
      ...given('--ip-range', pool['ip_range']),
      ...given('--gateway', pool['gateway']),
    ]),
    name,
  ]
  return { key, name, external: !isEmpty(network['external']), words }
}

/** The service of a compose document that is filled in, and everything in it that one run does not need. Pure but for links. */
export function runnerOf(
  document: unknown,
  envFiles: readonly string[],
  project: Project,
  allow: Let,
): { readonly service: RunnerService; readonly surplus: readonly Surplus[] } {
  const root = objectOf(unescaped(document))
  const service = { ...objectOf(objectOf(root['services'])[VAULT_RUNNER]), env_file: [...envFiles] }
  const fields: Json = service
  const name = String(root['name'] ?? project.name)
  const { mounts, surplus: kinds } = mountsOf(fields, objectOf(root['volumes']))
  const environment = new Map(
    Object.entries(objectOf(fields['environment'])).flatMap(([key, value]) =>
      value === null ? [] : [[key, String(value)] as const],
    ),
  )
  const networks = objectOf(root['networks'])
  const mode = isEmpty(fields['network_mode']) ? undefined : String(fields['network_mode'])
  const keys = Object.keys(objectOf(fields['networks']))
  const surplus = [
    ...mounts.flatMap((mount) => surplusOfMount(mount, project, allow.mounts, allow.engine)),
    ...kinds,
    ...surplusOfSettings(fields).map((what) => ({ what })),
    ...surplusOfEnvironment(environment, allow),
  ]
  return {
    surplus: [...new Map(surplus.map((one) => [one.what, one])).values()],
    service: {
      image: String(fields['image'] ?? `${name}-${VAULT_RUNNER}`),
      words: wordsOfSettings(fields),
      environment,
      mounts,
      networks: keys.map((key) => networkOf(key, networks[key], name)),
      networkMode: mode,
      command: listOf(fields['command']).map(String),
      builds: !isEmpty(fields['build']),
    },
  }
}

/** What of a service may take its value from `.env.enc`: what says which program runs, and nothing that it is told. */
const NEEDED = new Set(['image', 'platform', 'build'])

interface FilledIn {
  readonly document: unknown
  /** What it was filled in with, beside the environment. */
  readonly values: ReadonlyMap<string, Secret>
}

async function askCompose(context: HostContext, values: ReadonlyMap<string, Secret>): Promise<unknown> {
  const words = [...composeWords(context), '--profile', '*', 'config', '--format', 'json']
  const ended = await askDocker(context, words, values)
  return ended.status === 0 ? JSON.parse(ended.stdout.toString()) : undefined
}

/** The values that `.env.enc` has for what says which program runs. */
async function neededValues(
  context: HostContext,
  { references }: ComposeSources,
): Promise<ReadonlyMap<string, Secret>> {
  const names = references.flatMap(({ name, path: [, service, setting = ''] }) =>
    service === VAULT_RUNNER && NEEDED.has(setting) && !context.variables.get(name) ? [name] : [],
  )
  return names.length === 0 ? new Map() : openValues(context, names, [])
}

/** Has compose fill in its files; where it takes nothing for a variable of another service, with something instead. */
async function fillIn(context: HostContext): Promise<FilledIn & { readonly sources: ComposeSources }> {
  // Mostly there are no values, and compose takes longest.
  const asking = askCompose(context, new Map())
  asking.catch(() => {})
  const sources = await readSources(context)
  const values = await neededValues(context, sources)
  const document = values.size === 0 ? await asking : await askCompose(context, values)
  if (document !== undefined) return { sources, document, values }
  // Throws with what is wrong, if something is.
  const all = new Map([...(await readStack(context)).values, ...values])
  return { sources, document: await askCompose(context, all), values: all }
}

/** The vault-runner of the compose file, with what one run does not need in it. */
export interface ReadRunner extends ReturnType<typeof runnerOf> {
  /** compose's name of the project. */
  readonly project: string
  /** For other commands of compose. */
  readonly values: ReadonlyMap<string, Secret>
}

/** Reads the vault-runner of the compose file, filled in. Throws compose-file-wrong and service-missing. */
export async function readRunner(context: HostContext, allow: Let): Promise<ReadRunner> {
  const { project } = context
  const { sources, document, values } = await fillIn(context)
  const { name, services } = objectOf(document)
  const known = Object.keys(objectOf(services))
  if (!known.includes(VAULT_RUNNER)) {
    const path = composeFiles(context)[0] ?? project.composeFile
    throw failure('service-missing', { path, service: VAULT_RUNNER, known })
  }
  const runner = runnerOf(document, sources.envFiles.get(VAULT_RUNNER) ?? [], project, allow)
  return { ...runner, project: String(name ?? project.name), values }
}
