import { expect, test } from 'vitest'
import { exposuresOf } from '../../../../src/host/compose/interpolation.ts'
import { readModel, variablesIn } from '../../../../src/host/compose/model.ts'
import { checkSources, overrideDocument } from '../../../../src/host/compose/mounts.ts'
import { composeFile, withEntries } from '../../../../src/host/template.ts'

const namesIn = (text: string) => variablesIn(text).map(({ name }) => name)

test.for<[text: string, names: string[]]>([
  ['plain', []],
  ['$A and ${B}', ['A', 'B']],
  ['$$A and $${B}', []],
  ['$$$A', ['A']],
  ['${A:-default}${B-x}${C:+y}', ['A', 'B', 'C']],
  ['${A:-${B:-${C}}}', ['A', 'B', 'C']],
  ['${A:?say it}', ['A']],
  ['5$ ${1} $-', []],
  ['$lower_1x', ['lower_1x']],
])('the variables of %j are found', ([text, names]) => {
  expect(namesIn(text)).toEqual(names)
})

const MODEL = readModel(
  JSON.stringify({
    services: {
      agents: {
        image: '${IMAGE:-x}',
        environment: ['A=${ONE}', 'TWO', 'LITERAL=x', 'EMPTY='],
        build: { context: '.', args: { THREE: null, D: '${FOUR:?needed}' } },
        command: ['echo', '$FIVE', '$$SIX'],
        ports: ['${PORT}:80'],
        volumes: [{ type: 'bind', source: '/p/.env.enc', target: '/etc/disinto/.env.enc' }],
        env_file: [{ path: '/p/.env', required: true }],
      },
      other: { environment: { A: '${ONE}', B: null, N: 1 }, privileged: true },
    },
    secrets: { s: { environment: 'SEVEN' } },
  }),
)

test('a model names every variable it refers to, and which must not be empty', () => {
  const required = [...MODEL.references].filter(([, must]) => must).map(([name]) => name)
  expect(new Set(MODEL.references.keys())).toEqual(
    new Set(['IMAGE', 'ONE', 'TWO', 'THREE', 'FOUR', 'FIVE', 'PORT', 'B', 'SEVEN']),
  )
  expect(required).toEqual(['FOUR'])
})

test('exposures are where docker keeps a value: not in ports, not in secrets from the environment', () => {
  const told = exposuresOf(MODEL, new Set(MODEL.references.keys()))
  expect(told.map(({ service, where, name }) => `${service} ${where} ${name}`)).toEqual([
    'agents environment ONE',
    'agents environment TWO',
    'agents build.args THREE',
    'agents build.args FOUR',
    'agents command FIVE',
    'other environment ONE',
    'other environment B',
  ])
})

test('an override mounts a key and the env file read-only, and lets no source be made', () => {
  const model = readModel(JSON.stringify({ services: { agents: {}, web: {} } }))
  const envFile = { path: '/home/a$b/.env.enc', name: '.env.enc', stamp: 'x' } as const
  const document = JSON.parse(overrideDocument(model, { envFile, keys: new Map([['agents', '/k']]) }))
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

test('what the file mounts itself is not mounted twice', () => {
  const envFile = { path: '/p/.env.enc', name: '.env.enc', stamp: 'x' } as const
  const document = JSON.parse(overrideDocument(MODEL, { envFile, keys: new Map([['agents', '/k']]) }))
  expect(document.services.agents.volumes).toHaveLength(1)
})

test('a mount of ours without a source is refused, others are compose’s own matter', () => {
  expect(() => checkSources(MODEL, () => false)).toThrow(/\.env\.enc: does not exist, but agents mounts it/)
  expect(() => checkSources(MODEL, () => true)).not.toThrow()
  const data = { services: { a: { volumes: [{ type: 'bind', source: '/data', target: '/data' }] } } }
  expect(() => checkSources(readModel(JSON.stringify(data)), () => false)).not.toThrow()
})

test('the compose file of init holds references and no value, and builds where there is a Dockerfile', () => {
  for (const dockerfile of [true, false]) {
    const text = composeFile({ dockerfile })
    expect(text.includes('dockerfile: Dockerfile.agent')).toBe(dockerfile)
    expect(namesIn(text)).toEqual(['AGENT_IMAGE', 'AGENT_IMAGE'])
    expect(text).not.toMatch(/^\s*environment:/m)
  }
})

test('entries are added once, at the end, and what is there stays', () => {
  expect(withEntries('', ['.env'])).toMatch(/^# .*\n\.env\n$/)
  expect(withEntries('a\r\n.env\r\n', ['.env'])).toBeUndefined()
  expect(withEntries('a', ['.env'])).toMatch(/^a\n# .*\n\.env\n$/)
})
