/**
 * What is wrong with dotenv text, or would be read otherwise elsewhere. Line numbers and names, never text; the same
 * for a plaintext `.env` and for the lines of an opened SOPS dotenv file (DESIGN.md §2, "What a file means").
 */

import type { DotenvItem } from '../nouns.ts'
import { quote } from '../quote.ts'
import type { Warning } from '../speak.ts'
import { type Assignment, type Reading, readDotenv, readItems } from './dotenv.ts'
import { isLegalName } from './names.ts'
import { fillReferences, type ReferenceNote } from './references.ts'

/** Each kind of problem: what is said of it, and what to do. */
const KINDS = {
  hash: {
    message: 'the value ends before a # that has no blank before it',
    hint: 'put the value in quotes',
  },
  'after-quote': {
    message: 'there is text after the closing quote, so the quotes are part of the value',
    hint: 'put the whole value in one pair of quotes',
  },
  unterminated: {
    message: 'a quote is opened and not closed',
    hint: 'close it, or put the value in the other kind of quotes',
  },
  nothing: {
    message: 'sets nothing',
    hint: 'write NAME=value, or begin the line with #; a value of several lines goes in double quotes',
  },
  twice: {
    message: 'the name is set twice, and the last one is used',
    hint: 'remove one of the two',
  },
  conflict: {
    message: 'is a git conflict marker',
    hint: 'take one side, and set the values of the other again',
  },
  name: {
    message: 'the text before the = is not a variable name',
    hint: 'names match [A-Za-z_][A-Za-z0-9_]*: rename it; a value of several lines goes in double quotes',
  },
  'key-line': {
    message: 'is part of an unquoted value of several lines, and looks like a name of its own',
    hint: 'put the whole value in double quotes, from the first line to the last',
  },
  unresolved: {
    message: 'refers to a name that nothing in this file sets; it stays as it is',
    hint: 'set that name in the same file, or put the value in single quotes if it is meant so',
  },
  later: {
    message: 'refers to a name that is set further down, where docker compose does not look',
    hint: 'move the line below the one it refers to',
  },
  compose: {
    message: 'docker compose reads it differently',
    hint: 'docs/migrating.md, "From docker compose’s env_file": single quotes mean the same to both in most cases',
  },
  sops: {
    message:
      'stock sops reads it differently: quotes, blanks, \\n and references are part of the value there',
    hint: 'docs/migrating.md, "From sops exec-env"; a secret of its own keeps every byte: disinto secrets add NAME',
  },
  escape: {
    message: 'holds \\n without double quotes, which stays two characters',
    hint: 'put the value in double quotes, or in a file of its own: disinto secrets add NAME',
  },
  crlf: {
    message: 'lines end with carriage returns, which become part of names and values for sops',
    hint: 'save it with line feeds: sed -i "s/\\r$//" FILE',
  },
  bom: {
    message: 'begins with a byte order mark, which sops takes for part of the first name',
    hint: 'save it without one',
  },
  'utf-16': {
    message: 'is UTF-16, which is not supported',
    hint: 'save it as UTF-8: iconv -f UTF-16 -t UTF-8',
  },
  dotenvx: {
    message: 'is dotenvx ciphertext, which is passed on unchanged',
    hint: 'decrypt it first: dotenvx decrypt; then disinto secrets migrate',
  },
} as const

export type ProblemKind = keyof typeof KINDS

export interface Problem {
  readonly kind: ProblemKind
  /** Counted from 1. */
  readonly line: number
  /** The variable whose value it is; left out where what looks like a name may be a piece of a value. */
  readonly name?: string
  /** Whether a part of what was written is lost or changed here; else only other programs read it otherwise. */
  readonly lost: boolean
}

/** What a problem of this kind is called, and what to do about it. */
export function explainProblem(kind: ProblemKind): { readonly message: string; readonly hint: string } {
  return KINDS[kind]
}

/** As many lines of one kind as a person looks up one by one; a file of another kind has tens of thousands. */
const MOST_LINES = 100

/** The problems of a file by kind, in the order of the kinds: "lines 3 (PW), 7 (COLOR)", at most so many. */
export function problemWarnings(path: string, problems: readonly Problem[], most = MOST_LINES): Warning[] {
  return (Object.keys(KINDS) as ProblemKind[]).flatMap((kind) => {
    const found = problems.filter((problem) => problem.kind === kind)
    if (found.length === 0) return []
    const shown = found
      .slice(0, most)
      .map(({ line, name }) => (name === undefined ? `${line}` : `${line} (${name})`))
    const more = found.length > most ? ` and ${found.length - most} more` : ''
    const { message, hint } = KINDS[kind]
    const lines = `line${found.length === 1 ? '' : 's'} ${shown.join(', ')}${more}`
    return [{ code: `dotenv-${kind}`, message: `${quote(path)}: ${lines}: ${message}`, hint }]
  })
}

