/** From documents to entries, by the engine that can; and what was noticed in them. */
import { failure } from '../errors.ts'
import type { Document, Open, OpenedBy } from '../nouns.ts'
import { Secret } from '../secret.ts'
import type { Problem } from './diagnosis.ts'
import { namedValues } from './named.ts'
import { checkName, checkSecretName, isLegalName, namesGiven } from './names.ts'
import type { Options } from './options.ts'

export interface Entry {
  readonly name: string
  /** The name that its file has for it: another one where --as says so. */
  readonly loadedAs: string
  readonly value: Secret
  readonly document: Document
  /** The engine; undefined for plaintext. */
  readonly by: OpenedBy | undefined
}

/** What is worth a word about one document that opened. */
export interface Finding {
  readonly document: Document
  /** Of its dotenv text: lines and names, never text. */
  readonly problems: readonly Problem[]
  /** Names that stand twice in a file without lines. */
  readonly doubled: readonly string[]
  /** Names whose values the MAC does not cover, so that anyone can have written them. */
  readonly unproved: readonly string[]
}

/** What was loaded from all documents. */
export interface Loaded {
  readonly entries: readonly Entry[]
  readonly findings: readonly Finding[]
}

/** The longest string the kernel takes, `NAME=VALUE` and its final NUL (execve(2), MAX_ARG_STRLEN). */
const MAX_STRING_BYTES = 128 * 1024

/** Returns why no environment can hold a value: what the kernel would refuse, or Node would print, at the exec. */
export function cannotHold(name: string, value: string): string | undefined {
  if (value.includes('\0')) return 'holds a NUL byte'
  return Buffer.byteLength(name) + Buffer.byteLength(value) + 2 > MAX_STRING_BYTES ? 'is too long' : undefined
}

/** Throws value-nul or value-too-long for what no environment can hold. */
export function checkValue(name: string, value: string, path: string): void {
  const reason = cannotHold(name, value)
  if (reason === undefined) return
  throw failure(value.includes('\0') ? 'value-nul' : 'value-too-long', { path, name })
}

/** The entries with those that --as names behind all others, which they win over. Throws as-missing. */
function renamedLast(entries: readonly Entry[], { as, only }: Options): readonly Entry[] {
  if (as.size === 0) return entries
  const isRenamed = ({ name, loadedAs }: Entry) => as.get(name) === loadedAs
  const renamed = entries.filter(isRenamed)
  for (const [name, source] of as)
    if ((only?.includes(name) ?? true) && !renamed.some((entry) => entry.name === name))
      throw failure('as-missing', { name, source })
  return [...entries.filter((entry) => !isRenamed(entry)), ...renamed]
}

/** Opens one document; each name and value is checked. */
async function openOne(
  document: Document,
  open: Open,
  options: Options,
  home: string | undefined,
): Promise<Loaded> {
  const { path } = document.source
  const { plaintext, by } =
    document.format === 'plaintext'
      ? { plaintext: { kind: 'bytes' as const, bytes: document.bytes }, by: undefined }
      : await open(document)
  const named = await namedValues(document, plaintext, { expand: options.expand, home })
  const only = options.only === undefined ? undefined : new Set(options.only)
  const asFile = new Set(options.asFile)
  const wantedOf = (name: string) => namesGiven(name, options.as).filter((one) => only?.has(one) ?? true)
  const entries = named.values.flatMap(([given, value]) => {
    const wanted = wantedOf(given)
    if (wanted.length === 0) return []
    const line = named.lines.get(given)
    // It may be a piece of a value.
    if (line !== undefined && !isLegalName(given)) throw failure('name-bad-line', { path, line })
    if (document.source.role === 'secret') checkSecretName(given, path, options.allow)
    else checkName(given, path, options.allow)
    return wanted.map((name) => {
      if (name !== given) checkName(name, path, options.allow)
      // A file takes what an environment can't.
      if (!asFile.has(name)) checkValue(name, value, path)
      return { name, loadedAs: given, value: new Secret(value), document, by }
    })
  })
  const problems = named.problems.filter(({ name }) => name === undefined || wantedOf(name).length > 0)
  const unproved = 'unproved' in plaintext ? (plaintext.unproved ?? []) : []
  return { entries, findings: [{ document, problems, doubled: named.doubled, unproved }] }
}

/**
 * Opens all documents, at most one a core at a time, and returns their entries and findings in the order of the
 * documents. When several fail, the first of that order is thrown, so that the same mistake always reads the same.
 * `home` is the HOME that the command gets.
 */
export async function openAll(
  documents: readonly Document[],
  open: Open,
  options: Options,
  home?: string,
): Promise<Loaded> {
  const results: Array<Loaded | { readonly failed: unknown }> = []
  const queue = documents.entries()
  const work = async (): Promise<void> => {
    for (const [at, document] of queue) {
      try {
        results[at] = await openOne(document, open, options, home)
      } catch (failed) {
        results[at] = { failed }
        // What has begun ends; nothing new begins.
        for (const _ of queue);
      }
    }
  }
  // One document needs no node:os, which takes half a millisecond to load.
  const cores = documents.length < 2 ? 1 : (await import('node:os')).availableParallelism()
  await Promise.all(Array.from({ length: Math.min(cores, documents.length) }, work))
  const opened = results.map((result) => {
    if ('failed' in result) throw result.failed
    return result
  })
  return {
    entries: renamedLast(
      opened.flatMap(({ entries }) => entries),
      options,
    ),
    findings: opened.flatMap(({ findings }) => findings),
  }
}

/** The entries alone, for who has looked at the findings before. */
export async function decrypt(
  documents: readonly Document[],
  open: Open,
  options: Options,
  home?: string,
): Promise<Entry[]> {
  return [...(await openAll(documents, open, options, home)).entries]
}
