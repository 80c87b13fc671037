/**
 * Dotenv text to what SOPS dotenv can hold, comments and order kept. SOPS keeps one NAME=value a line; what does not
 * fit there is named, so that it gets a file of its own.
 */
import { parseDotenv } from '../../load/dotenv.ts'
import { unholdableLine } from '../../sops/seal.ts'

export interface SplitText {
  /** Means to dotenv what the whole meant, less the names apart. */
  readonly text: string
  /** The names that need files of their own. */
  readonly apart: readonly string[]
}

/** One assignment as the dotenv package finds it (lib/main.js, LINE); `d` tells where its parts are. */
const ASSIGNMENT =
  /(?:^|^)\s*(?:export\s+)?([\w.-]+)(?:\s*=\s*?|:\s+?)(\s*'(?:\\'|[^'])*'|\s*"(?:\\"|[^"])*"|\s*`(?:\\`|[^`])*`|[^#\r\n]+)?\s*(?:#.*)?(?:$|$)/dgm

/** What stands between assignments: comments, and lines that dotenv passes over, which become comments. */
function asComments(text: string): string[] {
  return text
    .split('\n')
    .map((line) => line.trim())
    .filter((line) => line !== '')
    .map((line) => (line.startsWith('#') ? line : `#${line}`))
}

/** The line of an assignment, as it stands or with `=` for `:`; undefined when one line can't be it. */
function asLine(raw: string, name: string): string | undefined {
  if (raw.includes('\n')) return undefined
  const line =
    raw.includes('=') && raw.indexOf('=') < (raw.indexOf(':') + 1 || raw.length)
      ? raw
      : raw.replace(/:\s/, '=')
  return unholdableLine(line) === undefined && !name.startsWith('sops_') ? line : undefined
}

function split(text: string, forced: ReadonlySet<string>): SplitText {
  const lines: string[] = []
  const apart = new Set<string>()
  let at = 0
  for (const match of text.matchAll(ASSIGNMENT)) {
    const [start, end] = match.indices?.[0] ?? [0, 0]
    const name = match[1] ?? ''
    const nameStart = match.indices?.[1]?.[0] ?? start
    // Blank lines before the name and comment lines after the value belong to the match, but not to the line.
    const lineStart = text.lastIndexOf('\n', nameStart - 1) + 1
    const valueEnd = match.indices?.[2]?.[1] ?? match.indices?.[1]?.[1] ?? end
    const lineEnd = text.indexOf('\n', valueEnd)
    const stop = lineEnd === -1 ? text.length : lineEnd
    lines.push(...asComments(text.slice(at, lineStart)))
    const line = forced.has(name) ? undefined : asLine(text.slice(lineStart, stop), name)
    if (line === undefined) {
      apart.add(name)
      lines.push(`# ${name}: in secrets/${name}.enc`)
    } else lines.push(line)
    at = Math.max(stop, lineStart)
  }
  lines.push(...asComments(text.slice(at)))
  return { text: lines.map((line) => `${line}\n`).join(''), apart: [...apart] }
}

/** Splits dotenv text; whatever would mean something else afterwards is apart, too. */
export async function splitDotenv(whole: string): Promise<SplitText> {
  const text = whole.replaceAll(/\r\n?/g, '\n')
  const meant = new Map(await parseDotenv(text))
  const first = split(text, new Set())
  const kept = new Map(await parseDotenv(first.text))
  const changed = [...meant].filter(([name, value]) => kept.get(name) !== value).map(([name]) => name)
  return split(text, new Set([...first.apart, ...changed]))
}
