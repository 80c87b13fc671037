/** Three versions of an encrypted file merged by name. Pure: from lists of entries to one. */

/** What stands in a file, in its order: a comment, or a name with what it is set to. */
export type Entry =
  | { readonly kind: 'comment'; readonly text: string }
  | {
      readonly kind: 'value'
      readonly name: string
      /** All that makes two entries of one name the same: a dotenv line, or a value of JSON as it is written. */
      readonly content: string
    }

export interface Versions {
  /** None for an ancestor that does not have the file. */
  readonly base: readonly Entry[]
  readonly ours: readonly Entry[]
  readonly theirs: readonly Entry[]
}

export interface Merged {
  readonly entries: readonly Entry[]
  /** Names that both sides changed, each in its own way; what stands for them in `entries` is ours. */
  readonly conflicts: readonly string[]
}

/** Entries by what identifies them: a name, or the text of a comment and how often it stood before. */
type Keyed = ReadonlyMap<string, Entry>

/** Returns the entries by key, in order. */
function keyed(entries: readonly Entry[]): Keyed {
  const seen = new Map<string, number>()
  return new Map(
    entries.map((entry): [string, Entry] => {
      if (entry.kind === 'value') return [`name:${entry.name}`, entry]
      const count = seen.get(entry.text) ?? 0
      seen.set(entry.text, count + 1)
      return [`comment:${count}:${entry.text}`, entry]
    }),
  )
}

/** The first name that stands in a file twice; a merge by name has no answer to which of them is meant. */
export function nameTwice(entries: readonly Entry[]): string | undefined {
  const seen = new Set<string>()
  for (const entry of entries) {
    if (entry.kind !== 'value') continue
    if (seen.has(entry.name)) return entry.name
    seen.add(entry.name)
  }
  return undefined
}

function contentOf(entry: Entry | undefined): string | undefined {
  return entry?.kind === 'value' ? entry.content : entry?.text
}

/** Whether the keys that both have stand in the same order in both. */
function sameOrder(one: Keyed, other: Keyed): boolean {
  const keys = [...one.keys()].filter((key) => other.has(key))
  const others = [...other.keys()].filter((key) => one.has(key))
  return keys.every((key, at) => key === others[at])
}

/** A list of keys in which one can be put behind another. */
class Chain {
  static readonly #START = ''
  readonly #next = new Map<string, string>()

  constructor(keys: readonly string[]) {
    let last = Chain.#START
    for (const key of keys) {
      this.#next.set(last, key)
      last = key
    }
  }

  /** Puts a key behind another and what follows that for as long as `passes` says so. */
  put(key: string, behind: string | undefined, passes: (key: string) => boolean): void {
    let place = behind ?? Chain.#START
    let after = this.#next.get(place)
    while (after !== undefined && passes(after)) {
      place = after
      after = this.#next.get(place)
    }
    this.#next.set(place, key)
    if (after !== undefined) this.#next.set(key, after)
  }

  keys(): string[] {
    const keys: string[] = []
    for (let key = this.#next.get(Chain.#START); key !== undefined; key = this.#next.get(key)) keys.push(key)
    return keys
  }
}

/**
 * Returns the keys to keep, in the order of `first`; those that only `second` has stand after what they stand after
 * there, and after what `first` has added at that place.
 */
function inOrder(first: Keyed, second: Keyed, keep: (key: string) => boolean): string[] {
  const chain = new Chain([...first.keys()].filter(keep))
  let before: string | undefined
  for (const key of second.keys()) {
    if (!keep(key)) continue
    if (!first.has(key)) chain.put(key, before, (other) => !second.has(other))
    before = key
  }
  return chain.keys()
}

/**
 * Merges by name: what one side alone changed is taken, additions of both are, and what both changed alike: for the
 * names in `alike` both sides mean the same. Comments and the order of ours are kept; where theirs alone
 * was put in another order, that one.
 */
export function mergeByName(
  { base, ours, theirs }: Versions,
  alike: ReadonlySet<string> = new Set(),
): Merged {
  const [old, our, their] = [keyed(base), keyed(ours), keyed(theirs)]
  const conflicts: string[] = []
  const merged = new Map<string, Entry>()
  for (const key of new Set([...our.keys(), ...their.keys()])) {
    const [was, mine, other] = [old.get(key), our.get(key), their.get(key)]
    const [before, one, two] = [contentOf(was), contentOf(mine), contentOf(other)]
    let entry = mine
    if (one === before) entry = other
    else if (one !== two && two !== before) {
      const changed = mine ?? other
      if (changed?.kind === 'value' && !alike.has(changed.name)) conflicts.push(changed.name)
    }
    if (entry !== undefined) merged.set(key, entry)
  }
  const keep = (key: string): boolean => merged.has(key)
  const theirsMoved = sameOrder(old, our) && !sameOrder(old, their)
  const keys = theirsMoved ? inOrder(their, our, keep) : inOrder(our, their, keep)
  const entries = keys.flatMap((key) => merged.get(key) ?? [])
  return { entries, conflicts }
}
