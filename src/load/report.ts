/** What a run says about itself: names, files and formats, never a value. */
import { basename } from 'node:path'
import type { Document } from '../nouns.ts'
import { quote } from '../quote.ts'
import type { Warning } from '../speak.ts'
import { MOST, warning } from '../warnings.ts'
import type { Entry, Finding } from './decrypt.ts'
import type { Merged } from './merge.ts'
import type { Options } from './options.ts'

/**
 * Warnings about what files say: a value that is cut or a line that sets nothing, a line each kind. Where something is
 * lost, also what stock sops would read otherwise: whoever changed a value with `sops set` looks for it there.
 */
export async function findingWarnings(findings: readonly Finding[]): Promise<Warning[]> {
  const warnings: Warning[] = []
  for (const { document, problems, doubled, unproved } of findings) {
    const { path } = document.source
    const lost = problems.some((problem) => problem.lost)
    const said = problems.filter((problem) => problem.lost || (lost && problem.kind === 'sops'))
    if (said.length > 0) warnings.push(...(await import('./diagnosis.ts')).problemWarnings(path, said, MOST))
    if (doubled.length > 0) warnings.push(warning('name-doubled', { path, names: doubled }))
    if (unproved.length > 0) warnings.push(warning('value-unproved', { path, names: unproved }))
  }
  return warnings
}

/** Whether a secret file does not say which secret it holds: under another name it is taken for that. */
function isNameless({ source, format }: Document): boolean {
  return source.role === 'secret' && (format === 'age' || format === 'sops-binary')
}

/** Warnings that can only be given once everything has been opened. */
export function warningsOf(entries: readonly Entry[], merged: Merged, options: Options): Warning[] {
  // A file that sets nothing, comments alone for example, holds no secret.
  const documents = [...new Set(entries.map(({ document }) => document))]
  const plaintext = documents
    .filter(({ format }) => format === 'plaintext')
    .map(({ source: { path } }) => warning('plaintext-env', { path }))
  const nameless = documents
    .filter(isNameless)
    .map(({ source: { path }, format }) =>
      warning('file-nameless', { path, name: basename(path, '.enc'), isAge: format === 'age' }),
    )
  const names = (options.only ?? []).filter((name) => !merged.outcome.has(name))
  const absent = names.length === 0 ? [] : [warning('only-absent', { names })]
  return [...plaintext, ...nameless, ...absent]
}

/** The line that the image turns on. */
export function summaryLine({ outcome }: Merged): string {
  const names = (kept: boolean) => [...outcome].filter(([, fate]) => fate.kept === kept).map(([name]) => name)
  const loaded = names(false)
  const kept = names(true)
  const count = `${loaded.length} secret${loaded.length === 1 ? '' : 's'}`
  const already = kept.length === 0 ? '' : ` (already in the environment: ${kept.join(', ')})`
  return `${count}${loaded.length === 0 ? '' : `: ${loaded.join(', ')}`}${already}`
}

/** One line a name, for --verbose. */
export function loadedNames({ outcome }: Merged): string[] {
  return [...outcome].map(([name, { entry, kept }]) => {
    const from = `${quote(entry.document.source.path)} (${entry.document.format}${entry.by === undefined ? '' : `, ${entry.by}`})`
    return `${name}: ${kept ? `kept as the environment has it, not from ${from}` : `from ${from}`}`
  })
}

export type HandOver = 'execve' | 'child'

/** What --check writes to standard output. */
export function checkReport(
  { outcome }: Merged,
  warnings: readonly Warning[],
  handOver: HandOver,
  json: boolean,
): string {
  const entries = [...outcome].map(([name, { entry, kept }]) => ({
    name,
    source: entry.document.source.path,
    format: entry.document.format,
    engine: entry.by ?? null,
    kept,
  }))
  if (json) return `${JSON.stringify({ entries, handOver, warnings }, null, 2)}\n`
  const width = Math.max(0, ...entries.map(({ name }) => name.length))
  const lines = entries.map(
    ({ name, source, format, engine, kept }) =>
      `${name.padEnd(width)}  ${quote(source)}  ${format}  ${engine ?? '-'}${kept ? '  (the environment has it already)' : ''}`,
  )
  const last =
    handOver === 'execve'
      ? 'hand-over: execve (the shim becomes the command)'
      : 'hand-over: child (the shim stays as its parent; to become it needs Node 26, and no --redact)'
  return `${[...lines, last].join('\n')}\n`
}
