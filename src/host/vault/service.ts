/**
 * The vault-runner as the compose file has it, filled in.
 * What a container of it is created with, and what is refused.
 */

import { reasonAgainst } from '../../load/names.ts'
import { KEY_VARIABLES } from '../../nouns.ts'
import { quote } from '../../quote.ts'
import type { Secret } from '../../secret.ts'
import { askDocker } from '../compose/docker.ts'
import { plainValues } from '../compose/env-files.ts'
import { isSecretive } from '../compose/exposures.ts'
import { type ComposeSources, readSources } from '../compose/files.ts'
import { readStack } from '../compose/read.ts'
import { composeFiles, composeWords } from '../compose/settings.ts'
import { openValues } from '../compose/values.ts'
import type { HostContext } from '../context.ts'
import { failure } from '../errors.ts'
import { realPath } from '../files/real-path.ts'
import { type Project, VAULT_RUNNER } from '../project.ts'
import { isEmpty, isObject, type Json, listOf, objectOf } from './json.ts'
import { type Mount, type Surplus, surplusOfMount } from './mounts.ts'
import { type Network, networkOf, surplusOfNetwork } from './networks.ts'
import { surplusOfSettings, wordsOfSettings } from './settings.ts'

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
}

/** What somebody lets a run have, by name. */
export interface Let {
  readonly mounts: readonly string[]
  readonly names: ReadonlySet<string>
  /** Names that encrypted files hold: none of them comes from the compose file. */
  readonly secrets: ReadonlySet<string>
  /**
   * Values that no run is to have, by their names: those of a plaintext `.env` and what is called a secret in the
   * environment, as far as the compose file refers to them.
   */
  readonly kept?: ReadonlyMap<string, string>
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

/**
 * Variables of ours that change nothing but what is said, or that every run sets itself (run.ts). And the user of the
 * command, as `user:` is one: root in a run finds a key for this run's files alone, whose values it was given.
 */
const HARMLESS: ReadonlySet<string> = new Set([
  ...['DISINTO_LOG', 'DISINTO_DEBUG', 'DISINTO_SUMMARY', 'DISINTO_VERBOSE', 'DISINTO_REQUIRE_ANY'],
  'DISINTO_USER',
  ...['DISINTO_ONLY', 'DISINTO_REQUIRE', 'DISINTO_ALLOW', 'DISINTO_PROPOSAL', 'DISINTO_AS_FILE'],
])

/** What a variable takes over; undefined when that is nothing. Empty, one of ours can still take the guard away. */
function takenOver(name: string, value: string): string | undefined {
  if (HARMLESS.has(name) || (value === '' && !name.startsWith('DISINTO_'))) return undefined
  const reason = reasonAgainst(name)
  return reason && `a variable that ${reason} (environment: ${quote(name)})`
}

function surplusOfVariable(name: string, value: string, { secrets, names }: Let): Surplus[] {
  if (names.has(name)) return []
  const isKey = (KEY_VARIABLES as readonly string[]).includes(name) || KEY_TEXT.test(value)
  if (value !== '' && isKey) return [{ what: `a key (environment: ${quote(name)})` }]
  const what =
    value !== '' && secrets.has(name)
      ? `a value of ${quote(name)}, which an encrypted file holds (environment:)`
      : takenOver(name, value)
  return what === undefined ? [] : [{ what, allow: `--allow ${name}` }]
}

function surplusOfEnvironment(environment: ReadonlyMap<string, string>, allow: Let): Surplus[] {
  return [...environment].flatMap(([name, value]) => surplusOfVariable(name, value, allow))
}

/** What of a service may take its value from `.env.enc`: what says which program runs, and nothing that it is told. */
const NEEDED: ReadonlySet<string> = new Set(['image', 'platform'])

/** Of names nobody has told here what they are: what tells it in a repository is anybody's. */
const NOTHING_TOLD = { secrets: new Set<string>(), config: new Set<string>() }
const isSecret = (name: string): boolean => isSecretive(name, NOTHING_TOLD)

/** What says something that is no container's: here nothing is built. */
const UNUSED: ReadonlySet<string> = new Set(['build'])

/** Shorter ones stand in other texts by chance. */
const LEAST_CHARACTERS = 4

function textsIn(value: unknown): string[] {
  if (typeof value === 'string') return [value]
  return typeof value === 'object' && value !== null ? Object.values(value).flatMap(textsIn) : []
}

/** Settings in which a value of another name stands, whatever it is called there. */
function surplusOfValues(service: Json, { kept = new Map(), names, secrets }: Let): Surplus[] {
  const values = [...kept].filter(([name, value]) => !names.has(name) && value.length >= LEAST_CHARACTERS)
  return Object.entries(service).flatMap(([setting, inner]) => {
    if (UNUSED.has(setting)) return []
    const texts = setting === 'environment' ? unnamed(objectOf(inner), secrets) : textsIn(inner)
    return values
      .filter(([name]) => !NEEDED.has(setting) || isSecret(name))
      .filter(([, value]) => texts.some((text) => text.includes(value)))
      .map(([name]) => ({ what: `a value of ${quote(name)} (${setting}:)`, allow: `--allow ${name}` }))
  })
}

/** The values of an environment whose names tell nothing: of the others something is said already. */
const unnamed = (environment: Json, secrets: ReadonlySet<string>): string[] =>
  Object.entries(environment).flatMap(([name, value]) => (secrets.has(name) ? [] : textsIn(value)))

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
  const joined = keys.map((key) => networkOf(key, networks[key], name))
  const surplus = [
    ...mounts.flatMap((mount) => surplusOfMount(mount, project, allow.mounts, allow.engine)),
    ...kinds,
    ...surplusOfSettings(fields, allow.names),
    ...joined.flatMap((network) => surplusOfNetwork(network, networks[network.key])),
    ...surplusOfEnvironment(environment, allow),
    ...surplusOfValues(fields, allow),
  ]
  return {
    surplus: [...new Map(surplus.map((one) => [one.what, one])).values()],
    service: {
      image: String(fields['image'] ?? `${name}-${VAULT_RUNNER}`),
      words: wordsOfSettings(fields),
      environment,
      mounts,
      networks: joined,
      networkMode: mode,
      command: listOf(fields['command']).map(String),
    },
  }
}

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

