/**
 * The container of one run, made and not started.
 * It is read back from the engine, and removed whatever happens.
 */

import type { Ended } from '../../child.ts'
import { errnoOf } from '../../errors.ts'
import type { Secret } from '../../secret.ts'
import { askDocker, checkEngine, lastLine } from '../compose/docker.ts'
import type { HostContext } from '../context.ts'
import { failure } from '../errors.ts'
import { inTurn } from '../files/lock.ts'
import { VAULT_RUNNER } from '../project.ts'
import { type Expected, surplusOfEngine } from './engine-view.ts'
import { type Json, objectOf } from './json.ts'
import type { Mount } from './mounts.ts'
import type { Network } from './networks.ts'
import type { RunnerService } from './service.ts'

export interface Making {
  /** The container's name, which nobody else's has. */
  readonly name: string
  /** compose's name of the project: the container is labelled as one of its own. */
  readonly project: string
  readonly service: RunnerService
  /** What the run adds: the secrets, the run key, the proposal. */
  readonly mounts: readonly Mount[]
  readonly environment: ReadonlyMap<string, string>
  /** Instead of the service's command, where there is one. */
  readonly command: readonly string[]
  readonly terminal: boolean
  /** Whether it has a standard input: one that nobody writes to must be at its end. */
  readonly interactive: boolean
  /** What the compose file was filled in with. */
  readonly values: ReadonlyMap<string, Secret>
  /** A file that holds the service's variables, one a line. */
  readonly environmentFile: string
}

