/**
 * The settings of a compose service that the vault-runner may have.
 * Each with what `docker create` is given for it. A setting that is in no list here is refused, whatever it may mean to a
 * newer compose.
 */
import { isEmpty, isObject, type Json, listOf, objectOf } from './json.ts'
import type { Surplus } from './mounts.ts'

const one = (option: string) => (value: unknown) => [option, String(value)]
const each = (option: string) => (value: unknown) =>
  (Array.isArray(value) ? value : [value]).flatMap((item) => [option, String(item)])
const pairs = (option: string) => (value: unknown) =>
  Object.entries(objectOf(value)).flatMap(([name, inner]) => [option, `${name}=${String(inner ?? '')}`])
const flag = (option: string) => (value: unknown) => [`${option}=${String(value === true)}`]

/** Seconds of a duration as Go writes it: "1m30s". */
export function secondsOf(duration: string): number {
  const units: Readonly<Record<string, number>> = {
    h: 3600,
    m: 60,
    s: 1,
    ms: 0.001,
    us: 1e-6,
    µs: 1e-6,
    ns: 1e-9,
  }
  const parts = [...duration.matchAll(/(\d+(?:\.\d+)?)(h|ms|m|s|us|µs|ns)/g)]
  return Math.ceil(parts.reduce((sum, [, count, unit]) => sum + Number(count) * (units[unit ?? 's'] ?? 0), 0))
}

function ulimits(value: unknown): string[] {
  return Object.entries(objectOf(value)).flatMap(([name, limit]) => {
    const { soft, hard } = isObject(limit) ? limit : { soft: limit, hard: limit }
    return ['--ulimit', `${name}=${String(soft)}:${String(hard)}`]
  })
}

function logging(value: unknown): string[] {
  const { driver, options } = objectOf(value)
  return [...(isEmpty(driver) ? [] : ['--log-driver', String(driver)]), ...pairs('--log-opt')(options)]
}

/** `deploy.resources.limits`, which compose maps to the limits of a container. */
function deploy(value: unknown): string[] {
  const limits = objectOf(objectOf(objectOf(value)['resources'])['limits'])
  return [
    ...(isEmpty(limits['cpus']) ? [] : ['--cpus', String(limits['cpus'])]),
    ...(isEmpty(limits['memory']) ? [] : ['--memory', String(limits['memory'])]),
    ...(isEmpty(limits['pids']) ? [] : ['--pids-limit', String(limits['pids'])]),
  ]
}

/** What takes nothing away from the guard and shows nothing of the host. */
const PASSED: Readonly<Record<string, (value: unknown) => string[]>> = {
  cap_drop: each('--cap-drop'),
  cpu_period: one('--cpu-period'),
  cpu_quota: one('--cpu-quota'),
  cpu_shares: one('--cpu-shares'),
  cpus: one('--cpus'),
  cpuset: one('--cpuset-cpus'),
  deploy,
  dns: each('--dns'),
  dns_opt: each('--dns-option'),
  dns_search: each('--dns-search'),
  domainname: one('--domainname'),
  extra_hosts: (value) =>
    Array.isArray(value)
      ? value.flatMap((item) => ['--add-host', String(item).replace('=', ':')])
      : Object.entries(objectOf(value)).flatMap(([name, to]) =>
          (Array.isArray(to) ? to : [to]).flatMap((address) => ['--add-host', `${name}:${String(address)}`]),
        ),
  group_add: each('--group-add'),
  hostname: one('--hostname'),
  init: flag('--init'),
  labels: pairs('--label'),
  logging,
  mem_limit: one('--memory'),
  mem_reservation: one('--memory-reservation'),
  mem_swappiness: one('--memory-swappiness'),
  memswap_limit: one('--memory-swap'),
  oom_kill_disable: flag('--oom-kill-disable'),
  oom_score_adj: one('--oom-score-adj'),
  pids_limit: one('--pids-limit'),
  platform: one('--platform'),
  read_only: flag('--read-only'),
  shm_size: one('--shm-size'),
  stop_grace_period: (value) => ['--stop-timeout', String(secondsOf(String(value)))],
  stop_signal: one('--stop-signal'),
  tmpfs: each('--tmpfs'),
  ulimits,
  user: one('--user'),
  working_dir: one('--workdir'),
}

/** What says nothing of the container of one run: compose run leaves it out, too, or it is read elsewhere. */
const ELSEWHERE = new Set([
  ...['attach', 'build', 'command', 'container_name', 'depends_on', 'develop', 'environment', 'expose'],
  ...['healthcheck', 'image', 'links', 'networks', 'ports', 'profiles', 'pull_policy', 'restart', 'scale'],
  ...['stdin_open', 'tty', 'volumes'],
])

/** Where what a command says stays on the machine of the engine. */
const KEPT_HERE: readonly string[] = ['json-file', 'local', 'journald', 'none']
/** What says how much of it is kept, and how it is called; for a driver that is the engine's own, too. */
const HOW_KEPT: readonly string[] = [
  ...['max-size', 'max-file', 'max-buffer-size', 'compress', 'mode', 'tag'],
  ...['labels', 'labels-regex', 'env', 'env-regex'],
]

function sentElsewhere(value: unknown): string | undefined {
  const { driver, options } = objectOf(value)
  if (!isEmpty(driver) && !KEPT_HERE.includes(String(driver)))
    return `what it says sent elsewhere (logging: ${String(driver)})`
  const other = Object.keys(objectOf(options)).find((option) => !HOW_KEPT.includes(option))
  return other === undefined ? undefined : `what it says sent elsewhere (logging: ${other})`
}

