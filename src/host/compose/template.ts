/** The `${NAME}` references in a text of a compose file, by compose's own grammar. */

/** What compose does where a name has no value: puts nothing there, takes the text's own word, or refuses the file. */
export type Absent = 'empty' | 'default' | 'required'

export interface TextReference {
  readonly name: string
  readonly absent: Absent
  /** Where it begins and ends in the text; for one inside another's default, that of the outer. */
  readonly start: number
  readonly end: number
}

const NAME = /[A-Za-z_]\w*/y
/** `:-`, `-`, `:+`, `+`, `:?`, `?` (compose-go's template: what may stand between a name and its word). */
const OPERATOR = /:?[-+?]/y

function matchAt(pattern: RegExp, text: string, at: number): string | undefined {
  pattern.lastIndex = at
  return pattern.exec(text)?.[0]
}

/** The end of `${…}` that begins at a position, its closing brace included; undefined when there is none. */
function closingOf(text: string, start: number): number | undefined {
  let depth = 0
  for (let at = start; at < text.length; at += 1) {
    if (text.startsWith('${', at)) {
      depth += 1
      at += 1
    } else if (text[at] === '}') {
      depth -= 1
      if (depth === 0) return at + 1
    }
  }
  return undefined
}

function absentOf(operator: string | undefined): Absent {
  if (operator === undefined) return 'empty'
  return operator.endsWith('?') ? 'required' : 'default'
}

/** `${…}` at a position, with what is inside its word; undefined where no brace closes it. */
function bracedAt(text: string, at: number, name: string): TextReference[] | undefined {
  const end = closingOf(text, at)
  if (end === undefined) return undefined
  const behind = at + 2 + name.length
  const operator = matchAt(OPERATOR, text, behind)
  const inner = referencesIn(text.slice(behind + (operator?.length ?? 0), end - 1))
  return [
    { name, absent: absentOf(operator), start: at, end },
    ...inner.map((reference) => ({ ...reference, start: at, end })),
  ]
}

/** Returns every reference in a text, those inside a default included; `$$` is a dollar sign and none. */
export function referencesIn(text: string): TextReference[] {
  const found: TextReference[] = []
  for (let at = text.indexOf('$'); at >= 0; at = text.indexOf('$', at)) {
    const braced = text[at + 1] === '{'
    const name = matchAt(NAME, text, at + (braced ? 2 : 1))
    if (name === undefined) {
      at += text[at + 1] === '$' ? 2 : 1
      continue
    }
    const plain = { name, absent: 'empty', start: at, end: at + 1 + name.length } as const
    const here = braced ? bracedAt(text, at, name) : [plain]
    if (here === undefined) break
    found.push(...here)
    at = here[0]?.end ?? plain.end
  }
  return found
}

/** Returns a text with its references filled in; `lookUp` returns undefined for a name that is not set. */
export function fillIn(text: string, lookUp: (name: string) => string | undefined): string {
  let filled = ''
  let at = 0
  for (const { start, end, name } of referencesIn(text)) {
    // One inside the default of another is filled in with it.
    if (start < at) continue
    filled += text.slice(at, start) + wordOf(text.slice(start, end), name, lookUp)
    at = end
  }
  return (filled + text.slice(at)).replaceAll('$$', '$')
}

function wordOf(reference: string, name: string, lookUp: (name: string) => string | undefined): string {
  const value = lookUp(name)
  const behind = name.length + 2
  const operator = reference.startsWith('${') ? matchAt(OPERATOR, reference, behind) : undefined
  if (operator === undefined) return value ?? ''
  const word = () => fillIn(reference.slice(behind + operator.length, -1), lookUp)
  const counts = value !== undefined && (value !== '' || !operator.startsWith(':'))
  if (operator.endsWith('+')) return counts ? word() : ''
  if (operator.endsWith('-')) return counts ? value : word()
  return value ?? ''
}
