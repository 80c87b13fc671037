/** Asks before anybody becomes a reader who was not accepted on this machine. */
import { relative } from 'node:path'
import { keysWithout, uniqueKeys } from '../../sops/master-key.ts'
import {
  acceptedRules,
  acceptFirst,
  acceptRules,
  isAcceptedAsIs,
  type NewReaders,
  newInRules,
  newReaders,
} from '../access/accepted.ts'
import { ownersOf } from '../access/keys.ts'
import type { CreationRules } from '../access/rules.ts'
import { confirmed } from '../cli/prompt.ts'
import type { HostContext } from '../context.ts'
import { failure } from '../errors.ts'
import { AGENTS } from '../project.ts'
import { inventory } from './inventory.ts'

/** All files of the project, and those that it could have. */
function everyPath({ project }: HostContext): string[] {
  return [project.envFile, project.secretFile('NAME'), ...inventory(project).map(({ path }) => path)]
}

/**
 * The files for which rules name somebody who was not accepted here, our own keys and what `except` says of a rule left out;
 * nothing where no rules were accepted yet. `all` is every file, and every rule, also for those that are not there yet.
 */
export async function unacceptedReaders(
  context: HostContext,
  rules: CreationRules,
  paths: readonly string[] | 'all',
  except: (rule: number) => readonly string[] = () => [],
): Promise<NewReaders[]> {
  const whole = paths === 'all'
  const named = [
    ...(await newReaders(context, rules, whole ? everyPath(context) : paths)),
    ...(whole ? await newInRules(context, rules) : []),
  ]
  if (named.length === 0) return []
  const owners = await ownersOf(context)
  // Our own keys need no asking, nor does the agents' for what they work with. Another service's does: it has what it was granted.
  const oursFor = (path: string) =>
    [...owners].flatMap(([name, owner]) =>
      owner === 'you' || (path === context.project.envFile && owner === `service ${AGENTS}`) ? [name] : [],
    )
  return named
    .map((one) => ({
      ...one,
      recipients: keysWithout(one.recipients, [...except(one.rule), ...oursFor(one.path)]),
    }))
    .filter(({ recipients, loosened }) => recipients.length > 0 || loosened)
}

/**
 * Makes sure that the rules name nobody for these files, or for any, who was not accepted here: asks, or throws
 * recipient-unaccepted or rule-loosened where nobody can be asked. Rules that are seen for the first time are accepted,
 * which is said. What `except` says of a rule is being added to it just now.
 */
export async function ensureAccepted(
  context: HostContext,
  rules: CreationRules,
  paths: readonly string[] | 'all',
  except: (rule: number) => readonly string[] = () => [],
): Promise<void> {
  if (isAcceptedAsIs(context, rules)) return
  if ((await acceptedRules(context)) === undefined) {
    await acceptFirst(context, rules)
    return
  }
  // A yes is to all of .sops.yaml.
  const found = await unacceptedReaders(context, rules, context.interactive ? 'all' : paths, except)
  if (found.length === 0) return
  const files = [...new Set(found.map(({ path }) => relative(context.project.root, path)))]
  const recipients = uniqueKeys(found.flatMap((one) => one.recipients))
  const refusal =
    recipients.length > 0
      ? failure('recipient-unaccepted', { config: rules.path, recipients, files })
      : failure('rule-loosened', { config: rules.path, files })
  if (!context.interactive) throw refusal
  const { code, message } = refusal
  context.speak.warning({ code, message, hint: 'say yes only if you know who owns it' })
  const agreed = await confirmed(context, 'Accept these rules?', 'disinto secrets recipients accept')
  if (!agreed) throw refusal
  await acceptRules(context, rules)
}
