import { describe, expect, test } from 'vitest'
import type { Model, Service } from '../../../../src/host/compose/model.ts'
import {
  type Available,
  checkSources,
  mountsKey,
  overrideDocument,
  type ServiceKey,
} from '../../../../src/host/compose/mounts.ts'

const service = (name: string, more: Partial<Service> = {}): Service => ({
  name,
  mounts: [],
  envFiles: [],
  environment: new Map(),
  image: undefined,
  built: false,
  privileged: false,
  entrypoint: undefined,
  user: undefined,
  capAdd: [],
  capDrop: [],
  pidsLimit: undefined,
  secrets: [],
  allow: [],
  delivers: undefined,
  texts: [],
  ...more,
})
const model = (...services: Service[]): Model => ({
  name: 'app',
  services,
  fromEnvironment: [],
  texts: [],
  allow: [],
  config: [],
  image: undefined,
})
const key = (more: Partial<ServiceKey> = {}): ServiceKey => ({
  directory: '/keys/agents',
  ours: true,
  envFile: true,
  secrets: [],
  ...more,
})
const available = (keys: Record<string, ServiceKey>, more: Partial<Available> = {}): Available => ({
  envFile: { path: '/p/.env.enc', name: '.env.enc', stamp: 'e1' },
  keys: new Map(Object.entries(keys)),
  allow: [],
  deliveries: [],
  empty: false,
  ...more,
})

interface Bound {
  source: string
  target: string
}
/** What the override says of a service; undefined for nothing. */
function given(one: Service, of: Available) {
  const parsed = JSON.parse(overrideDocument(model(one), of)).services[one.name]
  if (parsed === undefined) return undefined
  const { volumes, labels, environment } = parsed
  return { mounts: volumes.map(({ source, target }: Bound) => [source, target]), labels, environment }
}

const GRANTED = { secret: 'TOKEN', path: '/p/secrets/TOKEN.enc', stamp: 's1' }

describe('what a service gets mounted', () => {
  test('is its key, the env file and what it was granted, each where the image looks', () => {
    expect(given(service('agents'), available({ agents: key({ secrets: [GRANTED] }) }))).toEqual({
      mounts: [
        ['/keys/agents', '/home/agent/.config/sops/age'],
        ['/p/.env.enc', '/etc/disinto/.env.enc'],
        ['/p/secrets/TOKEN.enc', '/etc/disinto/secrets/TOKEN.enc'],
      ],
      labels: { 'disinto.env-file': 'e1', 'disinto.secrets': expect.stringMatching(/^[0-9a-f]{16}$/) },
      environment: undefined,
    })
  })

  test('is read only, and no directory is made of what is missing', () => {
    const { services } = JSON.parse(overrideDocument(model(service('agents')), available({ agents: key() })))
    for (const volume of services.agents.volumes)
      expect(volume).toMatchObject({ type: 'bind', read_only: true, bind: { create_host_path: false } })
  })

  test('is nothing without a key', () => {
    expect(given(service('db'), available({ agents: key() }))).toBeUndefined()
  })

  test('is no env file where it was not granted, or where there is none', () => {
    const targets = (of: Available) => given(service('x'), of)?.mounts.map(([, target]: string[]) => target)
    expect(targets(available({ x: key({ envFile: false }) }))).toEqual(['/home/agent/.config/sops/age'])
    expect(targets(available({ x: key() }, { envFile: undefined }))).toEqual(['/home/agent/.config/sops/age'])
  })

  test('is in root’s home in an image of another, and the shim is told', () => {
    expect(given(service('x'), available({ x: key({ ours: false, envFile: false }) }))).toEqual({
      mounts: [['/keys/agents', '/root/.config/sops/age']],
      labels: undefined,
      environment: { SOPS_AGE_KEY_FILE: '/root/.config/sops/age/keys.txt' },
    })
  })

  test.each(['/home/agent/.config/sops/age', '/root/.config/sops/age'])(
    'leaves a key that the file mounts itself at %s',
    (target) => {
      const own = service('x', { mounts: [{ type: 'bind', source: '/mine', target }] })
      expect(mountsKey(own)).toBe(true)
      expect(given(own, available({ x: key({ ours: false }) }))?.mounts).toEqual([
        ['/p/.env.enc', '/etc/disinto/.env.enc'],
      ])
      expect(given(own, available({ x: key({ ours: false }) }))?.environment).toBeUndefined()
    },
  )

  test.each([
    ['/etc/disinto', []],
    ['/etc/disinto/secrets', []],
    ['/etc/disinto/secrets/TOKEN.enc', []],
    ['/etc/disinto/secrets/OTHER.enc', ['/etc/disinto/secrets/TOKEN.enc']],
  ])('leaves what the file mounts at %s', (target, secrets) => {
    const own = service('x', { mounts: [{ type: 'bind', source: '/mine', target }] })
    const mounts: string[][] = given(
      own,
      available({ x: key({ envFile: false, secrets: [GRANTED] }) }),
    )?.mounts
    expect(mounts.map((mount) => mount[1]).slice(1)).toEqual(secrets)
  })

  test('has no variable in a path', () => {
    const of = available({ x: key({ directory: '/a$b/$${c}', envFile: false }) })
    expect(given(service('x'), of)?.mounts[0][0]).toBe('/a$$b/$$$${c}')
  })

  test('changes its label with the files and their content alone', () => {
    const label = (...secrets: Array<typeof GRANTED>) =>
      given(service('x'), available({ x: key({ secrets }) }))?.labels['disinto.secrets']
    expect(label()).toBeUndefined()
    const labels = [label(GRANTED), label({ ...GRANTED, stamp: 's2' }), label({ ...GRANTED, secret: 'B' })]
    expect(new Set(labels).size).toBe(3)
    expect(label({ ...GRANTED, path: '/elsewhere' })).toBe(label(GRANTED))
  })
})

