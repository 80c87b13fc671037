/** Commands of the stack in every state of the files, and what up and doctor say of what the engine does. */
import { rm } from 'node:fs/promises'
import { expect, onTestFinished, test } from 'vitest'
import { docker, freshValue, IMAGE, must, run, until, useImage } from '../image/image.ts'
import { expectError, proposalFor, Stack } from './stack.ts'

useImage()

/** Services as people write them, of the agent image. */
const services = (text: string) => `services:\n${text}`
const AGENTS = (more = '') =>
  `  agents:\n    image: \${AGENT_IMAGE}\n    init: true\n    command: ["sleep", "infinity"]\n${more}`
/** An image of somebody else: the shim is not its entrypoint. */
const OTHER = (name: string, more = '') =>
  `  ${name}:\n    image: \${AGENT_IMAGE}\n    entrypoint: ["sleep", "infinity"]\n    init: true\n${more}`

/** The files in the engine's store that hold a text, of those written since a file was. */
async function inStore(stack: Stack, text: string): Promise<string[]> {
  const store = await must('docker', ['info', '--format', '{{.DockerRootDir}}'])
  const since = ['-xdev', '-type', 'f', '-size', '-2000k', '-cnewer', stack.path('.sops.yaml')]
  const found = await run('find', [store, ...since, '-exec', 'grep', '-lF', text, '{}', '+'])
  return found.stdout.split('\n').filter((line) => line !== '')
}

async function codesOf(stack: Stack): Promise<string[]> {
  const { stdout } = await stack.run(['doctor', '--json'])
  const { findings } = JSON.parse(stdout) as { findings: Array<{ code: string; severity: string }> }
  // What other runs on this machine have left is none of ours.
  return findings
    .filter(({ severity, code }) => severity !== 'note' && code !== 'run-left')
    .map(({ code }) => code)
}

test('down, status, logs, ps, stop and shell work in every state of the files', async () => {
  const stack = await Stack.make()
  // The engine takes a port that is free.
  await stack.envFile({ FORGE_TOKEN: freshValue('token'), PORT: '0' })
  await stack.write('agents.env', 'X=1\n')
  const good = services(AGENTS('    ports: ["127.0.0.1:${PORT}:80"]\n    env_file: agents.env\n'))
  const encrypted = await stack.read('.env.enc')
  const states: ReadonlyArray<readonly [what: string, make: () => Promise<void>]> = [
    ['no key', () => rm(stack.keyFile())],
    ['a file that env_file: names is gone', () => rm(stack.path('agents.env'))],
    ['.env.enc is damaged', () => stack.write('.env.enc', encrypted.slice(0, -40))],
    ['.env.enc is gone', () => rm(stack.path('.env.enc'))],
    ['the compose file is no YAML', () => stack.write('docker-compose.yml', 'services: [\n')],
    ['the compose file is gone', () => rm(stack.path('docker-compose.yml'))],
  ]
  await stack.write('docker-compose.yml', good)
  await stack.must('up')
  for (const [what, make] of states) {
    await make()
    const [status, ps, logs, shell, exec] = await Promise.all([
      stack.must('status'),
      stack.must('ps', '--quiet'),
      stack.must('logs', '--tail', '1'),
      stack.must('shell', '--', 'echo', 'inside'),
      stack.must('exec', 'agents', 'echo', 'there'),
    ])
    expect(status.stdout, what).toContain(`${stack.name}-agents-1`)
    expect(ps.stdout, what).not.toBe('')
    expect(logs.stdout, what).toContain('agents')
    expect([shell.stdout, exec.stdout], what).toEqual(['inside', 'there'])
  }
  await stack.must('stop', '--timeout', '0')
  await stack.must('down', '--timeout', '0')
  expect(await stack.containers()).toEqual([])
  expect(await stack.networks()).toEqual([])
  // Where nothing was made, the file that is missing is what is wrong.
  expectError(await stack.run(['down']), /no compose file here/)
})

test('COMPOSE_* counts in .env and in .env.enc; without a key the stack is still found', async () => {
  const stack = await Stack.make()
  const name = `${stack.name}-named`
  await stack.write('docker-compose.yml', services(`${AGENTS()}${OTHER('extra', '    profiles: [ex]\n')}`))
  const settings = { COMPOSE_PROJECT_NAME: name, COMPOSE_PROFILES: 'ex', FORGE_TOKEN: freshValue('token') }
  const names = async () => {
    const words = [
      'ps',
      '--all',
      '--format',
      '{{.Names}}',
      '--filter',
      `label=com.docker.compose.project=${name}`,
    ]
    return (await must('docker', words))
      .split('\n')
      .filter((line) => line !== '')
      .sort()
  }
  const both = [`${name}-agents-1`, `${name}-extra-1`]
  await stack.plain(settings)
  await stack.must('up')
  expect(await names()).toEqual(both)
  await stack.must('down', '--timeout', '0')
  expect(await names()).toEqual([])
  await stack.envFile(settings)
  await stack.must('up')
  expect(await names()).toEqual(both)
  await rm(stack.keyFile())
  const { stderr } = await stack.must('down', '--timeout', '0')
  expect(stderr).toContain('which has COMPOSE_PROJECT_NAME, COMPOSE_PROFILES')
  expect(await names()).toEqual([])
})

