/** `.env` to `.env.enc`. The plaintext is removed last, when all of it can be read from encrypted files. */
import { isUtf8 } from 'node:buffer'
import { existsSync, lstatSync, rmSync } from 'node:fs'
import { errnoOf, quote } from '../../errors.ts'
import { checkValue } from '../../load/decrypt.ts'
import { parseDotenv } from '../../load/dotenv.ts'
import { checkName } from '../../load/names.ts'
import { readWhole } from '../../load/read.ts'
import { Secret } from '../../secret.ts'
import type { HostContext } from '../context.ts'
import { splitDotenv } from './dotenv-split.ts'
import { ensureRules } from '../access/first-use.ts'
import { committedPlaintext, isTracked } from './git-history.ts'
import { envSource, secretNames, secretSource } from '../store/inventory.ts'
import { type MigrateOptions, missingAmong, prepareSecrets } from './apart.ts'
import { allowed, entriesAt, openWith } from '../store/open.ts'
import { prepareSealed } from '../store/seal.ts'
import { syncDirectory } from '../files/write.ts'
import { failure } from '../errors.ts'

type Values = ReadonlyMap<string, Secret>

/** What a run gets from the encrypted files: secret files win over .env.enc. */
async function encryptedValues(
  context: HostContext,
  allow: ReadonlySet<string>,
  wanted: Values,
): Promise<Map<string, Secret>> {
  const { project } = context
  const open = openWith(context)
  const secrets = secretNames(project).filter((name) => wanted.has(name))
  const sources = [envSource(project), ...secrets.map((name) => secretSource(project, name))]
  const values = new Map<string, Secret>()
  for (const source of sources)
    for (const { name, value } of await entriesAt(source, open, allow)) values.set(name, value)
  return values
}

/** The names that two sets of values do not agree on. */
function differing(one: Values, other: Values): string[] {
  const names = [...new Set([...one.keys(), ...other.keys()])]
  return names.filter((name) => one.get(name)?.reveal() !== other.get(name)?.reveal())
}

function removePlaintext(path: string, before: Buffer): void {
  // Somebody may have edited it meanwhile.
  if (!readWhole(path).equals(before)) throw failure('file-changed', { path })
  try {
    rmSync(path)
  } catch (error) {
    throw failure('write-failed', { path, reason: errnoOf(error) })
  }
}

async function warnOfGit({ speak }: HostContext, path: string): Promise<void> {
  const committed = await committedPlaintext(path)
  if (committed === undefined) return
  speak.warning({
    code: 'plaintext-in-git',
    message: `${quote(path)}: git still has its plaintext, in ${committed.commits} commit${committed.commits === 1 ? '' : 's'}; everyone with a clone can read: ${committed.names.map(quote).join(', ')}`,
    hint: 'change each of these at its issuer; a rewritten history does not call back the clones',
  })
  if (await isTracked(path))
    speak.note('.env is still tracked: commit its removal, and put .env into .gitignore')
}

async function encryptEnvFile(
  context: HostContext,
  bytes: Buffer,
  values: Values,
  how: MigrateOptions,
): Promise<void> {
  const { project, speak } = context
  const split = await splitDotenv(bytes.toString())
  const apart: Values = new Map([...values].filter(([name]) => split.apart.includes(name)))
  const missing = await missingAmong(context, apart, project.plainEnvFile, how)
  const kept = [...values.keys()].filter((name) => !split.apart.includes(name))
  speak.note(`.env -> .env.enc: ${kept.map(quote).join(', ') || 'comments alone'}`)
  if (apart.size > 0)
    speak.note(
      `.env -> secrets/NAME.enc, as SOPS dotenv can't hold them: ${[...apart.keys()].join(', ')}; their rule in .sops.yaml says for whom they are`,
    )
  if (how.dryRun) return
  const rules = await ensureRules(context)
  const secrets = await prepareSecrets(context, rules, missing, apart)
  const target = { source: envSource(project), rules, mustOpen: true }
  const env = await prepareSealed(context, { kind: 'dotenv', text: split.text }, target, 'new')
  for (const prepared of [...secrets, env]) prepared.commit()
}

/** Migrates `.env`, if there is one; gives how many files that were. */
export async function migrateEnvFile(context: HostContext, how: MigrateOptions): Promise<number> {
  const { project, speak, variables } = context
  const path = project.plainEnvFile
  if (!existsSync(path)) return 0
  if (lstatSync(path).isSymbolicLink()) throw failure('migrate-link', { path })
  const bytes = readWhole(path)
  if (!isUtf8(bytes)) throw failure('value-not-utf8', { path, name: '.env' })
  const allow = allowed(variables, how.allow)
  const values = new Map(
    (await parseDotenv(bytes.toString())).map(([name, value]) => [name, new Secret(value)]),
  )
  for (const [name, value] of values) {
    checkName(name, path, allow)
    checkValue(name, value.reveal(), path)
  }
  if (values.size === 0) {
    speak.note('.env sets nothing: it is left as it is')
    return 0
  }
  if (existsSync(project.envFile)) {
    const names = differing(values, await encryptedValues(context, allow, values))
    if (names.length > 0) throw failure('migrate-differs', { path: project.envFile, names })
    speak.note('.env.enc is there already and holds the same')
  } else await encryptEnvFile(context, bytes, values, how)
  await warnOfGit(context, path)
  if (how.dryRun) return 1
  // Once more, from the files as they are now: the plaintext goes only if it can be read without it.
  if (differing(values, await encryptedValues(context, allow, values)).length > 0)
    throw failure('written-differs', { path: project.envFile })
  removePlaintext(path, bytes)
  syncDirectory(project.root)
  speak.note('.env: removed; every value was read back from the encrypted files')
  return 1
}
