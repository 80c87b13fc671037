/**
 * The vault: proposals that can't be run, and what the runner would see.
 * And what killed runs have left.
 */
import { quote } from '../../quote.ts'
import { readSettings } from '../compose/settings.ts'
import { type HostContext, ownVariables } from '../context.ts'
import { type Finding, findingOf } from '../finding.ts'
import { VAULT_RUNNER } from '../project.ts'
import { secretNames } from '../store/inventory.ts'
import { allowed } from '../store/open.ts'
import { signersFile } from '../vault/approval.ts'
import { leftMemoryDirectories } from '../vault/memory.ts'
import { readProposal } from '../vault/proposal.ts'
import { proposalIds } from '../vault/proposal-file.ts'
import { letFor } from '../vault/request.ts'
import { readRunner } from '../vault/service.ts'

function proposalFindings({ project, variables }: HostContext): Finding[] {
  let known: readonly string[] = []
  try {
    known = secretNames(project)
  } catch {
    // Its own finding.
  }
  return proposalIds(project.root).flatMap((id) => {
    try {
      const proposal = readProposal(project.root, id, allowed(variables))
      const missing = proposal.secrets.filter((name) => !known.includes(name))
      if (missing.length === 0) return []
      return [
        {
          code: 'proposal-secret-missing',
          severity: 'warning' as const,
          message: `${quote(proposal.path)}: asks for secrets that are not in secrets/: ${missing.map(quote).join(', ')}`,
          hint: 'disinto secrets add NAME',
        },
      ]
    } catch (error) {
      return [findingOf(error, 'warning')]
    }
  })
}

/** What vault-run would refuse of the compose file. */
async function runnerFindings(given: HostContext): Promise<Finding[]> {
  try {
    const { context } = await readSettings(given)
    const through = await letFor(context, { allow: allowed(ownVariables(context)), allowMounts: [] })
    const { surplus } = await readRunner(context, through)
    return surplus.map(({ what, allow }) => ({
      code: 'runner-sees',
      severity: 'error',
      message: `${VAULT_RUNNER}: in the compose file it has ${what}`,
      hint: `remove that: it may see the secrets of one proposal and nothing else${
        allow === undefined ? '' : `; vault-run ${allow} allows it`
      }`,
    }))
  } catch {
    // What is wrong with the file, or with docker, is found elsewhere (stack.ts, tools.ts).
    return []
  }
}

/** What keeps anybody from telling who may approve. */
function signersFindings(context: HostContext): Finding[] {
  try {
    signersFile(context)
    return []
  } catch (error) {
    return [findingOf(error)]
  }
}

/** Examines the approved proposals, the service that runs them, and memory. */
export async function examineVault(context: HostContext): Promise<Finding[]> {
  const left = leftMemoryDirectories(context.variables).map(
    (path): Finding => ({
      code: 'run-left',
      severity: 'warning',
      message: `${quote(path)}: left behind by a vault-run that was killed`,
      hint: 'the next vault-run removes it',
    }),
  )
  return [
    ...proposalFindings(context),
    ...signersFindings(context),
    ...(await runnerFindings(context)),
    ...left,
  ]
}
