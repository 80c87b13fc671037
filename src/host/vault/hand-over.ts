/**
 * How the files of a run get into its container.
 * By binds of a directory in our memory; where the engine does not see it, by volumes in the engine's own memory.
 */
import { join } from 'node:path'
import { generateKey } from '../../age/keygen.ts'
import type { Entry } from '../../load/decrypt.ts'
import type { MemoryDirectory } from '../../memory-directory.ts'
import { sealJson } from '../../sops/seal.ts'
import { askDocker, lastLine } from '../compose/docker.ts'
import { IMAGE_KEYS, IMAGE_ROOT } from '../compose/mounts.ts'
import type { HostContext } from '../context.ts'
import { failure } from '../errors.ts'
import { VAULT_RUNNER } from '../project.ts'
import type { Mount } from './mounts.ts'
import type { Proposal } from './proposal.ts'
import { type TarFile, tarOf } from './tar.ts'

/** Where the run's files are in the container. A directory for each of the three, so that a volume can be one. */
const PLACES = {
  age: IMAGE_KEYS,
  secrets: `${IMAGE_ROOT}/secrets`,
  proposal: `${IMAGE_ROOT}/proposal`,
} as const

type Part = keyof typeof PLACES
const PARTS: readonly Part[] = ['age', 'secrets', 'proposal']

/** How a volume is made that is nowhere but in the memory of the engine's machine. */
export const IN_MEMORY: Readonly<Record<string, string>> = {
  type: 'tmpfs',
  device: 'tmpfs',
  o: 'size=16m,mode=0755,nosuid,nodev,noexec',
}

/** Long enough to make and start a container. */
const HOLDER_SECONDS = '600'
const HOLDER_ROOT = '/run/disinto'

/** Where the command finds the proposal. */
export const proposalPlace = ({ format }: Pick<Proposal, 'format'>, elsewhere: boolean): string =>
  elsewhere ? `${PLACES.proposal}/proposal.${format}` : `${IMAGE_ROOT}/proposal.${format}`

/** The files that a container gets: the run key, the secrets encrypted to it, and the proposal. */
export async function filesOf(entries: readonly Entry[], proposal: Proposal): Promise<TarFile[]> {
  const { text, recipient } = generateKey()
  const secrets = await Promise.all(
    entries.map(async ({ name, value }) => ({
      path: `secrets/${name}.enc`,
      bytes: Buffer.from(await sealJson([[name, value.reveal()]], [recipient])),
      mode: 0o600,
    })),
  )
  return [
    { path: 'age/keys.txt', bytes: Buffer.from(text), mode: 0o600 },
    ...secrets,
    // For the command, which is not root.
    { path: `proposal/proposal.${proposal.format}`, bytes: proposal.bytes, mode: 0o644 },
  ]
}

/** Puts the files into a directory in memory; returns the mounts of them. */
export function handOverByBinds(
  directory: MemoryDirectory,
  files: readonly TarFile[],
  proposal: Proposal,
): Mount[] {
  for (const part of PARTS) directory.directory(part)
  for (const { path, bytes, mode } of files) directory.write(path, bytes, mode)
  const from = (part: string) => join(directory.path, part)
  const bind = (source: string, target: string): Mount => ({ type: 'bind', source, target, readOnly: true })
  return [
    bind(from('age'), PLACES.age),
    bind(from('secrets'), PLACES.secrets),
    bind(from(`proposal/proposal.${proposal.format}`), proposalPlace(proposal, false)),
  ]
}

const volumeOf = (run: string, part: Part): string => `${run}-${part}`
const holderOf = (run: string): string => `${run}-files`

/** The mounts of the volumes of a run. */
export const volumeMounts = (run: string): Mount[] =>
  PARTS.map((part) => ({
    type: 'volume',
    source: volumeOf(run, part),
    target: PLACES[part],
    readOnly: true,
    inMemory: true,
  }))

async function mustDo(context: HostContext, words: readonly string[]): Promise<void> {
  const ended = await askDocker(context, words)
  if (ended.status !== 0) throw failure('run-uncreated', { service: VAULT_RUNNER, reason: lastLine(ended) })
}

/**
 * Makes volumes in the engine's memory and puts the files there, through the connection that docker has with it. Such a
 * volume is empty again when nobody has it: a container holds it until the run's own does. Throws run-uncreated.
 */
export async function handOverByVolumes(
  context: HostContext,
  run: string,
  image: string,
  files: readonly TarFile[],
): Promise<Mount[]> {
  const options = Object.entries(IN_MEMORY).flatMap(([name, value]) => ['--opt', `${name}=${value}`])
  await Promise.all(
    PARTS.map((part) =>
      mustDo(context, ['volume', 'create', '--driver', 'local', ...options, volumeOf(run, part)]),
    ),
  )
  const mounts = PARTS.flatMap((part) => [
    '--mount',
    `type=volume,source=${volumeOf(run, part)},target=${HOLDER_ROOT}/${part},volume-nocopy`,
  ])
  const safe = [
    '--network',
    'none',
    '--cap-drop',
    'ALL',
    '--security-opt',
    'no-new-privileges',
    '--no-healthcheck',
  ]
  const holder = ['--name', holderOf(run), '--pull', 'never', '--detach', ...safe, '--entrypoint', 'sleep']
  await mustDo(context, ['run', ...holder, ...mounts, '--', image, HOLDER_SECONDS])
  const words = ['cp', '-', `${holderOf(run)}:${HOLDER_ROOT}`]
  const copied = await askDocker(context, words, new Map(), tarOf(files))
  if (copied.status !== 0) throw failure('run-uncreated', { service: VAULT_RUNNER, reason: lastLine(copied) })
  return volumeMounts(run)
}

/** Removes the volumes of a run and what holds them; nothing where there are none. */
export async function removeVolumes(context: HostContext, run: string): Promise<void> {
  await askDocker(context, ['rm', '--force', holderOf(run)])
  await askDocker(context, ['volume', 'rm', '--force', ...PARTS.map((part) => volumeOf(run, part))])
}

/** Whether the engine is known to be on another machine or in a virtual one, before it is asked. */
export function isElsewhere({ variables }: HostContext): boolean {
  const host = variables.get('DOCKER_HOST') ?? ''
  return process.platform !== 'linux' || (host !== '' && !host.startsWith('unix://'))
}

/** Whether the engine refused a container because it does not see the directory that we have just made. */
export const doesNotSee = (error: unknown): boolean =>
  error instanceof Error && /bind source path does not exist/.test(error.message)

/** Throws engine-in-the-clear for a connection on which everybody could read the run key along with the secrets. */
export function checkConnection({ variables }: HostContext): void {
  const host = variables.get('DOCKER_HOST') ?? ''
  const local = /^tcp:\/\/(?:localhost|127\.\d+\.\d+\.\d+|\[::1\])(?::|\/|$)/.test(host)
  if (/^(?:tcp|http):/.test(host) && !local && !variables.get('DOCKER_TLS_VERIFY'))
    throw failure('engine-in-the-clear', { host })
}
