/** `disinto shell`: a shell in a running container, as the user that the command has there. */
import { isatty } from 'node:tty'
import type { HostCommand, Invocation } from '../cli/command.ts'
import type { HostContext } from '../context.ts'
import { askDocker, checkEngine, composeWords, readComposeModel, runCompose } from '../compose/docker.ts'
import { standIns } from '../compose/interpolation.ts'
import { checkService } from '../compose/stack.ts'
import { AGENTS } from '../project.ts'
import { failure } from '../errors.ts'

interface Container {
  readonly entrypoint: readonly string[]
  /** Whom the shim becomes there; undefined in an image that is not ours. */
  readonly user: string | undefined
}

/** What the running container of a service was started with. */
async function inspect(context: HostContext, service: string): Promise<Container> {
  const listed = await askDocker(context, [...composeWords(context), 'ps', '--quiet', service])
  const [id] = listed.stdout.toString().trim().split('\n')
  if (listed.status !== 0 || id === undefined || id === '') throw failure('service-down', { service })
  // Two fields of it: the whole would hold the values of `environment:`.
  const format = '{{json .Config.Entrypoint}}\n{{range .Config.Env}}{{println .}}{{end}}'
  const ended = await askDocker(context, ['inspect', '--format', format, id])
  if (ended.status !== 0) throw failure('service-down', { service })
  const [entrypoint = 'null', ...environment] = ended.stdout.toString().split('\n')
  const user = environment.find((line) => line.startsWith('DISINTO_USER='))?.slice('DISINTO_USER='.length)
  return { entrypoint: JSON.parse(entrypoint) ?? [], user: user === '' ? undefined : user }
}

/** The words for compose exec. */
function execWords(service: string, container: Container, withSecrets: boolean, command: readonly string[]) {
  const terminal = isatty(0) && isatty(1) ? [] : ['--no-TTY']
  // Without the shim nobody changes the user for us.
  const user = withSecrets || container.user === undefined ? [] : ['--user', container.user]
  return ['exec', ...terminal, ...user, service, ...(withSecrets ? container.entrypoint : []), ...command]
}

async function openShell(invocation: Invocation): Promise<number> {
  const { context, words, rest } = invocation
  const service = words[0] ?? AGENTS
  await checkEngine(context)
  const model = await readComposeModel(context)
  checkService(context, model, service)
  const values = standIns(context, model)
  const variables = new Map([
    ...context.variables,
    ...[...values].map(([name, value]) => [name, value.reveal()] as const),
  ])
  const container = await inspect({ ...context, variables }, service)
  const withSecrets = invocation.on('with-secrets')
  if (withSecrets && container.entrypoint.length === 0) throw failure('shell-no-shim', { service })
  if (!withSecrets) context.speak.note('this shell does not have the secrets; --with-secrets loads them')
  const command = rest.length > 0 ? rest : ['/bin/bash']
  return runCompose(context, execWords(service, container, withSecrets, command), { values })
}

export const shell: HostCommand = {
  name: 'shell',
  about: 'open a shell in a running container',
  usage: '[SERVICE] [--with-secrets] [-- COMMAND ...]',
  details: `As the agent's user. The shell does not have the secrets, unless --with-secrets has
it started by the container's entrypoint. The service is agents unless told.`,
  examples: ['disinto shell', 'disinto shell agents --with-secrets', 'disinto shell agents -- git status'],
  options: [{ name: 'with-secrets', about: 'load the secrets into the shell’s environment' }],
  words: [0, 1],
  takesRest: true,
  run: openShell,
}
