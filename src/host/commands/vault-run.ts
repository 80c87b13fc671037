/** `disinto vault-run`: one approved action, with the secrets it asked for. It gets no others (DESIGN.md §5). */
import type { HostCommand } from '../cli/command.ts'
import { PROPOSAL, vaultRunOf } from '../vault/run.ts'

export const vaultRun: HostCommand = {
  name: 'vault-run',
  about: 'run one approved action with the secrets it asked for',
  usage: 'ID [--dry-run] [-- COMMAND ...]',
  details: `Reads vault/approved/ID.json, opens exactly the secrets it names, encrypts them
again for a key made for this run, and starts the service vault-runner with those
files, that key and the proposal (${PROPOSAL}): no other secret,
no operator key, no .env.enc. They are in memory only, and gone afterwards.

Without COMMAND, the service's own command runs. Exit status: the command's own;
1 when it did not start. Each run is recorded in vault/runs.jsonl, names only.`,
  examples: [
    'disinto vault-run publish-42',
    'disinto vault-run publish-42 --dry-run',
    'disinto vault-run publish-42 -- ./publish.sh',
  ],
  options: [
    { name: 'dry-run', about: 'say what would be mounted, and run nothing' },
    { name: 'allow', value: 'NAME', about: 'let a refused name through, GIT_SSH_COMMAND for example' },
  ],
  words: [1, 1],
  takesRest: true,
  run: vaultRunOf,
}