/**
 * The names that say which program runs and that may have their values from `.env.enc`; of secrets, which would be a part
 * of what others hear, only those that are let through.
 */
function neededNames(
  { variables }: HostContext,
  { references }: ComposeSources,
  { names }: Let,
): { readonly needed: readonly string[]; readonly secret: readonly string[] } {
  const all = references.flatMap(({ name, path: [, service, setting = ''] }) =>
    service === VAULT_RUNNER && NEEDED.has(setting) && !variables.get(name) ? [name] : [],
  )
  const isKept = (name: string) => isSecret(name) && !names.has(name)
  return { needed: all.filter((name) => !isKept(name)), secret: all.filter(isKept) }
}

/** Has compose fill in its files; where it takes nothing for a variable of another service, with something instead. */
async function fillIn(
  context: HostContext,
  allow: Let,
): Promise<FilledIn & { readonly sources: ComposeSources }> {
  // Before compose reads them: it would not stop at what has no end.
  const sources = await readSources(context)
  const { needed } = neededNames(context, sources, allow)
  const values = needed.length === 0 ? new Map<string, Secret>() : await openValues(context, needed, [])
  const document = await askCompose(context, values)
  if (document !== undefined) return { sources, document, values }
  // Throws with what is wrong, if something is.
  const all = new Map([...(await readStack(context)).values, ...values])
  return { sources, document: await askCompose(context, all), values: all }
}

/** The values that no run is to have, among those with which compose has filled in its files. */
async function keptOf(
  context: HostContext,
  { references }: ComposeSources,
  values: ReadonlyMap<string, Secret>,
): Promise<Map<string, string>> {
  const referred = new Set(references.map(({ name }) => name))
  const plain = [...(await plainValues(context))].filter(([name]) => referred.has(name))
  const environment = [...context.variables].filter(([name]) => referred.has(name) && isSecret(name))
  const opened = [...values].map(([name, value]) => [name, value.reveal()] as const)
  return new Map([...plain, ...environment, ...opened])
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
  const { sources, document, values } = await fillIn(context, allow)
  const { name, services } = objectOf(document)
  const known = Object.keys(objectOf(services))
  if (!known.includes(VAULT_RUNNER)) {
    const path = composeFiles(context)[0] ?? project.composeFile
    throw failure('service-missing', { path, service: VAULT_RUNNER, known })
  }
  const kept = await keptOf(context, sources, values)
  const runner = runnerOf(document, sources.envFiles.get(VAULT_RUNNER) ?? [], project, { ...allow, kept })
  const told = neededNames(context, sources, allow).secret.map((secret) => ({
    what: `a value of ${quote(secret)} in the name of its image (image:)`,
    allow: `--allow ${secret}`,
  }))
  return { ...runner, surplus: [...told, ...runner.surplus], project: String(name ?? project.name), values }
}
