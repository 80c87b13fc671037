/**
 * What the engine would do with a container, against what one run needs.
 * A list of what is allowed: what an engine of tomorrow adds is refused as long as it is not empty.
 */
import { isEmpty, type Json, listOf, objectOf } from './json.ts'
import type { Mount } from './mounts.ts'
import { ofOthers } from './networks.ts'

/** What the container was asked to be. */
export interface Expected {
  readonly mounts: readonly Mount[]
  /** Directories that the service has as tmpfs. */
  readonly tmpfs: readonly string[]
  readonly networks: readonly string[]
  /** Every variable that we gave, with what we gave. */
  readonly environment: ReadonlyMap<string, string>
  /** The command; undefined where the image's own is to run. */
  readonly command: readonly string[] | undefined
  /** The service's user; undefined where the image says. */
  readonly user: string | undefined
}

/** What limits a container or names it, whatever it says. */
const FREE = new Set([
  ...[
    'AutoRemove',
    'BlkioDeviceReadBps',
    'BlkioDeviceReadIOps',
    'BlkioDeviceWriteBps',
    'BlkioDeviceWriteIOps',
  ],
  ...['BlkioWeight', 'BlkioWeightDevice', 'CapDrop', 'CgroupnsMode', 'ConsoleSize', 'CpuCount', 'CpuPercent'],
  ...[
    'CpuPeriod',
    'CpuQuota',
    'CpuRealtimePeriod',
    'CpuRealtimeRuntime',
    'CpuShares',
    'CpusetCpus',
    'CpusetMems',
  ],
  ...[
    'Dns',
    'DnsOptions',
    'DnsSearch',
    'ExtraHosts',
    'GroupAdd',
    'IOMaximumBandwidth',
    'IOMaximumIOps',
    'Init',
  ],
  ...[
    'Isolation',
    'KernelMemory',
    'KernelMemoryTCP',
    'LogConfig',
    'Memory',
    'MemoryReservation',
    'MemorySwap',
  ],
  ...[
    'MemorySwappiness',
    'NanoCpus',
    'OomKillDisable',
    'OomScoreAdj',
    'PidsLimit',
    'ReadonlyRootfs',
    'Runtime',
  ],
  ...['ShmSize', 'StorageOpt', 'Ulimits'],
])

const same = (left: readonly unknown[], right: readonly unknown[]): boolean =>
  left.length === right.length && left.every((item, at) => item === right[at])

const isOwn = (value: unknown): boolean => isEmpty(value) || value === 'private'

/** What must stand there, for what may not be empty. */
const CHECKED: Readonly<Record<string, (value: unknown, expected: Expected) => boolean>> = {
  // Podman has a word for what is empty in Docker: its own.
  PidMode: isOwn,
  UTSMode: isOwn,
  UsernsMode: isOwn,
  IpcMode: (value) => value === 'private' || value === 'none',
  // Without them /proc shows the kernel's memory and keys: privileged, and systempaths=unconfined, empty these.
  MaskedPaths: (value) =>
    ['/proc/kcore', '/proc/keys', '/sys/firmware'].every((path) => listOf(value).includes(path)),
  ReadonlyPaths: (value) =>
    ['/proc/sys', '/proc/sysrq-trigger'].every((path) => listOf(value).includes(path)),
  Mounts: (value, { mounts }) => listOf(value).every((mount) => isAskedFor(objectOf(mount), mounts)),
  NetworkMode: (value, { networks }) => networks.includes(String(value)) && !ofOthers(String(value)),
  RestartPolicy: (value) => ['', 'no'].includes(String(objectOf(value)['Name'] ?? '')),
  SecurityOpt: (value) =>
    listOf(value).every((option) => /^no-new-privileges(?:[:=]true)?$/.test(String(option))),
  Tmpfs: (value, { tmpfs }) => Object.keys(objectOf(value)).every((path) => tmpfs.includes(path)),
}

function isAskedFor(mount: Json, mounts: readonly Mount[]): boolean {
  const options = objectOf(mount['VolumeOptions'])
  const propagation = objectOf(mount['BindOptions'])['Propagation']
  return (
    isEmpty(options['DriverConfig']) &&
    (isEmpty(propagation) || propagation === 'rprivate') &&
    mounts.some(
      ({ type, source, target, readOnly }) =>
        mount['Type'] === type &&
        String(mount['Source'] ?? '') === (source ?? '') &&
        mount['Target'] === target &&
        (mount['ReadOnly'] === true) === readOnly,
    )
  )
}

/** A name as the engine makes one for a volume that nobody named. */
const ANONYMOUS = /^[0-9a-f]{64}$/

/** What the engine tells of all mounts, beside the container itself. */
interface Surroundings {
  /** Where the image declares volumes. */
  readonly own: readonly string[]
  /** The volumes that the compose file names, as the engine has them. */
  readonly volumes: ReadonlyMap<string, Json>
}

