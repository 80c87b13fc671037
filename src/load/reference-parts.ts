/** A dotenv value, cut into text and references: `${NAME}`, `${NAME:-…}`, `${NAME-…}`. */
import type { Assignment } from './dotenv.ts'

type Quote = Assignment['quote']

/** Deeper defaults in defaults are text. */
const MAX_NESTING = 16

export interface Reference {
  readonly to: string
  /** `:-` also for an empty value, `-` for none at all. */
  readonly operator: ':-' | '-' | undefined
  readonly otherwise: readonly Part[]
  /** As it stands. */
  readonly text: string
}

export type Part = string | Reference

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

export interface Parsed {
  readonly parts: readonly Part[]
  /** Whether there is a `${` of another form, or one that is not closed. */
  readonly form: boolean
}

/** Reads one value from its first mark to the last. */
class ValueReader {
  readonly #value: string
  readonly #quote: Quote
  readonly #root: Opened = { start: 0, inner: 0, reference: undefined, parts: [] }
  readonly #stack = [this.#root]
  #form = false
  /** `${` that are too deep to be read, and whose brackets must not close others. */
  #ignored = 0
  /** Where the text begins that is in no part yet. */
  #text = 0

  constructor(value: string, quote: Quote) {
    this.#value = value
    this.#quote = quote
  }

  read(): Parsed {
    for (const { index, 0: mark, 1: backslash = '', 2: dollars = '' } of this.#value.matchAll(MARK)) {
      if (mark === '}') this.#close(index)
      else if (backslash !== '' && this.#quote === '"') this.#cut(index, index + 1)
      else this.#dollars(index + backslash.length, dollars.length)
    }
    this.#add(this.#value.slice(this.#text))
    this.#leave()
    return { parts: this.#root.parts, form: this.#form }
  }

  #add(...parts: Part[]): void {
    const { parts: into } = this.#stack.at(-1) ?? this.#root
    into.push(...parts.filter((part) => part !== ''))
  }

  /** Takes the text up to one place, and goes on at another. */
  #cut(end: number, next: number): void {
    this.#add(this.#value.slice(this.#text, end))
    this.#text = next
  }

  /** Dollar signs before a bracket: two stand for one, and one that is left opens a reference. */
  #dollars(index: number, count: number): void {
    const start = index + count - 1
    if (count > 1) {
      this.#cut(index, count % 2 === 0 ? start + 1 : start)
      this.#add('$'.repeat(count >> 1))
    }
    if (count % 2 === 1) this.#open(start)
  }

  #open(start: number): void {
    if (this.#stack.length > MAX_NESTING) {
      this.#ignored++
      this.#form = true
      return
    }
    REFERENCE.lastIndex = start + 2
    const [all = '', to, operator] = REFERENCE.exec(this.#value) ?? []
    const inner = start + 2 + all.length
    this.#cut(start, inner)
    if (to === undefined) this.#form = true
    const reference: Opened['reference'] =
      to === undefined
        ? undefined
        : { to, operator: operator === ':-' || operator === '-' ? operator : undefined }
    this.#stack.push({ start, inner, reference, parts: [] })
  }

  #close(bracket: number): void {
    if (this.#stack.length === 1) return
    if (this.#ignored > 0) {
      this.#ignored--
      return
    }
    this.#cut(bracket, bracket + 1)
    const { start, reference, parts } = this.#stack.pop() ?? this.#root
    const whole = this.#value.slice(start, this.#text)
    this.#add(reference === undefined ? whole : { ...reference, otherwise: parts, text: whole })
  }

  /** Makes text of what was never closed. */
  #leave(): void {
    while (this.#stack.length > 1) {
      const { start, inner, parts } = this.#stack.pop() ?? this.#root
      this.#form = true
      this.#add(this.#value.slice(start, inner))
      // One by one: there may be more than a call takes.
      for (const part of parts) this.#add(part)
    }
  }
}

/** Cuts a value into text and references, in one pass. `$${` and, in double quotes, `\${` stand for `${`. */
export function parseValue(value: string, quote: Quote): Parsed {
  return new ValueReader(value, quote).read()
}
