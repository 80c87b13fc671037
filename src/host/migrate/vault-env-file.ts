/** `.env.vault.enc`, where older installations kept the vault's secrets, to secret files. */
import { rmSync } from 'node:fs'
import { errnoOf } from '../../errors.ts'
import { namedValues } from '../../load/named.ts'
import { readWhole } from '../../load/read.ts'
import { Secret } from '../../secret.ts'
import type { HostContext } from '../context.ts'
import { failure } from '../errors.ts'
import { syncDirectory } from '../files/write.ts'
import { documentOf, openWith, plaintextOf } from '../store/open.ts'
import { type MigrateOptions, missingAmong, prepareSecrets } from './apart.ts'
import { rulesForSecrets } from './secrets-rule.ts'

async function valuesOf(context: HostContext, path: string): Promise<Map<string, Secret>> {
  const document = documentOf({ role: 'env-file', path, plaintextAllowed: false }, readWhole(path))
  if (document.format === 'plaintext') throw failure('source-not-encrypted', { path })
  const plaintext = await plaintextOf(document, openWith(context))
  // Each value as it stands: what `.env.vault.enc` has refers to nothing.
  const { values } = await namedValues(document, plaintext, { expand: false, home: undefined })
  return new Map(values.map(([name, value]) => [name, new Secret(value)]))
}

/** Gives 1 when there was something to do. The old file goes last. */
export async function migrateVaultFile(context: HostContext, how: MigrateOptions): Promise<number> {
  const { project, speak } = context
  const path = project.vaultEnvFile
  const values = await valuesOf(context, path)
  const missing = await missingAmong(context, values, path, how)
  const say = () => {
    for (const name of values.keys()) speak.note(`.env.vault.enc -> secrets/${name}.enc`)
  }
  if (how.dryRun) {
    say()
    return 1
  }
  const rules = await rulesForSecrets(context, missing, how)
  const lacking = new Map([...values].filter(([name]) => missing.includes(name)))
  for (const prepared of await prepareSecrets(context, rules, lacking)) prepared.commit()
  say()
  const left = await missingAmong(context, values, path, how)
  if (left.length > 0) throw failure('written-differs', { path })
  try {
    rmSync(path)
  } catch (error) {
    throw failure('write-failed', { path, reason: errnoOf(error) })
  }
  syncDirectory(project.root)
  speak.note('.env.vault.enc: removed; every value was read back from the secret files')
  return 1
}
