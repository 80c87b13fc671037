import { describe, expect, test } from 'vitest'
import { isEmpty, isObject, listOf, objectOf } from '../../../../src/host/vault/json.ts'
import { secondsOf, surplusOfSettings, wordsOfSettings } from '../../../../src/host/vault/settings.ts'

const nothing = new Set<string>()
const told = (service: object) => surplusOfSettings(objectOf(service), nothing).map(({ what }) => what)
const words = (service: object) => wordsOfSettings(objectOf(service)).join(' ')

describe('what docker create is given for', () => {
  test.each<[string, unknown, string]>([
    ['cap_drop', ['ALL', 'X'], '--cap-drop ALL --cap-drop X'],
    ['cpu_period', 1, '--cpu-period 1'],
    ['cpu_quota', 2, '--cpu-quota 2'],
    ['cpu_shares', 3, '--cpu-shares 3'],
    ['cpus', 0.5, '--cpus 0.5'],
    ['cpuset', '0-1', '--cpuset-cpus 0-1'],
    ['dns', ['1.1.1.1', '9.9.9.9'], '--dns 1.1.1.1 --dns 9.9.9.9'],
    ['dns', '1.1.1.1', '--dns 1.1.1.1'],
    ['dns_opt', ['use-vc'], '--dns-option use-vc'],
    ['dns_search', 'a.example', '--dns-search a.example'],
    ['domainname', 'd', '--domainname d'],
    ['extra_hosts', ['a=1.1.1.1', 'b:2.2.2.2'], '--add-host a:1.1.1.1 --add-host b:2.2.2.2'],
    [
      'extra_hosts',
      { a: ['1.1.1.1', '2.2.2.2'], b: '3.3.3.3' },
      '--add-host a:1.1.1.1 --add-host a:2.2.2.2 --add-host b:3.3.3.3',
    ],
    ['group_add', ['g'], '--group-add g'],
    ['hostname', 'h', '--hostname h'],
    ['init', true, '--init=true'],
    ['init', 'yes', '--init=false'],
    ['labels', { a: 'b', c: null }, '--label a=b --label c='],
    [
      'logging',
      { driver: 'local', options: { 'max-size': '1m' } },
      '--log-driver local --log-opt max-size=1m',
    ],
    ['logging', { options: { 'max-size': '1m' } }, '--log-opt max-size=1m'],
    ['mem_limit', 4, '--memory 4'],
    ['mem_reservation', 5, '--memory-reservation 5'],
    ['mem_swappiness', 6, '--memory-swappiness 6'],
    ['memswap_limit', 7, '--memory-swap 7'],
    ['oom_kill_disable', true, '--oom-kill-disable=true'],
    ['oom_score_adj', 8, '--oom-score-adj 8'],
    ['pids_limit', 9, '--pids-limit 9'],
    ['platform', 'linux/arm64', '--platform linux/arm64'],
    ['read_only', true, '--read-only=true'],
    ['shm_size', '64m', '--shm-size 64m'],
    ['stop_grace_period', '1m0.5s', '--stop-timeout 61'],
    ['stop_signal', 'SIGINT', '--stop-signal SIGINT'],
    ['tmpfs', ['/t', '/u'], '--tmpfs /t --tmpfs /u'],
    ['ulimits', { nofile: 10, nproc: { soft: 1, hard: 2 } }, '--ulimit nofile=10:10 --ulimit nproc=1:2'],
    ['user', '1000', '--user 1000'],
    ['working_dir', '/w', '--workdir /w'],
    ['security_opt', ['no-new-privileges'], '--security-opt no-new-privileges'],
    ['runtime', 'runsc', '--runtime runsc'],
    [
      'deploy',
      { resources: { limits: { cpus: '0.5', memory: '1g', pids: 3 } } },
      '--cpus 0.5 --memory 1g --pids-limit 3',
    ],
    ['deploy', { resources: { limits: { memory: '1g' } } }, '--memory 1g'],
    ['deploy', { replicas: 2 }, ''],
    ['logging', { driver: 'local' }, '--log-driver local'],
  ])('%s: %j', (setting, value, wanted) => {
    expect(words({ [setting]: value })).toBe(wanted)
  })

  test('what says nothing, or is read elsewhere: nothing', () => {
    expect(words({ cpus: 0, init: false, labels: {}, dns: [], user: '', runtime: '', command: ['x'] })).toBe(
      '',
    )
  })

  test.each([
    ['2h', 7200],
    ['1h1m1s', 3661],
    ['1.5s', 2],
    ['1500ms', 2],
    ['1us', 1],
    ['2000000µs', 2],
    ['3000000000ns', 3],
    ['0s', 0],
  ])('%s: so many seconds, %i', (text, seconds) => {
    expect(secondsOf(text)).toBe(seconds)
  })
})