const CONFLICT = /^(?:<{7}|\|{7}|={7}|>{7})(?: |$)/
const KEY_BEGIN = /-----BEGIN [A-Z0-9 ]{1,40}-----/
const KEY_END = '-----END '
const BASE64_LINE = /^[A-Za-z0-9+/]{32,}$/
/** Blanks that Go and JavaScript do not agree on, or that compose does not cut off. */
const RARE_BLANK = /[\t\v\f\u0085\u00a0\u1680\u2000-\u200a\u2028\u2029\u202f\u205f\u3000\ufeff]/

/**
 * The lines of assignments that stand inside of a private key or another text in lines that has no quotes: between
 * BEGIN and END, or the last line of base64.
 */
function keyLines({ assignments, others }: Reading): Set<number> {
  const lines = new Set<number>()
  const ends = others.filter(({ text }) => text.startsWith(KEY_END)).map(({ line }) => line)
  let end = 0
  let until = 0
  const base64 = new Set(others.filter(({ text }) => BASE64_LINE.test(text)).map(({ line }) => line))
  for (const { line, quote, value, text, name } of assignments) {
    if (line < until) lines.add(line)
    const rest = text.slice(name.length)
    if ((rest === '=' || rest === '==') && base64.has(line - 1)) lines.add(line)
    if (line < until || quote !== undefined || !KEY_BEGIN.test(value) || value.includes(KEY_END)) continue
    while (end < ends.length && (ends[end] ?? 0) < line) end++
    until = ends[end] ?? 0
  }
  return lines
}

/** Whether docker compose's reading of a value (compose-go, dotenv/parser.go) may differ from dotenv's. */
function composeDiffers({ name, quote, text, valueAt }: Assignment): boolean {
  const value = text.slice(valueAt)
  const trimmed = value.trimStart()
  if (text.slice(0, valueAt).includes('\n') || /\n/.test(value.slice(0, value.length - trimmed.length)))
    return true
  if (trimmed.startsWith('`') || RARE_BLANK.test(quote === undefined ? value : text.slice(0, valueAt)))
    return true
  if (quote === "'") return trimmed.includes("\\'")
  // What refers to itself compose fills in with what it has read so far of the line.
  if (trimmed.includes(`\${${name}`)) return true
  // A reference of the forms that are filled in here means the same there.
  if (/\$(?:[A-Za-z_$]|\{(?![A-Za-z_]\w*(?:\}|:?-)))/.test(trimmed)) return true
  if (quote === '"') return /\\[^nr]/.test(trimmed)
  // A comment with nothing before it is a value for compose.
  return /^\s+#/.test(value) || /\\\$/.test(value)
}

/** Whether an unquoted value is cut off at a `#` that does not look like the beginning of a comment. */
function isCut({ quote, text, valueAt }: Assignment): boolean {
  if (quote !== undefined) return false
  const hash = text.indexOf('#', valueAt)
  return hash >= 0 && (hash === valueAt || !/\s/.test(text[hash - 1] ?? ''))
}

function quoteProblem({ quote, text, valueAt, value }: Assignment): ProblemKind | undefined {
  const trimmed = text.slice(valueAt).trimStart()
  const first = trimmed[0]
  if (first !== '"' && first !== "'") return undefined
  if (quote === undefined) return trimmed.indexOf(first, 1) < 0 ? 'unterminated' : 'after-quote'
  // What closes it was meant to open another: `B="`.
  return /\n\s*(?:export\s+)?[A-Za-z_]\w*=$/.test(value.slice(-200)) ? 'unterminated' : undefined
}

interface Subject {
  /** Lines of an opened SOPS dotenv file, which stock sops reads without dotenv's rules. */
  readonly encrypted: boolean
  readonly notes: readonly ReferenceNote[]
}

/** What is known of a file when one of its assignments is looked at. */
interface Surroundings {
  /** See Subject. */
  readonly encrypted: boolean
  readonly inKey: ReadonlySet<number>
  /** Lines with a `${` of another form. */
  readonly otherForms: ReadonlySet<number>
  /** Whether the file was encrypted by dotenvx. */
  readonly dotenvx: boolean
  /** Names that came before, each with its value. */
  readonly seen: Map<string, string>
}

/** A kind of problem, and whether something is lost by it. */
type Found = readonly [kind: ProblemKind, lost: boolean]

/** Whether sops alone would take the value for another than it is here. */
function sopsProblems({ quote, text, valueAt, value }: Assignment): Found[] {
  const raw = text.slice(valueAt)
  const escaped = quote === undefined && raw.includes('\\n') && KEY_BEGIN.test(raw)
  // Quotes of any kind differ by themselves; what stands in none may refer to something.
  const differs = value.includes('${') || value !== raw.replaceAll('\\n', '\n')
  return [...(escaped ? [['escape', true] as const] : []), ...(differs ? [['sops', false] as const] : [])]
}

