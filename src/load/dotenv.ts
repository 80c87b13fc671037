/**
 * What a line of `.env` means. The `dotenv` package says what a statement sets; the scanner here only cuts text into
 * statements, so that each can be read by itself and has a line number.
 */

import type { DotenvItem } from '../nouns.ts'

/** One `NAME=value` of dotenv text. */
export interface Assignment {
  readonly name: string
  /** As the dotenv package reads it; references are not filled in. */
  readonly value: string
  /** The line that the name stands in, counted from 1. */
  readonly line: number
  /** The quotes that were read as such; undefined where the value has none, or they are not closed. */
  readonly quote: '"' | "'" | '`' | undefined
  /** All that stands from the name on, comment included: for the diagnosis, never for a person's eyes. */
  readonly text: string
  /** Where in `text` the value begins. */
  readonly valueAt: number
}

/** What dotenv text says, in its order. */
export interface Reading {
  readonly assignments: readonly Assignment[]
  /** Lines that are neither blank, nor a comment, nor part of an assignment. */
  readonly others: readonly Other[]
}

/** A line that sets nothing. */
export interface Other {
  readonly line: number
  readonly text: string
}

/** An item whose text sets something else than its own name. */
export class ForeignName extends Error {
  override readonly name = 'ForeignName'
  readonly line: number

  constructor(line: number) {
    super(`line ${line} sets another name than its own`)
    this.line = line
  }
}

/** A blank as `\s` of JavaScript has it, which is what the dotenv package goes by. */
function isBlank(code: number): boolean {
  if (code <= 0x20) return code === 0x20 || (code >= 0x09 && code <= 0x0d)
  if (code < 0xa0) return false
  return (
    code === 0xa0 ||
    code === 0x1680 ||
    (code >= 0x2000 && code <= 0x200a) ||
    code === 0x2028 ||
    code === 0x2029 ||
    code === 0x202f ||
    code === 0x205f ||
    code === 0x3000 ||
    code === 0xfeff
  )
}

/** What ends a line for the dotenv package, once carriage returns are line feeds. */
function isLineEnd(code: number): boolean {
  return code === 0x0a || code === 0x2028 || code === 0x2029
}

/** `[\w.-]`, of which the dotenv package makes names. */
function isNamePart(code: number): boolean {
  return (
    (code >= 0x30 && code <= 0x39) ||
    (code >= 0x41 && code <= 0x5a) ||
    (code >= 0x61 && code <= 0x7a) ||
    code === 0x2d ||
    code === 0x2e ||
    code === 0x5f
  )
}

interface Statement {
  readonly start: number
  readonly end: number
  readonly nameAt: number
  readonly valueAt: number
  readonly quote: Assignment['quote']
}

/** Cuts text into statements as the dotenv package does, in one pass; test/unit/load/dotenv.test.ts compares. */
class Scanner {
  readonly #text: string
  #at = 0

  constructor(text: string) {
    this.#text = text
  }

