/** The values of a project's own secrets, as what is searched for; they stay in memory. */
import { asDisintoError, type DisintoError } from '../../errors.ts'
import { MIN_CHARACTERS, type Pattern, patternsFor } from '../../redact/forms.ts'
import type { HostContext } from '../context.ts'
import { inventory } from '../store/inventory.ts'
import { entriesAt, openWith } from '../store/open.ts'

export interface KnownValues {
  readonly patterns: readonly Pattern[]
  /** The names that are searched for. */
  readonly names: readonly string[]
  /** Names whose values are too short: they would be found everywhere. */
  readonly short: readonly string[]
  /** The files that could not be opened, whose values are not known therefore. */
  readonly unopened: readonly DisintoError[]
}

export interface Chosen {
  /** The names to search for; all where there are none. */
  readonly only: readonly string[]
  readonly except: readonly string[]
  readonly allow: ReadonlySet<string>
}

/** Opens every file of the project that a key at hand opens. Never throws for one that can't be opened. */
export async function knownValues(
  context: HostContext,
  { only, except, allow }: Chosen,
): Promise<KnownValues> {
  const open = openWith(context)
  const values: Array<readonly [name: string, value: string]> = []
  const unopened: DisintoError[] = []
  for (const source of inventory(context.project)) {
    try {
      for (const { name, value } of await entriesAt(source, open, allow)) values.push([name, value.reveal()])
    } catch (error) {
      unopened.push(asDisintoError(error))
    }
  }
  const wanted = values.filter(
    ([name, value]) => value !== '' && (only.length === 0 || only.includes(name)) && !except.includes(name),
  )
  const isShort = (value: string) => [...value].length < MIN_CHARACTERS
  const names = (list: typeof values) => [...new Set(list.map(([name]) => name))]
  return {
    patterns: patternsFor(wanted),
    names: names(wanted.filter(([, value]) => !isShort(value))),
    short: names(wanted.filter(([, value]) => isShort(value))),
    unopened,
  }
}
