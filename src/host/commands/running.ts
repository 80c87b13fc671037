/** `disinto down`, `status` and `logs`: compose's own, without its complaints about variables. */
import type { HostCommand, Invocation } from '../cli/command.ts'
import { checkEngine, readComposeModel, runCompose, statusOfCompose } from '../compose/docker.ts'
import { standIns } from '../compose/interpolation.ts'
import { COMPOSE_COMMAND, composeArguments } from './up.ts'

/** Runs a command of compose for which no value matters: no key is needed, and nothing is decrypted. */
async function withoutValues(words: readonly string[], invocation: Invocation): Promise<number> {
  const { context } = invocation
  await checkEngine(context)
  const values = standIns(context, await readComposeModel(context))
  return statusOfCompose(await runCompose(context, [...words, ...composeArguments(invocation)], { values }))
}

export const down: HostCommand = {
  ...COMPOSE_COMMAND,
  name: 'down',
  about: 'stop the stack and remove its containers',
  usage: '[FLAG OF COMPOSE DOWN ...]',
  details: 'Needs no key. Volumes stay, unless --volumes is given: docker compose down --help.',
  examples: ['disinto down', 'disinto down --timeout 60'],
  options: [],
  run: (invocation) => withoutValues(['down'], invocation),
}

export const status: HostCommand = {
  ...COMPOSE_COMMAND,
  name: 'status',
  about: 'show the containers of the stack',
  usage: '[SERVICE ...] [FLAG OF COMPOSE PS ...]',
  details: 'Other flags go to docker compose ps. disinto doctor looks for mistakes.',
  examples: ['disinto status', 'disinto status --format json'],
  options: [],
  run: (invocation) => withoutValues(['ps', '--all'], invocation),
}

export const logs: HostCommand = {
  ...COMPOSE_COMMAND,
  name: 'logs',
  about: 'show what the containers wrote',
  usage: '[SERVICE ...] [FLAG OF COMPOSE LOGS ...]',
  details: 'Other flags go to docker compose logs.',
  examples: ['disinto logs', 'disinto logs agents --follow', 'disinto logs --tail 20 --timestamps'],
  options: [],
  run: (invocation) => withoutValues(['logs'], invocation),
}
