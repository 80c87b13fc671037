import { describe, expect, test } from 'vitest'
import { type Expected, surplusOfEngine } from '../../../../src/host/vault/engine-view.ts'
import { type Json, objectOf } from '../../../../src/host/vault/json.ts'

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
  ['SecurityOpt', ['no-new-privileges:false']],
  ['SecurityOpt', ['x=no-new-privileges']],
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

const say = (change: (container: Good) => object, expected: Partial<Expected> = {}, volumes = VOLUMES) => {
  const container = good()
  return surplusOfEngine({ ...container, ...change(container) }, IMAGE, volumes, { ...EXPECTED, ...expected })
}
const host = (more: Json) => (container: Good) => ({ HostConfig: { ...container.HostConfig, ...more } })
const mounts =
  (...more: Json[]) =>
  ({ Mounts }: Good) => ({ Mounts: [...Mounts, ...more] })
const volume = (more: Json): Json => ({
  Type: 'volume',
  Name: 'x',
  Destination: '/x',
  Driver: 'local',
  RW: true,
  ...more,
})

describe('what the engine would do beyond what was asked for is told', () => {
  test('by the setting, and what it says', () => {
    expect(say(host({ PidMode: 'host', CapAdd: ['X'] }))).toEqual(['PidMode ("host")', 'CapAdd (["X"])'])
    const { IpcMode: _, MaskedPaths: __, ReadonlyPaths: ___, ...rest } = good().HostConfig
    expect(say(() => ({ HostConfig: rest }))).toEqual(['no IpcMode', 'no MaskedPaths', 'no ReadonlyPaths'])
    for (const nothing of [{ HostConfig: {} }, { Config: {} }, { Config: undefined }])
      expect(say(() => nothing)).toEqual(['something the engine does not report'])
  })

  test.each([
    ['MaskedPaths', MASKED.filter((path) => path !== '/proc/kcore')],
    ['MaskedPaths', MASKED.filter((path) => path !== '/proc/keys')],
    ['MaskedPaths', MASKED.filter((path) => path !== '/sys/firmware')],
    ['ReadonlyPaths', READONLY.filter((path) => path !== '/proc/sys')],
    ['ReadonlyPaths', READONLY.filter((path) => path !== '/proc/sysrq-trigger')],
  ])('when %s is only %j', (name, value) => {
    expect(say(host({ [name]: value }))).toEqual([`${name} (${JSON.stringify(value)})`])
  })

  test.each([
    { IpcMode: 'none' },
    { RestartPolicy: { Name: '' } },
    { RestartPolicy: null },
    { SecurityOpt: ['no-new-privileges:true', 'no-new-privileges=true'] },
    { SecurityOpt: null },
    { Tmpfs: null },
    { CapAdd: null, Binds: [], Sysctls: {}, Privileged: false },
  ])('but not of %j', (more) => {
    expect(say(host(more))).toEqual([])
  })

  test('when a mount is asked of it otherwise than by us', () => {
    const asked = (more: Json) => {
      const one = { Type: 'bind', Source: '/srv/scripts', Target: '/scripts', ReadOnly: true }
      return say(host({ Mounts: [{ ...one, ...more }] }))
    }
    expect(asked({})).toEqual([])
    expect(asked({ BindOptions: { Propagation: 'rprivate' } })).toEqual([])
    for (const more of [
      { BindOptions: { Propagation: 'rshared' } },
      { Type: 'volume' },
      { Source: '/srv' },
      { Source: undefined },
      { Target: '/x' },
      { ReadOnly: false },
      { VolumeOptions: { DriverConfig: { Name: 'x' } } },
    ])
      expect(asked(more)).toHaveLength(1)
    const [asIs] = good().HostConfig.Mounts
    expect(say(host({ Mounts: [asIs, { Type: 'bind', Source: '/', Target: '/host' }] }))).toHaveLength(1)
    const tmpfs = { type: 'tmpfs', source: undefined, target: '/m', readOnly: false } as const
    expect(
      say(host({ Mounts: [{ Type: 'tmpfs', Target: '/m' }] }), { mounts: [tmpfs, ...EXPECTED.mounts] }),
    ).toEqual([])
  })

  test('when it is in a network that is not ours; the default one has two names', () => {
    const networks = { NetworkSettings: { Networks: { bridge: {} } } }
    expect(say(() => networks)).toEqual(['the network bridge'])
    const byDefault = { networks: ['default'] }
    const change = (container: Good) => ({ ...host({ NetworkMode: 'default' })(container), ...networks })
    expect(say(change, byDefault)).toEqual([])
    expect(say(host({ NetworkMode: 'host' }), { networks: ['host', 'project_default'] })).toEqual([
      'NetworkMode ("host")',
    ])
  })

  test.each<[string, Json, string]>([
    ['a bind more', bind('/root', '/r'), 'a mount of /root at /r, that was not requested'],
    [
      'memory more',
      { Type: 'tmpfs', Destination: '/etc' },
      'a mount of tmpfs at /etc, that was not requested',
    ],
    ['a pipe', { Type: 'npipe', Destination: '/p' }, 'a mount of npipe at /p, that was not requested'],
    [
      'a volume where memory was asked for',
      volume({ Destination: '/tmp' }),
      'a mount of x at /tmp, that was not requested',
    ],
    ['a volume more', volume({}), 'a mount of x at /x, that was not requested'],
    ['one of another driver', volume({ Driver: 'nfs' }), 'a mount of x at /x, of another driver'],
    [
      'a new volume that nobody asked for',
      volume({ Name: ANONYMOUS }),
      `a mount of ${ANONYMOUS} at /x, that was not requested`,
    ],
    [
      'a named one where a new one belongs',
      volume({ Name: `${ANONYMOUS}0`, Destination: '/data' }),
      `a mount of ${ANONYMOUS}0 at /data, that was not requested`,
    ],
    [
      'another than was named',
      volume({ Name: 'other', Destination: '/cache' }),
      'a mount of other at /cache, that was not requested',
    ],
    [
      'one without a name where one was named',
      { Type: 'volume', Destination: '/cache', Driver: 'local' },
      'a mount of volume at /cache, that was not requested',
    ],
    [
      'a bind to write',
      bind('/srv/scripts', '/scripts', { RW: true }),
      'a mount of /srv/scripts at /scripts, to write',
    ],
    ['a bind of elsewhere', bind('/srv', '/scripts'), 'a mount of /srv at /scripts, that was not requested'],
  ])('when it has %s', (_, mount, what) => {
    expect(say(mounts(mount))).toEqual([what])
  })

  test('but not when a virtual machine shows a path below one of its own, or memory is where it was asked for', () => {
    expect(
      say(mounts(bind('/host_mnt/srv/scripts', '/scripts'), { Type: 'tmpfs', Destination: '/tmp' })),
    ).toEqual([])
    const fresh = { type: 'volume', source: undefined, target: '/new', readOnly: false } as const
    const more = { mounts: [...EXPECTED.mounts, fresh] }
    expect(say(mounts(volume({ Name: ANONYMOUS, Destination: '/new' })), more)).toEqual([])
    expect(say(mounts(volume({ Name: 'x', Destination: '/new' })), more)).toHaveLength(1)
    const memory = { type: 'tmpfs', source: undefined, target: '/m', readOnly: false } as const
    expect(
      say(mounts({ Type: 'tmpfs', Destination: '/m' }), { mounts: [...EXPECTED.mounts, memory] }),
    ).toEqual([])
  })

  test('when a volume of ours is not in memory, or one of theirs is more than a directory of the engine', () => {
    const ours = { type: 'volume', source: 'ours', target: '/o', readOnly: true, inMemory: true } as const
    const at = (options: Json | null) =>
      say(
        mounts(volume({ Name: 'ours', Destination: '/o', RW: false })),
        { mounts: [...EXPECTED.mounts, ours] },
        new Map<string, Json>([...VOLUMES, ['ours', { Options: options }]]),
      )
    expect(at({ type: 'tmpfs', device: 'tmpfs' })).toEqual([])
    for (const options of [null, { type: 'tmpfs' }, { device: 'tmpfs' }, { type: 'none', device: '/root' }])
      expect(at(options)).toEqual(['a mount of ours at /o, that is not in memory'])
    const options = { type: 'none', o: 'bind', device: '/root' }
    expect(say(() => ({}), {}, new Map([['cache', { Options: options }]]))).toEqual([
      'a mount of cache at /cache, that has options of its own',
    ])
    expect(say(() => ({}), {}, new Map())).toEqual([
      'a mount of cache at /cache, that the engine says nothing about',
    ])
  })

  test('when it would run something else, as somebody else, or with other values', () => {
    const config =
      (more: Json) =>
      ({ Config }: Good) => ({ Config: { ...Config, ...more } })
    expect(say(config({ Entrypoint: ['/shim', 'x'] }))).toEqual(['another entrypoint'])
    expect(say(config({ Entrypoint: null }))).toEqual(['another entrypoint'])
    expect(say(config({ Cmd: ['./publish.sh', 'x'] }), { command: ['./publish.sh', 'y'] })).toEqual([
      'another command',
    ])
    expect(say(config({ Cmd: ['./publish.sh', 'x'] }))).toEqual(['another command'])
    expect(say(config({ Cmd: ['x'] }), { command: undefined })).toEqual([])
    expect(say(config({ User: 'x' }))).toEqual(['another user'])
    expect(say(config({ User: undefined }))).toEqual([])
    const image = { Config: { ...objectOf(IMAGE['Config']), User: '1000' } }
    const asked = { ...good(), Config: { ...good().Config, User: '1000' } }
    expect(surplusOfEngine(asked, image, VOLUMES, EXPECTED)).toEqual([])
    expect(surplusOfEngine(good(), image, VOLUMES, EXPECTED)).toEqual(['another user'])
    expect(say(config({ User: 'x' }), { user: 'x' })).toEqual([])
    expect(say(config({ User: '' }), { user: 'x' })).toEqual(['another user'])
    expect(say(config({ Env: ['DISINTO_ONLY=A=B'] }))).toEqual(['another value of DISINTO_ONLY'])
    expect(
      say(config({ Env: ['DISINTO_ONLY=A=B'] }), { environment: new Map([['DISINTO_ONLY', 'A=B']]) }),
    ).toEqual([])
    expect(say(config({ Env: [] }))).toEqual(['another value of DISINTO_ONLY'])
  })
})
