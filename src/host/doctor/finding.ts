/** What `disinto doctor` finds: a stable code, how bad it is, what it is, and what to do. */
import { asDisintoError } from '../../errors.ts'
import type { Show } from '../access/recipient-names.ts'
import type { HostContext } from '../context.ts'

/** `error`: something is wrong or a secret is in the open. `warning`: look at it. `note`: a fact. */
export type Severity = 'error' | 'warning' | 'note'

export interface Finding {
  readonly code: string
  readonly severity: Severity
  readonly message: string
  readonly fix?: string
}

/** Looks at one subject; changes nothing. `show` is how it shows recipients. */
export type Examine = (context: HostContext, show: Show) => Promise<Finding[]>

/** A failure that a command would end with, as a finding. */
export function findingOf(thrown: unknown, severity: Severity = 'error'): Finding {
  const { code, message, hint } = asDisintoError(thrown)
  return { code, severity, message, fix: hint }
}
