/** `.env`: plaintext in use or left over, compose's own file, or encrypted already. */
import { existsSync, type Stats, statSync } from 'node:fs'
import { join } from 'node:path'
import { diagnoseText, type Problem, problemWarnings } from '../../load/diagnosis.ts'
import { readDotenv } from '../../load/dotenv.ts'
import { detectFormat } from '../../load/format.ts'
import { readRegular, readWhole } from '../../load/read.ts'
import { quote } from '../../quote.ts'
import { encryptedNames } from '../compose/env-files.ts'
import { isSecretive, type Told, toldIn } from '../compose/exposures.ts'
import type { HostContext } from '../context.ts'
import type { Finding } from '../finding.ts'
import { warning } from '../warnings.ts'

/** What is said of problems: a warning where something is lost, a note where only others read a line otherwise. */
export function problemFindings(path: string, problems: readonly Problem[]): Finding[] {
  const lost = new Set(problems.filter((problem) => problem.lost).map(({ kind }) => `dotenv-${kind}`))
  return problemWarnings(path, problems).map((told) => ({
    ...told,
    severity: lost.has(told.code) ? 'warning' : 'note',
  }))
}

/** The names that a text sets; what may be a piece of a value is none. */
async function namesIn(text: string, problems: readonly Problem[]): Promise<string[]> {
  const unsure = new Set(problems.flatMap(({ line, name }) => (name === undefined ? [line] : [])))
  const { assignments } = await readDotenv(text)
  return [...new Set(assignments.filter(({ line }) => !unsure.has(line)).map(({ name }) => name))]
}

/** What is wrong with plaintext beside `.env.enc`: names that both have, and secrets that only this one has. */
function besideEncrypted(
  path: string,
  names: readonly string[],
  encrypted: ReadonlySet<string>,
  told: Told,
): Finding[] {
  const findings: Finding[] = []
  const doubled = names.filter((name) => encrypted.has(name))
  const secret = names.filter((name) => !encrypted.has(name) && isSecretive(name, told))
  if (doubled.length > 0)
    findings.push({ severity: 'error', ...warning('plaintext-left', { path, names: doubled }) })
  if (secret.length > 0)
    findings.push({
      code: 'plaintext-secret',
      severity: 'warning',
      message: `${quote(path)}: secrets in plaintext, to judge by their names: ${secret.map(quote).join(', ')}`,
      hint: 'disinto secrets set NAME for each, then remove its line from .env; # [CONFIG] in .env.example marks one that is not secret',
    })
  return findings
}

function modeFindings(path: string, { mode }: Stats): Finding[] {
  if ((mode & 0o044) === 0) return []
  return [
    {
      code: 'plaintext-open',
      severity: 'warning',
      message: `${quote(path)}: other users of this machine can read it`,
      hint: `chmod 600 ${quote(path)}`,
    },
  ]
}

function toldOf({ project }: HostContext): Told {
  const example = join(project.root, '.env.example')
  return toldIn(existsSync(example) ? readRegular(example).toString() : '')
}

/** Examines `.env`, if there is one. Names that `.env.enc` has not, and that are no secrets, are compose's own. */
export async function examinePlainEnvFile(context: HostContext): Promise<Finding[]> {
  const { plainEnvFile: path, envFile } = context.project
  if (!existsSync(path)) return []
  const bytes = readWhole(path)
  const format = detectFormat(bytes)
  if (format !== undefined)
    return [
      {
        code: 'env-encrypted',
        severity: existsSync(envFile) ? 'warning' : 'note',
        message: `${quote(path)}: is encrypted (${format})${existsSync(envFile) ? ', but .env.enc is used' : ''}`,
        hint: 'disinto secrets migrate renames it to .env.enc, or removes it if that holds the same',
      },
    ]
  const text = bytes.toString()
  const problems = await diagnoseText(text)
  const names = await namesIn(text, problems)
  const encrypted = await encryptedNames(context)
  const findings = problemFindings(path, problems)
  if (existsSync(envFile))
    findings.push(...besideEncrypted(path, names, encrypted ?? new Set(names), toldOf(context)))
  else if (names.length > 0) findings.push({ severity: 'warning', ...warning('plaintext-env', { path }) })
  return findings.length > 0 ? [...findings, ...modeFindings(path, statSync(path))] : []
}
