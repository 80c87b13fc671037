/** The commands there are, each loaded when it is called. */
import type { HostCommand } from './command.ts'

/** In the order of the help. */
export const COMMANDS: ReadonlyMap<string, () => Promise<HostCommand>> = new Map([
  ['init', async () => (await import('./init.ts')).init],
  ['secrets keygen', async () => (await import('./secrets-keygen.ts')).keygen],
  ['secrets add', async () => (await import('./secrets-add.ts')).add],
  ['secrets list', async () => (await import('./secrets-list.ts')).list],
  ['secrets show', async () => (await import('./secrets-show.ts')).show],
  ['secrets edit', async () => (await import('./secrets-edit.ts')).edit],
  ['secrets rm', async () => (await import('./secrets-rm.ts')).rm],
  ['secrets migrate', async () => (await import('./secrets-migrate.ts')).migrate],
  ['secrets verify', async () => (await import('./secrets-verify.ts')).verify],
  ['secrets rotate-key', async () => (await import('./secrets-rotate-key.ts')).rotateKey],
  ['secrets recipients list', async () => (await import('./recipients-list.ts')).recipientsList],
  ['secrets recipients add', async () => (await import('./recipients-add.ts')).recipientsAdd],
  ['secrets recipients rm', async () => (await import('./recipients-rm.ts')).recipientsRm],
  ['up', async () => (await import('./up.ts')).up],
  ['down', async () => (await import('./running.ts')).down],
  ['restart', async () => (await import('./up.ts')).restart],
  ['status', async () => (await import('./running.ts')).status],
  ['logs', async () => (await import('./running.ts')).logs],
  ['shell', async () => (await import('./shell.ts')).shell],
  ['vault-run', async () => (await import('./vault-run.ts')).vaultRun],
  ['doctor', async () => (await import('./doctor.ts')).doctor],
  ['completion', async () => (await import('./completion.ts')).completion],
  ['help', async () => (await import('./help.ts')).help],
  ['version', async () => (await import('./version.ts')).version],
])
