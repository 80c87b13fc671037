/** From documents to entries: by the engine that can, as DESIGN.md §2 has each format. */
import { isUtf8 } from 'node:buffer'
import { failure } from '../errors.ts'
import { Secret } from '../secret.ts'
import { parseDotenv } from './dotenv.ts'
import { checkName } from './names.ts'
import type { Options } from './options.ts'
import type { Document, Open, OpenedBy, Plaintext, SecretFile } from '../nouns.ts'

export interface Entry {
  readonly name: string
  readonly value: Secret
  readonly document: Document
  /** The engine; undefined for plaintext. */
  readonly by: OpenedBy | undefined
}

/** The longest string the kernel takes, `NAME=VALUE` and its final NUL (execve(2), MAX_ARG_STRLEN). */
const MAX_STRING_BYTES = 128 * 1024

function text(bytes: Buffer, path: string, name: string): string {
  if (!isUtf8(bytes)) throw failure('value-not-utf8', { path, name })
  return bytes.toString()
}

function withoutFinalNewline(bytes: Buffer): Buffer {
  if (bytes.at(-1) !== 0x0a) return bytes
  return bytes.subarray(0, bytes.at(-2) === 0x0d ? -2 : -1)
}

function ofSecretFile(
  source: SecretFile,
  plaintext: Plaintext,
  values: ReadonlyArray<readonly [string, string]>,
) {
  if (plaintext.kind === 'bytes' && values.length === 0) {
    return [[source.name, text(withoutFinalNewline(plaintext.bytes), source.path, source.name)] as const]
  }
  const only = values[0]
  if (values.length !== 1 || only?.[0] !== source.name) {
    throw failure('name-mismatch', {
      path: source.path,
      expected: source.name,
      found: values.map(([name]) => name),
    })
  }
  return values
}

async function namedValues(
  document: Document,
  plaintext: Plaintext,
): Promise<ReadonlyArray<readonly [string, string]>> {
  const { source, format } = document
  if (plaintext.kind === 'values') {
    if (source.role === 'secret') return ofSecretFile(source, plaintext, plaintext.values)
    return plaintext.values
  }
  if (source.role === 'secret' && format !== 'sops-dotenv') return ofSecretFile(source, plaintext, [])
  const values = await parseDotenv(text(plaintext.bytes, source.path, '.env'))
  if (source.role === 'env-file') return values
  if (values.length === 0)
    throw failure('name-mismatch', { path: source.path, expected: source.name, found: [] })
  return ofSecretFile(source, plaintext, values)
}

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

/** Opens one document; its entries, each name and value checked. */
async function entriesOf(document: Document, open: Open, options: Options): Promise<Entry[]> {
  const { path } = document.source
  const { plaintext, by } =
    document.format === 'plaintext'
      ? { plaintext: { kind: 'bytes' as const, bytes: document.bytes }, by: undefined }
      : await open(document)
  const values = await namedValues(document, plaintext)
  return values
    .filter(([name]) => options.only?.includes(name) ?? true)
    .map(([name, value]) => {
      checkName(name, path, options.allow)
      // A file takes what an environment can't.
      if (!options.asFile.includes(name)) checkValue(name, value, path)
      return { name, value: new Secret(value), document, by }
    })
}

/**
 * Opens all documents, at most one a core at a time, and gives their entries in the order of the documents. When
 * several fail, the first of that order is thrown, so that the same mistake always reads the same.
 */
export async function decrypt(
  documents: readonly Document[],
  open: Open,
  options: Options,
): Promise<Entry[]> {
  const results: Array<Entry[] | { readonly failed: unknown }> = []
  const queue = documents.entries()
  const work = async (): Promise<void> => {
    for (const [at, document] of queue) {
      try {
        results[at] = await entriesOf(document, open, options)
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
  return results.flatMap((result) => {
    if ('failed' in result) throw result.failed
    return result
  })
}
