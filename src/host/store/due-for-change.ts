/** The secrets whose values somebody knows who should not. Only their issuers can make them worthless. */

import type { Source } from '../../nouns.ts'
import { quote } from '../../quote.ts'
import type { HostContext } from '../context.ts'
import { outsideOf } from './inventory.ts'
import { since } from './since.ts'

/** Lists the names in these files, with the age of each value. */
export async function sayDueForChange({ speak }: HostContext, sources: readonly Source[]): Promise<void> {
  for (const source of sources) {
    const { names, lastModified } = await outsideOf(source)
    const known = source.role === 'secret' ? [source.name] : names
    for (const name of known) speak.note(`  ${quote(name)} (changed ${since(lastModified)})`)
  }
}
