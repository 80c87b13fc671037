/** Which names a file may set. */
import { failure } from '../errors.ts'
import { TAKE_OVERS } from './take-over.ts'

const LEGAL = /^[A-Za-z_][A-Za-z0-9_]*$/

/** Names that disinto and sops read; with `*`, all that begin so. */
const REFUSED: ReadonlyArray<readonly [pattern: string, reason: string]> = [
  ['DISINTO_*', 'changes what disinto itself does'],
  ['SOPS_*', 'changes what sops does and which key it uses'],
]

/** All of them, each with its reason. */
const ALL = [...TAKE_OVERS.flatMap(({ names }) => names), ...REFUSED]
const EXACT = new Map(ALL)
const PREFIXES = ALL.flatMap(([pattern, reason]) =>
  pattern.endsWith('*') ? [[pattern.slice(0, -1), reason] as const] : [],
)

/** Whether an environment can hold this name. */
export function isLegalName(name: string): boolean {
  return LEGAL.test(name)
}

function reasonAgainst(name: string): string | undefined {
  // npm takes its prefix in any case, and -_ alike.
  const known = /^npm_config_/i.test(name) ? name.toLowerCase() : name
  return EXACT.get(known) ?? PREFIXES.find(([prefix]) => known.startsWith(prefix))?.[1]
}

/** Throws unless a file may set this name: `path` is the file, `allow` the names let through by option. */
export function checkName(name: string, path: string, allow: ReadonlySet<string>): void {
  if (!LEGAL.test(name)) throw failure('name-bad', { path, name })
  if (allow.has(name)) return
  const reason = reasonAgainst(name)
  if (reason !== undefined) throw failure('name-refused', { path, name, reason })
}
