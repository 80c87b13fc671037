/** `disinto down`: compose's own, without its complaints about variables. */
import type { HostCommand } from '../cli/command.ts'
import { PASSES_ON, runWithoutValues } from '../compose/pass-on.ts'

export const down: HostCommand = {
  ...PASSES_ON,
  name: 'down',
  about: 'stop the stack and remove its containers',
  usage: '[FLAG OF COMPOSE DOWN ...]',
  details: 'Needs no key. Volumes are kept unless you add --volumes: docker compose down --help.',
  examples: ['disinto down', 'disinto down --timeout 60'],
  options: [],
  run: (invocation) => runWithoutValues(['down'], invocation),
}
