/** What the compose file gives the vault-runner beyond what one run needs is refused before the container runs. */
import { expect, test } from 'vitest'
import { freshValue, must, run, useImage } from '../image/image.ts'
import { expectError, inMemory, proposalFor, Stack } from './stack.ts'

useImage()

const RAN = 'the command ran'
const shell = (script: string) => ['vault-run', 'p1', '--', 'sh', '-c', script]

async function makeVault(): Promise<{ stack: Stack; hub: string }> {
  const stack = await Stack.make()
  const hub = freshValue('hub')
  await stack.envFile({ FORGE_TOKEN: freshValue('token') })
  await stack.secret('CLAWHUB_TOKEN', hub)
  await stack.proposal('p1', proposalFor('CLAWHUB_TOKEN'))
  return { stack, hub }
}

/** The vault-runner with these lines of YAML, and what else the file holds: anchors are before it. */
const runner = (lines: string, rest = '') =>
  `${rest.startsWith('x-') ? rest : ''}services:\n  vault-runner:\n    image: \${AGENT_IMAGE}\n    profiles: [vault]\n    pull_policy: never\n    ${lines}\n${rest.startsWith('x-') ? '' : rest}`

const REFUSED: ReadonlyArray<readonly [lines: string, message: RegExp, rest?: string]> = [
  // The ways that the issue names: each showed a key, another run, or more of the host.
  ['volumes: ["${HOME}/.config/sops/age:/x"]', /the operator key/],
  ['volumes: ["${HOME}/.config/sops/age:/x:ro"]', /the operator key/],
  ['volumes: [{type: bind, source: "${HOME}/.config", target: /x, read_only: true}]', /the operator key/],
  ['volumes: [{type: bind, source: "${X:-/}", target: /x, read_only: true}]', /the operator key/],
  ['volumes: ["~/.config/sops/age:/x"]', /the operator key/],
  [
    'volumes: ["keys:/x"]',
    /a volume with options|the volume/,
    'volumes: {keys: {driver_opts: {type: none, o: bind, device: "${HOME}/.config/sops/age"}}}\n',
  ],
  ['secrets: [s]', /more secrets/, 'secrets: {s: {file: "${HOME}/.config/sops/age/keys.txt"}}\n'],
  ['configs: [c]', /configs:/, 'configs: {c: {file: "${HOME}/.config/sops/age/keys.txt"}}\n'],
  ['secrets: [s]', /more secrets/, 'secrets: {s: {environment: HOME}}\n'],
  ['volumes_from: ["container:somebody"]', /volumes_from/],
  ['volumes_from: [beside]', /volumes_from/, '  beside: {image: x}\n'],
  ['ipc: host', /ipc: host/],
  ['ipc: "container:x"', /ipc: container:x/],
  ['volumes: ["/dev/shm:/x"]', /in memory/],
  ['pid: "${X:-host}"', /pid: host/],
  ['pid: "container:x"', /pid: container:x/],
  ['uts: host', /uts: host/],
  ['userns_mode: host', /userns_mode: host/],
  ['cgroup: host', /cgroup: host/],
  ['network_mode: host', /network_mode: host/],
  ['network_mode: "container:x"', /network_mode: container:x/],
  ['privileged: true', /privileged/],
  ['cap_add: [SYS_PTRACE]', /cap_add: SYS_PTRACE/],
  ['devices: ["/dev/null:/dev/x"]', /devices/],
  ['device_cgroup_rules: ["a *:* rwm"]', /device_cgroup_rules/],
  ['deploy: {resources: {reservations: {devices: [{capabilities: [gpu], count: 1}]}}}', /devices/],
  ['security_opt: ["seccomp=unconfined"]', /security_opt/],
  ['security_opt: ["apparmor=unconfined"]', /security_opt/],
  ['sysctls: {net.core.somaxconn: 1}', /sysctls/],
  ['volumes: ["/proc:/x:ro"]', /the processes of the host/],
  ['volumes: ["/sys:/x:ro"]', /the kernel of the host/],
  ['volumes: ["/:/x:ro"]', /docker-compose\.yml it has /],
  ['volumes: ["./:/x:ro"]', /\.env\.enc/],
  ['volumes: ["./vault:/x"]', /a directory or file of the host/],
  ['volumes: ["/var/run/docker.sock:/var/run/docker.sock"]', /the Docker Engine/],
  ['volumes: ["cache:/x"]', /the volume/, 'volumes: {cache: {}}\n'],
  ['env_file: [.env.enc]', /env_file/],
  ['environment: {FORGE_TOKEN: x}', /a value of FORGE_TOKEN/],
  ['environment: {MY_KEY: "AGE-SECRET-KEY-1QQQ"}', /a key/],
  ['environment: {BASH_ENV: "$$(echo x)"}', /every bash script runs first/],
  ['environment: {DISINTO_ALLOW_READABLE_KEY: "1"}', /what disinto itself does/],
  ['environment: {X: "${HOME_TOKEN}"}', /a value of HOME_TOKEN/],
  ['environment: *e', /a value of HOME_TOKEN/, 'x-e: &e {X: "a-${HOME_TOKEN}"}\n'],
  ['command: [echo, "${HOME_TOKEN}"]', /a value of HOME_TOKEN/],
  ['networks: [n]', /the network of others/, 'networks: {n: {external: true, name: host}}\n'],
  ['networks: [n]', /no bridge/, 'networks: {n: {driver: macvlan}}\n'],
  ['networks: [n]', /the option/, 'networks: {n: {driver_opts: {com.docker.network.bridge.name: br9}}}\n'],
  ['logging: {driver: syslog, options: {syslog-address: "tcp://127.0.0.1:1"}}', /sent elsewhere/],
  ['dns: [192.0.2.1]', /dns: 192\.0\.2\.1/],
  ['extra_hosts: ["registry.example=192.0.2.1"]', /another address for a name/],
  ['entrypoint: ["sh", "-c", "cat /home/agent/.config/sops/age/keys.txt"]', /entrypoint/],
]

