/** The keys of services, and what lets one open .env.enc (DESIGN.md §5). */
import { existsSync } from 'node:fs'
import { read } from '../../load/read.ts'
import type { Document } from '../../nouns.ts'
import { quote } from '../../quote.ts'
import { hasKey } from '../../sops/master-key.ts'
import type { Outside } from '../../sops/outside.ts'
import { acceptedRules, acceptRules, isAcceptedAsIs } from '../access/accepted.ts'
import { claimPlace, namesGiven, saveGiven } from '../access/accepted-record.ts'
import { makeRules, refuseNewRules } from '../access/first-use.ts'
import { keyAt, ownRecipients } from '../access/keys.ts'
import { type CreationRules, findRules, overRules } from '../access/rules.ts'
import { withService } from '../access/service-rule.ts'
import { refuseKeyBySudo } from '../access/sudo.ts'
import { confirmed } from '../cli/prompt.ts'
import type { HostContext } from '../context.ts'
import { failure } from '../errors.ts'
import { isThere } from '../files/there.ts'
import { writeFile } from '../files/write.ts'
import { prepareReader } from './add-reader.ts'
import { ensureAccepted } from './consent.ts'
import { outsideOf, readOutsideOf, secretNames, secretSource } from './inventory.ts'
import { openWith } from './open.ts'

export interface ServiceKey {
  readonly path: string
  readonly recipient: string
}

/** Makes the key of a service unless it is there: 0600, in directories that are 0700, for this project alone. */
export async function ensureServiceKey(context: HostContext, service: string): Promise<ServiceKey> {
  const { project, speak } = context
  const path = project.serviceKeyFile(service)
  if (path === undefined) throw failure('no-key-place')
  if (!existsSync(path)) refuseKeyBySudo(context)
  await claimPlace(context)
  const { recipient, made } = await keyAt(path)
  if (made) speak.note(`${quote(service)}: made its key ${quote(path)}`)
  return { path, recipient }
}

/**
 * The names by which an env file looks like a file that was in secrets/: its MAC is that of one, or it holds nothing but
 * what secrets/ holds, or it is in the form of a secret file. Ciphertext is not bound to its place (threat model).
 */
export async function namesOfCopy(context: HostContext, outside: Outside): Promise<string[]> {
  const { project } = context
  const secrets = secretNames(project)
  const said = outside.names.length === 0 ? ['.env.enc'] : [...outside.names]
  for (const name of secrets) {
    const { mac } = await outsideOf(secretSource(project, name)).catch(() => ({ mac: undefined }))
    if (mac !== undefined && mac === outside.mac) return said
  }
  if (outside.format === 'sops-binary') return secrets.length > 0 ? said : []
  const one = outside.format === 'sops-json' && outside.names.length === 1
  return one || (outside.names.length > 0 && outside.names.every((name) => secrets.includes(name)))
    ? said
    : []
}

/** Asks whether a service may open a file all the same; throws the refusal where nobody can be asked, or says no. */
async function askAnyway(
  context: HostContext,
  refusal: ReturnType<typeof failure>,
  service: string,
): Promise<void> {
  if (!context.interactive) throw refusal
  context.speak.warning(refusal)
  if (!(await confirmed(context, `Let ${service} open it anyway?`, ''))) throw refusal
}

/**
 * Returns the names in an env file, unless it looks like a copy of a file that is not for services: that is asked about.
 * Throws readers-widen.
 */
export async function refuseCopy(
  context: HostContext,
  document: Document,
  service: string,
): Promise<string[]> {
  const outside = await readOutsideOf(document.bytes)
  const names = await namesOfCopy(context, outside)
  if (names.length > 0) {
    const { path } = document.source
    await askAnyway(context, failure('readers-widen', { path, reader: service, names }), service)
  }
  return [...outside.names]
}

function encryptedEnvFile(path: string): Document | undefined {
  return isThere(path) ? read({ role: 'env-file', path, plaintextAllowed: false }) : undefined
}

/** Has a service count as accepted for .env.enc, and nothing else that .sops.yaml may say by now. */
async function acceptService(context: HostContext, recipient: string): Promise<void> {
  const accepted = await acceptedRules(context)
  if (accepted === undefined) return
  const changed = await withService(accepted, context.project, recipient, await ownRecipients(context))
  if (changed !== accepted) await acceptRules(context, changed)
}

/** Has the rules name a service for .env.enc; says so when they did not. */
async function nameInRules(
  context: HostContext,
  rules: CreationRules,
  service: string,
  recipient: string,
): Promise<void> {
  const { project, speak } = context
  await ensureAccepted(context, rules, [project.envFile])
  const changed = await withService(rules, project, recipient, await ownRecipients(context))
  if (changed === rules) return acceptService(context, recipient)
  await writeFile(rules.path, Buffer.from(changed.text), overRules(rules))
  await acceptService(context, recipient)
  speak.note(`${quote(rules.path)}: ${quote(service)} may now open .env.enc, too`)
}

/**
 * Lets a service open .env.enc: by its rule in .sops.yaml, and then in fact. Does nothing when all is so, or when there
 * is no .env.enc: plaintext needs no rules, whatever .sops.yaml says. Throws readers-widen for a copy from secrets/, and
 * readers-gone for one that lacks the service which the file here had, and holds what that never had: it may be another
 * project's.
 */
export async function grantService(context: HostContext, service: string, recipient: string): Promise<void> {
  const { project, speak } = context
  const document = encryptedEnvFile(project.envFile)
  if (document === undefined) return
  const outside = await readOutsideOf(document.bytes)
  if (hasKey(outside.recipients, recipient)) {
    await saveGiven(context, recipient, outside.names)
    // The file is as it should be; what its rule says is for doctor, unless it can be mended here.
    const rules = await findRules(project.root).catch(() => undefined)
    if (rules !== undefined && !isAcceptedAsIs(context, rules))
      await nameInRules(context, rules, service, recipient).catch(() => {})
    return
  }
  const names = await refuseCopy(context, document, service)
  const before = namesGiven(context, recipient)
  const newNames = names.filter((name) => before?.includes(name) !== true)
  // What it had before it may have again: the file was made anew. A file that does not say its names may be any.
  if (before !== undefined && (newNames.length > 0 || names.length === 0)) {
    const refusal = failure('readers-gone', { path: project.envFile, reader: service, names: newNames })
    await askAnyway(context, refusal, service)
  }
  // Before anything is changed: whoever can't open the file can't let anyone else open it.
  await openWith(context)(document)
  const rules = await findRules(project.root)
  if (rules === undefined) {
    refuseNewRules(context)
    const [own] = await ownRecipients(context)
    if (own !== undefined) await makeRules(context, own)
  } else await nameInRules(context, rules, service, recipient)
  const prepared = await prepareReader(context, document, recipient, await findRules(project.root))
  prepared.commit()
  await saveGiven(context, recipient, names)
  speak.note(
    `${quote(project.envFile)}: encrypted to ${quote(service)}, too: ${names.map(quote).join(', ') || 'all that is in it'}`,
  )
}
