/** What stands for a variable where compose reads its file and no value matters. */
import type { Reference } from './references.ts'

/** What a place takes. `value`: compose opens or names something by it, so that nothing else will do. */
export type Kind =
  | 'value'
  | 'choice'
  | 'boolean'
  | 'address'
  | 'duration'
  | 'number'
  | 'path'
  | 'text'
  | 'empty'

/** What is wanted first when one variable stands at several places: what fewer places take. */
const KINDS: readonly Kind[] = [
  'value',
  'choice',
  'boolean',
  'address',
  'duration',
  'number',
  'path',
  'text',
  'empty',
]

/** Places by the keys that lead to them (compose-go's schema and casts); the first that fits counts. */
const PLACES: ReadonlyArray<readonly [kind: Kind, place: RegExp]> = [
  ['value', /^include\b|\.extends\.file$|\.env_file\b|\.label_file\b|^name$/],
  [
    'choice',
    /\.(?:pull_policy|cgroup|protocol|condition|selinux|network_mode|pid|ipc|uts|order|action)$|\.platforms?(?:\.\*)?$|\.ports\.\*\.mode$|\.volumes\.\*\.type$/,
  ],
  [
    'boolean',
    /\.(?:privileged|init|tty|stdin_open|read_only|oom_kill_disable|disable|external|internal|attachable|enable_ipv[46]|create_host_path|nocopy|no_cache|pull|required|use_api_socket|initial_sync)$|\.depends_on\.[^.]+\.restart$/,
  ],
  ['address', /\.(?:host_ip|ipv[46]_address|subnet|gateway|ip_range)$/],
  ['duration', /\.(?:stop_grace_period|interval|timeout|start_period|start_interval|delay|window|monitor)$/],
  [
    'number',
    /\.(?:cpus|cpu_\w+|mem_\w+|memswap_limit|shm_size|memory|pids_limit|pids|oom_score_adj|scale|replicas|retries|max_\w+|parallelism|priority|size|weight|rate|count|target|published|mode|soft|hard)$|\.ulimits\.[^.]+$|\.expose\.\*$/,
  ],
  ['path', /\.(?:volumes|devices)\.\*$|\.volumes\.\*\.source$|^(?:secrets|configs)\.[^.]+\.file$/],
  ['path', /\.(?:context|dockerfile)$/],
]

/** A word that each of these places takes. */
const WORDS: ReadonlyArray<readonly [place: RegExp, word: string]> = [
  [/\.pull_policy$/, 'missing'],
  [/\.cgroup$/, 'private'],
  [/\.protocol$|\.ports\.\*$/, 'tcp'],
  [/\.condition$/, 'service_started'],
  [/\.selinux$/, 'z'],
  [/\.order$/, 'stop-first'],
  [/\.action$/, 'sync'],
  [/\.platforms?(?:\.\*)?$/, 'linux/amd64'],
  [/\.volumes\.\*\.type$/, 'bind'],
  [/\.volumes\.\*$/, 'ro'],
]

const placeOf = ({ path }: Reference): string => path.join('.')

/** How many parts of a text between colons stand behind, what is inside `${…}` left out. */
function partsIn(text: string): number {
  // Behind the last brace nothing is closed: there the search would begin anew at every `${`.
  const closed = text.lastIndexOf('}') + 1
  const outside = text.slice(0, closed).replaceAll(/\$\{[^}]*\}+/g, '') + text.slice(closed)
  return outside.split(':').length - 1
}

/** `IP:PUBLISHED:TARGET/PROTOCOL`, of which the first two may be missing. */
function kindInPort({ before, after }: Reference): Kind {
  if (before.endsWith('/')) return 'choice'
  return partsIn(after) >= 2 ? 'address' : 'number'
}

/** What the place of a reference takes. */
export function kindOf(reference: Reference): Kind {
  const place = placeOf(reference)
  // Extensions are taken whatever they hold; what is used of them has a place of its own.
  if (/(?:^|\.)x-/.test(place)) return 'text'
  if (/\.ports\.\*$/.test(place)) return kindInPort(reference)
  // SOURCE:TARGET:MODE
  if (/\.volumes\.\*$/.test(place) && partsIn(reference.before) >= 2) return 'choice'
  return PLACES.find(([, pattern]) => pattern.test(place))?.[0] ?? 'text'
}

/** Five digits, good as a port, and so that each stands for one variable. */
const FIRST = 61_000
const LAST = 65_000

