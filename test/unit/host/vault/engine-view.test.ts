import { expect, test } from 'vitest'
import { type Expected, surplusOfEngine } from '../../../../src/host/vault/engine-view.ts'
import type { Json } from '../../../../src/host/vault/json.ts'

const KEYS = '/home/agent/.config/sops/age'
const MASKED = ['/proc/asound', '/proc/kcore', '/proc/keys', '/proc/timer_list', '/sys/firmware']
const READONLY = ['/proc/bus', '/proc/sys', '/proc/sysrq-trigger']

const EXPECTED: Expected = {
  mounts: [
    { type: 'bind', source: '/dev/shm/run/age', target: KEYS, readOnly: true },
    { type: 'bind', source: '/srv/scripts', target: '/scripts', readOnly: true },
    { type: 'volume', source: 'cache', target: '/cache', readOnly: false },
  ],
  tmpfs: ['/tmp'],
  networks: ['project_default'],
  environment: new Map([['DISINTO_ONLY', 'A']]),
  command: ['./publish.sh'],
  user: undefined,
}

const IMAGE: Json = {
  Id: 'sha256:1',
  Config: { Entrypoint: ['/shim'], Cmd: ['bash'], User: '', Env: ['PATH=/bin'], Volumes: { '/data': {} } },
}
const ANONYMOUS = 'a'.repeat(64)

const bind = (source: string, target: string, more: Json = {}): Json => ({
  Type: 'bind',
  Source: source,
  Destination: target,
  RW: false,
  ...more,
})

/** What an engine says of a container that is as it should be. */
function good() {
  return {
    HostConfig: {
      NetworkMode: 'project_default',
      RestartPolicy: { Name: 'no', MaximumRetryCount: 0 },
      CgroupnsMode: 'host',
      IpcMode: 'private',
      SecurityOpt: ['no-new-privileges'],
      Tmpfs: { '/tmp': '' },
      ShmSize: 67_108_864,
      Runtime: 'runc',
      Memory: 1024,
      PortBindings: {},
      Mounts: [
        { Type: 'bind', Source: '/dev/shm/run/age', Target: KEYS, ReadOnly: true },
        { Type: 'bind', Source: '/srv/scripts', Target: '/scripts', ReadOnly: true },
        { Type: 'volume', Source: 'cache', Target: '/cache' },
      ],
      MaskedPaths: MASKED,
      ReadonlyPaths: READONLY,
      Init: true,
    },
    Mounts: [
      bind('/dev/shm/run/age', KEYS),
      bind('/srv/scripts', '/scripts'),
      { Type: 'volume', Name: 'cache', Source: '/v', Destination: '/cache', Driver: 'local', RW: true },
      { Type: 'volume', Name: ANONYMOUS, Source: '/w', Destination: '/data', Driver: 'local', RW: true },
    ],
    Config: {
      Entrypoint: ['/shim'],
      Cmd: ['./publish.sh'],
      User: '',
      Env: ['PATH=/bin', 'DISINTO_ONLY=A'],
    },
    NetworkSettings: { Networks: { project_default: {} } },
  }
}
const VOLUMES = new Map<string, Json>([['cache', { Name: 'cache', Options: null }]])

type Good = ReturnType<typeof good>

test('a container that is as it was asked for has nothing to say against it', () => {
  expect(surplusOfEngine(good(), IMAGE, VOLUMES, EXPECTED)).toEqual([])
})

