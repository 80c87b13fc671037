/** The vault: proposals that could not be run, and what killed runs have left. */
import { readdirSync } from 'node:fs'
import { join } from 'node:path'
import { quote } from '../../errors.ts'
import type { HostContext } from '../context.ts'
import { secretNames } from '../store/inventory.ts'
import { leftMemoryDirectories } from '../vault/memory.ts'
import { allowed } from '../store/open.ts'
import { readProposal } from '../vault/proposal.ts'
import { type Finding, findingOf } from './finding.ts'

/** Examines the approved proposals, and memory. */
export async function examineVault({ project, variables }: HostContext): Promise<Finding[]> {
  let files: string[] = []
  try {
    files = readdirSync(join(project.vaultDir, 'approved')).filter((name) => name.endsWith('.json'))
  } catch {
    // No vault, nothing approved.
  }
  const findings: Finding[] = []
  let known: readonly string[] = []
  try {
    known = secretNames(project)
  } catch {
    // Its own finding.
  }
  for (const file of files.sort()) {
    try {
      const proposal = readProposal(project.root, file.slice(0, -'.json'.length), allowed(variables))
      const missing = proposal.secrets.filter((name) => !known.includes(name))
      if (missing.length > 0) {
        findings.push({
          code: 'proposal-secret-missing',
          severity: 'warning',
          message: `${quote(proposal.path)}: asks for secrets that are not in secrets/: ${missing.map(quote).join(', ')}`,
          fix: 'disinto secrets add NAME',
        })
      }
    } catch (error) {
      findings.push(findingOf(error, 'warning'))
    }
  }
  for (const path of leftMemoryDirectories(variables)) {
    findings.push({
      code: 'run-left',
      severity: 'warning',
      message: `${quote(path)}: left behind by a vault-run that was killed`,
      fix: 'the next vault-run removes it',
    })
  }
  return findings
}
