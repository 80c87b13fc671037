/** Values that move to secret files of their own. Those that are there must agree, the others are prepared. */
import { existsSync, mkdirSync } from 'node:fs'
import { errnoOf } from '../../errors.ts'
import { checkValue } from '../../load/decrypt.ts'
import { checkName } from '../../load/names.ts'
import type { Secret } from '../../secret.ts'
import type { CreationRules } from '../access/rules.ts'
import type { HostContext } from '../context.ts'
import { failure } from '../errors.ts'
import type { Prepared } from '../files/write.ts'
import { secretSource } from '../store/inventory.ts'
import { allowed, entriesAt, openWith } from '../store/open.ts'
import { prepareSealed } from '../store/seal.ts'

export interface MigrateOptions {
  readonly dryRun: boolean
  readonly allow: readonly string[]
  /** Whether a rule that is lacking may be added without a question. */
  readonly addRule: boolean
}

/** Those of the names that have no secret file yet. Throws when one has another value in its file. */
export async function missingAmong(
  context: HostContext,
  values: ReadonlyMap<string, Secret>,
  from: string,
  { allow }: MigrateOptions,
): Promise<string[]> {
  const open = openWith(context)
  const letThrough = allowed(context.variables, allow)
  const missing: string[] = []
  const differing: string[] = []
  for (const [name, value] of values) {
    checkName(name, from, letThrough)
    checkValue(name, value.reveal(), from)
    const source = secretSource(context.project, name)
    if (!existsSync(source.path)) {
      missing.push(name)
      continue
    }
    const [entry] = await entriesAt(source, open, letThrough)
    if (entry?.value.reveal() !== value.reveal()) differing.push(name)
  }
  if (differing.length > 0)
    throw failure('migrate-differs', { path: context.project.secretsDir, names: differing })
  return missing
}

/** Writes, opens and compares a secret file for each name; they get their names when they are committed. */
export async function prepareSecrets(
  context: HostContext,
  rules: CreationRules,
  values: ReadonlyMap<string, Secret>,
): Promise<Prepared[]> {
  const { project } = context
  if (values.size > 0) {
    try {
      mkdirSync(project.secretsDir, { recursive: true })
    } catch (error) {
      throw failure('write-failed', { path: project.secretsDir, reason: errnoOf(error) })
    }
  }
  const prepared: Prepared[] = []
  for (const [name, value] of values) {
    const target = { source: secretSource(project, name), rules, mustOpen: true }
    const content = { kind: 'json' as const, entries: [[name, value.reveal()] as const] }
    prepared.push(await prepareSealed(context, content, target, 'new'))
  }
  return prepared
}