describe('what the shim is told', () => {
  test('are the names that are let through, of the whole file and the service, and those that stand there', () => {
    const own = service('x', { allow: ['B', 'A'], environment: new Map([['DISINTO_ALLOW', 'C,D']]) })
    expect(given(own, available({ x: key() }, { allow: ['A'] }))?.environment).toEqual({
      DISINTO_ALLOW: 'A,B,C,D',
    })
    expect(given(service('x'), available({ x: key() }, { allow: ['A'] }))?.environment).toEqual({
      DISINTO_ALLOW: 'A',
    })
  })

  test('is the name of a value that is the service’s own', () => {
    const secrets = [{ ...GRANTED, secret: 'TOKEN@x' }]
    const told = (one: Service) => given(one, available({ x: key({ secrets }) }))?.environment
    expect(told(service('x'))).toEqual({ DISINTO_AS: 'TOKEN=TOKEN@x' })
    expect(told(service('x', { environment: new Map([['DISINTO_AS', 'B=C']]) }))).toEqual({
      DISINTO_AS: 'TOKEN=TOKEN@x,B=C',
    })
  })

  test('is that nothing need be loaded, where there is nothing yet and the file asks for it', () => {
    const asks = service('x', { environment: new Map([['DISINTO_REQUIRE_ANY', '1']]) })
    const told = (one: Service, more: Partial<ServiceKey>, empty: boolean) =>
      given(one, available({ x: key(more) }, { empty }))?.environment
    expect(told(asks, {}, true)).toEqual({ DISINTO_REQUIRE_ANY: '0' })
    expect(told(asks, {}, false)).toBeUndefined()
    expect(told(asks, { secrets: [GRANTED] }, true)).toBeUndefined()
    expect(told(service('x'), {}, true)).toBeUndefined()
  })
})

describe('a mount of ours that the file spells out', () => {
  const check =
    (target: string, there = false, type = 'bind', source: string | undefined = '/mine') =>
    () =>
      checkSources(model(service('x', { mounts: [{ type, source, target }] })), () => there)

  test.each([
    '/etc/disinto/.env.enc',
    '/home/agent/.config/sops/age',
    '/home/agent/.config/sops/age/keys.txt',
  ])('at %s needs its source: the engine would make a directory of it', (target) => {
    expect(check(target)).toThrow(
      expect.objectContaining({ code: 'mount-missing', message: expect.stringContaining('/mine') }),
    )
    expect(check(target, true)).not.toThrow()
    expect(check(target, false, 'volume')).not.toThrow()
  })

  test('elsewhere is the file’s own matter', () => {
    expect(check('/data')).not.toThrow()
    expect(check('/etc/disinto')).not.toThrow()
  })
})
