/** `disinto status`: compose's own ps, without its complaints about variables. */
import type { HostCommand } from '../cli/command.ts'
import { PASSES_ON, runWithoutValues } from '../compose/pass-on.ts'

export const status: HostCommand = {
  ...PASSES_ON,
  name: 'status',
  about: 'show the containers of the stack',
  usage: '[SERVICE ...] [FLAG OF COMPOSE PS ...]',
  details: 'Other flags go to docker compose ps. disinto doctor looks for mistakes.',
  examples: ['disinto status', 'disinto status --format json'],
  options: [],
  run: (invocation) => runWithoutValues(['ps', '--all'], invocation),
}
