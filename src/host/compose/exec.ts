/** A command in a running container, as the user that the service's own command has. */
import { withheld } from '../../load/merge.ts'
import { keyTypesOf } from '../../load/options.ts'
import type { HostContext } from '../context.ts'
import { failure } from '../errors.ts'
import { isTerminal } from '../terminal.ts'
import { warning } from '../warnings.ts'
import { type Container, containersOf } from './by-name.ts'
import { runDocker } from './docker.ts'
import { type Image, inspectFields, type ShimCall, shimCall } from './images.ts'
import type { Reached } from './pass-on.ts'
import { checkService, envFileOf } from './stack.ts'

/** Keys, and the credentials for the kinds that these variables or options of the shim allow. */
function keptFromCommands({ environment }: Image, shim: ShimCall | undefined): string[] {
  const types = new Set([...keyTypesOf(environment), ...(shim?.options.keyTypes ?? [])])
  return [...withheld(types)].filter((name) => environment.has(name))
}

/** The words for docker exec. */
function execWords(
  id: string,
  image: Image,
  shim: ShimCall | undefined,
  { withSecrets, command }: { readonly withSecrets: boolean; readonly command: readonly string[] },
): string[] {
  const terminal = isTerminal(0) && isTerminal(1) ? ['--interactive', '--tty'] : ['--interactive']
  // With the options that the service's own start has: its user, and what it may have.
  if (withSecrets) return ['exec', ...terminal, id, ...(shim?.words ?? []), '--', ...command]
  // Without the shim nobody changes the user for us, and nobody takes away what opens files. What that user runs, the
  // agent can read in /proc.
  const user = shim?.options.user ?? image.environment.get('DISINTO_USER') ?? ''
  return [
    'exec',
    ...terminal,
    ...(user === '' ? [] : ['--user', user]),
    ...keptFromCommands(image, shim).flatMap((name) => ['--env', `${name}=`]),
    id,
    ...command,
  ]
}

/** Says when the container still has the secrets of before their last change. */
function warnOfAge(context: HostContext, { stamp }: Container, service: string): void {
  if (stamp === '' || stamp === envFileOf(context)?.stamp) return
  context.speak.warning(warning('container-older', { service }))
}

/**
 * Runs a command in the container of a service, with the secrets or without; its exit status. Throws service-missing,
 * service-down, option-value for a DISINTO_KEY_TYPES that means nothing, and shell-no-shim where the secrets are wanted
 * and the container starts without the shim.
 */
export async function runInContainer(
  reached: Reached,
  service: string,
  command: readonly string[],
  withSecrets: boolean,
): Promise<number> {
  const { context, name } = reached
  if (reached.by === 'files') checkService(context, reached.reading.model, service)
  const container = (await containersOf(context, name)).find(
    (one) => one.service === service && one.state === 'running',
  )
  const image = container && (await inspectFields(context, 'container', container.id))
  if (container === undefined || image === undefined) throw failure('service-down', { service })
  const shim = await shimCall(image)
  if (withSecrets && shim === undefined) throw failure('shell-no-shim', { service })
  if (withSecrets) warnOfAge(context, container, service)
  return runDocker(context, execWords(container.id, image, shim, { withSecrets, command }))
}
