/** `disinto stop`: compose's own, without its complaints about variables. */
import type { HostCommand } from '../cli/command.ts'
import { PASSES_ON, runWithoutValues } from '../compose/pass-on.ts'

export const stop: HostCommand = {
  ...PASSES_ON,
  name: 'stop',
  about: 'stop the containers of the stack, and keep them',
  usage: '[SERVICE ...] [FLAG OF COMPOSE STOP ...]',
  details: 'Needs no key. disinto up starts them again; disinto down removes them.',
  examples: ['disinto stop', 'disinto stop agents --timeout 60'],
  options: [],
  run: (invocation) => runWithoutValues(['stop'], invocation),
}