  /** The next statement, or a stretch that sets nothing; undefined at the end. */
  next(): Statement | { readonly start: number; readonly end: number } | undefined {
    for (;;) {
      this.#at = this.#afterBlanks(this.#at)
      const start = this.#at
      if (start >= this.#text.length) return undefined
      if (this.#code(start) !== 0x23) return this.#statement(start)
      this.#at = this.#lineEnd(start)
    }
  }

  #code(at: number): number {
    return at < this.#text.length ? this.#text.charCodeAt(at) : -1
  }

  #afterBlanks(from: number): number {
    let at = from
    while (at < this.#text.length && isBlank(this.#text.charCodeAt(at))) at++
    return at
  }

  #lineEnd(from: number): number {
    let at = from
    while (at < this.#text.length && !isLineEnd(this.#text.charCodeAt(at))) at++
    return at
  }

  #statement(start: number): Statement | { start: number; end: number } {
    const { nameAt, resume } = this.#nameAfterExport(start) ?? { nameAt: start, resume: undefined }
    let nameEnd = nameAt
    while (isNamePart(this.#code(nameEnd))) nameEnd++
    const valueAt = nameEnd > nameAt ? this.#valueStart(nameEnd) : undefined
    if (valueAt === undefined) {
      this.#at = this.#lineEnd(resume ?? nameEnd)
      return { start, end: this.#at }
    }
    const closed = this.#closingQuote(valueAt)
    this.#at = closed === undefined ? this.#bareEnd(valueAt) : this.#commentEnd(closed.after)
    return { start, end: this.#at, nameAt, valueAt, quote: closed?.quote }
  }

  /** Where the name behind `export` begins, and where the search goes on when it sets nothing. */
  #nameAfterExport(start: number): { nameAt: number; resume: number } | undefined {
    if (!this.#text.startsWith('export', start) || !isBlank(this.#code(start + 6))) return undefined
    const nameAt = this.#afterBlanks(start + 7)
    return isNamePart(this.#code(nameAt)) ? { nameAt, resume: start + 6 } : undefined
  }

  /** Where the value behind a name begins: `NAME=`, `NAME =`, `NAME: `. */
  #valueStart(nameEnd: number): number | undefined {
    const separator = this.#afterBlanks(nameEnd)
    if (this.#code(separator) === 0x3d) return separator + 1
    return this.#code(nameEnd) === 0x3a && isBlank(this.#code(nameEnd + 1)) ? nameEnd + 2 : undefined
  }

  /** Where a value without quotes ends, its comment included. */
  #bareEnd(valueAt: number): number {
    const feed = this.#text.indexOf('\n', valueAt)
    const stop = feed < 0 ? this.#text.length : feed
    let hash = valueAt
    while (hash < stop && this.#code(hash) !== 0x23) hash++
    return hash < stop ? this.#lineEnd(hash) : stop
  }

  #commentEnd(from: number): number {
    return this.#code(from) === 0x23 ? this.#lineEnd(from) : from
  }

  /** The quotes round the value and what comes after them, where they are closed and a line end or comment follows. */
  #closingQuote(valueAt: number): { quote: '"' | "'" | '`'; after: number } | undefined {
    const open = this.#afterBlanks(valueAt)
    const quote = this.#text[open]
    if (quote !== '"' && quote !== "'" && quote !== '`') return undefined
    let found: number | undefined
    for (let at = this.#text.indexOf(quote, open + 1); at >= 0; at = this.#text.indexOf(quote, at + 1)) {
      let after = at + 1
      while (!isLineEnd(this.#code(after)) && isBlank(this.#code(after))) after++
      const next = this.#code(after)
      if (next === -1 || next === 0x23 || isLineEnd(next)) found = after
      if (this.#code(at - 1) !== 0x5c) break
    }
    return found === undefined ? undefined : { quote, after: found }
  }
}

const EQUALS = Buffer.from('=')
const LINE_FEED = Buffer.from('\n')

type Parse = (text: string, options: { readonly fast: boolean }) => Record<string, string>

/** Loaded when an env file is met: most runs with secret files alone never need it. */
async function loadParser(): Promise<Parse> {
  const { parse } = await import('dotenv')
  return parse
}

/** Counts lines on the way through a text, once. */
function lineCounter(text: string): (at: number) => number {
  let line = 1
  let counted = 0
  return (at) => {
    for (let feed = text.indexOf('\n', counted); feed >= 0 && feed < at; feed = text.indexOf('\n', counted)) {
      line++
      counted = feed + 1
    }
    return line
  }
}

/** As dotenv does it: every carriage return ends a line, with or without a line feed. */
function withLineFeeds(text: string): string {
  return text.includes('\r') ? text.replaceAll(/\r\n?/g, '\n') : text
}

function readStatements(whole: string, parse: Parse): Reading {
  const text = withLineFeeds(whole)
  const assignments: Assignment[] = []
  const others: Other[] = []
  const lineAt = lineCounter(text)
  const scanner = new Scanner(text)
  for (let found = scanner.next(); found !== undefined; found = scanner.next()) {
    const statement = text.slice(found.start, found.end)
    // The fast one takes linear time, and reads alike.
    const [pair] = Object.entries(parse(statement, { fast: true }))
    if (!('nameAt' in found) || pair === undefined) {
      others.push({ line: lineAt(found.start), text: statement })
      continue
    }
    assignments.push({
      name: pair[0],
      value: pair[1],
      line: lineAt(found.nameAt),
      quote: found.quote,
      text: text.slice(found.nameAt, found.end),
      valueAt: found.valueAt - found.nameAt,
    })
  }
  return { assignments, others }
}

/** Reads the text of a plaintext `.env`. */
export async function readDotenv(text: string): Promise<Reading> {
  return readStatements(text, await loadParser())
}

/** The name that a raw name of SOPS dotenv stands for: `export NAME` and `NAME ` are `NAME`. */
export function ownName(raw: string): string {
  const name = raw.trim()
  return /^export\s/.test(name) ? name.slice('export'.length).trimStart() : name
}

/**
 * Reads the items of a SOPS dotenv file, each by itself: comments are dropped unread, and an item sets its own name or
 * nothing. Throws ForeignName for one that would set another. Bytes that are not UTF-8 must have been refused before.
 */
export async function readItems(items: readonly DotenvItem[]): Promise<Reading> {
  const parse = await loadParser()
  const assignments: Assignment[] = []
  const others: Other[] = []
  for (const item of items) {
    if (item.kind === 'comment') continue
    const { line } = item
    const name = item.name.toString()
    const read = readStatements(`${name}=${item.bytes.toString()}`, parse)
    const own = ownName(name)
    const [only] = read.assignments
    if (read.assignments.length > 1 || (only !== undefined && only.name !== own)) throw new ForeignName(line)
    if (only !== undefined) assignments.push({ ...only, line })
    others.push(...read.others.map(({ text }) => ({ line, text })))
  }
  return { assignments, others }
}

/** The text of items, as `sops decrypt` prints it: for an editor, never to be read as a whole again. */
export function textOf(items: readonly DotenvItem[]): Buffer {
  const lines = items.flatMap((item) =>
    item.kind === 'comment'
      ? [Buffer.from('#'), item.bytes, LINE_FEED]
      : [item.name, EQUALS, item.bytes, LINE_FEED],
  )
  return Buffer.concat(lines)
}

/** The values of a reading as they stand, references not filled in: of a name twice the last counts. */
export function valuesOf({ assignments }: Reading): Array<[name: string, value: string]> {
  return [...new Map(assignments.map(({ name, value }) => [name, value]))]
}

/** The names and values of dotenv text as they stand, references not filled in. */
export async function parseDotenv(text: string): Promise<Array<[name: string, value: string]>> {
  return valuesOf(await readDotenv(text))
}
