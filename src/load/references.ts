/**
 * References in dotenv values, filled in from the same file and HOME alone. `${NAME}`, `${NAME:-default}` and
 * `${NAME-default}` (DESIGN.md §2, "References"): a name of another file or of the environment would let whoever writes
 * this file send another's secret somewhere. `$NAME`, other forms, and what stands in single quotes stay as they are.
 */
import type { Assignment } from './dotenv.ts'
import { inOrder } from './in-order.ts'
import { type Parsed, type Part, parseValue, type Reference } from './reference-parts.ts'

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

function referencesIn(parts: readonly Part[]): Reference[] {
  return parts.flatMap((part) => (typeof part === 'string' ? [] : [part, ...referencesIn(part.otherwise)]))
}

/** Whether a value may have references: in single quotes and backticks all is text. */
function mayRefer({ value, quote }: Assignment): boolean {
  return quote !== "'" && quote !== '`' && value.includes('${')
}

/** Those that refer to each other, where there are several: what leads back counts as not set. */
type Circle = ReadonlySet<number> | undefined

/** Fills in one file. */
class Filling {
  readonly notes: ReferenceNote[] = []
  readonly #assignments: readonly Assignment[]
  readonly #home: string | undefined
  readonly #last = new Map<string, number>()
  /** The assignment of the same name before each. */
  readonly #before: ReadonlyArray<number | undefined>
  readonly #parsed: readonly Parsed[]
  readonly #filled: Array<string | undefined> = []
  #size = 0

  constructor(assignments: readonly Assignment[], home: string | undefined) {
    this.#assignments = assignments
    this.#home = home
    this.#before = assignments.map(({ name }, at) => {
      const earlier = this.#last.get(name)
      this.#last.set(name, at)
      return earlier
    })
    this.#parsed = assignments.map((assignment, at) => {
      if (!mayRefer(assignment)) return { parts: [assignment.value], form: false }
      const whole = parseValue(assignment.value, assignment.quote)
      if (whole.form) this.#note('form', at)
      return whole
    })
  }

  /** Returns the value of each assignment. Throws ReferencesTooLarge. */
  values(): ReadonlyArray<string | undefined> {
    const needs = (at: number) =>
      referencesIn(this.#partsOf(at)).flatMap((reference) => this.#target(reference, at) ?? [])
    for (const circle of inOrder(this.#assignments.length, needs))
      for (const at of circle) this.#finish(at, circle.length > 1 ? new Set(circle) : undefined)
    return this.#filled
  }

  #partsOf(at: number): readonly Part[] {
    return this.#parsed[at]?.parts ?? []
  }

  #note(kind: ReferenceNote['kind'], at: number): void {
    const { line = 0, name = '' } = this.#assignments[at] ?? {}
    this.notes.push({ kind, line, name })
  }

  /** The assignment that a reference means; undefined for a name that the file does not set. */
  #target({ to }: Reference, at: number): number | undefined {
    return this.#assignments[at]?.name === to ? this.#before[at] : this.#last.get(to)
  }

  #resolve(reference: Reference, at: number, circle: Circle): string | undefined {
    const target = this.#target(reference, at)
    if (target !== undefined) return circle?.has(target) === true ? undefined : this.#filled[target]
    return reference.to === 'HOME' && !this.#last.has('HOME') ? this.#home : undefined
  }

  #fill(part: Part, at: number, circle: Circle): string {
    if (typeof part === 'string') return part
    const value = this.#resolve(part, at, circle)
    if (value !== undefined && (value !== '' || part.operator !== ':-')) {
      if ((this.#target(part, at) ?? -1) > at) this.#note('later', at)
      return value
    }
    if (part.operator !== undefined)
      return part.otherwise.map((inner) => this.#fill(inner, at, circle)).join('')
    this.#note('unresolved', at)
    return part.text
  }

  #finish(at: number, circle: Circle): void {
    const parts = this.#partsOf(at)
    const value = parts.map((part) => this.#fill(part, at, circle)).join('')
    if (parts.some((part) => typeof part !== 'string')) this.#size += value.length
    if (this.#size > MAX_FILLED) throw new ReferencesTooLarge(this.#assignments[at]?.line ?? 0)
    this.#filled[at] = value
  }
}

/**
 * Fills in the references of a file's assignments, whatever their order. What refers to itself means the assignment
 * before it; of those that refer to each other in a circle none is set for the others. Throws ReferencesTooLarge.
 */
export function fillReferences(assignments: readonly Assignment[], home: string | undefined): Filled {
  // Most files have none, and what is plain needs no order.
  if (!assignments.some(mayRefer))
    return { values: [...new Map(assignments.map(({ name, value }) => [name, value]))], notes: [] }
  const filling = new Filling(assignments, home)
  const filled = filling.values()
  const values = new Map(assignments.map(({ name }, at) => [name, filled[at] ?? '']))
  return { values: [...values], notes: filling.notes }
}
