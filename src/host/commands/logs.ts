/** `disinto logs`: compose's own, without its complaints about variables. */
import type { HostCommand } from '../cli/command.ts'
import { PASSES_ON, runWithoutValues } from '../compose/pass-on.ts'

export const logs: HostCommand = {
  ...PASSES_ON,
  name: 'logs',
  about: 'show the output of the containers',
  usage: '[SERVICE ...] [FLAG OF COMPOSE LOGS ...]',
  details: 'Other flags go to docker compose logs.',
  examples: ['disinto logs', 'disinto logs agents --follow', 'disinto logs --tail 20 --timestamps'],
  options: [],
  run: (invocation) => runWithoutValues(['logs'], invocation),
}