test.each([
  ['text', ''],
  ['JSON', ', DISINTO_LOG: json'],
])(
  'a service that ends with 125 is reported after the start, with what the shim wrote as %s',
  async (_, log) => {
    const stack = await Stack.make()
    const value = freshValue('token')
    await stack.envFile({ FORGE_TOKEN: value })
    await stack.write(
      'docker-compose.yml',
      services(
        AGENTS(
          `    restart: unless-stopped\n    environment: {DISINTO_REQUIRE: "FORGE_TOKEN,NOT_THERE"${log}}\n`,
        ),
      ),
    )
    const { exitCode, stderr } = await stack.run(['up'])
    expect(exitCode).toBe(1)
    expect(stderr).toMatch(/warning: agents: ended with 125: the shim failed/)
    expect(stderr).toMatch(/disinto: agents: error: required but missing or empty: NOT_THERE/)
    expect(stderr).toMatch(/disinto: agents: hint: add each to \.env\.enc/)
    expect(stderr).not.toContain(value)
  },
)

test('the stack of init refuses a start without disinto, and starts before there is a secret', async () => {
  const stack = await Stack.make()
  await stack.must('up')
  await stack.must('down', '--timeout', '0')
  await stack.envFile({ FORGE_TOKEN: freshValue('token') })
  await stack.must('up')
  const compose = (...words: string[]) =>
    run('docker', ['compose', ...words], { cwd: stack.directory, env: stack.environment() })
  const once = await compose('run', '--rm', 'agents', 'true')
  expect(once.exitCode).toBe(125)
  expect(`${once.stdout}${once.stderr}`).toContain('disinto up')
  await compose('up', '--detach')
  await until(async () => {
    expect(await codesOf(stack)).toContain('service-ended')
  })
  await stack.must('up')
  expect(await codesOf(stack)).toEqual([])
})

test('agents that run without disinto’s mounts, or with old secrets, are found', async () => {
  const stack = await Stack.make()
  await stack.write('docker-compose.yml', services(AGENTS()))
  await stack.envFile({ FORGE_TOKEN: freshValue('token') })
  await must('docker', ['compose', 'up', '--detach'], { cwd: stack.directory, env: stack.environment() })
  expect(await codesOf(stack)).toEqual(['container-without-secrets'])
  await stack.must('up')
  expect(await codesOf(stack)).toEqual([])
  await stack.envFile({ FORGE_TOKEN: freshValue('token') })
  expect(await codesOf(stack)).toEqual(['container-older'])
  const { stderr } = await stack.must('shell', '--with-secrets', '--', 'true')
  expect(stderr).toContain('before their last change')
  await stack.must('restart', '--timeout', '0')
  expect(await codesOf(stack)).toEqual([])
})

test.for<[setting: string, code: string]>([
  ['user: "1000"', 'user-not-root'],
  ['cap_drop: [ALL]', 'capability-gone'],
  ['environment: {DISINTO_USER: ""}', 'user-empty'],
  ['pids_limit: 4', 'processes-too-few'],
  ['entrypoint: ["sleep", "60"]', 'entrypoint-replaced'],
])('doctor knows what %s does to the shim', async ([setting, code]) => {
  const stack = await Stack.make()
  await stack.envFile({ FORGE_TOKEN: freshValue('token') })
  await stack.write('docker-compose.yml', services(AGENTS(`    ${setting}\n`)))
  expect(await codesOf(stack)).toEqual([code])
})

test('a shell has no key that the container was given', async () => {
  const stack = await Stack.make()
  await stack.envFile({ FORGE_TOKEN: freshValue('token') })
  await stack.write(
    'docker-compose.yml',
    services(AGENTS('    environment: {SOPS_AGE_KEY: "AGE-SECRET-KEY-1X"}\n')),
  )
  await stack.run(['up'])
  const { stdout } = await stack.must('shell', '--', 'sh', '-c', 'echo "key:$SOPS_AGE_KEY"')
  expect(stdout).toBe('key:')
})