test('each setting that shows more than the secrets of the proposal is refused, and nothing runs', async () => {
  const { stack, hub } = await makeVault()
  for (const [lines, message, rest] of REFUSED) {
    await stack.write('docker-compose.yml', runner(lines, rest))
    const result = await stack.run(shell(`echo ${RAN}`), { env: { HOME_TOKEN: freshValue('home') } })
    expect(`${result.stdout}${result.stderr}`, lines).not.toContain(RAN)
    expectError(result, message)
    expect(`${result.stdout}${result.stderr}`.includes(hub)).toBe(false)
  }
  expect(await stack.containers()).toEqual([])
  expect(stack.exists('vault/runs.jsonl')).toBe(false)
})

test('doctor says the same of the service beforehand', async () => {
  const { stack } = await makeVault()
  for (const [lines, message, rest] of REFUSED.filter((_, at) => at % 6 === 0)) {
    await stack.write('docker-compose.yml', runner(lines, rest))
    const env = { HOME_TOKEN: freshValue('home') }
    const told = JSON.parse((await stack.run(['doctor', '--json'], { env })).stdout)
    const found = told.findings.filter(({ code }: { code: string }) => code === 'runner-sees')
    expect(found.map(({ message: text }: { message: string }) => text).join(), lines).toMatch(message)
  }
  await stack.write('docker-compose.yml', runner('init: true'))
  const told = JSON.parse((await stack.run(['doctor', '--json'])).stdout)
  expect(told.findings.filter(({ code }: { code: string }) => code === 'runner-sees')).toEqual([])
})

test('an image that is not there is neither built nor pulled, and no value is told of its name', async () => {
  const { stack } = await makeVault()
  await stack.write('key', freshValue('key'))
  const inline = 'FROM scratch\\nRUN --mount=type=secret,id=k cat /run/secrets/k'
  const build = `build: {context: ., secrets: [k], dockerfile_inline: "${inline}"}`
  const absent = `services:\n  vault-runner:\n    image: disinto-test/absent:${'${TAG:-1}'}\n    ${build}\nsecrets: {k: {file: ./key}}\n`
  await stack.write('docker-compose.yml', absent)
  expectError(await stack.run(shell('true')), /neither builds nor pulls/)
  await stack.write('docker-compose.yml', absent.replace('TAG:-1', 'FORGE_TOKEN'))
  expectError(await stack.run(shell('true')), /a value of FORGE_TOKEN in the name of its image/)
  const token = (await stack.must('secrets', 'show', 'FORGE_TOKEN')).stdout.trim()
  const named = ['vault-run', 'p1', '--allow', 'FORGE_TOKEN', '--', 'true']
  const result = await stack.run(named)
  expectError(result, /its image "disinto-test\/absent:\[FORGE_TOKEN\]"/)
  expect(result.stderr).not.toContain(token)
})

