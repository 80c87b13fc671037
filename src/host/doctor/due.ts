/** What is due for change at its issuer, by its day or by its age. */
import { quote } from '../../quote.ts'
import type { HostContext } from '../context.ts'
import type { Finding } from '../finding.ts'
import { DUE_FILE } from '../project.ts'
import { daysUntil, readDueDates, SOON_DAYS } from '../store/due.ts'
import { inventory, outsideOf } from '../store/inventory.ts'
import { since } from '../store/since.ts'

const DAY_MS = 86_400_000

/** A value to be changed: at its issuer, and then here. */
const fixFor = (name: string, isOwnFile: boolean): string =>
  `change it at its issuer, then: disinto secrets ${isOwnFile ? 'add' : 'set'} ${quote(name)} --force --due DAY`

interface Held {
  readonly name: string
  readonly isOwnFile: boolean
  readonly lastModified: string | undefined
}

async function heldBy({ project }: HostContext): Promise<Held[]> {
  const held: Held[] = []
  for (const source of inventory(project)) {
    const outside = await outsideOf(source).catch(() => undefined)
    const isOwnFile = source.role === 'secret'
    const names = source.role === 'secret' ? [source.name] : (outside?.names ?? [])
    for (const name of names) held.push({ name, isOwnFile, lastModified: outside?.lastModified })
  }
  return held
}

function dueFinding({ name, isOwnFile }: Held, day: string): Finding[] {
  const days = daysUntil(day)
  if (days > SOON_DAYS) return []
  return [
    days < 0
      ? {
          code: 'secret-overdue',
          severity: 'error',
          message: `${quote(name)}: was due for change by ${day}`,
          hint: fixFor(name, isOwnFile),
        }
      : {
          code: 'secret-due',
          severity: 'warning',
          message: `${quote(name)}: is due for change by ${day}`,
          hint: fixFor(name, isOwnFile),
        },
  ]
}

function ageFinding({ name, isOwnFile, lastModified }: Held, maxDays: number): Finding[] {
  const age = (Date.now() - Date.parse(lastModified ?? '')) / DAY_MS
  // A file that does not say counts as old: what is not known is no yes.
  if (age <= maxDays) return []
  return [
    {
      code: 'secret-old',
      severity: 'error',
      message: `${quote(name)}: was changed ${since(lastModified)}, and the limit is ${maxDays} days`,
      hint: fixFor(name, isOwnFile),
    },
  ]
}

/** Examines due dates; with `maxDays`, every value that was stored longer ago is an error. */
export async function examineDue(context: HostContext, maxDays: number | undefined): Promise<Finding[]> {
  const { project } = context
  const { dates, problems } = readDueDates(project)
  const held = await heldBy(context)
  const names = new Set(held.map(({ name }) => name))
  const path = quote(`${project.secretsDir}/${DUE_FILE}`)
  return [
    ...problems.map(
      (problem): Finding => ({
        code: 'due-unreadable',
        severity: 'warning',
        message: `${path}: ${problem}`,
        hint: 'it must be an object of names and dates, {"TOKEN": "2027-01-31"}: correct it',
      }),
    ),
    ...[...dates.keys()]
      .filter((name) => !names.has(name))
      .map(
        (name): Finding => ({
          code: 'due-nameless',
          severity: 'warning',
          message: `${path}: has a date for ${quote(name)}, which is not in any file`,
          hint: 'correct the name, or remove the line',
        }),
      ),
    ...held.flatMap((one) => {
      const day = dates.get(one.name)
      return day === undefined ? [] : dueFinding(one, day)
    }),
    ...(maxDays === undefined ? [] : held.flatMap((one) => ageFinding(one, maxDays))),
  ]
}
