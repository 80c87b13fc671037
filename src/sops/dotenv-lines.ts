/**
 * The lines of a SOPS dotenv file as sops cuts them. Lines end with a line feed alone, nothing is trimmed, and the first
 * `=` ends the name (stores/dotenv/store.go).
 */
import type { DotenvItem } from '../nouns.ts'

/** A line as it stands; `line` counts from 1. `metadata` has no prefix in its name. */
export type RawLine =
  | { readonly kind: 'comment'; readonly line: number; readonly text: string }
  | {
      readonly kind: 'value' | 'metadata'
      readonly line: number
      readonly name: string
      readonly text: string
    }
  | { readonly kind: 'nothing'; readonly line: number }

const PREFIX = 'sops_'

/** Cuts text into lines; empty ones are left out. */
export function splitLines(text: string): RawLine[] {
  return text.split('\n').flatMap((whole, at): RawLine[] => {
    const line = at + 1
    if (whole === '') return []
    if (whole.startsWith('#')) return [{ kind: 'comment', line, text: whole.slice(1) }]
    const equals = whole.indexOf('=')
    if (equals < 0) return [{ kind: 'nothing', line }]
    const name = whole.slice(0, equals)
    const rest = whole.slice(equals + 1)
    return name.startsWith(PREFIX)
      ? [{ kind: 'metadata', line, name: name.slice(PREFIX.length), text: rest }]
      : [{ kind: 'value', line, name, text: rest }]
  })
}

/**
 * The items that sops has decrypted, from the file and the text that sops printed: line by line the same comments and
 * names, so that nothing in one can pass for another. undefined where they are not.
 */
export function alignLines(file: Buffer, printed: Buffer): DotenvItem[] | undefined {
  // One byte a letter, so that every byte comes back as it was.
  const raw = splitLines(file.toString('latin1')).filter(({ kind }) => kind !== 'metadata')
  const text = printed.toString('latin1')
  const lines = text === '' ? [] : text.replace(/\n$/, '').split('\n')
  if (raw.length !== lines.length) return undefined
  const items: DotenvItem[] = []
  for (const [at, before] of raw.entries()) {
    const after = lines[at] ?? ''
    const start = before.kind === 'value' ? `${before.name}=` : '#'
    if (before.kind === 'nothing' || !after.startsWith(start)) return undefined
    const bytes = Buffer.from(after.slice(start.length), 'latin1')
    const { line } = before
    if (before.kind === 'comment') items.push({ kind: 'comment', line, bytes })
    else items.push({ kind: 'value', line, name: Buffer.from(before.name, 'latin1'), bytes })
  }
  return items
}
