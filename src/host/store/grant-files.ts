/** Files granted to a service, and taken from it: by the rules and in fact (DESIGN.md §5). */
import { existsSync } from 'node:fs'
import { partsOfName } from '../../load/names.ts'
import { read } from '../../load/read.ts'
import type { Document, Source } from '../../nouns.ts'
import { quote } from '../../quote.ts'
import { hasKey, keysWithout } from '../../sops/master-key.ts'
import { acceptRules } from '../access/accepted.ts'
import { isGeneral, withGrant, withoutGrant } from '../access/grant-rule.ts'
import { ownRecipients, recipientsOfFile } from '../access/keys.ts'
import { type CreationRules, overRules, rulesOf } from '../access/rules.ts'
import { isShared, ruleFor, withoutService, withService } from '../access/service-rule.ts'
import type { HostContext } from '../context.ts'
import { failure } from '../errors.ts'
import { type Prepared, prepareFile } from '../files/write.ts'
import { AGENTS, type Project } from '../project.ts'
import { prepareReader } from './add-reader.ts'
import { ensureAccepted } from './consent.ts'
import { sayDueForChange } from './due-for-change.ts'
import { findSecret } from './find.ts'
import { ensureServiceKey, refuseCopy } from './grant.ts'
import { ENV_FILE, grantsOf, sourceOf } from './grants.ts'
import { outsideOf, readOutsideOf, secretNames } from './inventory.ts'
import { allowed, entriesOf, openWith } from './open.ts'
import { reencrypt } from './reencrypt.ts'

/** The secret that a service is to get by a name: the value of its own, where there is one. Throws secret-missing and others. */
async function secretFor(project: Project, service: string, word: string): Promise<string> {
  if (word === ENV_FILE) return word
  const parts = partsOfName(word)
  if (parts !== undefined && parts.service !== service)
    throw failure('grant-other-service', { name: word, service })
  const own = `${parts?.name ?? word}@${service}`
  if (secretNames(project).includes(own)) return own
  const { role } = await findSecret(project, word)
  if (role === 'env-file') throw failure('grant-inside', { name: word })
  return word
}

/** Opens a file, as nobody can grant what they can't open. Throws grant-nameless for one that may be a copy of another. */
async function checkGrantable(context: HostContext, document: Document, service: string): Promise<void> {
  const { source, format } = document
  if (source.role === 'env-file') {
    await refuseCopy(context, document, service)
    await openWith(context)(document)
  } else if (format === 'age' || format === 'sops-binary')
    throw failure('grant-nameless', { path: source.path, name: source.name })
  else await entriesOf(document, openWith(context), allowed(context.variables, [source.name]))
}

/** Throws readers-unchecked unless a file is for a recipient now. */
async function checkReader(source: Source, recipient: string): Promise<void> {
  const { recipients } = await outsideOf(source)
  if (!hasKey(recipients, recipient)) throw failure('readers-unchecked', { path: source.path })
}

/** The rules, by number, that are for these files and no others in general: they may name the service already. */
function ownRules({ project }: HostContext, rules: CreationRules, secrets: readonly string[]): number[] {
  return secrets.flatMap((secret) => {
    const rule = ruleFor(rules, sourceOf(project, secret).path)
    if (rule === undefined) return []
    const general = secret === ENV_FILE ? isShared(rules, rule, project) : isGeneral(rules, project, rule)
    return general ? [] : [rule.index]
  })
}

async function withGrants(
  context: HostContext,
  old: CreationRules,
  secrets: readonly string[],
  recipient: string,
): Promise<CreationRules> {
  const { project } = context
  let rules = old
  for (const secret of secrets)
    rules =
      secret === ENV_FILE
        ? await withService(rules, project, recipient, await ownRecipients(context))
        : await withGrant(rules, project, secret, recipient)
  return rules
}

interface Widening {
  readonly old: CreationRules
  readonly rules: CreationRules
  readonly documents: readonly Document[]
  readonly recipient: string
}

/** Writes the rules and the files that lack the recipient, once all are prepared. Returns the paths of those files. */
async function putInPlace(
  context: HostContext,
  { old, rules, documents, recipient }: Widening,
): Promise<string[]> {
  const config = await prepareFile(rules.path, Buffer.from(rules.text), overRules(old))
  const files: Prepared[] = []
  try {
    for (const document of documents) {
      const { recipients } = await readOutsideOf(document.bytes)
      if (!hasKey(recipients, recipient)) files.push(await prepareReader(context, document, recipient, rules))
    }
    for (const file of [config, ...files]) file.check()
  } catch (error) {
    for (const file of [config, ...files]) file.discard()
    throw error
  }
  config.commit()
  await acceptRules(context, rules)
  for (const file of files) file.commit()
  return files.map(({ path }) => path)
}

