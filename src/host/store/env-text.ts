/** Single names in the lines of an opened `.env.enc`; comments, order and all other lines stay as they are. */
import { ownName, readDotenv } from '../../load/dotenv.ts'
import { fillReferences } from '../../load/references.ts'

/** The name that a line sets, as SOPS reads lines: all before the first `=`. */
function nameOf(line: string): string | undefined {
  const equals = line.indexOf('=')
  return line.startsWith('#') || equals < 0 ? undefined : ownName(line.slice(0, equals))
}

function linesOf(text: string): string[] {
  return text.split('\n').filter((line, at, all) => line !== '' || at < all.length - 1)
}

const joined = (lines: readonly string[]) => lines.map((line) => `${line}\n`).join('')

/** Returns the text with a line in the place of the last that sets its name, or at the end; it is the only one then. */
export function withLine(text: string, line: string): string {
  const name = nameOf(line)
  const lines = linesOf(text)
  const last = lines.findLastIndex((one) => nameOf(one) === name)
  if (last < 0) return joined([...lines, line])
  const changed = lines.map((one, at) => (at === last ? line : one))
  return joined(changed.filter((one, at) => at === last || nameOf(one) !== name))
}

/** Returns the text without the lines that set a name. */
export function withoutName(text: string, name: string): string {
  return joined(linesOf(text).filter((line) => nameOf(line) !== name))
}

/** Returns what the lines of a text mean, each read by itself. */
export async function meaningOf(text: string, home?: string): Promise<Map<string, string>> {
  const lines = linesOf(text).filter((line) => nameOf(line) !== undefined)
  const read = await Promise.all(lines.map(readDotenv))
  return new Map(
    fillReferences(
      read.flatMap(({ assignments }) => assignments),
      home,
    ).values,
  )
}

/** Returns the names, other than one that was changed itself, whose values two texts do not agree on. */
export async function changedBetween(before: string, after: string, itself: ReadonlySet<string>) {
  const [old, now] = await Promise.all([meaningOf(before), meaningOf(after)])
  return [...old.keys()].filter((name) => !itself.has(name) && old.get(name) !== now.get(name))
}