/** docker reads a mount as a line of CSV (RFC 4180). */
const csv = (field: string): string => (/[",\n]/.test(field) ? `"${field.replaceAll('"', '""')}"` : field)

function mountWords({ type, source, target, readOnly, inMemory }: Mount): string[] {
  const fields = [
    `type=${type}`,
    ...(source === undefined ? [] : [`source=${source}`]),
    `target=${target}`,
    ...(readOnly ? ['readonly'] : []),
    ...(inMemory === true ? ['volume-nocopy'] : []),
  ]
  return ['--mount', fields.map(csv).join(',')]
}

/** The service's variables without those that the run sets itself; a value over several lines can't be passed on. */
export function environmentText(service: RunnerService, except: readonly string[]): string {
  const own = [...service.environment].filter(([name]) => !except.includes(name))
  for (const [name, value] of own) {
    if (/[\n\r\0]/.test(value)) throw failure('runner-variable', { service: VAULT_RUNNER, name })
  }
  return own.map(([name, value]) => `${name}=${value}\n`).join('')
}

const commandOf = ({ command, service }: Making): readonly string[] =>
  command.length > 0 ? command : service.command

/** The words that make the container. compose takes it for one of a `compose run`, which `up` leaves alone. */
export function createWords(making: Making): string[] {
  const { name, project, service, mounts, environment, terminal, interactive } = making
  const [network] = service.networks
  const labels = [
    `project=${project}`,
    `service=${VAULT_RUNNER}`,
    'oneoff=True',
    'container-number=1',
    'config-hash=disinto',
  ]
  return [
    ...['create', '--name', name, '--pull', 'never', '--no-healthcheck', '--ipc', 'private'],
    ...(interactive ? ['--interactive'] : []),
    ...(terminal ? ['--tty'] : []),
    ...service.words,
    ...labels.flatMap((label) => ['--label', `com.docker.compose.${label}`]),
    ...[...service.mounts, ...mounts].flatMap(mountWords),
    ...['--env-file', making.environmentFile],
    ...[...environment].flatMap(([key, value]) => ['--env', `${key}=${value}`]),
    ...['--network', network?.name ?? service.networkMode ?? 'bridge'],
    '--',
    service.image,
    ...commandOf(making),
  ]
}

export const expectedOf = (making: Making): Expected => {
  const { service, mounts, environment } = making
  const after = (option: string) =>
    service.words.flatMap((word, at) => (word === option ? [service.words[at + 1] ?? ''] : []))
  const command = commandOf(making)
  return {
    mounts: [...service.mounts, ...mounts],
    tmpfs: after('--tmpfs').map((text) => text.replace(/:.*$/s, '')),
    networks:
      service.networks.length > 0
        ? service.networks.map(({ name }) => name)
        : [service.networkMode ?? 'bridge'],
    environment: new Map([...service.environment, ...environment]),
    command: command.length === 0 ? undefined : command,
    user: after('--user').at(-1),
  }
}

/** Makes a network unless it is there: the engine refuses a second one of the same name. */
async function ensureNetwork(context: HostContext, { external, words }: Network): Promise<void> {
  if (external) return
  const made = await askDocker(context, ['network', 'create', ...words])
  if (made.status === 0 || /already exists/.test(made.stderr.toString())) return
  await checkEngine(context)
  throw failure('run-uncreated', { service: VAULT_RUNNER, reason: lastLine(made) })
}

/** The image of the service, without a value that is in its name. */
const imageName = ({ service, values }: Pick<Making, 'service' | 'values'>): string =>
  withoutValues(service.image, values)

/** Text of the engine's without the values that the compose file was filled in with. */
function withoutValues(text: string, values: ReadonlyMap<string, Secret>): string {
  return [...values].reduce((left, [name, secret]) => {
    const value = secret.reveal()
    return value === '' ? left : left.replaceAll(value, `[${name}]`)
  }, text)
}

/**
 * Throws runner-image-missing unless the image is on the engine's machine. None is built or pulled for a run: the compose
 * file alone says from what, and a build could read the operator's files.
 */
export async function requireImage(
  context: HostContext,
  making: Pick<Making, 'service' | 'values'>,
): Promise<void> {
  const found = await askDocker(context, ['image', 'inspect', '--format', '{{.Id}}', making.service.image])
  if (found.status === 0) return
  await checkEngine(context)
  throw failure('runner-image-missing', { service: VAULT_RUNNER, image: imageName(making) })
}

/** Makes the container and its networks, side by side: only its start needs both. */
async function makeInTurn(context: HostContext, making: Making): Promise<Ended> {
  const { name, project, service } = making
  // One at a time: whoever ends removes the networks that nobody is in, and a made container is somebody.
  return inTurn(context.variables, project, async () => {
    const networks = Promise.all(service.networks.map((network) => ensureNetwork(context, network)))
    const [made] = await Promise.all([askDocker(context, createWords(making)), networks])
    for (const { name: other } of made.status === 0 ? service.networks.slice(1) : []) {
      const joined = await askDocker(context, ['network', 'connect', other, name])
      if (joined.status !== 0) return joined
    }
    return made
  })
}

/**
 * Makes the container and starts nothing. Networks that are not there are made. Throws engine-silent,
 * runner-image-missing, and run-uncreated with the engine's reason.
 */
export async function createContainer(context: HostContext, making: Making): Promise<void> {
  const made = await makeInTurn(context, making)
  if (made.status === 0) return
  if (/no such image/i.test(made.stderr.toString())) await requireImage(context, making)
  await checkEngine(context)
  throw failure('run-uncreated', {
    service: VAULT_RUNNER,
    reason: withoutValues(lastLine(made), making.values),
  })
}

function inspected(text: string): Json[] {
  try {
    const parsed: unknown = JSON.parse(text)
    return Array.isArray(parsed) ? parsed.map(objectOf) : []
  } catch (error) {
    if (error instanceof SyntaxError) return []
    throw error
  }
}

/** Has the engine tell of things of one kind, by their names or IDs; what it does not know is left out. */
async function inspect(
  context: HostContext,
  kind: 'container' | 'image' | 'volume',
  names: readonly string[],
): Promise<Json[]> {
  if (names.length === 0) return []
  const asked = await askDocker(context, [kind, 'inspect', ...names])
  return inspected(asked.stdout.toString())
}

/** What the engine has of a container and of its image. */
async function inspectBoth(
  context: HostContext,
  { name, service }: Making,
): Promise<{ readonly container: Json; readonly image: Json }> {
  // One call for both. A container may be called as the image is, and the image's name may be another's by now.
  const asked = await askDocker(context, ['inspect', name, service.image])
  const [container, found] = inspected(asked.stdout.toString())
  if (container === undefined)
    throw failure('run-uncreated', { service: VAULT_RUNNER, reason: lastLine(asked) })
  if (found !== undefined && found['Id'] === container['Image']) return { container, image: found }
  const [image] = await inspect(context, 'image', [String(container['Image'])])
  if (image === undefined)
    throw failure('runner-engine', {
      service: VAULT_RUNNER,
      what: 'an image that the engine says nothing about',
    })
  return { container, image }
}

/** Throws runner-engine unless the engine will do with a made container exactly what was asked for. */
export async function checkContainer(context: HostContext, making: Making): Promise<void> {
  const { container, image } = await inspectBoth(context, making)
  const named = [...making.service.mounts, ...making.mounts].flatMap(({ type, source }) =>
    type === 'volume' && source ? [source] : [],
  )
  const volumes = await inspect(context, 'volume', named)
  const [what] = surplusOfEngine(
    container,
    image,
    new Map(volumes.map((volume) => [String(volume['Name']), volume])),
    expectedOf(making),
  )
  if (what !== undefined) throw failure('runner-engine', { service: VAULT_RUNNER, what })
}

/** Removes a container, running or not; nothing when there is none. */
export async function removeContainer(context: HostContext, container: string): Promise<void> {
  try {
    await askDocker(context, ['rm', '--force', '--volumes', container])
  } catch (error) {
    if (errnoOf(error) !== 'ENOENT') throw error
  }
}

/** Removes the networks that were made for a project and that no container, running or not, is in. */
export async function removeUnusedNetworks(context: HostContext, project: string): Promise<void> {
  await inTurn(context.variables, project, async () => {
    const filter = `label=com.docker.compose.project=${project}`
    const words = ['network', 'ls', '--format', '{{.Name}}', '--filter', filter]
    const names = (await askDocker(context, words)).stdout.toString().split('\n')
    for (const name of names.filter((line) => line !== '')) {
      // By its name: a container that was made and not started knows no other.
      const users = await askDocker(context, ['ps', '--all', '--quiet', '--filter', `network=${name}`])
      if (users.status === 0 && users.stdout.length === 0) await askDocker(context, ['network', 'rm', name])
    }
  })
}
