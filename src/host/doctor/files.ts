/** The files: plaintext, damage, names that do not fit, recipients that differ from the rules. */
import { existsSync, readdirSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { DisintoError, quote } from '../../errors.ts'
import { checkName } from '../../load/names.ts'
import { read } from '../../load/read.ts'
import type { HostContext } from '../context.ts'
import { AGENTS } from '../project.ts'
import { type CreationRules, findRules } from '../access/rules.ts'
import { outsideOf, inventory } from '../store/inventory.ts'
import { ownRecipients, recipientsOfFile } from '../access/keys.ts'
import { allowed, entriesOf, isForOthers, openWith } from '../store/open.ts'
import { type Finding, findingOf } from './finding.ts'
import { serviceKeyFiles } from './keys.ts'
import type { Source } from '../../nouns.ts'

/** Plaintext where it is, and what else lies about. */
function plaintextFindings({ project }: HostContext): Finding[] {
  const findings: Finding[] = []
  const { plainEnvFile } = project
  if (existsSync(plainEnvFile)) {
    const both = existsSync(project.envFile)
    findings.push({
      code: both ? 'plaintext-left' : 'plaintext-env',
      severity: both ? 'error' : 'warning',
      message: `${quote(plainEnvFile)}: ${both ? 'plaintext left over beside .env.enc; it is not used' : 'secrets in plaintext'}`,
      fix: both ? 'compare the two, then delete it' : 'disinto secrets migrate',
    })
    if ((statSync(plainEnvFile).mode & 0o044) !== 0) {
      findings.push({
        code: 'plaintext-open',
        severity: 'warning',
        message: `${quote(plainEnvFile)}: other users of this machine can read it`,
        fix: `chmod 600 ${quote(plainEnvFile)}`,
      })
    }
  }
  if (existsSync(project.vaultEnvFile)) {
    findings.push({
      code: 'vault-env-old',
      severity: 'warning',
      message: `${quote(project.vaultEnvFile)}: is not read any more`,
      fix: 'disinto secrets migrate makes secret files of it',
    })
  }
  const stray =
    existsSync(project.secretsDir) && statSync(project.secretsDir).isDirectory()
      ? readdirSync(project.secretsDir)
      : []
  for (const name of stray.filter((entry) => !entry.endsWith('.enc') && !entry.startsWith('.'))) {
    findings.push({
      code: 'secrets-stray',
      severity: 'warning',
      message: `${quote(join(project.secretsDir, name))}: is no NAME.enc, so it is ignored; is it plaintext?`,
      fix: 'add it (disinto secrets add NAME --from-file FILE), then delete it',
    })
  }
  return findings
}

function ruleFindings(source: Source, recipients: readonly string[], rules: CreationRules): Finding[] {
  let wanted: readonly string[]
  try {
    wanted = rules.for(source.path).recipients
  } catch (error) {
    return [findingOf(error, 'warning')]
  }
  const missing = wanted.filter((one) => !recipients.includes(one))
  const extra = recipients.filter((one) => !wanted.includes(one))
  if (missing.length === 0 && extra.length === 0) return []
  const parts = [
    ...(missing.length === 0 ? [] : [`not encrypted to ${missing.join(', ')}`]),
    ...(extra.length === 0
      ? []
      : [`encrypted to ${extra.join(', ')}, which ${quote(rules.path)} does not name`]),
  ]
  return [
    {
      code: 'recipients-differ',
      severity: 'error',
      message: `${quote(source.path)}: ${parts.join('; ')}`,
      fix: `correct .sops.yaml, or run: sops updatekeys ${quote(source.path)}`,
    },
  ]
}

/** What a file says without a key: its names must fit, and its recipients be those of the rules. */
async function outside(
  source: Source,
  context: HostContext,
  rules: CreationRules | undefined,
  services: ReadonlyMap<string, readonly string[]>,
): Promise<Finding[]> {
  const findings: Finding[] = []
  const { names, recipients, format } = await outsideOf(source)
  const allow = allowed(context.variables)
  const checked = source.role === 'secret' ? [source.name] : names
  for (const name of checked) {
    try {
      checkName(name, source.path, allow)
    } catch (error) {
      findings.push(findingOf(error))
    }
  }
  const wrong =
    source.role === 'secret' && format === 'sops-json' && names.some((name) => name !== source.name)
  if (wrong) {
    findings.push({
      code: 'name-mismatch',
      severity: 'error',
      message: `${quote(source.path)}: must hold ${source.name} and nothing else, but holds ${names.map(quote).join(', ')}`,
      fix: 'give each secret a file of its own, named after it',
    })
  }
  if (format === 'age') {
    findings.push({
      code: 'age-left',
      severity: 'warning',
      message: `${quote(source.path)}: is an age file, which does not say whom it is for`,
      fix: 'disinto secrets migrate makes a SOPS file of it',
    })
  } else if (rules !== undefined && format !== undefined)
    findings.push(...ruleFindings(source, recipients, rules))
  for (const [service, keys] of services) {
    const can = keys.some((key) => recipients.includes(key))
    if (source.role === 'secret' && can) {
      findings.push({
        code: 'service-opens-secret',
        severity: 'error',
        message: `${quote(source.path)}: the service ${quote(service)} can open it`,
        fix: 'disinto secrets recipients rm takes its key out; then change the secret at its issuer',
      })
    }
    if (source.role === 'env-file' && !can && service === AGENTS) {
      findings.push({
        code: 'service-locked-out',
        severity: 'warning',
        message: `${quote(source.path)}: the service agents can't open it`,
        fix: 'disinto up encrypts it to its key, too',
      })
    }
  }
  return findings
}

/** Opens a file with the keys at hand. */
async function inside(source: Source, context: HostContext): Promise<Finding[]> {
  try {
    await entriesOf(read(source), openWith(context), allowed(context.variables))
    return []
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
export async function examineFiles(context: HostContext): Promise<Finding[]> {
  const findings = plaintextFindings(context)
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
      fix: 'disinto secrets keygen makes it',
    })
  }
  const services = new Map<string, readonly string[]>()
  for (const [service, path] of serviceKeyFiles(context)) {
    services.set(service, (await recipientsOfFile(path).catch(() => undefined)) ?? [])
  }
  for (const source of sources) {
    try {
      findings.push(...(await outside(source, context, rules, services)), ...(await inside(source, context)))
    } catch (error) {
      findings.push(findingOf(error))
    }
  }
  return findings
}
