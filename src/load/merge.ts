/** The inherited environment and the entries, to the command's environment. */
import { failure } from '../errors.ts'
import { KEY_VARIABLES, type KeyType } from '../nouns.ts'
import { CREDENTIALS } from './credentials.ts'
import type { Entry } from './decrypt.ts'
import { SAVED, SAVED_NAMES } from './names.ts'
import type { Options } from './options.ts'

export interface Merged {
  /** In the inherited order, new names at the end in the order of their sources. */
  readonly environment: ReadonlyMap<string, string>
  /** For each name the entry that counts, and whether the environment already had it. */
  readonly outcome: ReadonlyMap<string, { readonly entry: Entry; readonly kept: boolean }>
}

/** Returns the names that the command does not get: those of keys, and the credentials for these kinds of master keys. */
export function withheld(used: ReadonlySet<KeyType>): ReadonlySet<string> {
  return new Set([...KEY_VARIABLES, ...[...used].flatMap((type) => CREDENTIALS[type] ?? [])])
}

function startOf(inherited: ReadonlyMap<string, string>, without: ReadonlySet<string>): Map<string, string> {
  const environment = new Map<string, string>()
  const passed = new Set<string>()
  for (const [name, value] of inherited) {
    if (without.has(name)) continue
    const saved = SAVED_NAMES.includes(`${SAVED}${name}`) ? inherited.get(`${SAVED}${name}`) : undefined
    if (SAVED_NAMES.includes(name)) {
      passed.add(name)
      const original = name.slice(SAVED.length)
      // Nothing stands for it. Empty: there was none, so the command gets none.
      if (!inherited.has(original) && value !== '') environment.set(original, value)
    } else if (saved === undefined) environment.set(name, value)
    // In its place. After the other, `env` has put it there, empty, for our Node, and there was none.
    else if (!passed.has(`${SAVED}${name}`)) environment.set(name, saved)
  }
  return environment
}

/**
 * Later wins: env file < secret files < inherited. An empty inherited variable counts as not set; with
 * `override` the files win. `used` are the kinds of keys that opened files. Throws when a required name ends up missing
 * or empty.
 */
export function merge(
  inherited: ReadonlyMap<string, string>,
  entries: readonly Entry[],
  options: Options,
  used: ReadonlySet<KeyType> = new Set(),
): Merged {
  const environment = startOf(inherited, options.keepKey ? new Set() : withheld(used))
  const outcome = new Map<string, { entry: Entry; kept: boolean }>()
  for (const entry of entries) outcome.set(entry.name, { entry, kept: false })
  for (const [name, fate] of outcome) {
    const already = environment.get(name)
    if (!options.override && already !== undefined && already !== '') fate.kept = true
    else environment.set(name, fate.entry.value.reveal())
  }
  if (options.requireAny && outcome.size === 0)
    throw failure('require-any-unmet', { root: options.root ?? 'the working directory' })
  const unmet = options.require.filter((name) => (environment.get(name) ?? '') === '')
  if (unmet.length > 0) throw failure('require-unmet', { names: unmet })
  return { environment, outcome }
}
