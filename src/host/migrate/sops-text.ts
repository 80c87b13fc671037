/** Dotenv text as SOPS dotenv holds it: one NAME=value a line, comments and order kept. */
import { type Assignment, readDotenv } from '../../load/dotenv.ts'
import { fillReferences } from '../../load/references.ts'
import { unholdableLine } from '../../sops/seal.ts'
import { lineHolding, meanTheSame, onlyAssignment } from '../store/dotenv-line.ts'

export interface SopsText {
  /** Means, line by line, what the whole meant, less the names apart. */
  readonly text: string
  /** The values that no line can hold, references filled in: they take a file of exact values. */
  readonly apart: ReadonlyMap<string, string>
  /** All names whose values depend on HOME, which a file of exact values can't refer to. */
  readonly homeless: readonly string[]
}

/** In the place of HOME, to see what depends on it: no text has a NUL in it twice alike. */
const ONE_HOME = '\0one'
const OTHER_HOME = '\0other'

/** The ways to write a value on one line, the nearest to what was written first. */
function waysOf({ text, valueAt, value, quote }: Assignment): string[] {
  const written = text.slice(valueAt).trim()
  if (!written.includes('\n')) return [written]
  if (quote === '"') return [written.replaceAll('\n', '\\n')]
  // What the value says literally, double quotes must not fill in.
  const literal = value.replaceAll(/\$+\{/g, (reference) => `\\${reference}`)
  const tail = written.slice(Math.max(...["'", '"', '`', '\n'].map((end) => written.lastIndexOf(end))) + 1)
  const comment = tail.includes('#') ? tail.slice(tail.indexOf('#')) : ''
  return [`"${literal.replaceAll('\n', '\\n')}"${comment === '' ? '' : ` ${comment}`}`]
}

/** The one line that means what an assignment means; undefined where there is none. */
async function lineOf(assignment: Assignment): Promise<string | undefined> {
  for (const way of waysOf(assignment)) {
    const line = `${assignment.name}=${way}`
    if (unholdableLine(line) === undefined && meanTheSame(assignment, await onlyAssignment(line))) return line
  }
  return undefined
}

/** What stands between assignments: comments, and lines that set nothing, which become comments. */
function commentsOf(lines: readonly string[]): string[] {
  return lines
    .map((line) => line.trim())
    .filter((line) => line !== '')
    .map((line) => (line.startsWith('#') ? line : `#${line}`))
}

interface Meant {
  readonly assignments: readonly Assignment[]
  readonly values: ReadonlyMap<string, string>
  /** Names whose values depend on HOME. */
  readonly homeless: ReadonlySet<string>
}

/** The line of the assignment that counts; one that refers to what its name was before says what that came to. */
async function countingLine(
  { assignments, values, homeless }: Meant,
  assignment: Assignment,
): Promise<string | undefined> {
  const { name, value } = assignment
  const isOnly = assignments.every((other) => other === assignment || other.name !== name)
  if (isOnly || !value.includes(`\${${name}`)) return lineOf(assignment)
  return homeless.has(name) ? undefined : lineHolding(name, values.get(name) ?? '')
}

/**
 * One line for each name, at the place that counts. What was set before it is a comment: twice in an encrypted file,
 * a name would be one that a stranger may have added, where one of the two is empty.
 */
async function split(
  whole: string,
  meant: Meant,
  forced: ReadonlySet<string>,
): Promise<{ lines: string[]; apart: Set<string> }> {
  const { assignments } = meant
  const source = whole.replace(/^\ufeff/, '').split('\n')
  const last = new Map(assignments.map((assignment) => [assignment.name, assignment]))
  const lines: string[] = []
  const apart = new Set(forced)
  let next = 0
  for (const assignment of assignments) {
    const { line, text, name } = assignment
    lines.push(...commentsOf(source.slice(next, line - 1)))
    next = Math.max(next, line + (text.match(/\n/g)?.length ?? 0))
    if (last.get(name) !== assignment) {
      lines.push(`# set again below: ${name}`)
      continue
    }
    const made = apart.has(name) ? undefined : await countingLine(meant, assignment)
    if (made === undefined) apart.add(name)
    else lines.push(made)
  }
  lines.push(...commentsOf(source.slice(next)))
  return { lines, apart }
}

/** What lines mean that are each read by themselves, as those of a SOPS dotenv file are. */
async function meaningOf(lines: readonly string[], home: string): Promise<Map<string, string>> {
  const read = await Promise.all(lines.filter((line) => !line.startsWith('#')).map(onlyAssignment))
  return new Map(
    fillReferences(
      read.filter((one) => one !== undefined),
      home,
    ).values,
  )
}

async function readMeant(whole: string): Promise<Meant> {
  const { assignments } = await readDotenv(whole)
  const values = new Map(fillReferences(assignments, ONE_HOME).values)
  const elsewhere = fillReferences(assignments, OTHER_HOME).values
  const homeless = elsewhere.filter(([name, value]) => values.get(name) !== value).map(([name]) => name)
  return { assignments, values, homeless: new Set(homeless) }
}

/** Turns dotenv text into the lines of SOPS dotenv. What would mean something else there is apart. */
export async function toSopsText(text: string): Promise<SopsText> {
  const whole = text.replaceAll(/\r\n?/g, '\n')
  const meant = await readMeant(whole)
  let forced: ReadonlySet<string> = new Set()
  for (;;) {
    const { lines, apart } = await split(whole, meant, forced)
    const kept = await meaningOf(lines, ONE_HOME)
    const changed = [...meant.values].filter(([name, value]) => !apart.has(name) && kept.get(name) !== value)
    if (changed.length > 0) {
      // What refers to a name apart goes with it: it may refer to names of its own file alone.
      forced = new Set([...apart, ...changed.map(([name]) => name)])
      continue
    }
    return {
      text: lines.map((line) => `${line}\n`).join(''),
      apart: new Map([...meant.values].filter(([name]) => apart.has(name))),
      homeless: [...meant.homeless],
    }
  }
}
