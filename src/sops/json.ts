/**
 * JSON as sops reads it: order, members that occur twice and the text of numbers are kept. JSON.parse would reorder
 * names like "1", drop doubles and round numbers, and the MAC is over all of that.
 */

/** A number as it stands in the file. */
export interface JsonNumber {
  readonly number: string
}

/** An object, in order. */
export interface JsonMap {
  readonly members: ReadonlyArray<readonly [name: string, value: JsonValue]>
}

export type JsonValue = string | boolean | null | JsonNumber | JsonMap | readonly JsonValue[]

export function isMap(value: JsonValue | undefined): value is JsonMap {
  return typeof value === 'object' && value !== null && 'members' in value
}

export function isNumber(value: JsonValue | undefined): value is JsonNumber {
  return typeof value === 'object' && value !== null && 'number' in value
}

export function isList(value: JsonValue | undefined): value is readonly JsonValue[] {
  return Array.isArray(value)
}

/** Reads text that JSON.parse has found to be JSON: so this need not check any grammar. */
class Scanner {
  #at = 0
  /** The next backslash from here on: looked for once, and not from every string to the end of the file. */
  #backslash = -1
  readonly #text: string

  constructor(text: string) {
    this.#text = text
  }

  value(): JsonValue {
    this.#skipBlanks()
    switch (this.#text[this.#at]) {
      case '{':
        return this.#map()
      case '[':
        return this.#list()
      case '"':
        return this.#string()
      case 't':
        this.#at += 4
        return true
      case 'f':
        this.#at += 5
        return false
      case 'n':
        this.#at += 4
        return null
      default:
        return this.#number()
    }
  }

  #skipBlanks(): void {
    for (;;) {
      const code = this.#text.charCodeAt(this.#at)
      if (code !== 0x20 && code !== 0x0a && code !== 0x0d && code !== 0x09) return
      this.#at++
    }
  }

  /** Steps over the next mark that is not blank, and tells which it was. */
  #mark(): string {
    this.#skipBlanks()
    return this.#text[this.#at++] ?? ''
  }

  #endsWith(mark: string): boolean {
    this.#skipBlanks()
    if (this.#text[this.#at] !== mark) return false
    this.#at++
    return true
  }

  #map(): JsonMap {
    const members: Array<[string, JsonValue]> = []
    this.#at++
    if (this.#endsWith('}')) return { members }
    do {
      this.#skipBlanks()
      const name = this.#string()
      this.#mark()
      members.push([name, this.value()])
    } while (this.#mark() === ',')
    return { members }
  }

  #list(): JsonValue[] {
    const items: JsonValue[] = []
    this.#at++
    if (this.#endsWith(']')) return items
    do items.push(this.value())
    while (this.#mark() === ',')
    return items
  }

  #string(): string {
    const start = this.#at
    let end = this.#text.indexOf('"', start + 1)
    if (this.#backslash <= start) {
      const found = this.#text.indexOf('\\', start + 1)
      this.#backslash = found < 0 ? Number.POSITIVE_INFINITY : found
    }
    const backslash = this.#backslash
    if (backslash > end) {
      this.#at = end + 1
      return this.#text.slice(start + 1, end)
    }
    for (end = backslash; this.#text[end] !== '"'; end++) if (this.#text[end] === '\\') end++
    this.#at = end + 1
    // Half a surrogate pair becomes U+FFFD, as in Go.
    return Buffer.from(String(JSON.parse(this.#text.slice(start, end + 1)))).toString()
  }

  #number(): JsonNumber {
    const start = this.#at
    while (/[-+.0-9Ee]/.test(this.#text[this.#at] ?? '')) this.#at++
    return { number: this.#text.slice(start, this.#at) }
  }
}

/** What JSON.parse has made of a text that it gives back letter by letter. */
function asRead(value: unknown): JsonValue {
  if (typeof value === 'string' || typeof value === 'boolean') return value
  if (typeof value === 'number') return { number: String(value) }
  if (typeof value !== 'object' || value === null) return null
  if (Array.isArray(value)) return value.map(asRead)
  return { members: Object.entries(value).map(([name, member]) => [name, asRead(member)]) }
}

/**
 * Whether JSON.parse has lost nothing of the text: it says so when it is written as it was. sops writes its JSON as
 * JSON.stringify does, so that this is so for most files, at a tenth of the time that the scanner takes while it is cold.
 * Not where a letter is escaped by its number: half of a surrogate pair would stay one.
 */
function isKept(text: string, parsed: unknown): boolean {
  return !text.includes('\\u') && `${JSON.stringify(parsed, undefined, '\t')}\n` === text
}

/** The value of JSON text; undefined when it is no JSON, or deeper than anyone means it to be. */
export function parseJson(text: string): JsonValue | undefined {
  try {
    const parsed: unknown = JSON.parse(text)
    return isKept(text, parsed) ? asRead(parsed) : new Scanner(text).value()
  } catch {
    return undefined
  }
}
