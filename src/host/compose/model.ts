/** What a compose file says once it is filled in, as compose itself reads it. */

export interface Mount {
  readonly type: string
  readonly source: string | undefined
  readonly target: string
}

export interface Service {
  readonly name: string
  readonly mounts: readonly Mount[]
  /** The files of `env_file:`, as they are written. */
  readonly envFiles: readonly string[]
  /** `environment:` and what `env_file:` brings, by name: values are never to be shown. */
  readonly environment: ReadonlyMap<string, string>
  readonly image: string | undefined
  /** Whether its image is built from the project. */
  readonly built: boolean
  /** It sees what the host sees: `privileged`, or the host's processes. */
  readonly privileged: boolean
  /** In place of the image's own; undefined where the file has none, empty where it takes the image's away. */
  readonly entrypoint: readonly string[] | undefined
  readonly user: string | undefined
  readonly capAdd: readonly string[]
  readonly capDrop: readonly string[]
  readonly pidsLimit: number | undefined
  /** The names of the secrets that it gets. */
  readonly secrets: readonly string[]
  /** Names that `x-disinto: {allow: […]}` lets through. */
  readonly allow: readonly string[]
  /** `x-disinto: {secrets: …}`, as it stands there: files that it gets (deliveries.ts). */
  readonly delivers: unknown
  /** Every text in it, with the key it stands under: `environment`, `logging`, `build.args`. */
  readonly texts: ReadonlyArray<readonly [where: string, text: string]>
}

export interface Model {
  /** The project's name, by which compose labels what it makes. */
  readonly name: string
  readonly services: readonly Service[]
  /** Secrets and configs that compose takes from a variable, by section and name. */
  readonly fromEnvironment: ReadonlyArray<{
    readonly section: 'secrets' | 'configs'
    readonly name: string
    readonly variable: string
  }>
  /** The texts of networks and volumes, which docker shows, too. */
  readonly texts: ReadonlyArray<readonly [where: string, text: string]>
  /** `x-disinto:` of the whole file: names let through, and names that are no secrets. */
  readonly allow: readonly string[]
  readonly config: readonly string[]
  /** `x-disinto: {image: …}`: the one with the shim that services of ours are made of. */
  readonly image: string | undefined
}

export type Json = Readonly<Record<string, unknown>>

const isObject = (value: unknown): value is Json =>
  typeof value === 'object' && value !== null && !Array.isArray(value)
/** The object that a value is; an empty one for anything else. */
export const objectOf = (value: unknown): Json => (isObject(value) ? value : {})
const listOf = (value: unknown): readonly unknown[] => (Array.isArray(value) ? value : [])
const textsIn = (value: unknown): string[] => {
  if (typeof value === 'string') return value.split(/[\s,]+/).filter((word) => word !== '')
  return listOf(value).map(String)
}
const entriesOf = (value: unknown) => Object.entries(objectOf(value))

/** Every text and number inside a value, keys included. */
function allTexts(value: unknown): string[] {
  if (typeof value === 'string' || typeof value === 'number') return [String(value)]
  if (Array.isArray(value)) return value.flatMap(allTexts)
  return entriesOf(value).flatMap(([key, inner]) => [key, ...allTexts(inner)])
}

/** Keys of a service whose values docker keeps nowhere that `docker inspect` shows. */
const KEPT_NOWHERE = new Set([
  'secrets',
  'configs',
  'develop',
  'depends_on',
  'profiles',
  'pull_policy',
  'scale',
  'extends',
])

function storedTexts(service: Json): Array<readonly [string, string]> {
  return entriesOf(service).flatMap(([key, value]) => {
    if (KEPT_NOWHERE.has(key) || key.startsWith('x-')) return []
    if (key !== 'build') return allTexts(value).map((text) => [key, text] as const)
    // A secret of a build is in no layer.
    return entriesOf(value).flatMap(([part, inner]) =>
      part === 'secrets' ? [] : allTexts(inner).map((text) => [`build.${part}`, text] as const),
    )
  })
}

function readService(name: string, value: Json, envFiles: readonly string[], extension: Json): Service {
  const { entrypoint, pids_limit: pids } = value
  const limits = objectOf(objectOf(objectOf(value['deploy'])['resources'])['limits'])
  const pidsLimit = Number(pids ?? limits['pids'] ?? 0)
  return {
    name,
    mounts: listOf(value['volumes'])
      .filter(isObject)
      .map((mount) => ({
        type: String(mount['type'] ?? ''),
        source: typeof mount['source'] === 'string' ? mount['source'] : undefined,
        target: String(mount['target'] ?? ''),
      })),
    envFiles,
    environment: new Map(
      entriesOf(value['environment']).flatMap(([key, text]) => (text === null ? [] : [[key, String(text)]])),
    ),
    image: typeof value['image'] === 'string' ? value['image'] : undefined,
    built: isObject(value['build']),
    privileged: value['privileged'] === true || value['pid'] === 'host',
    entrypoint: Array.isArray(entrypoint) ? entrypoint.map(String) : undefined,
    user: typeof value['user'] === 'string' && value['user'] !== '' ? value['user'] : undefined,
    capAdd: listOf(value['cap_add']).map(String),
    capDrop: listOf(value['cap_drop']).map(String),
    pidsLimit: pidsLimit > 0 ? pidsLimit : undefined,
    secrets: listOf(value['secrets']).map((secret) =>
      String(isObject(secret) ? (secret['source'] ?? '') : secret),
    ),
    allow: textsIn(extension['allow']),
    delivers: extension['secrets'],
    texts: storedTexts(value),
  }
}

/**
 * Reads what `docker compose config --format json` prints. `envFiles` are the services' `env_file:`, which compose
 * has replaced by what they hold; `extensions` are their `x-disinto:`, where compose has left that out.
 */
export function readModel(
  json: string,
  envFiles: ReadonlyMap<string, readonly string[]> = new Map(),
  extensions: ReadonlyMap<string, unknown> = new Map(),
): Model {
  const root = objectOf(JSON.parse(json))
  const extension = objectOf(root['x-disinto'])
  const services = entriesOf(root['services']).map(([name, value]) =>
    readService(
      name,
      objectOf(value),
      envFiles.get(name) ?? [],
      objectOf(extensions.get(name) ?? objectOf(value)['x-disinto']),
    ),
  )
  const fromEnvironment = (['secrets', 'configs'] as const).flatMap((section) =>
    entriesOf(root[section]).flatMap(([name, value]) => {
      const variable = objectOf(value)['environment']
      return typeof variable === 'string' && variable !== '' ? [{ section, name, variable }] : []
    }),
  )
  const texts = ['networks', 'volumes'].flatMap((section) =>
    entriesOf(root[section]).flatMap(([name, value]) =>
      allTexts(value).map((text) => [`${section.slice(0, -1)} ${name}`, text] as const),
    ),
  )
  return {
    name: String(root['name'] ?? ''),
    services,
    fromEnvironment,
    texts,
    allow: textsIn(extension['allow']),
    config: textsIn(extension['config']),
    image: typeof extension['image'] === 'string' ? extension['image'] : undefined,
  }
}
