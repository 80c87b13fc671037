/** From an opened document to names with values: what each plaintext means (DESIGN.md §2). */
import { isUtf8 } from 'node:buffer'
import { failure } from '../errors.ts'
import type { Covers, Document, DotenvItem, Plaintext, SecretFile } from '../nouns.ts'
import type { Problem } from './diagnosis.ts'
import { ForeignName, ownName, type Reading, readDotenv, readItems, valuesOf } from './dotenv.ts'

/** Whether references are filled in, and what HOME stands for in them. */
export interface Filling {
  readonly expand: boolean
  /** As the command gets it. */
  readonly home: string | undefined
}

/** What one file gives, and what was noticed on the way. */
export interface Named {
  readonly values: ReadonlyArray<readonly [name: string, value: string]>
  /** Of dotenv text. */
  readonly problems: readonly Problem[]
  /** Names that stand twice in a file without lines; the last counts. */
  readonly doubled: readonly string[]
  /** The lines of names, where a file has lines: what is no name is told by its line. */
  readonly lines: ReadonlyMap<string, number>
}

function textIn(bytes: Buffer, path: string, name: string): string {
  if (!isUtf8(bytes)) throw failure('value-not-utf8', { path, name })
  return bytes.toString()
}

function withoutFinalNewline(bytes: Buffer): Buffer {
  if (bytes.at(-1) !== 0x0a) return bytes
  return bytes.subarray(0, bytes.at(-2) === 0x0d ? -2 : -1)
}

/** A secret file holds its own name and nothing else. */
function checkOnlyOwn({ name, path }: SecretFile, { values }: Named): void {
  if (values.length === 1 && values[0]?.[0] === name) return
  const found = values.map(([other]) => other)
  throw failure('name-mismatch', { path, expected: name, found })
}

/**
 * The names that occur twice. Throws name-twice where the MAC does not cover both values, so that a stranger could have
 * added one: it never covers what is empty (sops.go, Decrypt), and in some files only what is encrypted.
 */
function doubledIn(
  pairs: ReadonlyArray<readonly [name: string, raw: string]>,
  covers: Covers,
  path: string,
): string[] {
  const seen = new Map<string, string>()
  const doubled = new Set<string>()
  for (const [name, raw] of pairs) {
    const before = seen.get(name)
    if (before !== undefined) {
      if (raw === '' || before === '' || covers === 'encrypted') throw failure('name-twice', { path, name })
      doubled.add(name)
    }
    seen.set(name, raw)
  }
  return [...doubled]
}

async function ofReading(
  reading: Reading,
  path: string,
  encrypted: boolean,
  { expand, home }: Filling,
): Promise<Named> {
  const [{ diagnose }, { fillReferences, ReferencesTooLarge }] = await Promise.all([
    import('./diagnosis.ts'),
    import('./references.ts'),
  ])
  let filled: Pick<ReturnType<typeof fillReferences>, 'values' | 'notes'>
  try {
    filled = expand ? fillReferences(reading.assignments, home) : { values: valuesOf(reading), notes: [] }
  } catch (error) {
    throw error instanceof ReferencesTooLarge
      ? failure('references-too-large', { path, line: error.line })
      : error
  }
  const problems = diagnose(reading, { encrypted, notes: filled.notes })
  const inKey = problems.find(({ kind }) => kind === 'key-line')
  if (inKey !== undefined) throw failure('key-lines', { path, line: inKey.line })
  const lines = new Map(reading.assignments.map(({ name, line }) => [name, line]))
  return { values: filled.values, problems, doubled: [], lines }
}

async function ofItems(
  items: readonly DotenvItem[],
  covers: Covers,
  path: string,
  filling: Filling,
): Promise<Named> {
  for (const item of items) if (item.kind === 'value') textIn(item.bytes, path, ownName(item.name.toString()))
  let reading: Reading
  try {
    reading = await readItems(items)
  } catch (error) {
    throw error instanceof ForeignName ? failure('item-name', { path, line: error.line }) : error
  }
  const raw = reading.assignments.map(({ name, text, valueAt }) => [name, text.slice(valueAt)] as const)
  doubledIn(raw, covers, path)
  return ofReading(reading, path, true, filling)
}

/**
 * The names and values of an opened document; of a name twice the last counts. Throws name-mismatch, name-twice,
 * item-name, key-lines, value-not-utf8 and references-too-large.
 */
export async function namedValues(
  { source, format }: Document,
  plaintext: Plaintext,
  filling: Filling,
): Promise<Named> {
  const { path } = source
  if (plaintext.kind === 'bytes') {
    if (source.role === 'env-file') {
      const reading = await readDotenv(textIn(plaintext.bytes, path, '.env'))
      return ofReading(reading, path, format !== 'plaintext', filling)
    }
    const value = textIn(withoutFinalNewline(plaintext.bytes), path, source.name)
    return { values: [[source.name, value]], problems: [], doubled: [], lines: new Map() }
  }
  let named: Named
  if (plaintext.kind === 'items') named = await ofItems(plaintext.items, plaintext.covers, path, filling)
  else {
    const doubled = doubledIn(plaintext.values, plaintext.covers, path)
    const values = doubled.length === 0 ? plaintext.values : [...new Map(plaintext.values)]
    named = { values, problems: [], doubled, lines: new Map() }
  }
  if (source.role === 'secret') checkOnlyOwn(source, named)
  return named
}