test('a shell and a command have no credentials for the kinds of keys that the container may use, and keep others', async () => {
  const stack = await Stack.make()
  await stack.envFile({ FORGE_TOKEN: freshValue('token') })
  const environment = '{DISINTO_KEY_TYPES: "age,hc_vault", VAULT_TOKEN: root-of-all, AWS_SESSION_TOKEN: own}'
  await stack.write('docker-compose.yml', services(AGENTS(`    environment: ${environment}\n`)))
  await stack.must('up')
  const script = ['sh', '-c', 'echo "$VAULT_TOKEN:$AWS_SESSION_TOKEN"']
  expect((await stack.must('shell', '--', ...script)).stdout).toBe(':own')
  expect((await stack.must('exec', 'agents', '--', ...script)).stdout).toBe(':own')
})

test('a compose secret from the environment lies on the engine’s disk: up and doctor say so, and no page advises it', async () => {
  const stack = await Stack.make()
  const value = freshValue('password')
  await stack.envFile({ DB_PASSWORD: value })
  await stack.write(
    'docker-compose.yml',
    services(
      `${OTHER('db', '    secrets: [db_password]\n')}secrets: {db_password: {environment: DB_PASSWORD}}\n`,
    ),
  )
  const { stderr } = await stack.must('up')
  expect(stderr).toMatch(
    /db: secrets: db_password: compose writes the value of DB_PASSWORD into the container's layer/,
  )
  expect(stderr).not.toContain(value)
  expect(await codesOf(stack)).toContain('secret-on-disk')
  // The search finds what is there; where the engine keeps it is asked of the engine.
  expect(await inStore(stack, value)).not.toEqual([])
})

test('after up of a stack that init wrote, no value is in the engine’s store', async () => {
  const stack = await Stack.make()
  const value = freshValue('token')
  await stack.envFile({ FORGE_TOKEN: value })
  await stack.must('up')
  await stack.must('restart', '--timeout', '0')
  expect(await inStore(stack, value)).toEqual([])
})

