/** What `docker compose config` takes, every command takes: by the real compose, which needs no engine for it. */
import { spawnSync } from 'node:child_process'
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { homedir, tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { expect, onTestFinished, test } from 'vitest'
import { DisintoError } from '../../src/errors.ts'
import { exposuresOf, placesInWords } from '../../src/host/compose/exposures.ts'
import { readMarked, readStack, readWithValues } from '../../src/host/compose/read.ts'
import { readSettings } from '../../src/host/compose/settings.ts'
import { openForStack } from '../../src/host/compose/values.ts'
import type { HostContext } from '../../src/host/context.ts'
import { projectAt } from '../../src/host/project.ts'
import { speaker } from '../../src/speak.ts'
import { Host, MARK } from './host.ts'

const NEEDED = {
  PATH: process.env['PATH'] ?? '',
  DOCKER_CONFIG: process.env['DOCKER_CONFIG'] ?? join(homedir(), '.docker'),
}

function made(
  files: Readonly<Record<string, string>>,
  variables: Readonly<Record<string, string>> = {},
): HostContext {
  const root = mkdtempSync(join(tmpdir(), 'disinto-compose-'))
  onTestFinished(() => rmSync(root, { recursive: true, force: true }))
  for (const [name, text] of Object.entries(files)) {
    mkdirSync(dirname(join(root, name)), { recursive: true })
    writeFileSync(join(root, name), text)
  }
  const all = new Map(Object.entries({ ...NEEDED, HOME: root, ...variables }))
  return {
    project: projectAt(root, all, root),
    variables: all,
    workingDirectory: root,
    speak: speaker(undefined),
    interactive: false,
    print: () => {},
    write: () => {},
    readInput: () => Buffer.alloc(0),
  }
}

function composeTakes({ project, variables }: HostContext): boolean {
  const { status, stderr } = spawnSync('docker', ['compose', 'config', '--quiet'], {
    cwd: project.root,
    env: Object.fromEntries(variables),
    encoding: 'utf8',
  })
  if (status !== 0) throw new Error(stderr)
  return status === 0
}

const agents = (lines: string) => ({
  'docker-compose.yml': `services:\n  agents:\n    image: x\n    ${lines}\n`,
})

/** The shapes of compose files that people have; `compose.yml` by itself when there is nothing else to say. */
const SHAPES: ReadonlyArray<readonly [what: string, files: Readonly<Record<string, string>>]> = [
  ['a short volume with a default', agents('volumes: ["${DATA:-./data}:/data:ro"]')],
  ['a default in a default', agents('volumes: ["${KEYS:-${HOME}/.config/sops/age}:/keys:ro"]')],
  ['one variable on both sides', agents('volumes: ["${SHARED:-/var/lib/x}:${SHARED:-/var/lib/x}"]')],
  ['a mode from a variable', agents('volumes: ["./a:/a:${MODE:-ro}"]')],
  [
    'ports with addresses and defaults',
    agents('ports: ["${ADDRESS:-127.0.0.1}:${PORT:-8080}:${INNER:-80}/${PROTO:-tcp}", "${P2:-81}"]'),
  ],
  ['a long port', agents('ports: [{target: "${T:-80}", published: "${P:-8080}", mode: "${M:-host}"}]')],
  [
    'numbers, sizes, durations and booleans',
    agents(
      'mem_limit: ${MEM:-64m}\n    cpus: ${CPUS:-0.5}\n    init: ${INIT:-true}\n    privileged: ${PRIV:-false}\n    stop_grace_period: ${GRACE:-10s}\n    pids_limit: ${PIDS:-100}\n    shm_size: ${SHM:-64m}\n    ulimits: {nofile: "${FILES:-1024}"}\n    healthcheck: {test: [CMD, "true"], interval: "${EVERY:-1m}", retries: "${TIMES:-3}"}\n    deploy: {replicas: "${N:-1}"}',
    ),
  ],
  [
    'words of which a place takes one',
    agents(
      'pull_policy: ${PULL:-missing}\n    cgroup: ${CG:-private}\n    platform: ${PLATFORM:-linux/amd64}\n    restart: ${RESTART:-always}\n    network_mode: ${NET:-bridge}',
    ),
  ],
  ['dollar signs', agents('command: ["sh", "-c", "echo $$HOME $${A:-x} 5$$"]')],
  [
    'anchors, merges and extensions',
    {
      'compose.yaml':
        'x-common: &common\n  environment: &env {A: "${A:-1}"}\n  ports: &ports ["${PORT:-8080}:80"]\nservices:\n  a:\n    <<: *common\n    image: x\n  b: {image: x, environment: {<<: *env, B: "${B-2}"}, ports: *ports, x-mine: {anything: ["${C:-3}"]}}\n',
    },
  ],
  [
    'a second file with !reset and !override',
    {
      'compose.yml': 'services: {a: {image: x, ports: ["${PORT:-1}:80"], environment: {A: 1}}}',
      'compose.override.yml':
        'services:\n  a:\n    ports: !override ["${PORT:-2}:80"]\n    environment: !reset null\n',
    },
  ],
  [
    'extends of another file',
    {
      'compose.yml': 'services: {a: {extends: {file: "base/common.yml", service: b}, image: "${IMAGE:-x}"}}',
      'base/common.yml': 'services: {b: {image: y, environment: {T: "${T:-t}"}, volumes: ["${V:-./v}:/v"]}}',
    },
  ],
  [
    'include, with a list and an env file of its own',
    {
      'compose.yml':
        'include:\n  - ${PART:-part}/compose.yml\n  - path: [more.yml]\n    env_file: more.env\nservices: {a: {image: x}}',
      'part/compose.yml': 'services: {p: {image: "${P:-p}"}}',
      'more.yml': 'services: {m: {image: "${M}"}}',
      'more.env': 'M=from-its-own\n',
    },
  ],
  [
    'profiles and what is wrong in one that is off',
    { 'compose.yml': 'services: {a: {image: x}, b: {image: x, profiles: [off], env_file: missing.env}}' },
  ],
  [
    'develop, and documents after another',
    {
      'compose.yml':
        'services:\n  a:\n    build: .\n    develop: {watch: [{path: ./src, action: sync, target: /src}]}\n',
    },
  ],
  [
    'networks, secrets and configs',
    {
      'compose.yml':
        'services: {a: {image: x, networks: {n: {ipv4_address: "${IP:-172.28.0.5}"}}, secrets: [s], configs: [c]}}\nnetworks: {n: {ipam: {config: [{subnet: "${NETWORK:-172.28.0.0/16}"}]}, internal: "${INTERNAL:-true}"}}\nsecrets: {s: {file: "${S:-./s}"}}\nconfigs: {c: {content: "x ${C:-y}"}}\n',
    },
  ],
  [
    'a name of its own, from a variable',
    { 'compose.yml': 'name: ${STACK:-mine}\nservices: {a: {image: x}}' },
  ],
]

test.for(SHAPES)('%s: what compose takes is read, with and without values', async ([, files]) => {
  const context = made(files)
  expect(composeTakes(context)).toBe(true)
  const { sources, model } = await readStack(context)
  expect(model.services.length).toBeGreaterThan(0)
  const names = new Set(sources.references.map(({ name }) => name).filter((name) => name !== 'HOME'))
  expect(await readMarked(context, sources, names), [...names].join()).toBeDefined()
})

test('a variable that must be set has something in its place where no value matters', async () => {
  const context = made(
    agents('ports: ["${PORT:?say which}:80"]\n    mem_limit: ${MEM:?}\n    privileged: ${P:?x}'),
  )
  const { values } = await readStack(context)
  expect(new Set(values.keys())).toEqual(new Set(['MEM', 'P', 'PORT']))
})

test('where a file is wrong, compose’s words come without a value of .env', async () => {
  const secret = `${MARK}/x:y`
  const context = made({ '.env': `TOKEN=${secret}\n`, ...agents('ports: ["${TOKEN}:80"]\n    init: yess') })
  const error = await readStack(context).catch((thrown: unknown) => thrown)
  expect(error).toBeInstanceOf(DisintoError)
  const { message, code } = error as DisintoError
  expect(code).toBe('compose-file-wrong')
  expect(message).toContain('init')
  expect(message).not.toContain('hunter2')
})

test.each([
  ['an unquoted key of several lines', `A=1\n${MARK}+abc\n`, /\.env: line 2$/],
  ['a reference that is cut off', `A="ab\${cd${MARK}"\n`, /\.env$/],
  ['a quote that is not closed', `A='${MARK}\n`, /\.env: line \d+$/],
])('where compose can’t read .env, no text of it is told: %s', async (_, text, place) => {
  const error = (await readStack(made({ '.env': text, ...agents('init: true') })).catch(
    (thrown: unknown) => thrown,
  )) as DisintoError
  expect(error.code).toBe('compose-file-wrong')
  expect(error.message).not.toContain(MARK)
  expect(error.message).toMatch(place)
  const own = made({ 'own.env': text, ...agents('env_file: own.env') })
  const other = (await readStack(own).catch((thrown: unknown) => thrown)) as DisintoError
  expect(other.code).toBe('compose-file-wrong')
  expect(other.message).not.toContain(MARK)
})

test.each(['DOCKER_HOST', 'OTEL_EXPORTER_OTLP_ENDPOINT', 'COMPOSE_EXPERIMENTAL_OTEL'])(
  'docker’s own environment does not get %s from an env file, whatever the compose file refers to',
  async (name) => {
    const host = new Host()
    host.well(['secrets', 'set', name], { input: 'tcp://192.0.2.1' })
    const variables = new Map(Object.entries(host.environment()))
    const context = { ...made({}), project: projectAt(host.directory, variables, host.directory), variables }
    const thrown = await openForStack(context, { names: [name], allow: [] }).catch((error: unknown) => error)
    expect((thrown as DisintoError).code).toBe('name-refused')
  },
)

test('a compose file that is a pipe is refused, and not waited for', async () => {
  const context = made({})
  spawnSync('mkfifo', [join(context.project.root, 'compose.yaml')])
  const error = (await readStack(context).catch((thrown: unknown) => thrown)) as DisintoError
  expect(error.code).toBe('source-irregular')
})

test('where a value does not fit, its name is said and no part of it', async () => {
  const context = made({ '.env': `TOKEN=${MARK}/x:y\nPORT=80\n`, ...agents('ports: ["${TOKEN}:${PORT}"]') })
  const error = (await readStack(context).catch((thrown: unknown) => thrown)) as DisintoError
  expect(error.code).toBe('compose-value-wrong')
  expect(error.message).toMatch(/with the values of TOKEN$/)
})

test('what is required and set nowhere is said by name', async () => {
  const context = made(agents('environment: {A: "${NEED_ME:?set it first}"}'))
  const { sources } = await readStack(context)
  const error = (await readWithValues(context, sources, new Map()).catch(
    (thrown: unknown) => thrown,
  )) as DisintoError
  expect(error.code).toBe('compose-variable-missing')
  expect(error.message).toContain('NEED_ME')
})

test('a secret is found wherever the filled-in model has it', async () => {
  const context = made({
    '.env': 'T=x\nU=y\nPORT=80\n',
    'compose.yml':
      'x-env: &env {TOKEN: "${T}"}\nservices:\n  a: {image: "r/${U}:1", environment: *env, hostname: "h${T}", logging: {options: {tag: "${U}"}}, extra_hosts: ["${U}:127.0.0.1"]}\n  b: {extends: {file: base.yml, service: s}, image: x}\n',
    'base.yml':
      'services: {s: {image: x, healthcheck: {test: ["CMD", "t", "${T}"]}, labels: {l: "${T:+set}"}}}',
  })
  const { sources } = await readStack(context)
  const marked = await readMarked(context, sources, ['T', 'U'])
  const told = marked && exposuresOf(marked.model, marked.standIns)
  expect(told?.map((exposure) => `${exposure.holder}: ${placesInWords(exposure)}`)).toEqual([
    'a: T (environment, hostname), U (extra_hosts, image, logging)',
    'b: T (healthcheck)',
  ])
})

test('COMPOSE_* of .env counts as for compose: files, separator, name', async () => {
  const given = made({
    '.env':
      'COMPOSE_FILE=stack/a.yml;stack/b.yml\nCOMPOSE_PATH_SEPARATOR=;\nCOMPOSE_PROJECT_NAME=named\nX=root\n',
    'stack/.env': 'X=stack\nY=stack\n',
    'stack/a.yml': 'services: {a: {image: "${X}-${Y}"}}',
    'stack/b.yml': 'services: {b: {image: x}}',
  })
  const { context, unopened } = await readSettings(given)
  expect(unopened).toEqual([])
  const { model } = await readStack(context)
  expect(model.name).toBe('named')
  expect(model.services.map(({ name, image }) => `${name} ${image}`)).toEqual(['a root-stack', 'b x'])
})

test('a .env that sops has encrypted in place is opened for what the file refers to, and compose never sees it', async () => {
  const host = new Host()
  host.well(['secrets', 'keygen'])
  host.write('.env', `TOKEN=${MARK}\nCOMPOSE_PROJECT_NAME=hidden\n`)
  host.write('docker-compose.yml', 'services: {a: {image: x, environment: {T: "${TOKEN}"}}}\n')
  host.sops('encrypt', '--in-place', '--input-type', 'dotenv', '--output-type', 'dotenv', '.env')
  const variables = new Map(Object.entries(host.environment({ DOCKER_CONFIG: NEEDED.DOCKER_CONFIG })))
  const given: HostContext = { ...made({}), project: projectAt(host.directory, variables, '/'), variables }
  const { context } = await readSettings(given)
  const { sources, model } = await readStack(context)
  expect(model.name).toBe('hidden')
  const values = await openForStack(context, { names: ['TOKEN'], allow: [] })
  const [service] = (await readWithValues(context, sources, values)).services
  expect(service?.environment.get('T') === MARK).toBe(true)
})
