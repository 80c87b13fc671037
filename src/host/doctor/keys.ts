/** Keys: whether they are there, whose they are, and who else can read them. */
import { existsSync, readdirSync, statSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { readKeyring } from '../../age/sources.ts'
import { quote } from '../../quote.ts'
import { foreignKeys, ownRecipients, recipientsOfFile } from '../access/keys.ts'
import type { HostContext } from '../context.ts'
import { type Finding, findingOf } from '../finding.ts'

/** The key files of the project's services, by service. */
export function serviceKeyFiles({ project }: HostContext): Map<string, string> {
  const example = project.serviceKeyFile('x')
  const files = new Map<string, string>()
  if (example === undefined) return files
  const directory = dirname(dirname(example))
  if (!existsSync(directory)) return files
  for (const service of readdirSync(directory)) {
    const path = join(directory, service, 'keys.txt')
    if (existsSync(path)) files.set(service, path)
  }
  return files
}

function modeFindings(path: string): Finding[] {
  const findings: Finding[] = []
  if ((statSync(path).mode & 0o077) !== 0) {
    findings.push({
      code: 'key-file-open',
      severity: 'error',
      message: `${quote(path)}: other users can read or write this key`,
      hint: `chmod 600 ${quote(path)}`,
    })
  }
  const directory = dirname(path)
  if ((statSync(directory).mode & 0o022) !== 0) {
    findings.push({
      code: 'key-directory-open',
      severity: 'error',
      message: `${quote(directory)}: other users can replace the key in this directory`,
      hint: `chmod 700 ${quote(directory)}`,
    })
  }
  return findings
}

async function serviceFindings(service: string, path: string, own: readonly string[]): Promise<Finding[]> {
  try {
    const recipients = (await recipientsOfFile(path)) ?? []
    const both = recipients.find((recipient) => own.includes(recipient))
    return both === undefined
      ? modeFindings(path)
      : [
          ...modeFindings(path),
          {
            code: 'service-key-is-operators',
            severity: 'error',
            message: `${quote(path)}: the key of ${quote(service)} is the operator's: its container can open everything`,
            hint: `move it away and run disinto up, which makes one that opens .env.enc alone`,
          },
        ]
  } catch (error) {
    return [findingOf(error)]
  }
}

/** Examines the operator's key and those of the services. */
export async function examineKeys(context: HostContext): Promise<Finding[]> {
  const { project, variables, workingDirectory } = context
  const findings: Finding[] = []
  const { unusable } = await readKeyring(variables, workingDirectory)
  for (const { place, reason } of unusable) {
    findings.push({
      code: 'key-unusable',
      severity: 'error',
      message: `${quote(place)}: can't be used as a key (${reason})`,
      hint: 'restore it from its backup',
    })
  }
  const path = project.operatorKeyFile
  if (path !== undefined && existsSync(path)) findings.push(...modeFindings(path))
  let own: readonly string[] = []
  try {
    own = await ownRecipients(context)
  } catch {
    // Said above.
  }
  const foreign = await foreignKeys(context)
  if (own.length === 0 && foreign.length > 0) {
    findings.push({
      code: 'key-foreign',
      severity: 'note',
      message: `the operator key is ${foreign.join(' and ')}: sops opens the files that only it opens`,
    })
  } else if (own.length === 0 && unusable.length === 0) {
    findings.push({
      code: 'key-absent',
      severity: 'warning',
      message: `no operator key${path === undefined ? '' : ` at ${quote(path)}`}`,
      hint: 'disinto secrets keygen makes one; if there was one, restore it from its backup',
    })
  }
  for (const [service, file] of serviceKeyFiles(context))
    findings.push(...(await serviceFindings(service, file, own)))
  return findings
}
