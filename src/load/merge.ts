/** The inherited environment and the entries, to the command's environment. */
import { failure } from '../errors.ts'
import type { Entry } from './decrypt.ts'
import type { Options } from './options.ts'

/** Where sops takes age identities from; the command has no use for them. */
export const KEY_VARIABLES = [
  'SOPS_AGE_KEY',
  'SOPS_AGE_KEY_FILE',
  'SOPS_AGE_KEY_CMD',
  'SOPS_AGE_SSH_PRIVATE_KEY_FILE',
  'SOPS_AGE_SSH_PRIVATE_KEY_CMD',
] as const

/** Under this name the image's ENTRYPOINT keeps a NODE_OPTIONS that was meant for the command. */
export const SAVED_NODE_OPTIONS = 'DISINTO_SAVED_NODE_OPTIONS'

export interface Merged {
  /** In the inherited order, new names at the end in the order of their sources. */
  readonly environment: ReadonlyMap<string, string>
  /** For each name the entry that counts, and whether the environment already had it. */
  readonly outcome: ReadonlyMap<string, { readonly entry: Entry; readonly kept: boolean }>
}

function startOf(inherited: ReadonlyMap<string, string>, keepKey: boolean): Map<string, string> {
  const environment = new Map<string, string>()
  for (const [name, value] of inherited) {
    if (!keepKey && (KEY_VARIABLES as readonly string[]).includes(name)) continue
    if (name !== SAVED_NODE_OPTIONS) environment.set(name, value)
    // Empty: there was none, so the command gets none.
    else if (value !== '') environment.set('NODE_OPTIONS', value)
  }
  return environment
}

/**
 * Later wins: env file < secret files < inherited. An empty inherited variable counts as not set; with
 * `override` the files win. Throws when a required name ends up missing or empty.
 */
export function merge(
  inherited: ReadonlyMap<string, string>,
  entries: readonly Entry[],
  options: Options,
): Merged {
  const environment = startOf(inherited, options.keepKey)
  const outcome = new Map<string, { entry: Entry; kept: boolean }>()
  for (const entry of entries) outcome.set(entry.name, { entry, kept: false })
  for (const [name, fate] of outcome) {
    const already = environment.get(name)
    if (!options.override && already !== undefined && already !== '') fate.kept = true
    else environment.set(name, fate.entry.value.reveal())
  }
  const unmet = options.require.filter((name) => (environment.get(name) ?? '') === '')
  if (unmet.length > 0) throw failure('require-unmet', unmet)
  return { environment, outcome }
}
