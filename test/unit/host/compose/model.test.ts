import { expect, test } from 'vitest'
import {
  exposuresOf,
  isSecretive,
  placesInWords,
  toldIn,
  wayOut,
} from '../../../../src/host/compose/exposures.ts'
import { objectionsTo } from '../../../../src/host/compose/guards.ts'
import { readModel, type Service } from '../../../../src/host/compose/model.ts'
import { checkSources, overrideDocument } from '../../../../src/host/compose/mounts.ts'
import { StandIns } from '../../../../src/host/compose/stand-ins.ts'

const modelOf = (services: object, more: object = {}) => readModel(JSON.stringify({ services, ...more }))
const serviceOf = (settings: object): Service => {
  const [service] = modelOf({ agents: settings }).services
  if (service === undefined) throw new Error('no service')
  return service
}

const KEY = { directory: '/k', ours: true, envFile: true, secrets: [] }

test('exposures are where docker keeps a value: one a service, each name once with its places', () => {
  const names = ['TOKEN', 'PASS', 'PORT', 'SEALED', 'ARG', 'O']
  const standIns = new StandIns(names, [])
  const at = (name: string) => standIns.values().get(name)
  const model = modelOf(
    {
      agents: {
        environment: { A: at('TOKEN'), B: `x${at('PASS')}` },
        labels: { l: at('TOKEN') },
        build: { context: '.', args: { X: at('ARG') }, secrets: [at('SEALED')] },
        logging: { options: { tag: at('PASS') } },
        secrets: [{ source: at('SEALED') }],
        'x-mine': at('PORT'),
      },
    },
    { volumes: { data: { driver_opts: { o: `password=${at('O')}` } } } },
  )
  const [agents, volume] = exposuresOf(model, standIns)
  expect(agents?.holder).toBe('agents')
  expect(agents && placesInWords(agents)).toBe(
    'TOKEN (environment, labels), PASS (environment, logging), ARG (build.args)',
  )
  expect(volume && `${volume.holder}: ${placesInWords(volume)}`).toBe('volume data: O')
})

test('the way out is one that the service’s image has', () => {
  const exposure = { holder: 'db', places: new Map([['DB_PASSWORD', ['environment']]]) }
  expect(wayOut(exposure, true)).toContain('environment:')
  expect(wayOut(exposure, false)).toContain('docs/install.md')
  for (const shim of [true, false]) expect(wayOut(exposure, shim)).not.toMatch(/secrets:.*environment/)
})

test.for<[name: string, secret: boolean]>([
  ['FORGE_TOKEN', true],
  ['DB_PASSWORD', true],
  ['FORGE_PASS', true],
  ['ANTHROPIC_API_KEY', true],
  ['WOODPECKER_AGENT_SECRET', true],
  ['FORGE_URL', false],
  ['POLL_INTERVAL', false],
  ['PASSENGER_PORT', false],
  ['PROJECT_NAME', false],
])('%s is a secret by its name: %s', ([name, secret]) => {
  expect(isSecretive(name, { secrets: new Set(), config: new Set() })).toBe(secret)
})

test('people tell what a name is, in the example', () => {
  const told = toldIn('A_URL=   # [SECRET] has a password in it\n#B_KEY=x # [CONFIG] public half\nC=#\n')
  expect(isSecretive('A_URL', told)).toBe(true)
  expect(isSecretive('B_KEY', told)).toBe(false)
})

test('an override mounts a key and the env file read-only, and lets no source be made', () => {
  const model = modelOf({ agents: {}, web: {} })
  const envFile = { path: '/home/a$b/.env.enc', name: '.env.enc', stamp: 'x' } as const
  const document = JSON.parse(
    overrideDocument(model, {
      envFile,
      keys: new Map([['agents', KEY]]),
      allow: [],
      deliveries: [],
      empty: false,
    }),
  )
  expect(Object.keys(document.services)).toEqual(['agents'])
  const { volumes } = document.services.agents
  expect(volumes.map(({ target }: { target: string }) => target)).toEqual([
    '/home/agent/.config/sops/age',
    '/etc/disinto/.env.enc',
  ])
  for (const volume of volumes) {
    expect(volume).toMatchObject({ type: 'bind', read_only: true, bind: { create_host_path: false } })
  }
  // compose fills in variables here, too: a dollar sign is written twice.
  expect(volumes[1].source).toBe('/home/a$$b/.env.enc')
})

test('another image gets the key where only root can enter, and is told where', () => {
  const model = modelOf({ web: {} })
  const keys = new Map([['web', { directory: '/k', ours: false, envFile: true, secrets: [] }]])
  const { services } = JSON.parse(
    overrideDocument(model, { envFile: undefined, keys, allow: [], deliveries: [], empty: false }),
  )
  expect(services.web.volumes[0].target).toBe('/root/.config/sops/age')
  expect(services.web.environment).toEqual({ SOPS_AGE_KEY_FILE: '/root/.config/sops/age/keys.txt' })
})

