/** Where docker would keep, and show, the values of variables. */
import { quote } from '../../quote.ts'
import type { Model } from './model.ts'
import type { Reference } from './references.ts'
import type { StandIns } from './stand-ins.ts'

/** Words in a name that say its value is a secret. */
const SECRETIVE =
  /SECRET|TOKEN|PASS(?!IVE|ENGER)|PWD|KEY(?!BOARD|CLOAK_URL)|CRED|PRIVATE|(?:^|_)(?:AUTH|PIN|PAT|SALT|DSN|CERT|COOKIE|SIGNATURE|WEBHOOK(?:_URL)?)(?:_|$)/i

/** Names of which people have said what they are: `[SECRET]` and `[CONFIG]` in `.env.example`, `x-disinto: config:`. */
export interface Told {
  readonly secrets: ReadonlySet<string>
  readonly config: ReadonlySet<string>
}

/** Reads what the comments of an example say: `NAME=  # [SECRET] what it is for`, `[CONFIG]`. */
export function toldIn(example: string): Told {
  const told = { secrets: new Set<string>(), config: new Set<string>() }
  for (const line of example.split('\n')) {
    const [, name, mark] =
      /^#?\s*(?:export\s+)?([A-Za-z_]\w*)\s*=[^#]*#.*\[(SECRET|CONFIG)\]/.exec(line.trimStart()) ?? []
    if (name !== undefined) (mark === 'SECRET' ? told.secrets : told.config).add(name)
  }
  return told
}

/** Whether the value of a name is taken for a secret: as people have told, else by the words in it. */
export function isSecretive(name: string, { secrets, config }: Told): boolean {
  if (secrets.has(name)) return true
  return !config.has(name) && SECRETIVE.test(name)
}

export interface Exposure {
  /** The service, or `volume x`, `network x`. */
  readonly holder: string
  /** The keys under which each name stands: `environment` first, then in the model's order. */
  readonly places: ReadonlyMap<string, readonly string[]>
}

function collect(found: Iterable<readonly [holder: string, where: string, name: string]>): Exposure[] {
  const holders = new Map<string, Map<string, string[]>>()
  for (const [holder, where, name] of found) {
    const places = holders.get(holder) ?? new Map<string, string[]>()
    holders.set(holder, places)
    const wheres = places.get(name) ?? []
    places.set(name, wheres)
    if (wheres.includes(where)) continue
    // Where people put it.
    if (where === 'environment') wheres.unshift(where)
    else wheres.push(where)
  }
  return [...holders].map(([holder, places]) => ({ holder, places }))
}

/** Where the model holds the stand-ins of names. */
export function exposuresOf(model: Model, standIns: StandIns): Exposure[] {
  const found: Array<readonly [string, string, string]> = []
  const look = (holder: string, where: string, text: string) => {
    for (const name of standIns.namesIn(text)) found.push([holder, where, name])
  }
  for (const { name, texts } of model.services) for (const [where, text] of texts) look(name, where, text)
  for (const [holder, text] of model.texts) look(holder, '', text)
  return collect(found)
}

/** The same by the places of references alone, for files that compose takes with no stand-in. */
export function exposuresByPlace(references: readonly Reference[], names: ReadonlySet<string>): Exposure[] {
  return collect(
    references.flatMap(({ name, path }) => {
      const [section, holder = '', where = ''] = path
      return section === 'services' && names.has(name) ? [[holder, where, name] as const] : []
    }),
  )
}

/** The names in words: `FORGE_TOKEN, FORGE_PASS (environment), X (environment, labels)`. */
export function placesInWords({ places }: Exposure): string {
  const groups = new Map<string, string[]>()
  for (const [name, wheres] of places) {
    const where = wheres.join(', ')
    groups.set(where, [...(groups.get(where) ?? []), quote(name)])
  }
  return [...groups]
    .map(([where, names]) => `${names.join(', ')}${where === '' ? '' : ` (${where})`}`)
    .join(', ')
}

/** How a service gets its secrets without docker showing them, by what its image is; one way, the shortest. */
export function wayOut({ holder, places }: Exposure, hasShim: boolean): string {
  const [first] = places.keys()
  const wheres = [...places.values()].flat()
  const config = `for what is not secret: x-disinto: {config: [${first ?? 'NAME'}]} at the top of the compose file`
  if (/^(?:volume|network|config) /.test(holder))
    return `a value there is visible to anyone who can inspect it: name it where a container reads it; ${config}`
  if (!hasShim)
    return `use an image with the shim for ${quote(holder)} (docs/install.md), or name a file that it reads; ${config}`
  if (wheres.every((where) => where === 'environment'))
    return `remove the lines from environment:, as the image's entrypoint loads .env.enc for the command; ${config}`
  return `remove them: the entrypoint loads .env.enc for the command, and its shell reads $$NAME; ${config}`
}
