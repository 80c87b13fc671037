import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, onTestFinished, test } from 'vitest'
import { projectAt } from '../../../../src/host/project.ts'
import { type Let, runnerOf } from '../../../../src/host/vault/service.ts'
import { secondsOf } from '../../../../src/host/vault/settings.ts'

const NOTHING: Let = { mounts: [], names: new Set(), secrets: new Set(['CLAWHUB_TOKEN', 'FORGE_TOKEN']) }

function place() {
  const base = mkdtempSync(join(tmpdir(), 'disinto-service-'))
  onTestFinished(() => rmSync(base, { recursive: true }))
  const home = join(base, 'home')
  mkdirSync(join(home, '.config/sops/age'), { recursive: true })
  writeFileSync(join(home, '.config/sops/age/keys.txt'), '')
  const root = join(base, 'project')
  for (const part of ['scripts', 'secrets', 'vault']) mkdirSync(join(root, part), { recursive: true })
  return { home, root, project: projectAt(root, new Map([['HOME', home]]), root) }
}

type Place = ReturnType<typeof place>

const read = (here: Place, service: object, more: object = {}, through: Partial<Let> = {}) =>
  runnerOf(
    { name: 'p', services: { 'vault-runner': { image: 'i', ...service } }, ...more },
    [],
    here.project,
    { ...NOTHING, ...through },
  )

const refusals = (...call: Parameters<typeof read>) => read(...call).surplus.map(({ what }) => what)

const bind = (source: string, more: object = {}) => ({
  volumes: [{ type: 'bind', source, target: '/x', read_only: true, ...more }],
})

test('a service of harmless settings is taken, with what it says', () => {
  const { service, surplus } = read(
    place(),
    {
      init: true,
      security_opt: ['no-new-privileges'],
      command: ['sh', '-c', 'echo $$HOME'],
      environment: { A: 'x$$y', B: null, C: '' },
      networks: { default: null, other: null },
      profiles: ['vault'],
      user: 'root',
      mem_limit: '1073741824',
      deploy: { resources: { limits: { cpus: 0.5, pids: 10 } }, placement: {} },
      ulimits: { nofile: 100, nproc: { soft: 1, hard: 2 } },
      stop_grace_period: '1m30s',
      tmpfs: ['/t'],
      cap_drop: ['ALL'],
      healthcheck: { test: ['CMD', 'true'] },
      ports: [{ target: 80 }],
      'x-note': 'anything',
    },
    { networks: { default: { name: 'p_default' }, other: { name: 'theirs', external: true } } },
  )
  expect(surplus).toEqual([])
  expect(service.command).toEqual(['sh', '-c', 'echo $HOME'])
  expect([...service.environment]).toEqual([
    ['A', 'x$y'],
    ['C', ''],
  ])
  expect(service.networks.map(({ name, external }) => [name, external])).toEqual([
    ['p_default', false],
    ['theirs', true],
  ])
  expect(service.words.join(' ')).toBe(
    '--cap-drop ALL --cpus 0.5 --pids-limit 10 --init=true --memory 1073741824 --stop-timeout 90 --tmpfs /t --ulimit nofile=100:100 --ulimit nproc=1:2 --user root --security-opt no-new-privileges',
  )
})