const settings: ReadonlyArray<readonly [name: string, value: unknown]> = [
  ['Privileged', true],
  ['PidMode', 'host'],
  ['PidMode', 'container:x'],
  ['IpcMode', 'host'],
  ['IpcMode', 'shareable'],
  ['IpcMode', ''],
  ['UTSMode', 'host'],
  ['UsernsMode', 'host'],
  ['NetworkMode', 'host'],
  ['NetworkMode', 'container:x'],
  ['Cgroup', 'container:x'],
  ['CgroupParent', '/elsewhere'],
  ['CapAdd', ['SYS_ADMIN']],
  ['Devices', [{ PathOnHost: '/dev/sda' }]],
  ['DeviceCgroupRules', ['a *:* rwm']],
  ['DeviceRequests', [{ Count: -1 }]],
  ['SecurityOpt', ['seccomp=unconfined']],
  ['SecurityOpt', ['no-new-privileges', 'apparmor=unconfined']],
  ['SecurityOpt', ['label=disable']],
  ['Sysctls', { 'kernel.shmmax': '1' }],
  ['VolumesFrom', ['x']],
  ['Binds', ['/:/host']],
  ['Links', ['/x:/y/x']],
  ['VolumeDriver', 'sshfs'],
  ['PortBindings', { '80/tcp': [{ HostPort: '80' }] }],
  ['MaskedPaths', []],
  ['MaskedPaths', null],
  ['ReadonlyPaths', ['/proc/bus']],
  ['RestartPolicy', { Name: 'always' }],
  ['Tmpfs', { '/etc/disinto': '' }],
  ['Annotations', { 'run.oci.hooks': 'x' }],
  ['SomethingOfTomorrow', 'on'],
  ['Mounts', [{ Type: 'bind', Source: '/', Target: '/host', ReadOnly: true }]],
  ['Mounts', [{ Type: 'bind', Source: '/srv/scripts', Target: '/scripts' }]],
  [
    'Mounts',
    [
      {
        Type: 'volume',
        Source: 'cache',
        Target: '/cache',
        VolumeOptions: { DriverConfig: { Options: { device: '/root' } } },
      },
    ],
  ],
]

test.each(['PidMode', 'UTSMode', 'UsernsMode'])('%s may be private, as podman has it', (name) => {
  const container = good()
  const changed = { ...container, HostConfig: { ...container.HostConfig, [name]: 'private' } }
  expect(surplusOfEngine(changed, IMAGE, VOLUMES, EXPECTED)).toEqual([])
})

test.each(settings)('%s: %j is refused', (name, value) => {
  const container = good()
  const changed = { ...container, HostConfig: { ...container.HostConfig, [name]: value } }
  expect(surplusOfEngine(changed, IMAGE, VOLUMES, EXPECTED)).toHaveLength(1)
})

const others: ReadonlyArray<readonly [what: string, change: (container: Good) => object]> = [
  ['no host configuration', () => ({ HostConfig: undefined })],
  ['a network more', () => ({ NetworkSettings: { Networks: { project_default: {}, other: {} } } })],
  ['a mount more', ({ Mounts }) => ({ Mounts: [...Mounts, bind('/root', '/r')] })],
  ['a bind of elsewhere', ({ Mounts }) => ({ Mounts: [bind('/root', KEYS), ...Mounts.slice(1)] })],
  [
    'a bind to write',
    ({ Mounts }) => ({ Mounts: [...Mounts.slice(1), bind('/dev/shm/run/age', KEYS, { RW: true })] }),
  ],
  ['a pipe', ({ Mounts }) => ({ Mounts: [...Mounts, { Type: 'npipe', Destination: '/p' }] })],
  [
    'a tmpfs over something',
    ({ Mounts }) => ({ Mounts: [...Mounts, { Type: 'tmpfs', Destination: '/etc' }] }),
  ],
  [
    'a named volume where an unnamed one belongs',
    ({ Mounts }) => ({
      Mounts: [...Mounts.slice(0, 3), { Type: 'volume', Name: 'x', Destination: '/data', Driver: 'local' }],
    }),
  ],
  [
    'an unnamed volume that the image does not ask for',
    ({ Mounts }) => ({
      Mounts: [...Mounts, { Type: 'volume', Name: ANONYMOUS, Destination: '/x', Driver: 'local' }],
    }),
  ],
  ['another entrypoint', ({ Config }) => ({ Config: { ...Config, Entrypoint: ['sh'] } })],
  ['another command', ({ Config }) => ({ Config: { ...Config, Cmd: ['sh'] } })],
  ['another user', ({ Config }) => ({ Config: { ...Config, User: '1000' } })],
  ['another value of ours', ({ Config }) => ({ Config: { ...Config, Env: ['DISINTO_ONLY=A,B'] } })],
]

test.each(others)('%s is refused', (_, change) => {
  const container = good()
  expect(surplusOfEngine({ ...container, ...change(container) }, IMAGE, VOLUMES, EXPECTED)).not.toEqual([])
})

test('a volume that somebody has bound to a directory is refused, and one of which nothing is told', () => {
  const bound = new Map<string, Json>([['cache', { Options: { type: 'none', o: 'bind', device: '/root' } }]])
  expect(surplusOfEngine(good(), IMAGE, bound, EXPECTED)).toEqual([
    expect.stringContaining('options of its own'),
  ])
  expect(surplusOfEngine(good(), IMAGE, new Map(), EXPECTED)).toEqual([
    expect.stringContaining('says nothing'),
  ])
})
