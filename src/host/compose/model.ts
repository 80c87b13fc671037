/** What a compose file says, as compose itself reads it, before any variable is filled in. */

export interface Mount {
  readonly type: string
  readonly source: string | undefined
  readonly target: string
}

export interface Service {
  readonly name: string
  readonly mounts: readonly Mount[]
  readonly envFiles: readonly string[]
  /** Where a variable's value would end up in what Docker keeps of the container or image, by variable. */
  readonly stores: ReadonlyArray<{ readonly variable: string; readonly where: string }>
  /** Literal values of `environment:`, by name: never to be shown. */
  readonly literals: ReadonlyMap<string, string>
  readonly image: string | undefined
  /** It sees what the host sees: `privileged`, or the host's processes. */
  readonly privileged: boolean
}

export interface Model {
  /** The project's name, by which compose labels what it makes. */
  readonly name: string
  readonly services: readonly Service[]
  /** Every variable the file refers to; true for one that must not be empty (`${NAME:?…}`). */
  readonly references: ReadonlyMap<string, boolean>
}

type Json = Readonly<Record<string, unknown>>

const isObject = (value: unknown): value is Json =>
  typeof value === 'object' && value !== null && !Array.isArray(value)
const objectOf = (value: unknown): Json => (isObject(value) ? value : {})
const listOf = (value: unknown): readonly unknown[] => (Array.isArray(value) ? value : [])

/** The variables in a text: `$NAME`, `${NAME}` and what compose allows behind a name; `$$` is a dollar sign. */
export function variablesIn(text: string): Array<{ readonly name: string; readonly required: boolean }> {
  return [...text.matchAll(/\$(?:\$|\{?([A-Za-z_]\w*)(:?\?)?)/g)].flatMap(([whole, name, mark]) =>
    name === undefined ? [] : [{ name, required: whole.startsWith('${') && mark !== undefined }],
  )
}

/** Every text inside a value, keys included. */
function textsOf(value: unknown): string[] {
  if (typeof value === 'string') return [value]
  if (Array.isArray(value)) return value.flatMap(textsOf)
  return isObject(value) ? Object.entries(value).flatMap(([key, inner]) => [key, ...textsOf(inner)]) : []
}

/** `environment:` and `args:` as pairs; without a value, compose passes its own variable of that name on. */
function pairsOf(value: unknown): Array<readonly [name: string, value: string | undefined]> {
  if (Array.isArray(value)) {
    return value.map(String).map((text) => {
      const equals = text.indexOf('=')
      return equals < 0
        ? ([text, undefined] as const)
        : ([text.slice(0, equals), text.slice(equals + 1)] as const)
    })
  }
  return Object.entries(objectOf(value)).map(([name, inner]) => [
    name,
    inner === null ? undefined : String(inner),
  ])
}

/** The variables that pairs take from compose's own environment. */
const passedOn = (pairs: ReturnType<typeof pairsOf>): string[] =>
  pairs.flatMap(([name, value]) =>
    value === undefined ? [name] : variablesIn(value).map((variable) => variable.name),
  )

function readService(name: string, value: Json): Service {
  const environment = pairsOf(value['environment'])
  const build = objectOf(value['build'])
  const stored: Array<readonly [where: string, variables: readonly string[]]> = [
    ['environment', passedOn(environment)],
    ['build.args', passedOn(pairsOf(build['args']))],
    ...['command', 'entrypoint', 'labels', 'healthcheck'].map(
      (where) =>
        [
          where,
          textsOf(value[where]).flatMap((text) => variablesIn(text).map((found) => found.name)),
        ] as const,
    ),
  ]
  return {
    name,
    mounts: listOf(value['volumes'])
      .filter(isObject)
      .map((mount) => ({
        type: String(mount['type'] ?? ''),
        source: typeof mount['source'] === 'string' ? mount['source'] : undefined,
        target: String(mount['target'] ?? ''),
      })),
    envFiles: listOf(value['env_file']).map((file) => String(isObject(file) ? file['path'] : file)),
    stores: stored.flatMap(([where, variables]) =>
      [...new Set(variables)].map((variable) => ({ variable, where })),
    ),
    literals: new Map(
      environment.flatMap(([key, text]) =>
        text === undefined || text === '' || variablesIn(text).length > 0 ? [] : [[key, text] as const],
      ),
    ),
    image: typeof value['image'] === 'string' ? value['image'] : undefined,
    privileged: value['privileged'] === true || value['pid'] === 'host',
  }
}

/** Reads what `docker compose config --no-interpolate --format json` prints. */
export function readModel(json: string): Model {
  const root = objectOf(JSON.parse(json))
  const services = Object.entries(objectOf(root['services'])).map(([name, value]) =>
    readService(name, objectOf(value)),
  )
  const references = new Map<string, boolean>()
  const refer = (name: string, required: boolean) =>
    references.set(name, required || references.get(name) === true)
  for (const text of textsOf(root)) for (const { name, required } of variablesIn(text)) refer(name, required)
  for (const value of Object.values(objectOf(root['services']))) {
    const service = objectOf(value)
    for (const pairs of [service['environment'], objectOf(service['build'])['args']]) {
      for (const [name, text] of pairsOf(pairs)) if (text === undefined) refer(name, false)
    }
  }
  // `secrets:` and `configs:` from the environment name their variable without a dollar sign.
  for (const section of ['secrets', 'configs']) {
    for (const value of Object.values(objectOf(root[section]))) {
      const name = objectOf(value)['environment']
      if (typeof name === 'string') refer(name, false)
    }
  }
  return { name: String(root['name'] ?? ''), services, references }
}