test.each([
  ['privileged', true, /the host \(privileged: true\)/],
  ['pid', 'host', /\(pid: host\)/],
  ['pid', 'container:x', /\(pid: container:x\)/],
  ['pid', 'service:agents', /\(pid: service:agents\)/],
  ['ipc', 'host', /\(ipc: host\)/],
  ['ipc', 'shareable', /\(ipc: shareable\)/],
  ['uts', 'host', /\(uts: host\)/],
  ['userns_mode', 'host', /\(userns_mode: host\)/],
  ['cgroup', 'host', /\(cgroup: host\)/],
  ['cgroup_parent', '/x', /\(cgroup_parent: \/x\)/],
  ['network_mode', 'host', /\(network_mode: host\)/],
  ['network_mode', 'container:x', /\(network_mode: container:x\)/],
  ['cap_add', ['SYS_PTRACE'], /\(cap_add: SYS_PTRACE\)/],
  ['devices', ['/dev/sda:/dev/sda'], /\(devices:\)/],
  ['device_cgroup_rules', ['a *:* rwm'], /\(device_cgroup_rules:\)/],
  ['gpus', [{ count: -1 }], /\(gpus:\)/],
  ['deploy', { resources: { reservations: { devices: [{ count: 1 }] } } }, /reservations\.devices/],
  ['security_opt', ['seccomp=unconfined'], /security_opt: seccomp=unconfined/],
  ['security_opt', ['systempaths=unconfined'], /security_opt/],
  ['sysctls', { 'net.core.somaxconn': '1' }, /\(sysctls:\)/],
  ['volumes_from', ['beside:ro'], /volumes_from: beside:ro/],
  ['secrets', [{ source: 's' }], /more secrets/],
  ['configs', [{ source: 'c' }], /\(configs:\)/],
  ['credential_spec', { file: 'x' }, /credential_spec/],
  ['entrypoint', ['sh'], /entrypoint/],
  ['use_api_socket', true, /the Docker Engine/],
  ['runtime', 'nvidia', /runtime: nvidia/],
  ['external_links', ['x'], /external_links/],
  ['post_start', [{ command: 'x', privileged: true }], /does not know \(post_start:\)/],
  ['annotations', { a: 'b' }, /does not know \(annotations:\)/],
  ['something_of_tomorrow', 1, /does not know \(something_of_tomorrow:\)/],
  ['logging', { driver: 'syslog', options: { tag: 'x' } }, /sent elsewhere \(logging: syslog\)/],
  ['logging', { options: { 'gelf-address': 'udp://x' } }, /sent elsewhere \(logging: gelf-address\)/],
  ['dns', ['6.6.6.6'], /\(dns: 6\.6\.6\.6\)/],
  ['extra_hosts', ['registry.example=6.6.6.6'], /extra_hosts: registry\.example:6\.6\.6\.6/],
  ['extra_hosts', { 'registry.example': ['6.6.6.6'] }, /extra_hosts: registry\.example:6\.6\.6\.6/],
] as const)('%s: %j is refused', (setting, value, message) => {
  const told = refusals(place(), { [setting]: value })
  expect(told).toHaveLength(1)
  expect(told[0]).toMatch(message)
})

test.each([
  ['logging', { driver: 'syslog' }],
  ['dns', '6.6.6.6'],
  ['dns_search', 'x'],
  ['extra_hosts', ['a=1.1.1.1']],
])('%s, which says whom a run calls or who hears of it, is let through by its name', (setting, value) => {
  const { surplus } = read(place(), { [setting]: value })
  expect(surplus.map(({ allow }) => allow)).toEqual([`--allow ${setting}`])
  expect(refusals(place(), { [setting]: value }, {}, { names: new Set([setting]) })).toEqual([])
})

test('logging that stays on the machine, and the host under its own name, are nothing', () => {
  const service = {
    logging: { driver: 'json-file', options: { 'max-size': '1m' } },
    extra_hosts: ['host.docker.internal=host-gateway'],
  }
  expect(refusals(place(), service)).toEqual([])
})

test.each([
  ['the host’s', { external: true, name: 'host' }, /the network of others, host /],
  ['the host’s by another way', { name: 'host' }, /the network of others, host /],
  ['that of a container', { external: true, name: 'container:x' }, /the network of others, container:x /],
  ['one on a card of the host', { driver: 'macvlan', driver_opts: { parent: 'eth0' } }, /no bridge, macvlan/],
  ['a bridge that is there', { driver_opts: { 'com.docker.network.bridge.name': 'docker0' } }, /the option/],
  ['a public address', { ipam: { config: [{ subnet: '140.82.112.0/20' }] } }, /somebody else’s/],
  ['every address', { ipam: { config: [{ subnet: '0.0.0.0/0' }] } }, /somebody else’s/],
  ['more than private ones', { ipam: { config: [{ subnet: '172.16.0.0/8' }] } }, /somebody else’s/],
  ['addresses of another planner', { ipam: { driver: 'dhcp' } }, /addresses from dhcp/],
])('a network is refused that is %s', (_, network, message) => {
  const told = refusals(place(), { networks: { n: null } }, { networks: { n: network } })
  expect(told.join()).toMatch(message)
})

test('a bridge with private addresses and a packet size is one', () => {
  const network = {
    driver: 'bridge',
    driver_opts: { 'com.docker.network.driver.mtu': '1400' },
    ipam: { driver: 'default', config: [{ subnet: '10.7.0.0/24' }, { subnet: 'fd00:7::/64' }] },
  }
  expect(refusals(place(), { networks: { n: null } }, { networks: { n: network } })).toEqual([])
})

