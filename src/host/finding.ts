/** What a look at a project finds: a warning, how bad it is, and for which file. */
import { asDisintoError } from '../errors.ts'
import type { Warning } from '../speak.ts'

/** `error`: something is wrong or a secret is in the open. `warning`: look at it. `note`: a fact. */
export type Severity = 'error' | 'warning' | 'note'

export interface Finding extends Warning {
  readonly severity: Severity
}

/** A failure that a command would end with, as a finding. */
export function findingOf(thrown: unknown, severity: Severity = 'error'): Finding {
  const { code, message, hint } = asDisintoError(thrown)
  return { code, severity, message, hint }
}

/** The lines of a finding for a person. */
export function linesOf({ code, severity, message, hint }: Finding): string {
  return `${severity}: ${code}: ${message}\n${hint === undefined ? '' : `  fix: ${hint}\n`}`
}

/** A finding for programs: what is a hint elsewhere is a fix here. */
export function plainFinding({ hint, ...rest }: Finding): object {
  return { ...rest, fix: hint }
}