/** The stand-ins of a set of variables, and what may be tried where compose does not take one. */
export class StandIns {
  readonly #names: string[] = []
  readonly #numbers = new Map<number, string>()
  readonly #kinds = new Map<string, Kind>()
  readonly #words = new Map<string, string>()
  readonly #tried = new Map<string, Set<Kind>>()
  readonly #places = new Map<string, string[]>()

  /** For these names, by where they stand; none for a name of which the value itself is needed. */
  constructor(names: Iterable<string>, references: readonly Reference[], taken = '') {
    const byName = groupByName(references)
    let number = FIRST
    for (const name of new Set(names)) {
      const own = byName.get(name) ?? []
      const kinds = own.map(kindOf)
      const kind = KINDS.find((one) => kinds.includes(one)) ?? 'text'
      if (kind === 'value') continue
      // A number that the file has itself would be taken for the variable.
      while (taken.includes(String(number)) && number < LAST) number += 1
      this.#names.push(name)
      this.#numbers.set(number, name)
      number += 1
      this.#kinds.set(name, kind)
      this.#tried.set(name, new Set([kind]))
      this.#places.set(name, own.map(placeOf))
      const choice = own.find((reference) => kindOf(reference) === 'choice')
      const word = WORDS.find(([place]) => choice !== undefined && place.test(placeOf(choice)))?.[1]
      if (word !== undefined) this.#words.set(name, word)
    }
  }

  get names(): readonly string[] {
    return this.#names
  }

  /** Name to stand-in. */
  values(): Map<string, string> {
    return new Map(
      [...this.#numbers].map(([number, name]) => [name, this.#textOf(name, number, this.#kinds.get(name))]),
    )
  }

  #textOf(name: string, number: number, kind: Kind | undefined): string {
    if (kind === 'choice') return this.#words.get(name) ?? 'host'
    if (kind === 'boolean') return 'true'
    if (kind === 'address') return `10.9.${number >> 8}.${number & 0xff}`
    if (kind === 'duration') return `${number}s`
    if (kind === 'number') return String(number)
    if (kind === 'path') return `/d${number}d`
    return kind === 'empty' ? '' : `d${number}d`
  }

  /** The variables whose stand-ins are in a text. */
  namesIn(text: string): string[] {
    const numbers = [...text.matchAll(/(?<!\d)6\d{4}(?!\d)/g)].map(([digits]) => Number(digits))
    const addresses = [...text.matchAll(/(?<![\d.])10\.9\.(\d{1,3})\.(\d{1,3})(?!\d)/g)].map(
      ([, high, low]) => (Number(high) << 8) | Number(low),
    )
    return [...new Set([...numbers, ...addresses])].flatMap((number) => this.#numbers.get(number) ?? [])
  }

  /** A text with the names of the variables in place of their stand-ins. */
  named(text: string): string {
    let named = text
    for (const [number, name] of this.#numbers) {
      for (const kind of ['duration', 'path', 'text', 'number', 'address'] as const)
        named = named.replaceAll(this.#textOf(name, number, kind), `\${${name}}`)
    }
    return named
  }

  /**
   * Chooses other stand-ins after compose has refused the file with these words: for the variables that it names, for
   * those at the place that it names, or for all. Returns whether there was anything left to try.
   */
  tryOthers(refusal: string): boolean {
    const shown = this.namesIn(refusal)
    const section = /services\.[^\s:']+/.exec(refusal)?.[0]?.replaceAll(/\.?\[?\d+\]?(?=\.|$)/g, '.*') ?? '\0'
    const placed = this.#names.filter((name) =>
      this.#places.get(name)?.some((place) => place.startsWith(section)),
    )
    const wrong = [shown, placed, this.#names].find((names) => names.length > 0) ?? []
    return wrong.map((name) => this.#next(name)).includes(true)
  }

  #next(name: string): boolean {
    const tried = this.#tried.get(name)
    const next = (['number', 'text', 'path', 'duration', 'address', 'boolean', 'empty'] as const).find(
      (kind) => tried?.has(kind) === false,
    )
    if (next === undefined) return false
    tried?.add(next)
    this.#kinds.set(name, next)
    return true
  }
}

function groupByName(references: readonly Reference[]): Map<string, Reference[]> {
  const groups = new Map<string, Reference[]>()
  for (const reference of references) {
    const group = groups.get(reference.name)
    if (group === undefined) groups.set(reference.name, [reference])
    else group.push(reference)
  }
  return groups
}
