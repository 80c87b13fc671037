/** One line of dotenv text: what it sets, and how it holds a value exactly. */
import { type Assignment, readDotenv } from '../../load/dotenv.ts'
import { fillReferences } from '../../load/references.ts'
import { unholdableLine } from '../../sops/seal.ts'

/** Nothing has this value: no environment holds a NUL. */
const HOME = '\0home'
const REFERENCES = /\$\{([A-Za-z_]\w*)/g

/** Returns the assignment of a line, if that is all the line is. */
export async function onlyAssignment(line: string): Promise<Assignment | undefined> {
  const { assignments, others } = await readDotenv(line)
  return assignments.length === 1 && others.length === 0 ? assignments[0] : undefined
}

/** What an assignment comes to where each name in `names` is set to something. */
function filledAmong(assignment: Assignment, names: ReadonlySet<string>): string | undefined {
  const others = [...names]
    .filter((name) => name !== assignment.name)
    .map((name): Assignment => ({ ...assignment, name, value: `\0${name}`, quote: "'" }))
  return new Map(fillReferences([...others, assignment], HOME).values).get(assignment.name)
}

function referencesIn(text: string): string[] {
  return [...text.matchAll(REFERENCES)].map(([, name]) => name ?? '')
}

/** Returns whether two assignments mean the same, whatever the names are set to that they refer to. */
export function meanTheSame(one: Assignment, other: Assignment | undefined): boolean {
  if (other === undefined || one.name !== other.name) return false
  const names = new Set([...referencesIn(one.value), ...referencesIn(other.value)])
  return filledAmong(one, names) === filledAmong(other, names)
}

/** What double quotes make of a value: `\n` for a line feed, and no reference in it. */
function inDoubleQuotes(value: string): string {
  const literal = value.replaceAll(/\$+\{/g, (reference) => `\\${reference}`)
  return `"${literal.replaceAll('\n', '\\n').replaceAll('\r', '\\r')}"`
}

/**
 * Returns the line that sets a name to exactly this value, as plain as can be: without quotes stock sops has the same
 * value. Undefined where no line of SOPS dotenv holds it: line ends with both kinds of quotes, say.
 */
export async function lineHolding(name: string, value: string): Promise<string | undefined> {
  for (const written of [value, `'${value}'`, inDoubleQuotes(value), `\`${value}\``]) {
    const line = `${name}=${written}`
    if (unholdableLine(line) !== undefined || /[\r\n]/.test(line)) continue
    const read = await onlyAssignment(line)
    if (read?.name !== name) continue
    if (filledAmong(read, new Set(referencesIn(read.value))) === value) return line
  }
  return undefined
}
