/**
 * Go's regular expressions, as far as they surely mean the same in JavaScript. Everything else is declined: a
 * pattern understood wrongly would hand out an encrypted value as it stands, or refuse a good file.
 * (https://github.com/google/re2/wiki/Syntax against ECMA-262, "Patterns")
 */

/** Go repeats nothing more often than this. */
const MAX_REPEAT = 1000

const CLASSES: Readonly<Record<string, string>> = {
  d: '0-9',
  w: 'A-Za-z0-9_',
  // JavaScript's \s has all blanks of Unicode, Go's these five.
  s: '\\t\\n\\f\\r ',
}
const CONTROLS: Readonly<Record<string, string>> = { t: '\\t', n: '\\n', r: '\\r', f: '\\f', v: '\\v' }

function literal(letter: string): string {
  return /^[A-Za-z0-9]$/.test(letter) ? letter : `\\u{${(letter.codePointAt(0) ?? 0).toString(16)}}`
}

/** An escape outside or inside of brackets, or undefined when it might differ. */
function escaped(letter: string | undefined, inside: boolean): string | undefined {
  if (letter === undefined) return undefined
  const set = CLASSES[letter]
  if (set !== undefined) return inside ? set : `[${set}]`
  const complement = CLASSES[letter.toLowerCase()]
  if (complement !== undefined && /^[DWS]$/.test(letter)) return inside ? undefined : `[^${complement}]`
  if (CONTROLS[letter] !== undefined) return CONTROLS[letter]
  if (/^[!-/:-@[-`{-~]$/.test(letter)) return literal(letter)
  return undefined
}

/** Translates one pattern from left to right; gives up by returning undefined. */
class Translator {
  readonly #letters: readonly string[]
  #at = 0

  constructor(pattern: string) {
    this.#letters = [...pattern]
  }

  translate(): string | undefined {
    const out = this.#alternatives(0)
    return out !== undefined && this.#at === this.#letters.length ? out : undefined
  }

  #alternatives(depth: number): string | undefined {
    let out = ''
    while (this.#at < this.#letters.length) {
      const letter = this.#letters[this.#at]
      if (letter === ')') return depth > 0 ? out : undefined
      if (letter === '|') {
        out += '|'
        this.#at++
        continue
      }
      const atom = this.#atom(depth)
      if (atom === undefined) return undefined
      const repeat = this.#repeat(atom === '^' || atom === '$')
      if (repeat === undefined) return undefined
      // Go's matcher takes linear time, JavaScript's may take forever on a repeat of repeats.
      if (repeat !== '' && atom.startsWith('(?:') && /[*+{|]/.test(atom.replaceAll(/\\u\{\w+\}/g, '')))
        return undefined
      out += atom + repeat
    }
    return depth === 0 ? out : undefined
  }

  #atom(depth: number): string | undefined {
    const letter = this.#letters[this.#at++] ?? ''
    switch (letter) {
      case '.':
        // JavaScript's dot leaves out more than the line feed.
        return '[^\\n]'
      case '^':
      case '$':
        return letter
      case '(':
        return this.#group(depth)
      case '[':
        return this.#brackets()
      case '\\':
        return escaped(this.#letters[this.#at++], false)
      case '*':
      case '+':
      case '?':
      case '{':
      case '}':
      case ']':
        return undefined
      default:
        return literal(letter)
    }
  }

  #group(depth: number): string | undefined {
    if (this.#letters[this.#at] === '?') {
      if (this.#letters[this.#at + 1] !== ':') return undefined
      this.#at += 2
    }
    const inner = this.#alternatives(depth + 1)
    if (inner === undefined || this.#letters[this.#at++] !== ')') return undefined
    return `(?:${inner})`
  }

  #brackets(): string | undefined {
    let out = '['
    if (this.#letters[this.#at] === '^') {
      out += '^'
      this.#at++
    }
    const members: string[] = []
    for (;;) {
      const letter = this.#letters[this.#at++]
      if (letter === undefined || letter === '[') return undefined
      if (letter === ']') return members.length === 0 ? undefined : `${out}${members.join('')}]`
      if (letter === '\\') {
        const member = escaped(this.#letters[this.#at++], true)
        // A range from or to an escape is too rare to be worth the risk.
        if (member === undefined || this.#startsRange()) return undefined
        members.push(member)
      } else if (letter === '-') {
        // Only first or last is it surely a hyphen.
        if (members.length > 0 && this.#letters[this.#at] !== ']') return undefined
        if (this.#startsRange()) return undefined
        members.push(literal('-'))
      } else if (this.#startsRange()) {
        const end = this.#letters[this.#at + 1] ?? ''
        if (!/^[A-Za-z0-9]$/.test(letter) || !/^[A-Za-z0-9]$/.test(end) || letter > end) return undefined
        this.#at += 2
        members.push(`${letter}-${end}`)
      } else {
        members.push(literal(letter))
      }
    }
  }

  #startsRange(): boolean {
    return this.#letters[this.#at] === '-' && this.#letters[this.#at + 1] !== ']'
  }

  #repeat(anchor: boolean): string | undefined {
    const rest = this.#letters.slice(this.#at, this.#at + 16).join('')
    const found = /^(?:[*+?]|\{(\d{1,4})(,(\d{0,4}))?\})\??/.exec(rest)
    if (found === null) return ''
    const [text, least, , most] = found
    if (anchor || Number(least ?? 0) > MAX_REPEAT || Number(most ?? 0) > MAX_REPEAT) return undefined
    if (most !== undefined && most !== '' && Number(most) < Number(least)) return undefined
    this.#at += text.length
    // Two repeats on end are an error in Go, and nested counts may be one.
    if (/^[*+?{]/.test(this.#letters[this.#at] ?? '') || (least !== undefined && Number(least) > 100))
      return undefined
    return text
  }
}

/** A predicate that matches what Go's regexp.Match does; undefined when that is not certain. */
export function translatePattern(pattern: string): ((subject: string) => boolean) | undefined {
  const folded = pattern.startsWith('(?i)')
  const body = folded ? pattern.slice(4) : pattern
  // Case is folded by tables that differ between versions of Unicode, so letters of ASCII only, and no classes.
  if (folded && !/^[\x20-\x5b\x5d-\x7e]*$/.test(body)) return undefined
  const translated = new Translator(body).translate()
  if (translated === undefined) return undefined
  try {
    const compiled = new RegExp(translated, folded ? 'iu' : 'u')
    return (subject) => compiled.test(subject)
  } catch {
    return undefined
  }
}
