/**
 * Where each proposal stands.
 * It waits, is valid, or is spent, and what it would get.
 */
import { asDisintoError } from '../../errors.ts'
import type { HostContext } from '../context.ts'
import { checkApproval } from './approval.ts'
import { spentBy } from './claim.ts'
import type { Json } from './json.ts'
import { type Proposal, readProposal } from './proposal.ts'
import { proposalIds } from './proposal-file.ts'
import { lastRuns } from './record.ts'

export interface Standing {
  readonly id: string
  /** `waits`: nobody has approved it, or not as it stands. `unchecked`: no approval is needed here. */
  readonly state: 'waits' | 'valid' | 'unchecked' | 'spent' | 'wrong'
  /** Who approved it, why it waits, or what became of it. */
  readonly about: string
  /** Undefined for one that can't be read. */
  readonly proposal: Proposal | undefined
}

/** What the record says of a run that has been started. */
function outcomeOf(run: Json | undefined): string {
  if (run === undefined) return 'with no record of it'
  if (run['event'] === 'start') return 'killed, or still running: its outcome is unknown'
  return run['exitCode'] === null ? 'did not start' : `ended with ${String(run['exitCode'])}`
}

interface Through {
  readonly allow: ReadonlySet<string>
  readonly signers?: string | undefined
}

/** Returns where a proposal stands. `runs`: what the record says of the runs of each ID. */
export async function standingOf(
  context: HostContext,
  id: string,
  { allow, signers }: Through,
  runs: ReadonlyMap<string, Json> = new Map(),
): Promise<Standing> {
  let proposal: Proposal | undefined
  try {
    proposal = readProposal(context.project.root, id, allow)
    const spent = spentBy(context.project, proposal)
    if (spent !== undefined)
      return { id, state: 'spent', about: `${spent.at}, ${outcomeOf(runs.get(id))}`, proposal }
    const { by } = await checkApproval(context, proposal, signers)
    return by === undefined
      ? { id, state: 'unchecked', about: 'nobody has to approve it here', proposal }
      : { id, state: 'valid', about: `approved by ${by}`, proposal }
  } catch (error) {
    const { code, message } = asDisintoError(error)
    return { id, state: code.startsWith('approval-') ? 'waits' : 'wrong', about: message, proposal }
  }
}

/** Returns where every proposal of the project stands, by ID. */
export async function standings(context: HostContext, through: Through): Promise<Standing[]> {
  const runs = lastRuns(context.project)
  const found: Standing[] = []
  for (const id of proposalIds(context.project.root)) found.push(await standingOf(context, id, through, runs))
  return found
}

/** What a proposal would get, in a line. */
export function wants({ secrets, files, minutes, terms }: Proposal): string {
  const names = secrets.map((name) => (files.includes(name) ? `${name} (as a file)` : name))
  return [
    names.join(', '),
    ...(terms?.command === undefined ? [] : [`command ${JSON.stringify(terms.command)}`]),
    ...(terms?.expires === undefined ? [] : [`until ${terms.expires}`]),
    ...(minutes === undefined ? [] : [`${minutes} minutes at most`]),
  ].join('; ')
}