test('env_file is refused, whatever is in it', () => {
  const here = place()
  const document = { services: { 'vault-runner': { image: 'i' } } }
  const { surplus } = runnerOf(document, ['.env.enc'], here.project, NOTHING)
  expect(surplus[0]?.what).toBe('the values in .env.enc (env_file:)')
})

test.each([
  ['a key by its variable', { SOPS_AGE_KEY: 'x' }, /a key/],
  ['a key by what it is', { SOMETHING: 'AGE-SECRET-KEY-1' }, /a key/],
  ['a private key', { SOMETHING: '-----BEGIN OPENSSH PRIVATE KEY-----' }, /a key/],
  ['a name that an encrypted file holds', { FORGE_TOKEN: 'x' }, /a value of FORGE_TOKEN/],
])('%s in environment: is refused', (_, environment, message) => {
  const told = refusals(place(), { environment })
  expect(told).toEqual([expect.stringMatching(message)])
  expect(refusals(place(), { environment }, {}, { names: new Set(Object.keys(environment)) })).toEqual([])
})

test.each([
  ['BASH_ENV', '$$(x)', /names a file that every bash script runs first/],
  ['NODE_OPTIONS', '--import=x', /makes Node run other code/],
  ['LD_PRELOAD', '/x.so', /dynamic loader/],
  ['HTTPS_PROXY', 'http://x', /through somebody else/],
  ['DISINTO_ALLOW_READABLE_KEY', '', /what disinto itself does/],
  ['DISINTO_KEEP_KEY', '1', /what disinto itself does/],
])(
  '%s=%s in environment:, which takes something over, is refused until it is named',
  (name, value, message) => {
    const environment = { [name]: value }
    const { surplus } = read(place(), { environment })
    expect(surplus).toEqual([{ what: expect.stringMatching(message), allow: `--allow ${name}` }])
    expect(refusals(place(), { environment }, {}, { names: new Set([name]) })).toEqual([])
  },
)

test('variables of ours that say more, or that each run sets anew, are taken', () => {
  expect(refusals(place(), { environment: { DISINTO_SUMMARY: '1', DISINTO_ONLY: 'X' } })).toEqual([])
})

test.each(['', 'root'])('the user of the command, DISINTO_USER=%s, is the compose file’s to say', (value) => {
  expect(refusals(place(), { user: 'root', environment: { DISINTO_USER: value } })).toEqual([])
})

test('a value that is another’s is refused under whatever name and wherever it stands', () => {
  const kept = new Map([
    ['OTHER_TOKEN', 'other-value'],
    ['SHORT', '1'],
    ['AGENT_IMAGE', 'disinto-agent'],
  ])
  const told = (service: object, more: Partial<Let> = {}) =>
    refusals(place(), service, {}, { kept, ...more }).join()
  expect(told({ environment: { X: 'a other-value b', Y: '1' } })).toBe(
    'a value of OTHER_TOKEN (environment:)',
  )
  expect(told({ command: ['x', 'other-value'] })).toBe('a value of OTHER_TOKEN (command:)')
  expect(told({ labels: { x: 'other-value' } })).toBe('a value of OTHER_TOKEN (labels:)')
  expect(told({ image: 'x:other-value' })).toBe('a value of OTHER_TOKEN (image:)')
  expect(told({ image: 'disinto-agent:1' })).toBe('')
  expect(told({ environment: { X: 'other-value' } }, { names: new Set(['OTHER_TOKEN']) })).toBe('')
})

test('an empty value is none', () => {
  expect(refusals(place(), { environment: { SOPS_AGE_KEY: '', FORGE_TOKEN: '' } })).toEqual([])
})

const hidden: ReadonlyArray<readonly [what: string, path: (here: Place) => string, message: RegExp]> = [
  ['the key directory', ({ home }) => join(home, '.config/sops/age'), /the operator key/],
  ['the key file', ({ home }) => join(home, '.config/sops/age/keys.txt'), /the operator key/],
  ['the home', ({ home }) => home, /the operator key/],
  ['a service’s keys', ({ home }) => join(home, '.config/sops/age/project/agents'), /a service key/],
  ['/', () => '/', /the operator key/],
  ['the engine’s socket', () => '/var/run/docker.sock', /the Docker Engine/],
  ['/run', () => '/run', /the Docker Engine/],
  ['/dev/shm', () => '/dev/shm', /other runs/],
  ['/dev', () => '/dev', /other runs/],
  ['/proc', () => '/proc', /processes/],
  ['the root of a process', () => '/proc/1/root', /processes|the operator key/],
  ['/sys', () => '/sys/fs/cgroup', /kernel/],
  ['the engine’s store', () => '/var/lib/docker/volumes', /the engine keeps/],
]

