/** The commands there are, each loaded when it is called. */
import type { Commands } from './cli/command.ts'

/** In the order of the help. */
export const COMMANDS: Commands = new Map([
  ['init', async () => (await import('./commands/init.ts')).init],
  ['secrets keygen', async () => (await import('./commands/secrets/keygen.ts')).keygen],
  ['secrets add', async () => (await import('./commands/secrets/add.ts')).add],
  ['secrets list', async () => (await import('./commands/secrets/list.ts')).list],
  ['secrets show', async () => (await import('./commands/secrets/show.ts')).show],
  ['secrets edit', async () => (await import('./commands/secrets/edit.ts')).edit],
  ['secrets set', async () => (await import('./commands/secrets/set.ts')).set],
  ['secrets import', async () => (await import('./commands/secrets/import.ts')).importFile],
  ['secrets rm', async () => (await import('./commands/secrets/rm.ts')).rm],
  ['secrets grant', async () => (await import('./commands/secrets/grant.ts')).grant],
  ['secrets revoke', async () => (await import('./commands/secrets/revoke.ts')).revoke],
  ['secrets grants', async () => (await import('./commands/secrets/grants.ts')).grants],
  ['secrets migrate', async () => (await import('./commands/secrets/migrate.ts')).migrate],
  ['secrets check', async () => (await import('./commands/secrets/check.ts')).check],
  ['secrets scan', async () => (await import('./commands/secrets/scan.ts')).scan],
  ['secrets verify', async () => (await import('./commands/secrets/verify.ts')).verify],
  ['secrets rotate-key', async () => (await import('./commands/secrets/rotate-key.ts')).rotateKey],
  [
    'secrets recipients list',
    async () => (await import('./commands/secrets/recipients/list.ts')).recipientsList,
  ],
  [
    'secrets recipients add',
    async () => (await import('./commands/secrets/recipients/add.ts')).recipientsAdd,
  ],
  [
    'secrets recipients accept',
    async () => (await import('./commands/secrets/recipients/accept.ts')).recipientsAccept,
  ],
  ['secrets recipients rm', async () => (await import('./commands/secrets/recipients/rm.ts')).recipientsRm],
  ['run', async () => (await import('./commands/run.ts')).run],
  ['up', async () => (await import('./commands/up.ts')).up],
  ['down', async () => (await import('./commands/down.ts')).down],
  ['restart', async () => (await import('./commands/restart.ts')).restart],
  ['status', async () => (await import('./commands/status.ts')).status],
  ['ps', async () => (await import('./commands/ps.ts')).ps],
  ['stop', async () => (await import('./commands/stop.ts')).stop],
  ['logs', async () => (await import('./commands/logs.ts')).logs],
  ['shell', async () => (await import('./commands/shell.ts')).shell],
  ['exec', async () => (await import('./commands/exec.ts')).exec],
  ['vault-run', async () => (await import('./commands/vault-run.ts')).vaultRun],
  ['approve', async () => (await import('./commands/approve.ts')).approveCommand],
  ['git diff', async () => (await import('./commands/git/diff.ts')).diff],
  ['git setup', async () => (await import('./commands/git/setup.ts')).setup],
  ['doctor', async () => (await import('./commands/doctor.ts')).doctor],
  ['completion', async () => (await import('./commands/completion.ts')).completion],
  ['help', async () => (await import('./commands/help.ts')).help],
  ['version', async () => (await import('./commands/version.ts')).version],
])

/** Those that git calls, as `git setup` told it; no help lists them. */
export const CALLED_BY_GIT: Commands = new Map([
  ['git textconv', async () => (await import('./commands/git/textconv.ts')).textconv],
  ['git merge-driver', async () => (await import('./commands/git/merge-driver.ts')).mergeDriver],
])
