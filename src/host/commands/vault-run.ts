/** `disinto vault-run`: one approved action, with the secrets it asked for and no others. */
import type { HostCommand, Invocation } from '../cli/command.ts'
import { allowed } from '../store/open.ts'
import { PROPOSAL, runOne } from '../vault/run.ts'
import { Signals } from '../vault/signals.ts'

function vaultRunOf({ context, words, rest, texts, text, on }: Invocation): Promise<number> {
  return runOne(
    context,
    {
      id: words[0] ?? '',
      command: rest,
      allow: allowed(context.variables, texts('allow')),
      allowMounts: texts('allow-mount'),
      signers: text('allowed-signers'),
      dryRun: on('dry-run'),
    },
    new Signals(),
  )
}

export const vaultRun: HostCommand = {
  name: 'vault-run',
  about: 'run one approved action with the secrets it asked for',
  usage: 'ID [--dry-run] [-- COMMAND ...]',
  details: `Reads vault/approved/ID.json, opens exactly the secrets it names, encrypts them
again for a key made for this run, and starts the service vault-runner with those
files, that key and the proposal (${PROPOSAL}.json): no other secret,
no operator key, no .env.enc. They are in memory only, and gone afterwards.

The container is made, compared with what the run needs, and only then started:
what else the compose file would give it is refused, each mount unless it is named.

Where allowed_signers lists who may approve, a proposal runs once, as somebody
listed has signed it (disinto approve). Else it runs with a warning.

Without COMMAND, the approved command runs, or the service's own. Exit status: the
command's own; 1 when it did not start. Each run is recorded in vault/runs.jsonl,
names only, and leaves its result beside the proposal.`,
  examples: [
    'disinto vault-run publish-42',
    'disinto vault-run publish-42 --dry-run',
    'disinto vault-run publish-42 -- ./publish.sh',
  ],
  options: [
    { name: 'dry-run', about: 'say what would be mounted, and run nothing' },
    { name: 'allow', value: 'NAME', about: 'let a refused name through, GIT_SSH_COMMAND for example' },
    { name: 'allow-mount', value: 'SOURCE', about: 'let a mount of the compose file through, by its source' },
    {
      name: 'allowed-signers',
      value: 'FILE',
      about: 'who may approve (default: DISINTO_ALLOWED_SIGNERS, or see docs)',
    },
  ],
  words: [1, 1],
  takesRest: true,
  run: vaultRunOf,
}
