/** The first use of secrets in a project: the operator key and the creation rules. What exists is used as it is. */
import { existsSync } from 'node:fs'
import { dirname } from 'node:path'
import { quote } from '../../quote.ts'
import type { HostContext } from '../context.ts'
import { failure } from '../errors.ts'
import { writeFile } from '../files/write.ts'
import { AGENTS } from '../project.ts'
import { acceptRules, rulesInForce } from './accepted.ts'
import { acceptedState, claimPlace } from './accepted-record.ts'
import { newRules } from './first-rules.ts'
import { foreignKeys, keyAt, ownRecipients, wasFirst } from './keys.ts'
import { type CreationRules, rulesOf } from './rules.ts'
import { refuseKeyBySudo } from './sudo.ts'

/** Whether SOPS_AGE_KEY_FILE names a file that is not there: who asks for a key there wants no other. */
export function namesNewKeyFile({ project, variables }: HostContext): boolean {
  const { operatorKeyFile } = project
  return (
    Boolean(variables.get('SOPS_AGE_KEY_FILE')) &&
    operatorKeyFile !== undefined &&
    !existsSync(operatorKeyFile)
  )
}

/** The operator's recipient: of the first key at hand, or of a new one; `anew` is whether that one is wanted anyhow. */
export async function operatorRecipient(
  context: HostContext,
  { postQuantum = false, anew = false } = {},
): Promise<{ recipient: string; made: boolean }> {
  if (!anew) {
    const [own] = await ownRecipients(context)
    if (own !== undefined) return { recipient: own, made: false }
    const foreign = await foreignKeys(context)
    if (foreign.length > 0) throw failure('key-foreign', { what: foreign.join(' and ') })
  }
  refuseKeyBySudo(context)
  const path = context.project.operatorKeyFile
  if (path === undefined) throw failure('home-missing')
  const key = await keyAt(path, postQuantum)
  if (key.made) {
    context.speak.note(
      `made the operator key ${quote(path)}: back this file up now, as nothing opens without it`,
    )
    context.speak.note('test the backup with: disinto secrets verify --key BACKUP')
  }
  return key
}

/** Makes .sops.yaml for an operator, and the service key that it names. */
export async function makeRules(context: HostContext, operator: string): Promise<CreationRules> {
  const { project, speak } = context
  const path = project.serviceKeyFile(AGENTS)
  await claimPlace(context)
  const service = path === undefined ? undefined : (await keyAt(path)).recipient
  try {
    await writeFile(
      project.sopsConfig,
      Buffer.from(newRules([operator], service === undefined ? [] : [service])),
      {
        over: 'new',
        mode: 0o644,
      },
    )
    const keys = path === undefined ? 'no key' : quote(dirname(path))
    speak.note(
      `made ${quote(project.sopsConfig)}, to be committed: you and the ${AGENTS} service (${keys}) can open .env.enc, and only you secrets/*.enc`,
    )
  } catch (error) {
    if (!wasFirst(error)) throw error
  }
  const rules = await rulesOf(project.root)
  await acceptRules(context, rules)
  return rules
}

/**
 * Throws rules-gone where rules were accepted here and there are none any more: new ones would be looser, and who took the
 * old away, in a pull request for example, must not decide that.
 */
export function refuseNewRules(context: HostContext): void {
  if (acceptedState(context) !== undefined) throw failure('rules-gone', { path: context.project.sopsConfig })
}

/** The rules of the project; on first use they and the operator key are made. Throws rules-gone. */
export async function ensureRules(context: HostContext): Promise<CreationRules> {
  const existing = await rulesInForce(context)
  if (existing !== undefined) return existing
  refuseNewRules(context)
  const { recipient } = await operatorRecipient(context)
  return makeRules(context, recipient)
}