test('names that the file lets through reach the shim, beside those it was given', () => {
  const model = modelOf(
    { agents: { environment: { DISINTO_ALLOW: 'A' }, 'x-disinto': { allow: ['B'] } } },
    { 'x-disinto': { allow: 'NODE_OPTIONS' } },
  )
  const document = overrideDocument(model, {
    envFile: undefined,
    keys: new Map([['agents', KEY]]),
    allow: model.allow,
    deliveries: [],
    empty: false,
  })
  expect(JSON.parse(document).services.agents.environment.DISINTO_ALLOW).toBe('NODE_OPTIONS,B,A')
})

test('exactly the granted files are mounted, a value of the service’s own under its name', () => {
  const model = modelOf({
    qwen: { environment: { DISINTO_AS: 'X=Y' } },
    llama: { volumes: [{ type: 'bind', source: '/s', target: '/etc/disinto/secrets' }] },
  })
  const secrets = ['A', 'FORGE_TOKEN@qwen'].map((secret) => ({
    secret,
    path: `/p/secrets/${secret}.enc`,
    stamp: 'x',
  }))
  const envFile = { path: '/p/.env.enc', name: '.env.enc', stamp: 'x' } as const
  const key = { directory: '/k', ours: true, envFile: false, secrets }
  const keys = new Map([
    ['qwen', key],
    ['llama', key],
  ])
  const { services } = JSON.parse(
    overrideDocument(model, { envFile, keys, allow: [], deliveries: [], empty: true }),
  )
  expect(services.qwen.volumes.map(({ target }: { target: string }) => target)).toEqual([
    '/home/agent/.config/sops/age',
    '/etc/disinto/secrets/A.enc',
    '/etc/disinto/secrets/FORGE_TOKEN@qwen.enc',
  ])
  expect(services.qwen.environment).toEqual({ DISINTO_AS: 'FORGE_TOKEN=FORGE_TOKEN@qwen,X=Y' })
  expect(Object.keys(services.qwen.labels)).toEqual(['disinto.secrets'])
  // What a file mounts there itself stays.
  expect(services.llama.volumes).toHaveLength(1)
})

test('a stack without a value yet starts all the same', () => {
  const model = modelOf({ agents: { environment: { DISINTO_REQUIRE_ANY: '1' } } })
  const documentOf = (empty: boolean) =>
    JSON.parse(
      overrideDocument(model, {
        envFile: undefined,
        keys: new Map([['agents', KEY]]),
        allow: [],
        deliveries: [],
        empty,
      }),
    )
  expect(documentOf(true).services.agents.environment).toEqual({ DISINTO_REQUIRE_ANY: '0' })
  expect(documentOf(false).services.agents.environment).toBeUndefined()
})

test('what the file mounts itself is not mounted twice', () => {
  const model = modelOf({
    agents: { volumes: [{ type: 'bind', source: '/p/.env.enc', target: '/etc/disinto/.env.enc' }] },
  })
  const envFile = { path: '/p/.env.enc', name: '.env.enc', stamp: 'x' } as const
  const document = JSON.parse(
    overrideDocument(model, {
      envFile,
      keys: new Map([['agents', KEY]]),
      allow: [],
      deliveries: [],
      empty: false,
    }),
  )
  expect(document.services.agents.volumes).toHaveLength(1)
})

test('a mount of ours without a source is refused, others are compose’s own matter', () => {
  const mounting = (source: string, target: string) =>
    modelOf({ agents: { volumes: [{ type: 'bind', source, target }] } })
  const ours = mounting('/p/.env.enc', '/etc/disinto/.env.enc')
  expect(() => checkSources(ours, () => false)).toThrow(/\.env\.enc: does not exist, but agents mounts it/)
  expect(() => checkSources(ours, () => true)).not.toThrow()
  expect(() => checkSources(mounting('/data', '/data'), () => false)).not.toThrow()
})

test.for<[settings: object, code: string]>([
  [{ entrypoint: ['/bin/sh'] }, 'entrypoint-replaced'],
  [{ entrypoint: [] }, 'entrypoint-replaced'],
  [{ user: '1000' }, 'user-not-root'],
  [{ environment: { DISINTO_USER: '' } }, 'user-empty'],
  [{ cap_drop: ['ALL'] }, 'capability-gone'],
  [{ cap_drop: ['CAP_SETUID'] }, 'capability-gone'],
  [{ pids_limit: 4 }, 'processes-too-few'],
  [{ deploy: { resources: { limits: { pids: 4 } } } }, 'processes-too-few'],
])('%j takes something away that the shim needs: %s', ([settings, code]) => {
  expect(objectionsTo(serviceOf(settings), undefined).map((objection) => objection.code)).toEqual([code])
})

test.for<[settings: object]>([
  [{}],
  [{ entrypoint: null, user: 'root', pids_limit: 100 }],
  [{ entrypoint: ['disinto-entrypoint', '--verbose'] }],
  [{ cap_drop: ['ALL'], cap_add: ['SETUID', 'CAP_SETGID', 'DAC_OVERRIDE'] }],
])('%j is as the shim needs it', ([settings]) => {
  expect(objectionsTo(serviceOf(settings), undefined)).toEqual([])
})