test('what a compose file lets through for containers is let through for no run', async () => {
  const { stack } = await makeVault()
  await stack.write(
    'docker-compose.yml',
    runner('environment: {FORGE_TOKEN: x}', 'x-disinto: {allow: [FORGE_TOKEN]}\n'),
  )
  expectError(await stack.run(shell('true')), /a value of FORGE_TOKEN/)
  const { exitCode, stderr } = await stack.run(['vault-run', 'p1', '--allow', 'FORGE_TOKEN', '--', 'true'])
  expect(exitCode, stderr).toBe(0)
})

test('a mount that somebody names is there, read-only as the file says', async () => {
  const { stack } = await makeVault()
  await stack.write('scripts/publish.sh', 'echo published')
  await stack.write('docker-compose.yml', runner('volumes: ["./scripts:/scripts:ro"]'))
  expectError(await stack.run(shell('true')), /a directory or file of the host/)
  const script = 'sh /scripts/publish.sh; touch /scripts/x || echo read-only'
  for (const options of [{}, { env: { DISINTO_ALLOW_MOUNT: 'scripts' } }]) {
    const named = 'env' in options ? [] : ['--allow-mount', './scripts']
    const { stdout, exitCode } = await stack.run(
      ['vault-run', 'p1', ...named, '--', 'sh', '-c', script],
      options,
    )
    expect(exitCode).toBe(0)
    expect(stdout).toBe('published\nread-only')
  }
})

test('a volume that somebody has bound to the keys by hand is found out from the engine', async () => {
  const { stack } = await makeVault()
  const volume = `${stack.name}_keys`
  const options = ['type=none', 'o=bind', `device=${stack.home}/.config/sops/age`]
  await must('docker', ['volume', 'create', ...options.flatMap((option) => ['--opt', option]), volume])
  try {
    const file = runner('volumes: ["keys:/x:ro"]', `volumes: {keys: {external: true, name: ${volume}}}\n`)
    await stack.write('docker-compose.yml', file)
    const named = ['vault-run', 'p1', '--allow-mount', volume]
    expectError(await stack.run([...named, '--', 'sh', '-c', `echo ${RAN}`]), /options of its own/)
    expect(await stack.containers()).toEqual([])
    expect(stack.exists('vault/runs.jsonl')).toBe(false)
  } finally {
    await run('docker', ['volume', 'rm', '--force', volume])
  }
})

test('settings that limit the container are kept', async () => {
  const { stack } = await makeVault()
  const lines = [
    'init: true',
    'hostname: runner',
    'working_dir: /tmp',
    'read_only: true',
    'tmpfs: [/scratch]',
    'mem_limit: 200m',
    'ulimits: {nofile: 500}',
    'environment: {GREETING: "a $$b = c", EMPTY: ""}',
    'labels: {made.by: test}',
    'networks: {default: null, second: null}',
  ]
  await stack.write(
    'docker-compose.yml',
    runner(lines.join('\n    '), 'networks: {second: {internal: true}}\n'),
  )
  const script =
    'hostname; pwd; ulimit -n; echo "$GREETING"; touch /scratch/x && echo scratch; touch /x 2>/dev/null || echo read-only; ls /sys/class/net | wc -l'
  const { stdout, exitCode, stderr } = await stack.run(shell(script))
  expect(exitCode, stderr).toBe(0)
  expect(stdout.split('\n')).toEqual(['runner', '/tmp', '500', 'a $b = c', 'scratch', 'read-only', '3'])
  expect(await stack.networks()).toEqual([])
  expect(await inMemory()).toEqual([])
})