/** The host itself under its usual name is nobody else. */
function otherHosts(value: unknown): string | undefined {
  const hosts = Array.isArray(value)
    ? value.map((item) => String(item).replace('=', ':'))
    : Object.entries(objectOf(value)).flatMap(([name, to]) =>
        (Array.isArray(to) ? to : [to]).map((address) => `${name}:${String(address)}`),
      )
  const [other] = hosts.filter((host) => host !== 'host.docker.internal:host-gateway')
  return other === undefined ? undefined : `another address for a name (extra_hosts: ${other})`
}

/** What says whom the command calls, or who hears of it. It may be meant, and is let through by its name. */
const CALLS: Readonly<Record<string, (value: unknown) => string | undefined>> = {
  dns: (value) => `another name server (dns: ${[value].flat().join(', ')})`,
  dns_opt: () => 'another way to ask for addresses (dns_opt:)',
  dns_search: () => 'other names to ask for (dns_search:)',
  extra_hosts: otherHosts,
  logging: sentElsewhere,
}

const isText = (value: unknown, ...texts: readonly string[]) => texts.includes(String(value))

/** What is refused, in words, where it says anything that a run does not need. */
const REFUSED: Readonly<Record<string, (value: unknown) => string | undefined>> = {
  privileged: () => 'the host (privileged: true)',
  pid: (value) => `the processes of others (pid: ${String(value)})`,
  ipc: (value) =>
    isText(value, 'private', 'none') ? undefined : `the shared memory of others (ipc: ${String(value)})`,
  uts: (value) => `the host's name to change (uts: ${String(value)})`,
  userns_mode: (value) => `the users of the host (userns_mode: ${String(value)})`,
  cgroup: (value) =>
    isText(value, 'private') ? undefined : `the host's control groups (cgroup: ${String(value)})`,
  cgroup_parent: (value) => `a place among the host's control groups (cgroup_parent: ${String(value)})`,
  network_mode: (value) =>
    isText(value, 'none', 'bridge') ? undefined : `the network of others (network_mode: ${String(value)})`,
  cap_add: (value) => `more rights of root (cap_add: ${listOf(value).join(', ')})`,
  devices: () => 'devices of the host (devices:)',
  device_cgroup_rules: () => 'devices of the host (device_cgroup_rules:)',
  gpus: () => 'devices of the host (gpus:)',
  security_opt: (value) => {
    const more = listOf(value).filter((text) => !/^no-new-privileges(?:[:=]true)?$/.test(String(text)))
    return more.length === 0 ? undefined : `less security (security_opt: ${more.join(', ')})`
  },
  sysctls: () => 'settings of the kernel (sysctls:)',
  volumes_from: (value) => `the mounts of other containers (volumes_from: ${listOf(value).join(', ')})`,
  secrets: () => 'more secrets (secrets:)',
  configs: () => 'files of the host (configs:)',
  credential_spec: () => 'credentials of the host (credential_spec:)',
  env_file: (value) =>
    `the values in ${listOf(value)
      .map((file) => String(isObject(file) ? file['path'] : file))
      .join(', ')} (env_file:)`,
  entrypoint: () =>
    'an entrypoint other than that of its image, which runs something other than the command (entrypoint:)',
  use_api_socket: () => 'the Docker Engine, and so the host (use_api_socket:)',
  runtime: (value) =>
    isText(value, 'runc', 'crun', 'runsc', 'io.containerd.runc.v2')
      ? undefined
      : `another runtime (runtime: ${String(value)})`,
  external_links: () => 'links to other containers (external_links:)',
}

/** What of `deploy` is no limit, and not what swarms read. */
function devicesIn(value: unknown): string | undefined {
  const reservations = objectOf(objectOf(objectOf(value)['resources'])['reservations'])
  return isEmpty(reservations['devices'])
    ? undefined
    : 'devices of the host (deploy.resources.reservations.devices:)'
}

/** What one setting gives beyond what a run needs, in words; undefined when that is nothing. */
function surplusOf(setting: string, value: unknown): string | undefined {
  if (setting === 'deploy') return devicesIn(value)
  const check = CALLS[setting] ?? REFUSED[setting]
  if (check !== undefined) return check(value)
  return setting in PASSED ? undefined : `something that vault-run does not know (${setting}:)`
}

/** Everything in a service's settings that one run does not need; its mounts, networks and variables aside. */
export function surplusOfSettings(service: Json, allow: ReadonlySet<string>): Surplus[] {
  return Object.entries(service).flatMap(([setting, value]) => {
    if (isEmpty(value) || setting.startsWith('x-') || ELSEWHERE.has(setting)) return []
    const what = surplusOf(setting, value)
    if (what === undefined) return []
    if (!(setting in CALLS)) return [{ what }]
    return allow.has(setting) ? [] : [{ what, allow: `--allow ${setting}` }]
  })
}

/** What `docker create` is given for a service's settings. */
export function wordsOfSettings(service: Json): string[] {
  const known = Object.entries(PASSED).flatMap(([setting, words]) =>
    isEmpty(service[setting]) ? [] : words(service[setting]),
  )
  const options = listOf(service['security_opt']).flatMap((option) => ['--security-opt', String(option)])
  const runtime = isEmpty(service['runtime']) ? [] : ['--runtime', String(service['runtime'])]
  return [...known, ...options, ...runtime]
}
