/** Which services were granted which files, and what the files say. Opens nothing. */
import { existsSync } from 'node:fs'
import { partsOfName } from '../../load/names.ts'
import type { Source } from '../../nouns.ts'
import { hasKey } from '../../sops/master-key.ts'
import { acceptedRules } from '../access/accepted.ts'
import { isGranted, namesInRules } from '../access/grant-rule.ts'
import { recipientsOfServices } from '../access/keys.ts'
import { type CreationRules, findRules } from '../access/rules.ts'
import { ruleFor } from '../access/service-rule.ts'
import type { HostContext } from '../context.ts'
import { AGENTS, type Project } from '../project.ts'
import { envSource, outsideOf, secretNames, secretSource } from './inventory.ts'

/** The name by which `.env.enc` is granted and listed. */
export const ENV_FILE = '.env.enc'

/**
 * `granted`: by the accepted rules, and the file is encrypted to the service. `locked`: by the rules, but not in fact.
 * `absent`: by the rules, and there is no such file. `unaccepted`: by rules that nobody has accepted on this machine.
 * `stray`: in fact, and by no rule of the file's own.
 */
export type GrantState = 'granted' | 'locked' | 'absent' | 'unaccepted' | 'stray'

export interface Grant {
  readonly service: string
  /** The secret as its file calls it: NAME, NAME@SERVICE or `.env.enc`. */
  readonly secret: string
  readonly path: string
  readonly state: GrantState
}

/** The file of a secret that can be granted. */
export function sourceOf(project: Project, secret: string): Source {
  return secret === ENV_FILE ? envSource(project) : secretSource(project, secret)
}

/** The name that a service gets a secret by. */
export function nameFor(secret: string): string {
  return partsOfName(secret)?.name ?? secret
}

/** Whether the rules in force grant a file, and whether the accepted ones do. */
interface Said {
  readonly now: boolean
  readonly accepted: boolean
}

function said(
  { project }: HostContext,
  {
    rules,
    accepted,
  }: { readonly rules: CreationRules | undefined; readonly accepted: CreationRules | undefined },
  secret: string,
  keys: readonly string[],
): Said {
  const grants = (one: CreationRules | undefined): boolean => {
    if (one === undefined) return false
    if (secret !== ENV_FILE) return isGranted(one, project, secret, keys)
    const rule = ruleFor(one, project.envFile)
    return rule !== undefined && keys.some((key) => hasKey(rule.recipients, key))
  }
  // Where none were accepted yet, the first look accepts what there is.
  return { now: grants(rules), accepted: grants(accepted ?? rules) }
}

function stateOf({ now, accepted }: Said, isThere: boolean, opens: boolean): GrantState | undefined {
  if (!now) return opens ? 'stray' : undefined
  if (!accepted) return 'unaccepted'
  if (!isThere) return 'absent'
  return opens ? 'granted' : 'locked'
}

/** Every grant to a service that has a key here, service by service; what the files say is compared, and decides nothing. */
export async function grantsOf(context: HostContext): Promise<Grant[]> {
  const { project } = context
  const rules = await findRules(project.root)
  const both = { rules, accepted: await acceptedRules(context) }
  const inRules = rules === undefined ? [] : namesInRules(rules, project)
  const secrets = [...new Set([ENV_FILE, ...secretNames(project), ...inRules])]
  const files = await Promise.all(
    secrets.map(async (secret) => {
      const source = sourceOf(project, secret)
      const { path } = source
      const isThere = existsSync(path)
      const outside = isThere ? await outsideOf(source).catch(() => undefined) : undefined
      return { secret, path, isThere, recipients: outside?.recipients ?? [] }
    }),
  )
  return [...(await recipientsOfServices(context))].flatMap(([service, keys]) =>
    files.flatMap(({ secret, path, isThere, recipients }): Grant[] => {
      const opens = keys.some((key) => hasKey(recipients, key))
      const state = stateOf(said(context, both, secret, keys), isThere, opens)
      // The rules name the agents before there is an env file.
      if (state === undefined || (state === 'absent' && service === AGENTS && secret === ENV_FILE)) return []
      return [{ service, secret, path, state }]
    }),
  )
}
