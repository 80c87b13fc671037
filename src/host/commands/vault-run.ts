/** `disinto vault-run`: one approved action, with the secrets it asked for and no others. */
import { availableParallelism } from 'node:os'
import type { HostCommand, Invocation } from '../cli/command.ts'
import { readSettings } from '../compose/settings.ts'
import { ownVariables } from '../context.ts'
import { failure } from '../errors.ts'
import { allowed } from '../store/open.ts'
import { runPending } from '../vault/pending.ts'
import { runOne } from '../vault/run.ts'
import { Signals } from '../vault/signals.ts'

function jobsOf(text: string | undefined): number {
  if (text === undefined) return availableParallelism()
  if (!/^[1-9]\d{0,2}$/.test(text))
    throw failure('option-value', {
      command: vaultRun.name,
      option: '--jobs',
      wanted: 'a number, 4 for example',
    })
  return Number(text)
}

async function vaultRunOf(invocation: Invocation): Promise<number> {
  const { words, rest, texts, text, on } = invocation
  const { context } = await readSettings(invocation.context)
  const through = {
    allow: allowed(ownVariables(context), texts('allow')),
    allowMounts: texts('allow-mount'),
    signers: text('allowed-signers'),
  }
  const unattended = on('pending') || on('watch')
  // A command would be for one action, and this is for all that are approved.
  const [id] = words
  if (unattended === (id !== undefined) || (unattended && rest.length > 0))
    throw failure(unattended ? 'words-extra' : 'words-missing', {
      command: vaultRun.name,
      usage: vaultRun.usage,
    })
  if (unattended || id === undefined)
    return runPending(context, through, { jobs: jobsOf(text('jobs')), watch: on('watch') })
  const request = { ...through, id, command: rest, dryRun: on('dry-run'), once: false }
  return runOne(context, request, new Signals())
}

export const vaultRun: HostCommand = {
  name: 'vault-run',
  about: 'run one approved action with the secrets it asked for',
  usage: 'ID|--pending|--watch [--dry-run] [-- COMMAND ...]',
  details: `Reads vault/approved/ID.json, opens exactly the secrets it names, encrypts them
again for a key made for this run, and starts the service vault-runner with those
files, that key and the proposal (/etc/disinto/proposal.json): no other secret,
no operator key, no .env.enc. They are in memory only, and gone afterwards.

The container is created, compared with what the run needs, and only then started: anything
else from the compose file is refused, and each mount unless it is named.

Where allowed_signers lists who may approve, a proposal runs once, as signed by somebody on
that list (disinto approve). Otherwise it runs with a warning.

Without COMMAND, the approved command runs, or the service's own. Exit status: the
command's own; 1 when it did not start. Each run is recorded in vault/runs.jsonl,
names only, and leaves its result beside the proposal.

Unattended: --pending runs every approved action that has not run yet, once, several at a
time; --watch carries on with those that are approved later.`,
  examples: [
    'disinto vault-run publish-42',
    'disinto vault-run publish-42 --dry-run',
    'disinto vault-run publish-42 -- ./publish.sh',
    'disinto vault-run --watch --jobs 2',
  ],
  options: [
    { name: 'pending', about: 'run every approved action that has not yet run' },
    { name: 'watch', about: 'the same, and carry on as actions are approved' },
    { name: 'jobs', value: 'N', about: 'how many at once (default: the number of cores)' },
    { name: 'dry-run', about: 'say what would be mounted, and run nothing' },
    { name: 'allow', value: 'NAME', about: 'allow a refused name, GIT_SSH_COMMAND for example' },
    { name: 'allow-mount', value: 'SOURCE', about: 'allow a mount of the compose file, by its source' },
    {
      name: 'allowed-signers',
      value: 'FILE',
      about: 'who may approve (default: DISINTO_ALLOWED_SIGNERS, or see docs)',
    },
  ],
  words: [0, 1],
  completes: ['action'],
  takesRest: true,
  run: vaultRunOf,
}
