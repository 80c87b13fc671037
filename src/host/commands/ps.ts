/** `disinto ps`: compose's own, without its complaints about variables. */
import type { HostCommand } from '../cli/command.ts'
import { PASSES_ON, runWithoutValues } from '../compose/pass-on.ts'

export const ps: HostCommand = {
  ...PASSES_ON,
  name: 'ps',
  about: 'show the running containers of the stack',
  usage: '[SERVICE ...] [FLAG OF COMPOSE PS ...]',
  details: 'As docker compose ps; disinto status shows stopped ones as well.',
  examples: ['disinto ps', 'disinto ps --services'],
  options: [],
  run: (invocation) => runWithoutValues(['ps'], invocation),
}
