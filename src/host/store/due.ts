/**
 * Days by which values are due for change at their issuers. They are in secrets/due.json, in the clear, beside the
 * ciphertext and outside of it: no tool that rewrites a file loses them, and no MAC speaks of them.
 */
import { mkdirSync } from 'node:fs'
import { errnoOf } from '../../errors.ts'
import { readIfThere } from '../../load/read.ts'
import { quote } from '../../quote.ts'
import type { HostContext } from '../context.ts'
import { failure } from '../errors.ts'
import { writeFile } from '../files/write.ts'
import { DUE_FILE, type Project } from '../project.ts'

/** Days before a value is due from which on that is said. */
export const SOON_DAYS = 14

const DAY_MS = 86_400_000
/** Room for ten thousand names; what is deeper or wider fills memory when it is parsed. */
const MOST_BYTES = 2 ** 20
const NAME = /^[A-Za-z_][A-Za-z0-9_]*(?:@[A-Za-z0-9_.-]+)?$/

/** The midnight (UTC) at which a day YYYY-MM-DD begins, in milliseconds; undefined for what is no day. */
function startOf(day: string): number | undefined {
  if (!/^\d{4}-\d{2}-\d{2}$/.test(day)) return undefined
  const time = Date.parse(`${day}T00:00:00Z`)
  return Number.isNaN(time) || new Date(time).toISOString().slice(0, 10) !== day ? undefined : time
}

/** Returns how many days there are until a day: 0 on the day itself, less than that when it is over. */
export function daysUntil(day: string, now = new Date()): number {
  const today = startOf(now.toISOString().slice(0, 10)) ?? 0
  return ((startOf(day) ?? 0) - today) / DAY_MS
}

/** What secrets/due.json says. */
export interface DueDates {
  /** Days, YYYY-MM-DD, by name. */
  readonly dates: ReadonlyMap<string, string>
  /** What of it can't be used: "NAME", or "it is no JSON". Never a value. */
  readonly problems: readonly string[]
}

const fileOf = ({ secretsDir }: Project): string => `${secretsDir}/${DUE_FILE}`

/** Reads the dates. It is a file that anybody can write: what makes no sense is a problem, and never an error. */
export function readDueDates(project: Project): DueDates {
  let fields: Array<[string, unknown]>
  try {
    const text = readIfThere(fileOf(project))?.toString()
    if (text === undefined) return { dates: new Map(), problems: [] }
    if (text.length > MOST_BYTES) return { dates: new Map(), problems: ['it is larger than a megabyte'] }
    const parsed: unknown = JSON.parse(text)
    if (typeof parsed !== 'object' || parsed === null || Array.isArray(parsed))
      return { dates: new Map(), problems: ['it is not a JSON object'] }
    fields = Object.entries(parsed)
  } catch (error) {
    return {
      dates: new Map(),
      problems: [error instanceof SyntaxError ? 'it is not JSON' : 'it can’t be read'],
    }
  }
  const dates = new Map<string, string>()
  const problems: string[] = []
  for (const [name, day] of fields)
    if (NAME.test(name) && typeof day === 'string' && startOf(day) !== undefined) dates.set(name, day)
    else problems.push(`${quote(name)} has no date like 2027-01-31`)
  return { dates, problems }
}

/**
 * Throws due-unreadable where a date could not be written down: what a person wrote there by hand must not get lost. For a
 * command that stores a value before it does that.
 */
export function checkDue(project: Project, name: string, day: string | undefined): void {
  const { dates, problems } = readDueDates(project)
  const [problem] = problems
  if (problem !== undefined && dates.get(name) !== day)
    throw failure('due-unreadable', { path: fileOf(project), problem })
}

/** Writes down by when a value is due, or that it is not any more. Throws due-unreadable, and write-failed. */
export async function setDue({ project }: HostContext, name: string, day: string | undefined): Promise<void> {
  const path = fileOf(project)
  const { dates } = readDueDates(project)
  if (dates.get(name) === day) return
  checkDue(project, name, day)
  const next = new Map(dates)
  if (day === undefined) next.delete(name)
  else next.set(name, day)
  const sorted = Object.fromEntries([...next].sort(([one], [other]) => (one < other ? -1 : 1)))
  try {
    mkdirSync(project.secretsDir, { recursive: true })
  } catch (error) {
    throw failure('write-failed', { path, reason: errnoOf(error) })
  }
  await writeFile(path, Buffer.from(`${JSON.stringify(sorted, null, 2)}\n`), {
    mode: 0o644,
    within: project.root,
  })
}

/**
 * Writes down by when a new value is due, as --due says. Without it the date of the value before goes, which was not
 * this one's, and that is said.
 */
export async function setDueOfNew(
  context: HostContext,
  name: string,
  day: string | undefined,
): Promise<void> {
  const before = readDueDates(context.project).dates.get(name)
  await setDue(context, name, day)
  if (day !== undefined) context.speak.note(`${name} is due for change at its issuer by ${day}`)
  else if (before !== undefined)
    context.speak.note(
      `${before} was the due date of the old value of ${name}; --due sets one for this value`,
    )
}

const UNITS: Readonly<Record<string, number>> = { d: 1, w: 7, m: 30, y: 365 }

/** Returns the days of an age as a person types it, 90d, 12w, 6m or 1y; undefined for anything else. */
export function daysOf(text: string): number | undefined {
  const [, count, unit = ''] = /^(\d{1,5})([dwmy])$/.exec(text) ?? []
  return count === undefined ? undefined : Number(count) * (UNITS[unit] ?? 1)
}

/** Returns the day that --due means: a day to come, or an age from today. Throws option-value. */
export function dayGiven(text: string, command: string, now = new Date()): string {
  const days = daysOf(text)
  const day = days === undefined ? text : new Date(now.getTime() + days * DAY_MS).toISOString().slice(0, 10)
  if (startOf(day) === undefined || daysUntil(day, now) < 0)
    throw failure('option-value', {
      command,
      option: '--due',
      wanted: 'a day in the future (2027-01-31), or how long from today (90d, 12w, 6m, 1y)',
    })
  return day
}

/** The option of the commands that store a value. */
export const DUE_OPTION = {
  name: 'due',
  value: 'DAY',
  about: 'the day by which to change it at its issuer: 2027-01-31, or 90d, 12w, 6m, 1y from today',
} as const
