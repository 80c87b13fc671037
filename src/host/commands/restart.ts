/** `disinto restart`: the stack once more, with the secrets and mounts of what exists now. */
import type { HostCommand, Invocation } from '../cli/command.ts'
import { askDocker, checkEngine, lastLine, readComposeModel, runCompose } from '../compose/docker.ts'
import { ALLOW, afterCompose, composeArguments, PASSES_ON } from '../compose/pass-on.ts'
import { prepareStack } from '../compose/stack.ts'
import { failure } from '../errors.ts'

export const restart: HostCommand = {
  ...PASSES_ON,
  name: 'restart',
  about: 'restart the stack, so that it reads its secrets anew',
  usage: '[SERVICE ...] [FLAG OF COMPOSE RESTART ...]',
  details: `A container whose mounts or settings have changed, after secrets migrate for
example, is made anew. Other flags go to docker compose restart.`,
  examples: ['disinto restart', 'disinto restart agents --timeout 60'],
  options: [ALLOW],
  run: async (invocation) => {
    const { context } = invocation
    await checkEngine(context)
    const running = await servicesUp(invocation)
    if (running.length === 0) throw failure('stack-down')
    const { values, override } = await prepareStack(context, invocation.texts('allow'))
    // compose restart starts containers as they are: one that mounts what has gone could not start.
    const created = await runCompose(context, ['up', '--no-start', '--no-deps', ...running], {
      values,
      override,
    })
    if (created !== 0) return afterCompose(context, created)
    const words = ['restart', ...composeArguments(invocation)]
    return afterCompose(context, await runCompose(context, words, { values, override }))
  },
}

/** The services that have a container, running or not; a vault-run's is none of the stack. */
async function servicesUp({ context }: Invocation): Promise<string[]> {
  const { name } = await readComposeModel(context)
  const label = 'label=com.docker.compose'
  const filters = ['--filter', `${label}.project=${name}`, '--filter', `${label}.oneoff=False`]
  const format = '{{.Label "com.docker.compose.service"}}'
  const ended = await askDocker(context, ['ps', '--all', ...filters, '--format', format])
  if (ended.status !== 0) throw failure('engine-silent', { reason: lastLine(ended) })
  const names = ended.stdout.toString().split('\n')
  return [...new Set(names.filter((service) => service !== ''))]
}
