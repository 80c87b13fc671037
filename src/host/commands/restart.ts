/** `disinto restart`: the stack once more, with the secrets and mounts of what exists now. */
import type { HostCommand, Invocation } from '../cli/command.ts'
import { lookAgain } from '../compose/aftermath.ts'
import { type Container, containersOf, runByName } from '../compose/by-name.ts'
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

/** Runs a command of compose; its exit status. */
type Compose = (words: readonly string[]) => Promise<number>

/**
 * Restarts services; returns compose's status. Its own restart waits for nobody's health: a service would start while
 * what it waits for, the files that are written for it for example, is not there yet. Where one waits, all stop, and
 * start as in `up`.
 */
async function restartBy(
  compose: Compose,
  containers: readonly Container[],
  words: readonly string[],
): Promise<number> {
  if (!containers.some(({ waits }) => waits)) return compose(['restart', ...words])
  const services = new Set(containers.map(({ service }) => service))
  const named = words.filter((word) => services.has(word))
  const stopped = await compose(['stop', ...words])
  return stopped === 0 ? compose(['start', ...named]) : stopped
}

async function startAgain(invocation: Invocation): Promise<number> {
  const reached = await reachStack(invocation.context)
  const { context, name } = reached
  const containers = await containersOf(context, name)
  if (containers.length === 0) throw failure('stack-down')
  const words = composeArguments(invocation)
  // As they are: files that can't be read say nothing new.
  if (reached.by === 'name')
    return statusOfCompose(await restartBy((all) => runByName(context, name, all), containers, words))
  const { values, override } = await prepareStack(context, {
    allow: invocation.texts('allow'),
    allowSecret: invocation.texts('allow-secret').flatMap((text) => text.split(',')),
  })
  const compose: Compose = (all) => runCompose(context, all, { values, override })
  // compose restart starts containers as they are: one that mounts what has gone could not start.
  const services = [...new Set(containers.map(({ service }) => service))]
  const created = await compose(['up', '--no-start', '--no-deps', ...services])
  if (created !== 0) return afterCompose(context, created)
  const status = await restartBy(compose, await containersOf(context, name), words)
  if (status !== 0) return afterCompose(context, status)
  return (await lookAgain(context, name)) ? 1 : 0
}

export const restart: HostCommand = {
  ...PASSES_ON,
  name: 'restart',
  about: 'restart the stack, so that it reads its secrets again',
  usage: '[SERVICE ...] [FLAG OF COMPOSE RESTART ...]',
  details: `A container whose mounts or settings have changed, after secrets migrate for
example, is recreated. Where a service waits until another is healthy, all stop, and start in that
order. Other flags go to docker compose restart, or stop.`,
  examples: ['disinto restart', 'disinto restart agents --timeout 60'],
  options: [ALLOW, ALLOW_SECRET],
  run: startAgain,
}
