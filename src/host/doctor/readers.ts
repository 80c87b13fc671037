/** Who can open which file, against the rules; and files that are where they do not belong. */

import type { Source } from '../../nouns.ts'
import { quote } from '../../quote.ts'
import { areSameKeys, hasKey, keysWithout } from '../../sops/master-key.ts'
import type { Outside } from '../../sops/outside.ts'
import { newReaders } from '../access/accepted.ts'
import type { Show } from '../access/recipient-names.ts'
import { shownRecipients } from '../access/recipients.ts'
import type { CreationRules } from '../access/rules.ts'
import type { HostContext } from '../context.ts'
import { type Finding, findingOf } from '../finding.ts'
import { AGENTS } from '../project.ts'
import { copiesAmong } from '../store/copies.ts'
import type { Grant } from '../store/grants.ts'
import { warning } from '../warnings.ts'

/** A file of the project, and what it says without a key. */
export interface Seen {
  readonly source: Source
  readonly outside: Outside
}

/** Where a file is not for those whom its rule names. */
export function ruleFindings({ source, outside }: Seen, rules: CreationRules, show: Show): Finding[] {
  const { recipients, groups } = outside
  let wanted: ReturnType<CreationRules['for']>
  try {
    wanted = rules.for(source.path)
  } catch (error) {
    return [findingOf(error, 'warning')]
  }
  const missing = keysWithout(wanted.recipients, recipients)
  const extra = keysWithout(recipients, wanted.recipients)
  const grouped =
    groups.length === wanted.groups.length &&
    groups.every((keys, at) => areSameKeys(keys, wanted.groups[at] ?? []))
  const parts = [
    ...(missing.length === 0 ? [] : [`not encrypted to ${missing.map(show).join(', ')}`]),
    ...(extra.length === 0
      ? []
      : [`encrypted to ${extra.map(show).join(', ')}, which ${quote(rules.path)} does not name`]),
    ...(grouped || missing.length + extra.length > 0
      ? []
      : ['its keys are in other groups than in the rule']),
  ]
  if (parts.length === 0) return []
  return [
    {
      code: 'recipients-differ',
      severity: 'error',
      message: `${quote(source.path)}: ${parts.join('; ')}`,
      hint: `correct .sops.yaml, or run: sops updatekeys --input-type ${(outside.format ?? 'sops-json').replace('sops-', '')} ${quote(source.path)}`,
    },
  ]
}

/** What the services of the project can open, and should not, or can't, and should. */
export function serviceFindings(
  { source, outside }: Seen,
  services: ReadonlyMap<string, readonly string[]>,
  grants: readonly Grant[],
): Finding[] {
  const findings: Finding[] = []
  for (const [service, keys] of services) {
    const can = keys.some((key) => hasKey(outside.recipients, key))
    const grant = grants.find((one) => one.service === service && one.path === source.path)
    if (source.role === 'secret' && grant?.state === 'stray') {
      findings.push({
        code: 'service-opens-secret',
        severity: 'error',
        message: `${quote(source.path)}: the service ${quote(service)} can open it, but was not granted it`,
        hint: `disinto secrets grant ${service} ${source.name} if it should have it; if not: disinto secrets revoke ${service} ${source.name}, then change the secret at its issuer`,
      })
    }
    if (source.role === 'env-file' && !can && service === AGENTS) {
      findings.push({
        code: 'service-locked-out',
        severity: 'warning',
        message: `${quote(source.path)}: the service agents can't open it`,
        hint: 'disinto up also encrypts it to its key',
      })
    }
  }
  return findings
}

/** What can be read in a file by everybody who has it. */
export function clearFindings({ source, outside }: Seen): Finding[] {
  const { clear, clearComments, rule, names } = outside
  const path = quote(source.path)
  const findings: Finding[] = []
  if (clear.length > 0) {
    const told = names.length === 0 ? 'its content' : `the value of ${clear.map(quote).join(', ')}`
    findings.push({
      code: 'values-in-clear',
      severity: 'error',
      message: `${path}: ${told} is not encrypted: it is plaintext in an encrypted file, because of its ${rule.name}`,
      hint:
        source.role === 'secret'
          ? `change it at its issuer, take ${rule.name} out of .sops.yaml, then: disinto secrets add ${quote(source.name)} --force`
          : `change it at its issuer; take ${rule.name} out of .sops.yaml, disinto secrets show .env.enc > .env, rm .env.enc, then: disinto secrets migrate`,
    })
  }
  if (clearComments > 0)
    findings.push({
      code: 'comments-in-clear',
      severity: 'warning',
      message: `${path}: ${clearComments} of its comments are not encrypted`,
      hint: `check whether they reveal a secret (grep '^#'), and remove ${rule.name} from .sops.yaml`,
    })
  return findings
}

/** Files that are copies of others. */
export function copyFindings(seen: readonly Seen[]): Finding[] {
  const marked = seen.map(({ source: { path }, outside: { mac } }) => ({ path, mac }))
  return copiesAmong(marked).map(({ copy, of }) => ({
    severity: 'error',
    ...warning('file-copied', { path: copy.path, other: of.path }),
  }))
}

/** Recipients in the rules that nobody has accepted on this machine. */
export async function acceptedFindings(
  context: HostContext,
  rules: CreationRules,
  seen: readonly Seen[],
): Promise<Finding[]> {
  const { project } = context
  const paths = [project.envFile, project.secretFile('NAME'), ...seen.map(({ source }) => source.path)]
  const found = await newReaders(context, rules, paths)
  const recipients = [...new Set(found.flatMap((one) => one.recipients))]
  if (found.length === 0) return []
  const what =
    recipients.length === 0
      ? 'needs fewer keys together than was accepted on this machine'
      : `names ${shownRecipients(recipients)}, which nobody has accepted on this machine`
  return [
    {
      code: recipients.length === 0 ? 'rule-loosened' : 'recipient-unaccepted',
      severity: 'error',
      message: `${quote(rules.path)}: ${what}`,
      hint: 'find out who owns it (git log -p .sops.yaml), then run: disinto secrets recipients accept',
    },
  ]
}