describe('a run is not given', () => {
  test.each<[string, unknown, string]>([
    ['privileged', true, 'the host (privileged: true)'],
    ['pid', 'host', 'the processes of others (pid: host)'],
    ['ipc', 'host', 'the shared memory of others (ipc: host)'],
    ['uts', 'host', "the host's name to change (uts: host)"],
    ['userns_mode', 'host', 'the users of the host (userns_mode: host)'],
    ['cgroup', 'host', "the host's control groups (cgroup: host)"],
    ['cgroup_parent', '/x', "a place among the host's control groups (cgroup_parent: /x)"],
    ['network_mode', 'host', 'the network of others (network_mode: host)'],
    ['cap_add', ['A', 'B'], 'more rights of root (cap_add: A, B)'],
    ['devices', ['/dev/x'], 'devices of the host (devices:)'],
    ['device_cgroup_rules', ['a'], 'devices of the host (device_cgroup_rules:)'],
    ['gpus', 'all', 'devices of the host (gpus:)'],
    ['security_opt', ['no-new-privileges', 'a=b', 'c'], 'less security (security_opt: a=b, c)'],
    ['security_opt', ['no-new-privileges:false'], 'less security (security_opt: no-new-privileges:false)'],
    ['security_opt', ['x-no-new-privileges'], 'less security (security_opt: x-no-new-privileges)'],
    ['sysctls', { a: 1 }, 'settings of the kernel (sysctls:)'],
    ['volumes_from', ['a', 'b'], 'the mounts of other containers (volumes_from: a, b)'],
    ['secrets', ['a'], 'more secrets (secrets:)'],
    ['configs', ['a'], 'files of the host (configs:)'],
    ['credential_spec', { file: 'a' }, 'credentials of the host (credential_spec:)'],
    ['env_file', ['a', { path: 'b' }], 'the values in a, b (env_file:)'],
    [
      'entrypoint',
      ['sh'],
      'an entrypoint other than that of its image, which runs something other than the command (entrypoint:)',
    ],
    ['use_api_socket', true, 'the Docker Engine, and so the host (use_api_socket:)'],
    ['runtime', 'nvidia', 'another runtime (runtime: nvidia)'],
    ['external_links', ['a'], 'links to other containers (external_links:)'],
    ['tomorrow', 1, 'something that vault-run does not know (tomorrow:)'],
    [
      'deploy',
      { resources: { reservations: { devices: ['a'] } } },
      'devices of the host (deploy.resources.reservations.devices:)',
    ],
  ])('%s: %j, whatever is let through', (setting, value, what) => {
    expect(surplusOfSettings({ [setting]: value }, new Set([setting]))).toEqual([{ what }])
  })

  test.each<[string, unknown, string]>([
    ['dns', ['1.1.1.1', '9.9.9.9'], 'another name server (dns: 1.1.1.1, 9.9.9.9)'],
    ['dns', '1.1.1.1', 'another name server (dns: 1.1.1.1)'],
    ['dns_opt', ['x'], 'another way to ask for addresses (dns_opt:)'],
    ['dns_search', ['x'], 'other names to ask for (dns_search:)'],
    ['extra_hosts', ['a=1.1.1.1'], 'another address for a name (extra_hosts: a:1.1.1.1)'],
    [
      'extra_hosts',
      ['host.docker.internal:host-gateway', 'a:1.1.1.1'],
      'another address for a name (extra_hosts: a:1.1.1.1)',
    ],
    [
      'extra_hosts',
      { 'host.docker.internal': ['host-gateway', '1.1.1.1'] },
      'another address for a name (extra_hosts: host.docker.internal:1.1.1.1)',
    ],
    ['extra_hosts', { a: '1.1.1.1' }, 'another address for a name (extra_hosts: a:1.1.1.1)'],
    ['logging', { driver: 'syslog' }, 'what it says sent elsewhere (logging: syslog)'],
    ['logging', { options: { 'max-size': '1m', x: 'y' } }, 'what it says sent elsewhere (logging: x)'],
    [
      'logging',
      { driver: 'local', options: { address: 'y' } },
      'what it says sent elsewhere (logging: address)',
    ],
  ])('%s: %j, unless it is let through by its name', (setting, value, what) => {
    expect(surplusOfSettings({ [setting]: value }, nothing)).toEqual([{ what, allow: `--allow ${setting}` }])
    expect(surplusOfSettings({ [setting]: value }, new Set([setting]))).toEqual([])
  })

  test('more than one of them without a word for each', () => {
    expect(told({ pid: 'host', privileged: true, dns: '1.1.1.1', user: 'x' })).toHaveLength(3)
  })
})

