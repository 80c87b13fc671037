/** `.env` to `.env.enc`. The plaintext is removed last, when all of it can be read from encrypted files. */
import { existsSync, lstatSync, rmSync, type Stats } from 'node:fs'
import { errnoOf } from '../../errors.ts'
import { diagnoseText, problemWarnings } from '../../load/diagnosis.ts'
import { read, readWhole } from '../../load/read.ts'
import type { Document } from '../../nouns.ts'
import { quote } from '../../quote.ts'
import type { Secret } from '../../secret.ts'
import { ensureRules } from '../access/first-use.ts'
import type { HostContext } from '../context.ts'
import { failure } from '../errors.ts'
import { syncDirectory } from '../files/write.ts'
import { envSource, secretNames, secretSource } from '../store/inventory.ts'
import { allowed, entriesAt, entriesOf, openWith, plaintextOf } from '../store/open.ts'
import { prepareSealed } from '../store/seal.ts'
import type { MigrateOptions } from './apart.ts'
import { nameEncrypted } from './encrypted-env-file.ts'
import { leaveIndex, refuseWhereNamed, warnOfHistory, warnWhereOpen } from './look-first.ts'
import { toSopsText } from './sops-text.ts'

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

/** Says what is wrong with the text, all of it; throws migrate-dotenvx for ciphertext of dotenvx. */
async function sayProblems({ speak }: HostContext, path: string, text: string): Promise<void> {
  const problems = await diagnoseText(text)
  const names = problems.flatMap(({ kind, name }) => (kind === 'dotenvx' && name !== undefined ? [name] : []))
  if (names.length > 0) throw failure('migrate-dotenvx', { path, names })
  for (const told of problemWarnings(path, problems)) speak.warning(told)
}

/**
 * What `.env.enc` is to hold: lines of dotenv text, or, where one value has no line, exact values of JSON, for the same
 * readers. Throws migrate-homeless and name-kept for what JSON can't say.
 */
async function contentOf(path: string, text: string, values: Values) {
  const made = await toSopsText(text)
  const apart = [...made.apart.keys()]
  if (apart.length === 0) return { apart, content: { kind: 'dotenv', text: made.text } as const }
  if (made.homeless.length > 0) throw failure('migrate-homeless', { path, names: made.homeless, apart })
  if (values.has('sops')) throw failure('name-kept', { name: 'sops' })
  const entries = [...values].map(([name, value]) => [name, value.reveal()] as const)
  return { apart, content: { kind: 'json', entries } as const }
}

async function encryptEnvFile(
  context: HostContext,
  text: string,
  values: Values,
  how: MigrateOptions,
): Promise<void> {
  const { project, speak } = context
  const { content, apart } = await contentOf(project.plainEnvFile, text, values)
  const say = () => {
    speak.note(`.env -> .env.enc: ${[...values.keys()].map(quote).join(', ') || 'only comments'}`)
    if (apart.length > 0)
      speak.note(
        `as SOPS JSON, without the comments, since no line of SOPS dotenv holds ${apart.map(quote).join(', ')}`,
      )
  }
  if (how.dryRun) {
    say()
    return
  }
  const rules = await ensureRules(context)
  const target = { source: envSource(project), rules, mustOpen: true }
  const sealed = await prepareSealed(context, content, target, 'new')
  sealed.commit()
  say()
}

/** The dotenv text of a file that is to be encrypted by SOPS; undefined for one that is already. */
async function textOf(context: HostContext, document: Document): Promise<string | undefined> {
  if (document.format === 'plaintext') return document.bytes.toString()
  if (document.format !== 'age') return undefined
  const plaintext = await plaintextOf(document, openWith(context))
  return plaintext.kind === 'bytes' ? plaintext.bytes.toString() : undefined
}

async function encrypt(
  context: HostContext,
  document: Document,
  values: Values,
  how: MigrateOptions,
): Promise<void> {
  const text = await textOf(context, document)
  if (text !== undefined) await encryptEnvFile(context, text, values, how)
  else if (how.dryRun) context.speak.note('.env -> .env.enc: it is already encrypted, and is not changed')
  else await nameEncrypted(context, document)
}

/** Says what is wrong with a plaintext file, and stops where others still need it. */
async function lookFirst(context: HostContext, { bytes, format }: Document, values: Values, stats: Stats) {
  const { plainEnvFile } = context.project
  if (format === 'plaintext') {
    await sayProblems(context, plainEnvFile, bytes.toString())
    warnWhereOpen(context, plainEnvFile, stats)
  }
  await refuseWhereNamed(context, values.get('COMPOSE_FILE')?.reveal() ?? '')
}

/** Migrates `.env`, if there is one; returns how many files that were. */
export async function migrateEnvFile(context: HostContext, how: MigrateOptions): Promise<number> {
  const { project, speak, variables } = context
  const path = project.plainEnvFile
  const stats = lstatSync(path, { throwIfNoEntry: false })
  if (stats === undefined) return 0
  if (stats.isSymbolicLink()) throw failure('migrate-link', { path })
  const allow = allowed(variables, how.allow)
  // As the shim reads it: what it would refuse is refused here.
  const document = read({ role: 'env-file', path, plaintextAllowed: true })
  const entries = await entriesOf(document, openWith(context), allow)
  const values = new Map(entries.map(({ name, value }) => [name, value]))
  if (values.size === 0) {
    speak.note('.env sets nothing: it is left as it is')
    return 0
  }
  await lookFirst(context, document, values, stats)
  if (existsSync(project.envFile)) {
    const encrypted = await encryptedValues(context, allow, values)
    if (document.format === 'plaintext' && ![...values.keys()].some((name) => encrypted.has(name))) {
      speak.note(
        '.env has no name that .env.enc has: it is left as compose’s own file (disinto secrets import .env copies its values)',
      )
      return 0
    }
    const names = differing(values, encrypted)
    if (names.length > 0) throw failure('migrate-differs', { path: project.envFile, names })
    speak.note('.env.enc already exists and holds the same')
  } else await encrypt(context, document, values, how)
  if (document.format === 'plaintext') {
    await warnOfHistory(context, path)
    await leaveIndex(context, path, how.dryRun)
  }
  if (how.dryRun) return 1
  // Once more, from the files as they are now: the plaintext goes only if it can be read without it.
  if (differing(values, await encryptedValues(context, allow, values)).length > 0)
    throw failure('written-differs', { path: project.envFile })
  removePlaintext(path, document.bytes)
  syncDirectory(project.root)
  speak.note('.env: removed; every value was read back from the encrypted files')
  return 1
}
