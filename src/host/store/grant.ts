/** Keys of services: each opens .env.enc and nothing else (DESIGN.md §5). */
import { existsSync } from 'node:fs'
import { isDeepStrictEqual } from 'node:util'
import { AgeFault } from '../../age/fault.ts'
import { sealAgeFile } from '../../age/file.ts'
import { readKeyring } from '../../age/sources.ts'
import { DisintoError, quote } from '../../errors.ts'
import { read } from '../../load/read.ts'
import type { Document } from '../../nouns.ts'
import { appendAgeKey } from '../../sops/add-recipient.ts'
import { dataKeyOf } from '../../sops/builtin.ts'
import { SopsFault } from '../../sops/fault.ts'
import { areSameKeys, hasKey } from '../../sops/master-key.ts'
import type { Outside } from '../../sops/outside.ts'
import { acceptedRules, acceptRules, claimPlace, isAcceptedAsIs } from '../access/accepted.ts'
import { makeRules } from '../access/first-use.ts'
import { keyAt, ownRecipients } from '../access/keys.ts'
import { refuseKeyBySudo } from '../access/sudo.ts'
import { type CreationRules, findRules, overRules } from '../access/rules.ts'
import { withService } from '../access/service-rule.ts'
import { confirmed } from '../cli/prompt.ts'
import type { HostContext } from '../context.ts'
import { failure } from '../errors.ts'
import { isThere } from '../files/there.ts'
import { writeFile } from '../files/write.ts'
import { audienceOfFile, sopsConfigFor } from './audience.ts'
import { ensureAccepted } from './consent.ts'
import { outsideOf, readOutsideOf, secretNames, secretSource } from './inventory.ts'
import { openWith } from './open.ts'
import { rekeyBySops } from './sops-encrypt.ts'

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
  if (made) speak.note(`${quote(service)}: made the key ${quote(path)}, which is for .env.enc alone`)
  return { path, recipient }
}

interface Wanted {
  readonly document: Document
  readonly outside: Outside
  readonly recipient: string
  readonly rules: CreationRules
}

/** The file with its data key wrapped for one more recipient; nothing else in it changes. Throws readers-unaddable. */
async function withRecipient(
  { variables, workingDirectory }: HostContext,
  { source, bytes, format }: Document,
  outside: Outside,
  recipient: string,
): Promise<Buffer> {
  if (format === 'age' || format === 'plaintext') throw failure('source-not-encrypted', source)
  const { identities } = await readKeyring(variables, workingDirectory)
  try {
    const dataKey = await dataKeyOf({ keys: outside.ageKeys }, identities)
    const enc = await sealAgeFile(dataKey, [recipient], { armored: true })
    return await appendAgeKey(bytes, format, { recipient, enc: enc.toString('latin1') })
  } catch (error) {
    if (error instanceof SopsFault || error instanceof AgeFault)
      throw failure('readers-unaddable', { path: source.path, reason: error.message })
    throw error
  }
}

/**
 * The same by the sops program, where an SSH key or another that only it uses opens the file. It wraps the data key anew
 * for all of them: where the rules do not name one of those who can open the file, the `refusal` stands.
 */
async function withRecipientBySops(
  context: HostContext,
  { document, outside, recipient, rules }: Wanted,
  refusal: DisintoError,
): Promise<Buffer> {
  const rule = rules.for(document.source.path)
  const own = await ownRecipients(context)
  const audience = audienceOfFile(outside, rule, own, [recipient])
  if (audience.lost.length > 0) throw refusal
  return rekeyBySops(context, document, sopsConfigFor(rule, audience, outside.rule, outside.macOnlyEncrypted))
}

/**
 * Gives a file to one more recipient: its old or its new bytes are there at every instant, and the new ones open to the
 * same for us, and are for those of before and for this one. Throws readers-unaddable, readers-unchecked.
 */
async function addRecipient(
  context: HostContext,
  document: Document,
  recipient: string,
  rules: CreationRules | undefined,
): Promise<void> {
  const { path } = document.source
  const outside = await readOutsideOf(document.bytes)
  const open = openWith(context)
  const before = (await open(document)).plaintext
  const bytes = await withRecipient(context, document, outside, recipient).catch(async (error: unknown) => {
    if (rules === undefined || !(error instanceof DisintoError) || error.code !== 'readers-unaddable')
      throw error
    return withRecipientBySops(context, { document, outside, recipient, rules }, error)
  })
  await writeFile(path, bytes, {
    over: document.bytes,
    within: context.project.root,
    verify: async (written, temporary) => {
      const made = await readOutsideOf(written)
      if (!areSameKeys(made.recipients, [...outside.recipients, recipient]))
        throw failure('readers-unchecked', { path })
      const after = (
        await open({ ...document, source: { ...document.source, path: temporary }, bytes: written })
      ).plaintext
      if (!isDeepStrictEqual(after, before)) throw failure('written-differs', { path })
    },
  })
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

async function refuseCopy(context: HostContext, document: Document, service: string): Promise<string[]> {
  const outside = await readOutsideOf(document.bytes)
  const names = await namesOfCopy(context, outside)
  if (names.length > 0) {
    const refusal = failure('readers-widen', { path: document.source.path, reader: service, names })
    if (!context.interactive) throw refusal
    context.speak.warning({ code: refusal.code, message: refusal.message, hint: refusal.hint })
    if (!(await confirmed(context, `Let ${service} open it all the same?`, ''))) throw refusal
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
  speak.note(`${quote(rules.path)}: ${quote(service)} may open .env.enc, too`)
}

/**
 * Lets a service open .env.enc: by its rule in .sops.yaml, and then in fact. Does nothing when all is so, or when there
 * is no .env.enc: plaintext needs no rules, whatever .sops.yaml says. Throws readers-widen for a copy from secrets/.
 */
export async function grantService(context: HostContext, service: string, recipient: string): Promise<void> {
  const { project, speak } = context
  const document = encryptedEnvFile(project.envFile)
  if (document === undefined) return
  const outside = await readOutsideOf(document.bytes)
  if (hasKey(outside.recipients, recipient)) {
    // The file is as it should be; what its rule says is for doctor, unless it can be mended here.
    const rules = await findRules(project.root).catch(() => undefined)
    if (rules !== undefined && !isAcceptedAsIs(context, rules))
      await nameInRules(context, rules, service, recipient).catch(() => {})
    return
  }
  const names = await refuseCopy(context, document, service)
  // Before anything is changed: whoever can't open the file can't let anyone else open it.
  await openWith(context)(document)
  const rules = await findRules(project.root)
  if (rules === undefined) {
    const [own] = await ownRecipients(context)
    if (own !== undefined) await makeRules(context, own)
  } else await nameInRules(context, rules, service, recipient)
  await addRecipient(context, document, recipient, await findRules(project.root))
  speak.note(
    `${quote(project.envFile)}: encrypted to ${quote(service)}, too: ${names.map(quote).join(', ') || 'all that is in it'}`,
  )
}