/** A bind is of the path that was asked for; a virtual machine shows the host's under a directory of its own. */
function isBindOf(mount: Json, asked: Mount | undefined): boolean {
  return asked?.source !== undefined && String(mount['Source']).endsWith(asked.source)
}

/** What is wrong with a volume; undefined when it is one that was asked for, or a new one without a name. */
function volumeFault(mount: Json, asked: Mount | undefined, around: Surroundings): string | undefined {
  const name = String(mount['Name'] ?? '')
  if (mount['Driver'] !== 'local') return 'of another driver'
  if (asked?.source === undefined) {
    const wanted = asked !== undefined || around.own.includes(String(mount['Destination']))
    return wanted && ANONYMOUS.test(name) ? undefined : 'that was not requested'
  }
  if (asked.source !== name) return 'that was not requested'
  const made = around.volumes.get(name)
  if (made === undefined) return 'that the engine says nothing about'
  if (asked.inMemory === true) {
    const options = objectOf(made['Options'])
    return options['type'] === 'tmpfs' && options['device'] === 'tmpfs' ? undefined : 'that is not in memory'
  }
  // Whoever made the volume may have bound it to any directory of the host.
  return isEmpty(made['Options']) ? undefined : 'that has options of its own'
}

/** What is wrong with one of the mounts that the container will have; undefined when it was asked for. */
function mountFault(mount: Json, expected: Expected, around: Surroundings): string | undefined {
  const target = String(mount['Destination'])
  const type = mount['Type']
  const asked = expected.mounts.find((one) => one.target === target && one.type === type)
  if (asked?.readOnly === true && mount['RW'] === true) return 'to write'
  if (type === 'tmpfs' && expected.tmpfs.includes(target)) return undefined
  if (type === 'volume') return volumeFault(mount, asked, around)
  if (type === 'bind') return isBindOf(mount, asked) ? undefined : 'that was not requested'
  return asked === undefined ? 'that was not requested' : undefined
}

function surplusOfMounts(container: Json, expected: Expected, around: Surroundings): string[] {
  return listOf(container['Mounts']).flatMap((value) => {
    const mount = objectOf(value)
    const fault = mountFault(mount, expected, around)
    const source = String(mount['Name'] ?? mount['Source'] ?? mount['Type'])
    return fault === undefined ? [] : [`a mount of ${source} at ${String(mount['Destination'])}, ${fault}`]
  })
}

function surplusOfConfig(container: Json, image: Json, expected: Expected): string[] {
  const config = objectOf(container['Config'])
  const own = objectOf(image['Config'])
  const variables = new Map(
    listOf(config['Env']).map((line) => {
      const text = String(line)
      const equals = text.indexOf('=')
      return [text.slice(0, equals), text.slice(equals + 1)] as const
    }),
  )
  const wrong = [...expected.environment].filter(([name, value]) => variables.get(name) !== value)
  const changed = [
    ...(same(listOf(config['Entrypoint']), listOf(own['Entrypoint'])) ? [] : ['another entrypoint']),
    ...(expected.command === undefined || same(listOf(config['Cmd']), expected.command)
      ? []
      : ['another command']),
    ...(String(config['User'] ?? '') === (expected.user ?? String(own['User'] ?? ''))
      ? []
      : ['another user']),
  ]
  return [...changed, ...wrong.map(([name]) => `another value of ${name}`)]
}

/**
 * Returns what the engine will do beyond what was asked for, in words; empty when the container is as it should be.
 * `container`, `image` and `volumes` are what `docker inspect` says.
 */
export function surplusOfEngine(
  container: Json,
  image: Json,
  volumes: ReadonlyMap<string, Json>,
  expected: Expected,
): string[] {
  const host = objectOf(container['HostConfig'])
  if (isEmpty(host) || isEmpty(container['Config'])) return ['something the engine does not report']
  const settings = Object.entries(host).flatMap(([name, value]) => {
    if (FREE.has(name)) return []
    const check = CHECKED[name]
    if (check === undefined) return isEmpty(value) ? [] : [`${name} (${JSON.stringify(value)})`]
    return check(value, expected) ? [] : [`${name} (${JSON.stringify(value)})`]
  })
  const own = Object.keys(objectOf(objectOf(image['Config'])['Volumes']))
  const absent = ['IpcMode', 'MaskedPaths', 'ReadonlyPaths'].filter((name) => !(name in host))
  const networks = Object.keys(objectOf(objectOf(container['NetworkSettings'])['Networks']))
  const apart = new Set([...expected.networks, ...(expected.networks.includes('default') ? ['bridge'] : [])])
  return [
    ...settings,
    ...absent.map((name) => `no ${name}`),
    ...networks.filter((name) => !apart.has(name)).map((name) => `the network ${name}`),
    ...surplusOfMounts(container, expected, { own, volumes }),
    ...surplusOfConfig(container, image, expected),
  ]
}
