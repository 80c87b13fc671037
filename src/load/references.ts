/**
 * References in dotenv values, filled in from the same file and HOME alone. `${NAME}`, `${NAME:-default}` and
 * `${NAME-default}` (DESIGN.md §2, "References"): a name of another file or of the environment would let whoever writes
 * this file send another's secret somewhere. `$NAME`, other forms, and what stands in single quotes stay as they are.
 */
import type { Assignment } from './dotenv.ts'

/** Deeper defaults in defaults are text. */
const MAX_NESTING = 16
/** Of all values of a file that have references: doubling a value thirty times would fill any memory. */
const MAX_FILLED = 10 * 1024 * 1024

/** What happened to a reference that is worth a word; `line` and `name` are those of the assignment it stands in. */
export interface ReferenceNote {
  /**
   * `unresolved`: nothing sets it, and it stays. `later`: set further down, where docker compose does not look.
   * `form`: `${` of another form, which stays.
   */
  readonly kind: 'unresolved' | 'later' | 'form'
  readonly line: number
  readonly name: string
}

export interface Filled {
  /** In the order in which the names appear first; of a name twice the last counts. */
  readonly values: ReadonlyArray<readonly [name: string, value: string]>
  readonly notes: readonly ReferenceNote[]
}

/** References that would make a file's values larger than any environment. */
export class ReferencesTooLarge extends Error {
  override readonly name = 'ReferencesTooLarge'
  readonly line: number

  constructor(line: number) {
    super(`line ${line} grows beyond ${MAX_FILLED} bytes`)
    this.line = line
  }
}

interface Reference {
  readonly to: string
  /** `:-` also for an empty value, `-` for none at all. */
  readonly operator: ':-' | '-' | undefined
  readonly otherwise: readonly Part[]
  /** As it stands. */
  readonly text: string
}

type Part = string | Reference

/** An open `${`: a reference, or another form, which stays as it is. */
interface Opened {
  readonly start: number
  /** Where the text after the operator begins. */
  readonly inner: number
  readonly reference: Pick<Reference, 'to' | 'operator'> | undefined
  readonly parts: Part[]
}

/** A backslash means something in double quotes alone; there it may stand before the dollar signs. */
const MARK = /(\\?)(\$+)\{|\}/g
const REFERENCE = /([A-Za-z_][A-Za-z0-9_]*)(?:(:?-)|(?=\}))/y

interface Parsed {
  readonly parts: readonly Part[]
  /** Whether there is a `${` of another form, or one that is not closed. */
  readonly form: boolean
}

/** Cuts a value into text and references, in one pass. `$${` and, in double quotes, `\${` stand for `${`. */
function parseValue(value: string, quote: Assignment['quote']): Parsed {
  const root: Opened = { start: 0, inner: 0, reference: undefined, parts: [] }
  const stack = [root]
  let form = false
  // `${` that are too deep to be read, and whose brackets must not close others.
  let ignored = 0
  let text = 0
  const top = () => stack.at(-1) ?? root
  const add = (...parts: Part[]) => top().parts.push(...parts.filter((part) => part !== ''))
  const open = (start: number) => {
    if (stack.length > MAX_NESTING) {
      ignored++
      form = true
      return
    }
    add(value.slice(text, start))
    REFERENCE.lastIndex = start + 2
    const [all = '', to, operator] = REFERENCE.exec(value) ?? []
    const reference: Opened['reference'] =
      to === undefined
        ? undefined
        : { to, operator: operator === ':-' || operator === '-' ? operator : undefined }
    if (reference === undefined) form = true
    text = start + 2 + all.length
    stack.push({ start, inner: text, reference, parts: [] })
  }
  const close = (bracket: number) => {
    if (stack.length === 1) return
    if (ignored > 0) {
      ignored--
      return
    }
    add(value.slice(text, bracket))
    text = bracket + 1
    const { start, reference, parts } = stack.pop() ?? root
    const whole = value.slice(start, text)
    add(reference === undefined ? whole : { ...reference, otherwise: parts, text: whole })
  }
  for (const { index, 0: mark, 1: backslash = '', 2: dollars = '' } of value.matchAll(MARK)) {
    if (mark === '}') close(index)
    else if (backslash !== '' && quote === '"') {
      add(value.slice(text, index))
      text = index + 1
    } else {
      const start = index + mark.length - 2
      if (dollars.length > 1) {
        add(value.slice(text, index + backslash.length), '$'.repeat(dollars.length >> 1))
        text = dollars.length % 2 === 0 ? start + 1 : start
      }
      if (dollars.length % 2 === 1) open(start)
    }
  }
  add(value.slice(text))
  while (stack.length > 1) {
    const { start, inner, parts } = stack.pop() ?? root
    form = true
    add(value.slice(start, inner))
    // One by one: there may be more than a call takes.
    for (const part of parts) add(part)
  }
  return { parts: root.parts, form }
}

