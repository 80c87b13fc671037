/** `disinto approve`: signs a proposal, so that vault-run runs it once; or lists where proposals stand. */
import type { HostCommand, Invocation } from '../cli/command.ts'
import { ownVariables } from '../context.ts'
import { failure } from '../errors.ts'
import { allowed } from '../store/open.ts'
import { millisecondsOf } from '../vault/approval-text.ts'
import { approve } from '../vault/approve.ts'
import { type Standing, standings, wants } from '../vault/standing.ts'

function lineOf({ id, state, about, proposal }: Standing): string {
  return `${state.padEnd(9)}  ${id}${proposal === undefined ? '' : `: ${wants(proposal)}`}\n${' '.repeat(11)}${about}\n`
}

function jsonOf({ id, state, about, proposal }: Standing): object {
  const { path, type, source, secrets, files, minutes, terms } = proposal ?? {}
  return { id, state, about, path, type, source, secrets, files, minutes, ...terms }
}

async function listAll({ context, texts, text, on }: Invocation): Promise<number> {
  const through = { allow: allowed(ownVariables(context), texts('allow')), signers: text('allowed-signers') }
  const all = await standings(context, through)
  if (on('json')) context.print(`${JSON.stringify(all.map(jsonOf), null, 2)}\n`)
  else context.print(all.map(lineOf).join(''))
  return 0
}

function lastsOf(text: string | undefined): number | undefined {
  if (text === undefined) return undefined
  const milliseconds = millisecondsOf(text)
  if (milliseconds === undefined)
    throw failure('option-value', {
      command: 'approve',
      option: '--expires',
      wanted: 'a duration: 30m, 2h, 7d',
    })
  return milliseconds
}

async function approveOf(invocation: Invocation): Promise<number> {
  const { context, words, rest, texts, text, on } = invocation
  if (on('list')) return listAll(invocation)
  const [id] = words
  if (id === undefined) throw failure('words-missing', { command: 'approve', usage: command.usage })
  const proposal = await approve(context, {
    id,
    allow: allowed(ownVariables(context), texts('allow')),
    signingKey: text('signing-key'),
    lasts: lastsOf(text('expires')),
    command: rest,
    signers: text('allowed-signers'),
  })
  context.speak.note(`approved ${proposal.path} for one run: ${wants(proposal)}`)
  return 0
}

const command: HostCommand = {
  name: 'approve',
  about: 'sign a proposal, so that vault-run will run it once',
  usage: 'ID|--list [--expires 2h] [-- COMMAND ...]',
  details: `Writes the ID, the expiry and the command into the proposal, and signs the file with
an OpenSSH key: ID.json.sig beside it, as ssh-keygen -Y sign -n disinto-approval
writes it, and as ssh-keygen -Y verify checks it. The key may be in an agent or on a
token; without --signing-key it is git's, user.signingkey of your own configuration.

vault-run asks for approvals where there is a file that lists who may approve, in the form
of ssh-keygen's ALLOWED SIGNERS: --allowed-signers, DISINTO_ALLOWED_SIGNERS, or
allowed_signers in the project's directory beside the operator key,
~/.config/sops/age/PROJECT/allowed_signers. It then runs each approval once.

With COMMAND, only that command runs. Without, the one passed to vault-run, or the service's
own.`,
  examples: [
    'disinto approve publish-42 --expires 2h -- ./publish.sh',
    'disinto approve publish-42 --signing-key ~/.ssh/id_ed25519',
    'disinto approve --list',
  ],
  options: [
    { name: 'list', about: 'list which proposals wait, are valid or are spent, and what each would get' },
    { name: 'json', about: 'with --list: JSON' },
    { name: 'signing-key', value: 'FILE', about: 'an OpenSSH key, or the public half of one in an agent' },
    { name: 'expires', value: 'DURATION', about: 'how long the approval is valid: 30m, 2h, 7d' },
    { name: 'allow', value: 'NAME', about: 'allow a refused name, as vault-run does' },
    { name: 'allowed-signers', value: 'FILE', about: 'who may approve, as for vault-run' },
  ],
  words: [0, 1],
  completes: ['action'],
  takesRest: true,
  changes: true,
  run: approveOf,
}

export const approveCommand = command
