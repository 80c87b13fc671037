/** Age files in secrets/, which older installations wrote, to SOPS files of the same name. */
import { read } from '../../load/read.ts'
import type { HostContext } from '../context.ts'
import { ensureRules } from '../access/first-use.ts'
import { secretNames, secretSource } from '../store/inventory.ts'
import type { MigrateOptions } from './apart.ts'
import { allowed, entriesOf, openWith } from '../store/open.ts'
import { prepareSealed } from '../store/seal.ts'
import type { Prepared } from '../files/write.ts'

/** Gives how many there were. All new files are written and opened before the first takes the place of an old one. */
export async function migrateAgeFiles(context: HostContext, how: MigrateOptions): Promise<number> {
  const { project, speak, variables } = context
  const documents = secretNames(project)
    .map((name) => read(secretSource(project, name)))
    .filter(({ format }) => format === 'age')
  const open = openWith(context)
  const entries = []
  for (const document of documents)
    for (const entry of await entriesOf(document, open, allowed(variables, how.allow)))
      entries.push({ ...entry, document })
  for (const { name } of entries) speak.note(`secrets/${name}.enc: age -> SOPS`)
  if (entries.length === 0 || how.dryRun) return entries.length
  const rules = await ensureRules(context)
  const prepared: Prepared[] = []
  for (const { name, value, document } of entries) {
    const content = { kind: 'json' as const, entries: [[name, value.reveal()] as const] }
    const target = { source: document.source, rules, mustOpen: true }
    prepared.push(await prepareSealed(context, content, target, document.bytes))
  }
  for (const file of prepared) file.commit()
  return entries.length
}