test('a name that only secrets/ has is not for compose, unless somebody says so', async () => {
  const stack = await Stack.make()
  const value = freshValue('hub')
  await stack.envFile({ FORGE_URL: 'x' })
  await stack.secret('CLAWHUB_TOKEN', value)
  await stack.write(
    'docker-compose.yml',
    services(OTHER('web', '    environment: {T: "${CLAWHUB_TOKEN:-none}"}\n')),
  )
  const inspect = async () =>
    must('docker', ['inspect', '--format', '{{.Config.Env}}', (await stack.containers())[0] ?? ''])
  const { stderr } = await stack.must('up')
  expect(stderr).toMatch(/warning: CLAWHUB_TOKEN: .*only in secrets\//)
  expect(await inspect()).toContain('T=none')
  await stack.must('up', '--allow-secret', 'CLAWHUB_TOKEN')
  expect(await inspect()).toContain(`T=${value}`)
})

test('names that the compose file lets through agree everywhere', async () => {
  const stack = await Stack.make()
  await stack.write('docker-compose.yml', `x-disinto: {allow: [NODE_OPTIONS]}\n${services(AGENTS())}`)
  await stack.plain({ NODE_OPTIONS: '--no-warnings' })
  await stack.must('secrets', 'migrate')
  await stack.must('up')
  expect(await codesOf(stack)).toEqual([])
  const { stdout } = await stack.must('shell', '--with-secrets', '--', 'printenv', 'NODE_OPTIONS')
  expect(stdout).toBe('--no-warnings')
  await stack.write('docker-compose.yml', services(AGENTS()))
  const { exitCode, stderr } = await stack.run(['up'])
  expect(exitCode).toBe(1)
  expect(stderr).toContain('x-disinto: {allow: [NODE_OPTIONS]}')
})

test('plaintext needs no rule, whatever rules stand above', async () => {
  const stack = await Stack.make()
  await stack.plain({ FORGE_TOKEN: freshValue('token') })
  await stack.write('.sops.yaml', 'creation_rules:\n  - pgp: FBC7B9E2A4F9289AC0C1D4843D16CEE4A27381B4\n')
  await stack.must('up')
  expect(await stack.containers()).toHaveLength(1)
})

test('a service of another image with a key of its own starts with its secrets, and none of it is the command’s', async () => {
  const stack = await Stack.make()
  const value = freshValue('token')
  await stack.write('other/Dockerfile', `FROM ${IMAGE}\nENV DISINTO_USER=nobody\n`)
  await stack.write(
    'docker-compose.yml',
    services('  web:\n    build: other\n    init: true\n    command: ["sleep", "infinity"]\n'),
  )
  onTestFinished(async () => {
    await docker(['image', 'rm', '--force', `${stack.name}-web`])
  })
  await stack.must('secrets', 'keygen')
  await stack.envFile({ FORGE_TOKEN: value })
  await stack.must('secrets', 'grant', 'web', '.env.enc')
  await stack.must('up')
  const { stdout } = await stack.must('exec', 'web', '--with-secrets', '--', 'sh', '-c', 'id -un; env')
  expect(stdout).toContain('nobody\n')
  expect(stdout.includes(`FORGE_TOKEN=${value}`)).toBe(true)
  expect(stdout).not.toContain('SOPS_AGE_KEY_FILE')
  const key = '/root/.config/sops/age/keys.txt'
  expect((await stack.run(['exec', 'web', '--', 'cat', key])).exitCode).not.toBe(0)
  expect(await codesOf(stack)).toEqual([])
})

test('the walk: a factory of three services, from docker compose up to vault-run and down', async () => {
  const stack = await Stack.make()
  const token = freshValue('token')
  const llama = freshValue('llama')
  const password = freshValue('password')
  const env = [
    `FORGE_URL=http://forge:3000   # [CONFIG] where the forge is`,
    `FORGE_TOKEN=${token}`,
    `FORGE_TOKEN_LLAMA=${llama}`,
    `DB_PASSWORD="${password}"`,
    'DB_URL=postgres://ci:${DB_PASSWORD}@db/ci',
    'SOPS_AGE_DIR=${HOME}/.config/sops/age',
    'DISINTO_CHAT_ALLOWED_USERS=ann,ben',
    'DATA_DIR=./data',
    '',
  ].join('\n')
  const file = services(
    `${AGENTS('    volumes:\n      - ${DATA_DIR:-./data}:/data:ro\n      - ${SHARED:-/var/tmp}:${SHARED:-/var/tmp}\n    environment:\n      - FORGE_URL=${FORGE_URL}\n      - POLL_INTERVAL=${POLL_INTERVAL:-300}\n')}${OTHER('llama', '    environment:\n      - FORGE_TOKEN=${FORGE_TOKEN_LLAMA:-}\n      - FORGE_URL=${FORGE_URL:-}\n')}${OTHER('ci', '    environment: {DB: "${DB_URL}", USERS: "${DISINTO_CHAT_ALLOWED_USERS:-}"}\n')}  vault-runner:\n    profiles: [vault]\n    image: \${AGENT_IMAGE}\n    init: true\n    command: ["true"]\n`,
  )
  await stack.write('docker-compose.yml', file)
  await stack.write('data/x', '')
  await stack.write('.env', env)
  const compose = (...words: string[]) =>
    must('docker', ['compose', ...words], { cwd: stack.directory, env: stack.environment() })
  /** What each service was made with, by the engine: its environment without the image's own, and its mounts. */
  const facts = async () => {
    const found: Record<string, unknown> = {}
    for (const service of ['agents', 'llama', 'ci']) {
      const id = `${stack.name}-${service}-1`
      const [envs = '[]', mounts = '[]'] = (
        await must('docker', ['inspect', '--format', '{{json .Config.Env}}\n{{json .HostConfig.Binds}}', id])
      ).split('\n')
      const own = (JSON.parse(envs) as string[]).filter((line) => /^(?:FORGE_|POLL_|DB=|USERS=)/.test(line))
      found[service] = { own: new Set(own), binds: mounts.includes('/data') }
    }
    return found
  }
  await compose('up', '--detach')
  const byCompose = await facts()
  await compose('down', '--timeout', '0')

  await stack.must('init')
  await stack.must('up')
  expect(await facts()).toEqual(byCompose)
  await stack.must('secrets', 'migrate')
  expect(stack.exists('.env')).toBe(false)
  await stack.must('restart', '--timeout', '0')
  expect(await facts()).toEqual(byCompose)
  const { stdout } = await stack.must(
    'shell',
    '--with-secrets',
    '--',
    'sh',
    '-c',
    'echo "$FORGE_TOKEN $DB_URL $DISINTO_CHAT_ALLOWED_USERS"',
  )
  expect(stdout).toBe(`${token} postgres://ci:${password}@db/ci ann,ben`)
  await stack.secret('CLAWHUB_TOKEN', freshValue('hub'))
  await stack.proposal('publish-1', proposalFor('CLAWHUB_TOKEN'))
  await stack.must('vault-run', 'publish-1', '--', 'sh', '-c', 'test -n "$CLAWHUB_TOKEN"')
  await stack.must('down', '--timeout', '0')
  expect(await stack.containers()).toEqual([])
  expect(await stack.networks()).toEqual([])
})