test.each(hidden)('a mount of %s is refused, named or not', (_, path, message) => {
  const here = place()
  const source = path(here)
  expect(refusals(here, bind(source)).join()).toMatch(message)
  expect(refusals(here, bind(source), {}, { mounts: [source] }).join()).toMatch(message)
})

test('links are followed before a mount is judged', () => {
  const here = place()
  symlinkSync(join(here.home, '.config'), join(here.root, 'innocent'))
  const source = join(here.root, 'innocent/sops')
  const told = refusals(here, bind(source), {}, { mounts: [source] })
  expect(told.join()).toMatch(/operator key/)
})

test('a mount that shows nothing is refused until it is named, by its path as it is or from the project', () => {
  const here = place()
  const source = join(here.root, 'scripts')
  const { surplus } = read(here, bind(source))
  expect(surplus).toEqual([
    {
      what: expect.stringContaining('a directory or file of the host'),
      allow: `--allow-mount ${source}`,
    },
  ])
  for (const mounts of [[source], ['./scripts'], ['scripts/']]) {
    expect(read(here, bind(source), {}, { mounts }).surplus).toEqual([])
  }
})

test('named, the project may be read as far as it is encrypted, and not be written', () => {
  const here = place()
  expect(refusals(here, bind(here.root)).join()).toMatch(/\.env\.enc/)
  expect(refusals(here, bind(here.root), {}, { mounts: ['.'] })).toEqual([])
  expect(refusals(here, bind(here.root, { read_only: false }), {}, { mounts: ['.'] }).join()).toMatch(
    /the approvals and the record of runs to write/,
  )
  writeFileSync(join(here.root, '.env'), 'A=1')
  expect(refusals(here, bind(here.root), {}, { mounts: ['.'] }).join()).toMatch(/^\.env \(volumes/)
})

test('a volume is refused until it is named, and with options always', () => {
  const here = place()
  const service = { volumes: [{ type: 'volume', source: 'cache', target: '/c' }] }
  const plain = { volumes: { cache: { name: 'p_cache' } } }
  const options = { type: 'none', o: 'bind', device: '/' }
  const bound = { volumes: { cache: { name: 'p_cache', driver_opts: options } } }
  expect(read(here, service, plain).surplus).toEqual([
    { what: 'the volume p_cache (volumes: /c)', allow: '--allow-mount p_cache' },
  ])
  expect(refusals(here, service, plain, { mounts: ['p_cache'] })).toEqual([])
  expect(refusals(here, service, bound, { mounts: ['p_cache'] })).toEqual([
    expect.stringContaining('a volume with options'),
  ])
  expect(refusals(here, { volumes: [{ type: 'cluster', source: 'x', target: '/c' }] })).toEqual([
    expect.stringContaining('of a kind'),
  ])
})

test.each([
  ['1m30s', 90],
  ['10s', 10],
  ['1h', 3600],
  ['500ms', 1],
])('%s are %d seconds', (text, seconds) => {
  expect(secondsOf(text)).toBe(seconds)
})

test('a service that says nothing has the image that compose builds for it, and nothing else', () => {
  const here = place()
  const { service, surplus } = runnerOf({ services: { 'vault-runner': {} } }, [], here.project, NOTHING)
  expect(surplus).toEqual([])
  expect(service).toEqual({
    image: 'project-vault-runner',
    words: [],
    environment: new Map(),
    mounts: [],
    networks: [],
    networkMode: undefined,
    command: [],
  })
  expect(runnerOf({ name: 'q', services: {} }, [], here.project, NOTHING).service.image).toBe(
    'q-vault-runner',
  )
})

test('its mounts and networks are what it says, dollars and all', () => {
  const here = place()
  const { service, surplus } = read(
    here,
    {
      network_mode: 'none',
      command: ['a', 1],
      volumes: [
        { type: 'bind', source: `${here.root}/$$x`, target: '/b', read_only: true },
        { type: 'bind', target: '/nothing' },
        { type: 'tmpfs', target: '/t', source: 'x' },
        { type: 'volume', source: 'cache', target: '/c', read_only: 'yes' },
        { type: 'volume', source: 'other', target: '/o' },
        { type: 'volume', target: '/new' },
        { type: 'volume', source: '', target: '/new2' },
      ],
    },
    { volumes: { cache: { name: 'p_cache' }, other: { name: '' } } },
    { mounts: ['$x', 'p_cache', 'other'] },
  )
  expect(service.networkMode).toBe('none')
  expect(service.command).toEqual(['a', '1'])
  expect(service.mounts).toEqual([
    { type: 'bind', source: join(here.root, '$x'), target: '/b', readOnly: true },
    { type: 'bind', source: '/', target: '/nothing', readOnly: false },
    { type: 'tmpfs', source: undefined, target: '/t', readOnly: false },
    { type: 'volume', source: 'p_cache', target: '/c', readOnly: false },
    { type: 'volume', source: 'other', target: '/o', readOnly: false },
    { type: 'volume', source: undefined, target: '/new', readOnly: false },
    { type: 'volume', source: undefined, target: '/new2', readOnly: false },
  ])
  expect(surplus.every(({ what }) => what.endsWith('(volumes: /)'))).toBe(true)
})

test.each([
  [{ driver: 'local' }, []],
  [{ driver: 'nfs' }, ['a volume with options or a driver of its own (volumes: cache)']],
  [{ driver_opts: { o: 'x' } }, ['a volume with options or a driver of its own (volumes: cache)']],
  [{ driver: '', driver_opts: {} }, []],
])('a volume of %j gives %j', (volume, what) => {
  const service = { volumes: [{ type: 'volume', source: 'cache', target: '/c' }] }
  const through = { mounts: ['p_cache'] }
  expect(refusals(place(), service, { volumes: { cache: { name: 'p_cache', ...volume } } }, through)).toEqual(
    what,
  )
})

test('what it gives is told once for each, with what would let it through', () => {
  const here = place()
  const { surplus } = read(here, {
    volumes: [
      { type: 'cluster', source: 'x', target: '/c' },
      { type: 'cluster', source: 'x', target: '/c' },
    ],
    environment: {
      FORGE_TOKEN: 'x',
      SOPS_AGE_KEY: 'x',
      A: 'AGE-PLUGIN-X-1',
      B: '-----BEGIN RSA PRIVATE KEY',
      C: '-----BEGIN PRIVATE KEY',
      BASH_ENV: 'x',
      LD_PRELOAD: '',
      PLAIN: 'x',
    },
  })
  expect(surplus).toEqual([
    { what: 'a mount of a kind that vault-run does not know (volumes: /c)' },
    {
      what: 'a value of FORGE_TOKEN, which an encrypted file holds (environment:)',
      allow: '--allow FORGE_TOKEN',
    },
    ...['SOPS_AGE_KEY', 'A', 'B', 'C'].map((name) => ({ what: `a key (environment: ${name})` })),
    {
      what: 'a variable that names a file that every bash script runs first (environment: BASH_ENV)',
      allow: '--allow BASH_ENV',
    },
  ])
})

test('a value of another name is looked for in all that it is told, and in what runs only if it is a secret', () => {
  const kept = new Map([
    ['API_TOKEN', 'value-1'],
    ['REGION', 'value-2'],
    ['ABC', 'abc'],
  ])
  const through = { kept, secrets: new Set(['FORGE_TOKEN']) }
  const told = (service: object, more: Partial<Let> = {}) =>
    read(place(), service, {}, { ...through, ...more }).surplus
  const surplus = (name: string, setting: string) => [
    { what: `a value of ${name} (${setting}:)`, allow: `--allow ${name}` },
  ]
  expect(told({ image: 'x:value-1' })).toEqual(surplus('API_TOKEN', 'image'))
  expect(told({ platform: 'value-1' })).toEqual(surplus('API_TOKEN', 'platform'))
  expect(told({ image: 'x:value-2', platform: 'value-2' })).toEqual([])
  expect(told({ working_dir: '/value-2' })).toEqual(surplus('REGION', 'working_dir'))
  expect(told({ healthcheck: { test: ['x', { deep: 'value-2' }] } })).toEqual(
    surplus('REGION', 'healthcheck'),
  )
  expect(told({ build: { args: { x: 'value-1' } } })).toEqual([])
  expect(told({ working_dir: '/abc' })).toEqual([])
  // Of a name that a file holds it is said already.
  expect(told({ environment: { FORGE_TOKEN: 'value-1' } })).toHaveLength(1)
  expect(told({ environment: { OTHER: 'value-1' } })).toEqual(surplus('API_TOKEN', 'environment'))
  expect(told({ working_dir: '/value-2' }, { names: new Set(['REGION']) })).toEqual([])
})
