/** Root by sudo: whose keys are then used, and why none is made. */
import type { HostContext } from '../context.ts'
import { failure } from '../errors.ts'

/** Who called sudo, if we are root by it; undefined for root itself, and for everybody else. */
export function sudoUser(variables: ReadonlyMap<string, string>): string | undefined {
  const user = variables.get('SUDO_USER')
  return process.getuid?.() !== 0 || user === undefined || user === '' || user === 'root' ? undefined : user
}

/**
 * Throws key-by-sudo where a new key would be root's, or root's in another's home, though somebody else asked. Their
 * own keys are not looked for: what root uses must not come from a home that root does not trust.
 */
export function refuseKeyBySudo({ variables }: HostContext): void {
  const user = sudoUser(variables)
  if (user !== undefined) throw failure('key-by-sudo', { user })
}
