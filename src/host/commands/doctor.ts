/** `disinto doctor`: every mistake we know of, each with its fix. Changes nothing. */
import type { HostCommand } from '../cli/command.ts'
import type { HostContext } from '../context.ts'
import { examineFiles } from '../doctor/files.ts'
import { type Examine, type Finding, findingOf, type Severity } from '../doctor/finding.ts'
import { examineGit } from '../doctor/git.ts'
import { examineHistory } from '../doctor/history.ts'
import { examineKeys } from '../doctor/keys.ts'
import { examineStack } from '../doctor/stack.ts'
import { examineTools } from '../doctor/tools.ts'
import { examineVault } from '../doctor/vault.ts'

const EXAMINATIONS: readonly Examine[] = [
  examineKeys,
  examineFiles,
  examineHistory,
  examineGit,
  examineStack,
  examineVault,
  examineTools,
]
const SEVERITIES: readonly Severity[] = ['error', 'warning', 'note']

async function examine(context: HostContext): Promise<Finding[]> {
  const found = await Promise.all(
    // One that fails is a finding, too, and the others still count.
    EXAMINATIONS.map((look) => look(context).catch((error: unknown) => [findingOf(error)])),
  )
  const findings = found.flat()
  return SEVERITIES.flatMap((severity) => findings.filter((finding) => finding.severity === severity))
}

function lines({ code, severity, message, fix }: Finding): string {
  if (code === 'tool') return `${severity}: ${message}\n`
  return `${severity}: ${code}: ${message}\n${fix === undefined ? '' : `  fix: ${fix}\n`}`
}

const count = (number: number, word: string): string => `${number} ${word}${number === 1 ? '' : 's'}`

export const doctor: HostCommand = {
  name: 'doctor',
  about: 'look for every mistake we know of, and say how to mend it',
  usage: '[--json]',
  details: `Keys, files, names, recipients, git's history, what docker inspect would show,
mounts, proposals, tools. Changes nothing and shows no value. Exit status 1 when
there is an error; warnings and notes alone are 0.`,
  examples: ['disinto doctor', 'disinto doctor --json | jq ".findings[].code"'],
  options: [{ name: 'json', about: 'JSON: findings with code, severity, message, fix' }],
  words: [0, 0],
  run: async ({ context, on }) => {
    const findings = await examine(context)
    const errors = findings.filter(({ severity }) => severity === 'error').length
    const warnings = findings.filter(({ severity }) => severity === 'warning').length
    if (on('json')) context.print(`${JSON.stringify({ findings, errors, warnings }, null, 2)}\n`)
    else
      context.print(
        `${findings.map(lines).join('')}${count(errors, 'error')}, ${count(warnings, 'warning')}\n`,
      )
    return errors === 0 ? 0 : 1
  },
}
