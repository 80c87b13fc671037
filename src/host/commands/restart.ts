/** `disinto restart`: the stack once more, with the secrets and mounts of what exists now. */
import type { HostCommand, Invocation } from '../cli/command.ts'
import { lookAgain } from '../compose/aftermath.ts'
import { containersOf, runByName } from '../compose/by-name.ts'
import { runCompose, statusOfCompose } from '../compose/docker.ts'
import {
  ALLOW,
  ALLOW_SECRET,
  afterCompose,
  composeArguments,
  PASSES_ON,
  reachStack,
} from '../compose/pass-on.ts'
import { prepareStack } from '../compose/stack.ts'
import { failure } from '../errors.ts'

async function startAgain(invocation: Invocation): Promise<number> {
  const reached = await reachStack(invocation.context)
  const { context, name } = reached
  const containers = await containersOf(context, name)
  if (containers.length === 0) throw failure('stack-down')
  const words = ['restart', ...composeArguments(invocation)]
  // As they are: files that can't be read say nothing new.
  if (reached.by === 'name') return statusOfCompose(await runByName(context, name, words))
  const { values, override } = await prepareStack(context, {
    allow: invocation.texts('allow'),
    allowSecret: invocation.texts('allow-secret').flatMap((text) => text.split(',')),
  })
  // compose restart starts containers as they are: one that mounts what has gone could not start.
  const services = [...new Set(containers.map(({ service }) => service))]
  const created = await runCompose(context, ['up', '--no-start', '--no-deps', ...services], {
    values,
    override,
  })
  if (created !== 0) return afterCompose(context, created)
  const status = await runCompose(context, words, { values, override })
  if (status !== 0) return afterCompose(context, status)
  return (await lookAgain(context, name)) ? 1 : 0
}

export const restart: HostCommand = {
  ...PASSES_ON,
  name: 'restart',
  about: 'restart the stack, so that it reads its secrets again',
  usage: '[SERVICE ...] [FLAG OF COMPOSE RESTART ...]',
  details: `A container whose mounts or settings have changed, after secrets migrate for
example, is recreated. Other flags go to docker compose restart.`,
  examples: ['disinto restart', 'disinto restart agents --timeout 60'],
  options: [ALLOW, ALLOW_SECRET],
  run: startAgain,
}
