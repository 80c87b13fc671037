/** What this Node can do; no other file asks for its version. */

/**
 * Whether the shim can become the command. `process.execve` exists from 22.15, but until 26 a failed call aborts
 * the process instead of throwing, with the environment in the core.
 */
export function canExecve(): boolean {
  return 'execve' in process && Number.parseInt(process.versions.node, 10) >= 26
}
