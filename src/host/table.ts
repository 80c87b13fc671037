/** The commands there are, each loaded when it is called. */
import type { HostCommand } from './command.ts'

/** In the order of the help. */
export const COMMANDS: ReadonlyMap<string, () => Promise<HostCommand>> = new Map([
  ['help', async () => (await import('./help.ts')).help],
  ['init', async () => (await import('./init.ts')).init],
  ['up', async () => (await import('./up.ts')).up],
  ['down', async () => (await import('./running.ts')).down],
  ['restart', async () => (await import('./up.ts')).restart],
  ['status', async () => (await import('./running.ts')).status],
  ['logs', async () => (await import('./running.ts')).logs],
  ['shell', async () => (await import('./shell.ts')).shell],
  ['version', async () => (await import('./version.ts')).version],
])
