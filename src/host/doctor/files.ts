/** The files: plaintext, damage, names that do not fit, recipients that differ from the rules. */
import { existsSync, readdirSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { DisintoError } from '../../errors.ts'
import { diagnoseItems } from '../../load/diagnosis.ts'
import { checkName, checkSecretName } from '../../load/names.ts'
import { read } from '../../load/read.ts'
import type { Source } from '../../nouns.ts'
import { quote } from '../../quote.ts'
import { ownRecipients, recipientsOfServices } from '../access/keys.ts'
import type { Show } from '../access/recipient-names.ts'
import { shownRecipient } from '../access/recipients.ts'
import { type CreationRules, findRules, isOurs } from '../access/rules.ts'
import type { HostContext } from '../context.ts'
import { failure } from '../errors.ts'
import { type Finding, findingOf } from '../finding.ts'
import { DUE_FILE } from '../project.ts'
import { type Grant, grantsOf } from '../store/grants.ts'
import { inventory, outsideOf } from '../store/inventory.ts'
import { allowed, entriesOf, isForOthers, openWith, plaintextOf } from '../store/open.ts'
import { warning } from '../warnings.ts'
import { examinePlainEnvFile, problemFindings } from './plain-env-file.ts'
import {
  acceptedFindings,
  clearFindings,
  copyFindings,
  ruleFindings,
  type Seen,
  serviceFindings,
} from './readers.ts'

/** What lies about beside the files that are read. */
function strayFindings({ project }: HostContext): Finding[] {
  const findings: Finding[] = []
  if (existsSync(project.vaultEnvFile)) {
    findings.push({
      code: 'vault-env-old',
      severity: 'warning',
      message: `${quote(project.vaultEnvFile)}: is no longer read`,
      hint: 'disinto secrets migrate converts it to secret files',
    })
  }
  const stray =
    existsSync(project.secretsDir) && statSync(project.secretsDir).isDirectory()
      ? readdirSync(project.secretsDir)
      : []
  for (const name of stray.filter(
    (entry) => !entry.endsWith('.enc') && !entry.startsWith('.') && entry !== DUE_FILE,
  )) {
    findings.push({
      code: 'secrets-stray',
      severity: 'warning',
      message: `${quote(join(project.secretsDir, name))}: is not called NAME.enc, so it is ignored; is it plaintext?`,
      hint: 'add it (disinto secrets add NAME --from-file FILE), then delete it',
    })
  }
  return findings
}

/** What a file is looked at beside. */
interface Beside {
  readonly context: HostContext
  readonly rules: CreationRules | undefined
  /** The services that have a key, by their recipients, and what they were granted. */
  readonly services: ReadonlyMap<string, readonly string[]>
  readonly grants: readonly Grant[]
  readonly show: Show
}

/** What a file says without a key: its names must fit, and its readers be those of the rules. */
function outside(seen: Seen, { context, rules, services, grants, show }: Beside): Finding[] {
  const { source } = seen
  const { names, format } = seen.outside
  const findings: Finding[] = []
  const allow = allowed(context.variables)
  const checked = source.role === 'secret' ? [source.name] : names
  for (const name of checked) {
    try {
      if (source.role === 'secret') checkSecretName(name, source.path, allow)
      else checkName(name, source.path, allow)
    } catch (error) {
      findings.push(findingOf(error))
    }
  }
  if (source.role === 'secret' && names.some((name) => name !== source.name)) {
    findings.push({
      severity: 'error',
      ...warning('name-mismatch', { path: source.path, name: source.name, names }),
    })
  }
  if (source.role === 'secret' && format === 'sops-binary')
    findings.push({
      severity: 'warning',
      ...warning('file-nameless', { path: source.path, name: source.name, isAge: false }),
    })
  if (format === 'age') {
    findings.push({ severity: 'warning', ...warning('age-left', { path: source.path }) })
  } else if (rules !== undefined && format !== undefined) findings.push(...ruleFindings(seen, rules, show))
  return [...findings, ...clearFindings(seen), ...serviceFindings(seen, services, grants)]
}

/** Opens a file with the keys at hand. */
async function inside(source: Source, context: HostContext): Promise<Finding[]> {
  try {
    const document = read(source)
    const open = openWith(context)
    await entriesOf(document, open, allowed(context.variables))
    if (source.role === 'secret' || document.format !== 'sops-dotenv') return []
    const plaintext = await plaintextOf(document, open)
    return plaintext.kind === 'items'
      ? problemFindings(source.path, await diagnoseItems(plaintext.items))
      : []
  } catch (error) {
    // Seen from outside already, with or without a key.
    if (error instanceof DisintoError && /^name-/.test(error.code)) return []
    return [findingOf(error, isForOthers(error) && !(await hasKey(context)) ? 'warning' : 'error')]
  }
}

async function hasKey(context: HostContext): Promise<boolean> {
  try {
    return (await ownRecipients(context)).length > 0
  } catch {
    return false
  }
}

/** Examines every file of the project. */
export async function examineFiles(context: HostContext, show: Show = shownRecipient): Promise<Finding[]> {
  const findings = [...(await examinePlainEnvFile(context)), ...strayFindings(context)]
  let sources: readonly Source[] = []
  let rules: CreationRules | undefined
  try {
    sources = inventory(context.project)
    rules = await findRules(context.project.root)
  } catch (error) {
    findings.push(findingOf(error))
  }
  if (sources.length > 0 && rules === undefined) {
    findings.push({
      code: 'rules-absent',
      severity: 'warning',
      message: `${quote(context.project.sopsConfig)}: does not exist, so nothing says who may open what`,
      hint: 'disinto secrets keygen makes it',
    })
  }
  if (rules !== undefined && !isOurs(rules.path, context.project.root))
    findings.push(findingOf(failure('rules-writable', { path: rules.path }), 'warning'))
  const services = await recipientsOfServices(context)
  const grants = await grantsOf(context).catch(() => [])
  const seen: Seen[] = []
  for (const source of sources) {
    try {
      const one = { source, outside: await outsideOf(source) }
      seen.push(one)
      findings.push(
        ...outside(one, { context, rules, services, grants, show }),
        ...(await inside(source, context)),
      )
    } catch (error) {
      findings.push(findingOf(error))
    }
  }
  findings.push(...copyFindings(seen))
  if (rules !== undefined) findings.push(...(await acceptedFindings(context, rules, seen)))
  return findings
}
