/**
 * An approval as a part of the text of the proposal that it approves. So one signature is over all of it, and stock
 * ssh-keygen can make it and check it.
 */
import { parse as parseToml, stringify as stringifyToml } from 'smol-toml'
import { failure } from '../errors.ts'
import type { Proposal } from './proposal.ts'
import type { ApprovalTerms } from './proposal-schema.ts'

/** As we write it, in a line of its own before the last brace: no text in JSON holds a line end. */
const OURS_IN_JSON = /,\n {2}"approval": \{[^\n]*\}\n\}\n$/
const OURS_IN_TOML = /\n\[approval\]\n(?:(?!\n\[)[\s\S])*$/

/** Returns the text without what an earlier approval has added. Throws approval-foreign for one that we did not write. */
function withoutTerms({ path, format, bytes, terms }: Proposal): string {
  const text = bytes.toString()
  if (terms === undefined) return text
  const [ours, rest] = format === 'json' ? [OURS_IN_JSON, '\n}\n'] : [OURS_IN_TOML, '']
  const bare = text.replace(ours, rest)
  if (bare === text) throw failure('approval-foreign', { path })
  return bare
}

/** The text of an object less its last brace and the blanks round it. */
function withoutBrace(text: string): string {
  return text.trimEnd().slice(0, -1).trimEnd()
}

/** Returns the proposal's text with these terms at its end; everything before stays as it is. */
export function withTerms(proposal: Proposal, terms: ApprovalTerms): string {
  const bare = withoutTerms(proposal)
  if (proposal.format === 'json') return `${withoutBrace(bare)},\n  "approval": ${JSON.stringify(terms)}\n}\n`
  const table = stringifyToml({ approval: terms })
  if ('approval' in parseToml(bare)) throw failure('approval-foreign', { path: proposal.path })
  return `${bare}${bare.endsWith('\n') ? '' : '\n'}\n${table.trim()}\n`
}

const UNITS: Readonly<Record<string, number>> = { s: 1, m: 60, h: 3600, d: 86_400, w: 604_800 }

/** Milliseconds of "90s", "2h", "1h30m" or "7d"; undefined for anything else, and for nothing. */
export function millisecondsOf(duration: string): number | undefined {
  if (!/^(?:\d{1,9}[smhdw])+$/.test(duration)) return undefined
  const parts = [...duration.matchAll(/(\d+)([smhdw])/g)]
  const seconds = parts.reduce((sum, [, count, unit]) => sum + Number(count) * (UNITS[unit ?? 's'] ?? 0), 0)
  return seconds > 0 && seconds <= 10 * 365 * 86_400 ? seconds * 1000 : undefined
}