/** What the text of a value lets it be cut off, or read otherwise by docker compose. */
function textProblems(assignment: Assignment, otherForms: ReadonlySet<number>): Found[] {
  const wrong = quoteProblem(assignment)
  const found: Found[] = isCut(assignment) ? [['hash', true]] : []
  // Quotes at both ends are taken off, whatever stands between.
  if (wrong !== undefined) found.push([wrong, wrong === 'unterminated' || /^["']/.test(assignment.value)])
  if (found.length > 0) return found
  return composeDiffers(assignment) || otherForms.has(assignment.line) ? [['compose', false]] : []
}

function problemsOf(assignment: Assignment, around: Surroundings): Problem[] {
  const { name, value, line } = assignment
  if (around.inKey.has(line)) return [{ kind: 'key-line', line, lost: true }]
  if (!isLegalName(name)) return [{ kind: 'name', line, lost: true }]
  const before = around.seen.get(name)
  around.seen.set(name, value)
  const found: Found[] = [
    ...(before === undefined ? [] : [['twice', before !== value] as const]),
    ...textProblems(assignment, around.otherForms),
    ...(around.dotenvx && value.startsWith('encrypted:') ? [['dotenvx', true] as const] : []),
    ...(around.encrypted ? sopsProblems(assignment) : []),
  ]
  return found.map(([kind, lost]) => ({ kind, line, name, lost }))
}

/** All problems of what was read, in the order of their lines. */
export function diagnose(reading: Reading, { encrypted, notes }: Subject): Problem[] {
  const { assignments, others } = reading
  const inKey = keyLines(reading)
  const around: Surroundings = {
    encrypted,
    inKey,
    otherForms: new Set(notes.filter(({ kind }) => kind === 'form').map(({ line }) => line)),
    dotenvx: assignments.some(({ name }) => name.startsWith('DOTENV_PUBLIC_KEY')),
    seen: new Map(),
  }
  const nothing = others.map(
    ({ line, text }): Problem => ({ kind: CONFLICT.test(text) ? 'conflict' : 'nothing', line, lost: true }),
  )
  const problems = [
    ...nothing,
    ...assignments.flatMap((assignment) => problemsOf(assignment, around)),
    ...notedProblems(notes, inKey),
  ]
  return problems.sort((one, other) => one.line - other.line)
}

/** What references had to say, once a line and kind. */
function notedProblems(notes: readonly ReferenceNote[], inKey: ReadonlySet<number>): Problem[] {
  const seen = new Set<string>()
  return notes.flatMap(({ kind, line, name }): Problem[] => {
    const key = `${line} ${kind}`
    if (kind === 'form' || inKey.has(line) || !isLegalName(name) || seen.has(key)) return []
    seen.add(key)
    return [{ kind, line, name, lost: kind === 'unresolved' }]
  })
}

/** What is wrong with the bytes of a dotenv file before it can be read as text; undefined when nothing is. */
export function encodingProblem(bytes: Buffer): Problem | undefined {
  const [first, second] = bytes
  const marked = (first === 0xff && second === 0xfe) || (first === 0xfe && second === 0xff)
  return marked ? { kind: 'utf-16', line: 1, lost: true } : undefined
}

/** Problems that stand in the text between the lines. */
function wholeProblems(text: string): Problem[] {
  const problems: Problem[] = []
  if (text.startsWith('\ufeff')) problems.push({ kind: 'bom', line: 1, lost: false })
  const crlf = text.indexOf('\r\n')
  if (crlf >= 0) problems.push({ kind: 'crlf', line: text.slice(0, crlf).split('\n').length, lost: false })
  return problems
}

/**
 * All problems of a plaintext `.env`, or of the text of a `.env.enc` in an editor (`encrypted`), in the order of
 * their lines. Changes nothing and shows no text; `explainProblem` and `problemWarnings` put them in words. Rejects
 * with ReferencesTooLarge.
 */
export async function diagnoseText(text: string, { encrypted = false } = {}): Promise<Problem[]> {
  const reading = await readDotenv(text)
  const { notes } = fillReferences(reading.assignments, '')
  return [...wholeProblems(text), ...diagnose(reading, { encrypted, notes })].sort(
    (one, other) => one.line - other.line,
  )
}

/** The same for the opened lines of a SOPS dotenv file. Rejects with ForeignName, too. */
export async function diagnoseItems(items: readonly DotenvItem[]): Promise<Problem[]> {
  const reading = await readItems(items)
  const { notes } = fillReferences(reading.assignments, '')
  return diagnose(reading, { encrypted: true, notes })
}
