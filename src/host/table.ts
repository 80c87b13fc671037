/** The commands there are, each loaded when it is called. */
import type { HostCommand } from './command.ts'

/** In the order of the help. */
export const COMMANDS: ReadonlyMap<string, () => Promise<HostCommand>> = new Map([
  ['help', async () => (await import('./help.ts')).help],
  ['version', async () => (await import('./version.ts')).version],
])
