/** `disinto doctor`: every mistake we know of, each with its fix. Changes nothing. */
import { recipientNames, type Show } from '../access/recipient-names.ts'
import type { HostCommand } from '../cli/command.ts'
import type { HostContext } from '../context.ts'
import { examineDue } from '../doctor/due.ts'
import { examineFiles } from '../doctor/files.ts'
import { examineGit } from '../doctor/git.ts'
import { examineHistory } from '../doctor/history.ts'
import { examineKeys } from '../doctor/keys.ts'
import { examineStack } from '../doctor/stack.ts'
import { examineTools } from '../doctor/tools.ts'
import { examineVault } from '../doctor/vault.ts'
import { failure } from '../errors.ts'
import { type Finding, findingOf, linesOf, plainFinding, type Severity } from '../finding.ts'
import { daysOf } from '../store/due.ts'
import { type Paint, type Style, withProgress } from '../terminal.ts'

/** Looks at one subject; changes nothing. `show` is how it shows recipients. */
type Examine = (context: HostContext, show: Show) => Promise<Finding[]>

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

async function examine(context: HostContext, show: Show, maxDays: number | undefined): Promise<Finding[]> {
  const dues: Examine = (where) => examineDue(where, maxDays)
  const found = await Promise.all(
    // One that fails is a finding, too, and the others still count.
    [...EXAMINATIONS, dues].map((look) => look(context, show).catch((error: unknown) => [findingOf(error)])),
  )
  const findings = found.flat()
  return SEVERITIES.flatMap((severity) => findings.filter((finding) => finding.severity === severity))
}

/** Tools and their versions are told as they are. */
function line(finding: Finding): string {
  return finding.code === 'tool' ? `${finding.severity}: ${finding.message}\n` : linesOf(finding)
}

const STYLES: Readonly<Record<Severity, Style>> = { error: 'red', warning: 'yellow', note: 'dim' }

function coloured(visible: string, paint: Paint): string {
  return visible.replaceAll(/^(error|warning|note):|^ {2}fix:/gm, (word, severity?: Severity) =>
    paint(severity === undefined ? 'dim' : STYLES[severity], word),
  )
}

const count = (number: number, word: string): string => `${number} ${word}${number === 1 ? '' : 's'}`

export const doctor: HostCommand = {
  name: 'doctor',
  about: 'look for every mistake we know of, and say how to fix it',
  usage: '[OPTION ...]',
  details: `Keys, files, names, recipients, git's history, what docker inspect would show,
mounts, proposals, tools. Changes nothing and shows no value. Exit status 1 when
there is an error; with only warnings and notes it is 0. --verbose shows notes, which are
plain facts, and recipients in full.`,
  examples: [
    'disinto doctor',
    'disinto doctor --max-age 90d',
    'disinto doctor --json | jq ".findings[].code"',
  ],
  options: [
    { name: 'max-age', value: 'AGE', about: 'report values older than this as errors: 90d, 12w, 6m, 1y' },
    { name: 'json', about: 'JSON: findings with code, severity, message, fix' },
    { name: 'verbose', about: 'show notes, and recipients in full' },
  ],
  words: [0, 0],
  run: async ({ context, on, text }) => {
    const age = text('max-age')
    const maxDays = age === undefined ? undefined : daysOf(age)
    if (age !== undefined && maxDays === undefined)
      throw failure('option-value', {
        command: 'doctor',
        option: '--max-age',
        wanted: 'an age: 90d, 12w, 6m or 1y',
      })
    const names = await recipientNames(context)
    const show = on('verbose') || on('json') ? names.whole : names.short
    const findings = await withProgress(context.variables, 'looking', () => examine(context, show, maxDays))
    const numberOf = (wanted: Severity) => findings.filter(({ severity }) => severity === wanted).length
    const [errors, warnings, notes] = [numberOf('error'), numberOf('warning'), numberOf('note')]
    if (on('json'))
      context.print(
        `${JSON.stringify({ findings: findings.map(plainFinding), errors, warnings }, null, 2)}\n`,
      )
    else {
      const shown = findings.filter(({ severity }) => severity !== 'note' || on('verbose'))
      const hidden = on('verbose') || notes === 0 ? '' : `, ${count(notes, 'note')} (--verbose shows them)`
      const sum = `${count(errors, 'error')}, ${count(warnings, 'warning')}${hidden}\n`
      context.print(`${shown.map(line).join('')}${sum}`, coloured)
    }
    return errors === 0 ? 0 : 1
  },
}