test.each<[string, unknown]>([
  ...['attach', 'build', 'command', 'container_name', 'depends_on', 'develop', 'environment', 'expose'].map(
    (name): [string, unknown] => [name, 'x'],
  ),
  ...[
    'healthcheck',
    'image',
    'links',
    'networks',
    'ports',
    'profiles',
    'pull_policy',
    'restart',
    'scale',
  ].map((name): [string, unknown] => [name, 'x']),
  ...['stdin_open', 'tty', 'volumes', 'x-anything', 'user', 'labels', 'tmpfs'].map(
    (name): [string, unknown] => [name, 'x'],
  ),
  ['ipc', 'private'],
  ['ipc', 'none'],
  ['cgroup', 'private'],
  ['network_mode', 'none'],
  ['network_mode', 'bridge'],
  ['security_opt', ['no-new-privileges', 'no-new-privileges:true', 'no-new-privileges=true']],
  ...['runc', 'crun', 'runsc', 'io.containerd.runc.v2'].map((name): [string, unknown] => ['runtime', name]),
  ...['json-file', 'local', 'journald', 'none'].map((driver): [string, unknown] => ['logging', { driver }]),
  ...['max-size', 'max-file', 'max-buffer-size', 'compress', 'mode', 'tag', 'labels', 'env', 'env-regex'].map(
    (name): [string, unknown] => ['logging', { options: { [name]: 'x' } }],
  ),
  ['extra_hosts', { 'host.docker.internal': 'host-gateway' }],
  ['deploy', { resources: { limits: { cpus: 1 }, reservations: { devices: [], cpus: 1 } } }],
  ['privileged', false],
  ['devices', []],
  ['tomorrow', ''],
])('%s: %j gives nothing that a run does not need', (setting, value) => {
  expect(told({ [setting]: value })).toEqual([])
})

test('an object is an object and a list a list, and everything else is an empty one', () => {
  const values = [{ a: 1 }, [1], null, undefined, 'x', 1]
  expect(values.map(isObject)).toEqual([true, false, false, false, false, false])
  expect(values.map(objectOf)).toEqual([{ a: 1 }, {}, {}, {}, {}, {}])
  expect(values.map(listOf)).toEqual([[], [1], [], [], [], []])
})

test('a setting says nothing when there is nothing in it', () => {
  const empty = [undefined, null, false, 0, '', [], {}, [0, ''], { a: [], b: {} }]
  const said = [true, 1, 'x', ' ', [1], [0, 1], { a: 1 }, { a: '', b: 'x' }]
  expect(empty.filter((value) => !isEmpty(value))).toEqual([])
  expect(said.filter(isEmpty)).toEqual([])
})