/**
 * Grants secrets to a service, by the names that findSecret and NAME@SERVICE have, or `.env.enc`. Its key is made at the
 * first. Every file or none: all are opened, and written beside the old ones, before the rules or a file is
 * replaced; the rules first, so that a kill leaves none open to a service that they do not name. Throws
 * secret-missing, grant-inside, grant-nameless, grant-groups, grant-other-service, rule-none, recipient-unaccepted,
 * and what opening a file throws.
 */
export async function grantFiles(
  context: HostContext,
  service: string,
  words: readonly string[],
): Promise<void> {
  const { project, speak } = context
  const secrets: string[] = []
  for (const word of words) secrets.push(await secretFor(project, service, word))
  const sources = secrets.map((secret) => sourceOf(project, secret))
  const documents = sources.map(read)
  for (const document of documents) await checkGrantable(context, document, service)
  const old = await rulesOf(project.root)
  const { recipient } = await ensureServiceKey(context, service)
  const own = ownRules(context, old, secrets)
  // Whom somebody else has added must not be accepted by the way.
  await ensureAccepted(context, old, 'all', (rule) => (own.includes(rule) ? [recipient] : []))
  const rules = await withGrants(context, old, secrets, recipient)
  const changed = await putInPlace(context, { old, rules, documents, recipient })
  for (const source of sources) await checkReader(source, recipient)
  for (const { path } of sources)
    speak.note(
      changed.includes(path)
        ? `${quote(path)}: encrypted to ${quote(service)}, too`
        : `${quote(path)}: ${quote(service)} can already open it`,
    )
  if (existsSync(project.composeFile)) speak.note(`disinto up mounts it into ${quote(service)}`)
}

/** What a word means that is taken from a service: each file that it was granted, or can open, by this name. */
async function secretsOf(context: HostContext, service: string, word: string): Promise<string[]> {
  if (word === ENV_FILE && service === AGENTS) throw failure('grant-agents-env')
  const found = (await grantsOf(context))
    .filter((grant) => grant.service === service)
    .map(({ secret }) => secret)
    .filter(
      (secret) => secret === word || (partsOfName(secret)?.name === word && secret.endsWith(`@${service}`)),
    )
  if (found.length === 0) throw failure('grant-missing', { service, name: word })
  return found
}

/**
 * Takes files from a service: out of the rules, and encrypted anew with new data keys, every file or none. Lists what is
 * due for change, since what could be read stays known. Throws grant-missing, grant-agents-env, grant-keyless, and what
 * changing the rules and opening the files throws.
 */
export async function revokeFiles(
  context: HostContext,
  service: string,
  words: readonly string[],
): Promise<void> {
  const { project, speak } = context
  const keyFile = project.serviceKeyFile(service)
  if (keyFile === undefined) throw failure('no-key-place')
  const keys = await recipientsOfFile(keyFile)
  if (keys === undefined) throw failure('grant-keyless', { service, path: keyFile })
  const secrets: string[] = []
  for (const word of words) secrets.push(...(await secretsOf(context, service, word)))
  const old = await rulesOf(project.root)
  let rules = old
  for (const secret of new Set(secrets))
    rules =
      secret === ENV_FILE
        ? await withoutService(rules, project, keys)
        : await withoutGrant(rules, project, secret, keys)
  const known: Source[] = []
  for (const secret of new Set(secrets)) {
    const source = sourceOf(project, secret)
    if (!existsSync(source.path)) continue
    const { recipients } = await outsideOf(source)
    if (keys.some((key) => hasKey(recipients, key))) known.push(source)
  }
  await ensureAccepted(context, rules, 'all')
  const own = keysWithout(await ownRecipients(context), keys)
  await reencrypt(context, old, known, { rules, own, given: () => [] })
  for (const secret of new Set(secrets)) speak.note(`${quote(secret)}: taken from ${quote(service)}`)
  if (known.length > 0) {
    speak.note('it may have read these already; change them at their issuers:')
    await sayDueForChange(context, known)
  }
}
