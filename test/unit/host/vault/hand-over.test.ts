import { describe, expect, test } from 'vitest'
import { parseIdentities } from '../../../../src/age/identities.ts'
import { describeRun } from '../../../../src/host/vault/describe.ts'
import {
  checkConnection,
  doesNotSee,
  filesOf,
  isElsewhere,
  proposalPlace,
  volumeMounts,
} from '../../../../src/host/vault/hand-over.ts'
import type { Proposal } from '../../../../src/host/vault/proposal.ts'
import type { Entry } from '../../../../src/load/decrypt.ts'
import { Secret } from '../../../../src/secret.ts'
import { openBuiltin } from '../../../../src/sops/builtin.ts'
import { MARK, Place } from '../../../helpers/place.ts'

const PROPOSAL: Proposal = {
  id: 'p',
  path: 'vault/approved/p.json',
  format: 'json',
  type: 'publish',
  source: 'agent-1',
  secrets: ['TOKEN', 'CERT'],
  files: ['CERT'],
  minutes: undefined,
  terms: undefined,
  namesItself: true,
  bytes: Buffer.from('{}'),
}

const entry = (name: string): Entry => ({
  name,
  loadedAs: name,
  value: new Secret(MARK),
  document: {
    source: { role: 'secret', path: `/p/secrets/${name}.enc`, name },
    bytes: Buffer.alloc(0),
    format: 'sops-json',
  },
  by: 'builtin',
})

describe('the files of a run', () => {
  test('are a key of its own, the secrets for that key alone, and the proposal to the byte', async () => {
    const files = await filesOf([entry('TOKEN')], PROPOSAL)
    expect(files.map(({ path, mode }) => [path, mode])).toEqual([
      ['age/keys.txt', 0o600],
      ['secrets/TOKEN.enc', 0o600],
      ['proposal/proposal.json', 0o644],
    ])
    const [key, secret, proposal] = files
    expect(proposal?.bytes.equals(PROPOSAL.bytes)).toBe(true)
    for (const { bytes } of files) expect(bytes.includes(MARK)).toBe(false)
    const document = { ...entry('TOKEN').document, bytes: secret?.bytes ?? Buffer.alloc(0) }
    const identities = parseIdentities(key?.bytes.toString() ?? '')
    expect(await openBuiltin(document, identities)).toMatchObject({ values: [['TOKEN', MARK]] })
    const [again] = await filesOf([], PROPOSAL)
    expect(again?.bytes.equals(key?.bytes ?? Buffer.alloc(0))).toBe(false)
  })

  test('are in volumes in memory where the engine is elsewhere, with the proposal below one', () => {
    expect(
      volumeMounts('r').map(({ source, target, readOnly, inMemory }) => [source, target, readOnly, inMemory]),
    ).toEqual([
      ['r-age', '/home/agent/.config/sops/age', true, true],
      ['r-secrets', '/etc/disinto/secrets', true, true],
      ['r-proposal', '/etc/disinto/proposal', true, true],
    ])
    expect(proposalPlace({ format: 'toml' }, true)).toBe('/etc/disinto/proposal/proposal.toml')
    expect(proposalPlace({ format: 'toml' }, false)).toBe('/etc/disinto/proposal.toml')
  })
})

describe('an engine', () => {
  const context = (variables: Record<string, string>) => new Place().context(variables)

  test.runIf(process.platform === 'linux').each([
    ['', false],
    ['unix:///var/run/docker.sock', false],
    ['tcp://localhost:2375', true],
    ['ssh://me@host', true],
  ])('at %j is elsewhere: %s (needs Linux)', (host, elsewhere) => {
    expect(isElsewhere(context(host === '' ? {} : { DOCKER_HOST: host }))).toBe(elsewhere)
  })

  test.each([
    ['tcp://host:2375', {}, false],
    ['http://host:2375', {}, false],
    ['tcp://localhost.evil.example:2375', {}, false],
    ['tcp://host:2376', { DOCKER_TLS_VERIFY: '1' }, true],
    ['tcp://localhost:2375', {}, true],
    ['tcp://127.0.0.1:2375', {}, true],
    ['tcp://[::1]:2375', {}, true],
    ['tcp://127.1.2.3', {}, true],
    ['ssh://host', {}, true],
    ['unix:///x', {}, true],
    ['', {}, true],
  ])('at %j with %j may have the run key: %s', (host, more, good) => {
    const check = () => checkConnection(context({ DOCKER_HOST: host, ...more }))
    if (good) expect(check).not.toThrow()
    else expect(check).toThrow(expect.objectContaining({ code: 'engine-in-the-clear' }))
  })

  test('that does not see our directory is told by its own words', () => {
    expect(doesNotSee(new Error('x: bind source path does not exist: /dev/shm/x'))).toBe(true)
    expect(doesNotSee(new Error('x'))).toBe(false)
    expect(doesNotSee('bind source path does not exist')).toBe(false)
  })
})

test('a run is described: what it would mount, which key, which command, and who approved it', () => {
  const service = {
    image: 'i',
    words: [],
    environment: new Map(),
    mounts: [
      { type: 'bind' as const, source: '/data', target: '/d', readOnly: true },
      { type: 'volume' as const, source: undefined, target: '/v', readOnly: false },
    ],
    networks: [],
    networkMode: undefined,
    command: [],
  }
  const ready = {
    proposal: PROPOSAL,
    approvedBy: undefined,
    entries: [],
    service,
    project: 'app',
    command: [],
    values: new Map(),
  }
  expect(describeRun(ready)).toBe(
    `proposal   vault/approved/p.json -> /etc/disinto/proposal.json
secret     secrets/TOKEN.enc -> /etc/disinto/secrets/TOKEN.enc (for the run key)
secret     secrets/CERT.enc -> /etc/disinto/secrets/CERT.enc (for the run key), as a file
key        a run key, made for this run -> /home/agent/.config/sops/age/keys.txt
mount      /data -> /d
mount      a new volume -> /v
require    TOKEN,CERT
service    vault-runner
command    that of the service
`,
  )
  const more = { ...ready, proposal: { ...PROPOSAL, minutes: 5 }, approvedBy: 'me', command: ['a', 'b c'] }
  expect(describeRun(more)).toMatch(
    /command {4}\["a","b c"\]\nends {7}after 5 minutes at the latest\napproved {3}by me\n$/,
  )
})