function referencesIn(parts: readonly Part[]): Reference[] {
  return parts.flatMap((part) => (typeof part === 'string' ? [] : [part, ...referencesIn(part.otherwise)]))
}

/** Whether a value may have references: in single quotes and backticks all is text. */
function mayRefer({ value, quote }: Assignment): boolean {
  return quote !== "'" && quote !== '`' && value.includes('${')
}

/** Those that refer to each other, where there are several: what leads back counts as not set. */
type Circle = ReadonlySet<number> | undefined

/**
 * The numbers below `count`, each after those it needs; several together where they need each other (Tarjan's
 * algorithm). By a stack of our own: references may be as many deep as a file has lines.
 */
function inOrder(count: number, needs: (at: number) => number[]): number[][] {
  const circles: number[][] = []
  const index = new Array<number>(count).fill(-1)
  const low = new Array<number>(count).fill(-1)
  const waiting: number[] = []
  const isWaiting = new Set<number>()
  let next = 0
  for (let start = 0; start < count; start++) {
    const stack: Array<{ at: number; rest: number[] }> = []
    const enter = (at: number) => {
      index[at] = low[at] = next++
      waiting.push(at)
      isWaiting.add(at)
      stack.push({ at, rest: needs(at) })
    }
    if (index[start] === -1) enter(start)
    for (let frame = stack.at(-1); frame !== undefined; frame = stack.at(-1)) {
      const { at, rest } = frame
      const need = rest.pop()
      if (need !== undefined) {
        if (index[need] === -1) enter(need)
        else if (isWaiting.has(need)) low[at] = Math.min(low[at] ?? 0, index[need] ?? 0)
        continue
      }
      stack.pop()
      const above = stack.at(-1)
      if (above !== undefined) low[above.at] = Math.min(low[above.at] ?? 0, low[at] ?? 0)
      if (low[at] !== index[at]) continue
      const circle: number[] = []
      for (let one = waiting.pop(); one !== undefined; one = one === at ? undefined : waiting.pop()) {
        isWaiting.delete(one)
        circle.push(one)
      }
      circles.push(circle)
    }
  }
  return circles
}

/**
 * Fills in the references of a file's assignments, whatever their order. What refers to itself means the assignment
 * before it; of those that refer to each other in a circle none is set for the others. Throws ReferencesTooLarge.
 */
export function fillReferences(assignments: readonly Assignment[], home: string | undefined): Filled {
  // Most files have none, and what is plain needs no order.
  if (!assignments.some(mayRefer))
    return { values: [...new Map(assignments.map(({ name, value }) => [name, value]))], notes: [] }
  const notes: ReferenceNote[] = []
  const last = new Map<string, number>()
  const before = assignments.map(({ name }, at) => {
    const earlier = last.get(name)
    last.set(name, at)
    return earlier
  })
  const parsed = assignments.map((assignment): Parsed => {
    const { value, quote, line, name } = assignment
    if (!mayRefer(assignment)) return { parts: [value], form: false }
    const whole = parseValue(value, quote)
    if (whole.form) notes.push({ kind: 'form', line, name })
    return whole
  })
  const filled: Array<string | undefined> = []
  const targets = ({ to }: Reference, at: number) =>
    assignments[at]?.name === to ? before[at] : last.get(to)

  const resolve = (reference: Reference, at: number, circle: Circle): string | undefined => {
    const target = targets(reference, at)
    if (target !== undefined) return circle?.has(target) === true ? undefined : filled[target]
    return reference.to === 'HOME' && !last.has('HOME') ? home : undefined
  }
  const fill = (parts: readonly Part[], at: number, circle: Circle): string =>
    parts
      .map((part) => {
        if (typeof part === 'string') return part
        const value = resolve(part, at, circle)
        if (value !== undefined && (value !== '' || part.operator !== ':-')) {
          const { line = 0, name = '' } = assignments[at] ?? {}
          if ((targets(part, at) ?? -1) > at) notes.push({ kind: 'later', line, name })
          return value
        }
        if (part.operator !== undefined) return fill(part.otherwise, at, circle)
        const { line = 0, name = '' } = assignments[at] ?? {}
        notes.push({ kind: 'unresolved', line, name })
        return part.text
      })
      .join('')

  let size = 0
  const finish = (at: number, circle: Circle) => {
    const parts = parsed[at]?.parts ?? []
    const value = fill(parts, at, circle)
    if (parts.some((part) => typeof part !== 'string')) size += value.length
    if (size > MAX_FILLED) throw new ReferencesTooLarge(assignments[at]?.line ?? 0)
    filled[at] = value
  }
  for (const circle of inOrder(assignments.length, (at) =>
    referencesIn(parsed[at]?.parts ?? []).flatMap((reference) => targets(reference, at) ?? []),
  ))
    for (const at of circle) finish(at, circle.length > 1 ? new Set(circle) : undefined)
  const values = new Map(assignments.map(({ name }, at) => [name, filled[at] ?? '']))
  return { values: [...values], notes }
}
