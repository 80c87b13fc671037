/** Secret files without a name inside, of age or SOPS binary, to SOPS JSON of the same name. */

import type { Entry } from '../../load/decrypt.ts'
import { read } from '../../load/read.ts'
import type { Document } from '../../nouns.ts'
import { hasKey } from '../../sops/master-key.ts'
import { recipientsOfServices } from '../access/keys.ts'
import type { CreationRules } from '../access/rules.ts'
import type { HostContext } from '../context.ts'
import type { Prepared } from '../files/write.ts'
import { type Audience, audienceWithin } from '../store/audience.ts'
import { ensureAccepted } from '../store/consent.ts'
import { secretNames, secretSource } from '../store/inventory.ts'
import { allowed, entriesOf, openWith } from '../store/open.ts'
import { opensFor } from '../store/proved-readers.ts'
import { prepareSealed } from '../store/seal.ts'
import type { MigrateOptions } from './apart.ts'
import { rulesForSecrets } from './secrets-rule.ts'

/** Who has such a file could give it another name, and nobody would notice. */
function isNameless({ format }: Document): boolean {
  return format === 'age' || format === 'sops-binary'
}

/** Returns the secret files that have no name inside. */
export function namelessSecrets({ project }: HostContext): Document[] {
  return secretNames(project)
    .map((name) => read(secretSource(project, name)))
    .filter(isNameless)
}

/**
 * Who an age file is for as a SOPS file: whom its rule names, but no service whose key does not open it now. It says neither
 * its name nor its readers, so that one in this place may be a copy of any other.
 */
async function audienceOfAge(
  context: HostContext,
  document: Document,
  rules: CreationRules,
): Promise<Audience> {
  const { path } = document.source
  await ensureAccepted(context, rules, [path])
  const rule = rules.for(path)
  const closed: string[] = []
  for (const [service, own] of await recipientsOfServices(context)) {
    const named = own.filter((recipient) => hasKey(rule.recipients, recipient))
    if (named.length > 0 && !(await opensFor(context, document, service))) closed.push(...named)
  }
  return audienceWithin(rule, (key) => !hasKey(closed, key))
}

/** Returns how many there were. All new files are written and opened before the first takes the place of an old one. */
export async function migrateAgeFiles(context: HostContext, how: MigrateOptions): Promise<number> {
  const { speak, variables } = context
  const open = openWith(context)
  const entries: Entry[] = []
  for (const document of namelessSecrets(context))
    entries.push(...(await entriesOf(document, open, allowed(variables, how.allow))))
  const say = () => {
    for (const { name, document } of entries)
      speak.note(`secrets/${name}.enc: ${document.format === 'age' ? 'age' : 'SOPS binary'} -> SOPS`)
  }
  if (how.dryRun) say()
  if (entries.length === 0 || how.dryRun) return entries.length
  const rules = await rulesForSecrets(
    context,
    entries.map(({ name }) => name),
    how,
  )
  const prepared: Prepared[] = []
  for (const { name, value, document } of entries) {
    const content = { kind: 'json' as const, entries: [[name, value.reveal()] as const] }
    const audience = document.format === 'age' ? await audienceOfAge(context, document, rules) : undefined
    const target = { source: document.source, rules, mustOpen: true, ...(audience && { audience }) }
    prepared.push(await prepareSealed(context, content, target, document.bytes))
  }
  for (const file of prepared) file.commit()
  say()
  return entries.length
}
