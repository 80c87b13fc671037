import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, expect, onTestFinished, test } from 'vitest'
import { readProposal } from '../../../../src/host/vault/proposal.ts'
import { proposalIds } from '../../../../src/host/vault/proposal-file.ts'
import { PROPOSAL, Vault } from './vault.ts'

function project(content?: unknown): string {
  const root = mkdtempSync(join(tmpdir(), 'disinto-proposal-'))
  onTestFinished(() => rmSync(root, { recursive: true }))
  mkdirSync(join(root, 'vault', 'approved'), { recursive: true })
  if (content !== undefined) {
    const text = typeof content === 'string' ? content : JSON.stringify(content)
    writeFileSync(join(root, 'vault', 'approved', 'p.json'), text)
  }
  return root
}

const GOOD = { type: 'publish', source: 'agent-1', payload: { a: 1 }, secrets: ['B', 'A'] }
const readAt = (root: string, id = 'p', allow: string[] = []) => readProposal(root, id, new Set(allow))

test('a good proposal gives its secrets in their order, and its own bytes', () => {
  const { secrets, bytes } = readAt(project({ ...GOOD, more: { kept: true } }))
  expect(secrets).toEqual(['B', 'A'])
  expect(JSON.parse(bytes.toString())).toEqual({ ...GOOD, more: { kept: true } })
})

test('every wrong key is named in one message', () => {
  expect(() => readAt(project({ type: 1, source: '', secrets: 'A' }))).toThrow(
    /"type" must be text .*; "source" must be text .*; "payload" .*; "secrets" must be a list of names/,
  )
})

test.for(['', '.', '..', '../p', 'a/b', '/etc/passwd', '-p', '.p', 'p\0', 'p\n', 'ü', 'a'.repeat(101)])(
  'the ID %j is refused',
  (id) => {
    expect(() => readAt(project(GOOD), id)).toThrow(/is not the ID of a proposal/)
  },
)

test.for([
  ['A B', /is not a variable name/],
  ['', /is not a variable name/],
  ['../A', /is not a variable name/],
  ['PATH', /is refused/],
  ['__proto__', /^$/],
] as const)('the secret name %j is checked as the shim checks it', ([name, message]) => {
  const root = project(`{"type":"x","source":"y","payload":1,"secrets":[${JSON.stringify(name)}]}`)
  if (name === '__proto__') expect(readAt(root).secrets).toEqual([name])
  else expect(() => readAt(root)).toThrow(message)
})

test('a refused name passes with --allow', () => {
  expect(readAt(project({ ...GOOD, secrets: ['PATH'] }), 'p', ['PATH']).secrets).toEqual(['PATH'])
})

test('a key that stands twice is refused, wherever the second is', () => {
  const twice = '{"secrets":["A"],"type":"x","source":"y","payload":1,"\\u0073ecrets":["B"]}'
  expect(() => readAt(project(twice))).toThrow(/has the key "secrets" twice/)
})

test.for(['', 'null', '1', '"x"', '[]', '{', '{"a":1}x'])('%j is refused', (content) => {
  expect(() => readAt(project(content))).toThrow(/p\.json: /)
})

test('links and directories are not read', () => {
  const root = project(GOOD)
  symlinkSync('p.json', join(root, 'vault/approved/link.json'))
  expect(() => readAt(root, 'link')).toThrow(/is a link/)
  mkdirSync(join(root, 'vault/approved/directory.json'))
  expect(() => readAt(root, 'directory')).toThrow(/is not a file/)
  symlinkSync('/nowhere', join(root, 'vault/approved/dangling.json'))
  expect(() => readAt(root, 'dangling')).toThrow(/is a link/)
})

const FILE = 'vault/approved/p.json'
const readIn = (vault: Vault, id = 'p') => readProposal(vault.root, id, new Set())
const reading = (content: string | Buffer | object) => () => {
  const vault = new Vault()
  vault.write(
    FILE,
    typeof content === 'string' || Buffer.isBuffer(content) ? content : JSON.stringify(content),
  )
  return readIn(vault)
}

test.each([
  ['{"a":1,"a":2}', 'a'],
  ['{"b":{"a":1,"\\u0061":2}}', 'a'],
  ['[{"b":[{"c":1,"c":1}]}]', 'c'],
])('a key that stands twice in payload %s is refused', (payload, key) => {
  const text = `{"type":"x","source":"y","payload":${payload},"secrets":["A"]}`
  expect(reading(text)).toThrow(`has the key "${key}" twice`)
})

test('the same key in two objects is none that stands twice', () => {
  expect(reading({ ...PROPOSAL, payload: [{ a: { a: 1 } }, { a: 2 }] })).not.toThrow()
})

test('what is nested too deep to be looked through is refused', () => {
  const deep = `${'['.repeat(200_000)}{"a":1,"a":2}${']'.repeat(200_000)}`
  const text = `{"type":"x","source":"y","payload":${deep},"secrets":["A"]}`
  expect(reading(text)).toThrow(/nested too deep|is not JSON/)
})

test('bytes that are no text are refused, since two of them would look alike', () => {
  const text = Buffer.from(JSON.stringify({ ...PROPOSAL, type: 'X' }))
  text[text.indexOf('X')] = 0xff
  expect(reading(text)).toThrow(/is not UTF-8/)
})

test('files are among its secrets, each once', () => {
  expect(reading({ ...PROPOSAL, files: ['TOKEN'] })().files).toEqual(['TOKEN'])
  expect(reading({ ...PROPOSAL, files: ['OTHER'] })).toThrow(/not among its secrets/)
  expect(reading({ ...PROPOSAL, files: ['TOKEN', 'TOKEN'] })).toThrow(/twice/)
})

test('one that says another ID than its name is refused', () => {
  expect(reading({ ...PROPOSAL, id: 'p' })().namesItself).toBe(true)
  expect(reading({ ...PROPOSAL, id: 'q' })).toThrow(/is for the ID "q"/)
  expect(reading({ ...PROPOSAL, approval: { id: 'q' } })).toThrow(/is for the ID "q"/)
})

const TOML = 'id = "t"\nformula = "publish"\ncontext = "new"\nsecrets = ["TOKEN"]\ntimeout_minutes = 30\n'

test('TOML of older installations is read at its place, and beside ours', () => {
  const vault = new Vault()
  vault.write('vault/actions/t.toml', TOML)
  expect(readIn(vault, 't')).toMatchObject({
    path: 'vault/actions/t.toml',
    format: 'toml',
    type: 'publish',
    secrets: ['TOKEN'],
    minutes: 30,
  })
  expect(proposalIds(vault.root)).toEqual(['p', 't'])
  vault.write('vault/approved/t.toml', TOML)
  expect(() => readIn(vault, 't')).toThrow(/vault\/actions\/t\.toml has the same ID/)
})

test.each([
  ['a key twice', `${TOML}id = "t"\n`, /is not TOML \(line 6\)/],
  ['no formula', TOML.replace('formula', 'x'), /"formula" is missing/],
  ['no secrets', TOML.replace('["TOKEN"]', '[]'), /"secrets" must name at least one/],
  ['another ID', TOML.replace('"t"', '"u"'), /is for the ID "u"/],
])('TOML with %s is refused', (_, text, message) => {
  const vault = new Vault()
  vault.write('vault/actions/t.toml', text)
  expect(() => readIn(vault, 't')).toThrow(message)
})

test('what lies beside proposals is none', () => {
  const vault = new Vault()
  vault.write(`${FILE}.sig`, '')
  vault.write(`${FILE}.result`, '{}')
  mkdirSync(join(vault.root, 'vault/approved/later'))
  expect(proposalIds(vault.root)).toEqual(['p'])
})

describe('what is wrong with a proposal is told', () => {
  test.each<[string, object | string, string]>([
    ['all keys', {}, '"type" is missing; "source" is missing; "payload" is missing; "secrets" is missing'],
    ['no object', [], 'must be an object with type, source, payload and secrets'],
    ['no object', '1', 'must be an object with type, source, payload and secrets'],
    ['no JSON', '{', 'is not JSON'],
    ['type', { ...PROPOSAL, type: 1 }, '"type" must be text that says what kind of action it is'],
    ['type', { ...PROPOSAL, type: '' }, '"type" must be text that says what kind of action it is'],
    ['type', { ...PROPOSAL, type: ' ' }, '"type" must be text that says what kind of action it is'],
    ['source', { ...PROPOSAL, source: '\t' }, '"source" must be text that says who proposed it'],
    ['payload', { ...PROPOSAL, payload: null }, '"payload" must say what to do'],
    ['secrets', { ...PROPOSAL, secrets: 'A' }, '"secrets" must be a list of names'],
    ['secrets', { ...PROPOSAL, secrets: [1, 2] }, '"secrets" must be a list of names'],
    ['secrets', { ...PROPOSAL, secrets: [] }, '"secrets" must name at least one secret'],
    ['secrets', { ...PROPOSAL, secrets: ['A', 'B', 'A'] }, 'asks for A twice'],
    ['files', { ...PROPOSAL, files: 'A' }, '"files" must be a list of names'],
    ['files', { ...PROPOSAL, files: [1] }, '"files" must be a list of names'],
    ['files', { ...PROPOSAL, files: ['A'] }, 'wants A as a file, which is not among its secrets'],
    ['id', { ...PROPOSAL, id: 1 }, '"id" must be text'],
    ['id', { ...PROPOSAL, id: 'q' }, 'is for the ID "q"'],
    ['minutes', { ...PROPOSAL, timeout_minutes: '1' }, '"timeout_minutes" must be a number of minutes'],
    ['minutes', { ...PROPOSAL, timeout_minutes: 0 }, '"timeout_minutes" must be more than zero'],
    ['minutes', { ...PROPOSAL, timeout_minutes: 34_561 }, '"timeout_minutes" must be at most 34560 minutes'],
    ['approval', { ...PROPOSAL, approval: 1 }, '"approval" must be an object with id, expires and command'],
    ['approval', { ...PROPOSAL, approval: { id: 1 } }, '"approval" must name its proposal'],
    [
      'approval',
      { ...PROPOSAL, approval: { id: 'p', expires: 1 } },
      '"approval" must have a time in "expires"',
    ],
    [
      'approval',
      { ...PROPOSAL, approval: { id: 'p', expires: 'soon' } },
      '"approval" must have a time in "expires", 2026-11-26T12:00:00Z for example',
    ],
    [
      'approval',
      { ...PROPOSAL, approval: { id: 'p', command: [] } },
      '"approval" must have a list of words in "command"',
    ],
    [
      'approval',
      { ...PROPOSAL, approval: { id: 'p', command: 'x' } },
      '"approval" must have a list of words in "command"',
    ],
  ])('%s: %j', (_, content, what) => {
    expect(reading(content)).toThrow(
      expect.objectContaining({ code: 'proposal-wrong', message: `${FILE}: ${what}` }),
    )
  })

  test('and what an approval says that we don’t know is wrong', () => {
    expect(reading({ ...PROPOSAL, approval: { id: 'p', more: 1 } })).toThrow(/"approval" /)
    expect(reading({ ...PROPOSAL, approval: {} })).toThrow(/"approval" /)
  })
})

test('a good proposal says what it says', () => {
  const approval = { id: 'p', expires: '2026-11-26T12:00:00Z', command: ['a', 'b'] }
  const content = { ...PROPOSAL, timeout_minutes: 34_560, files: ['TOKEN'], more: 1, approval }
  expect(reading(content)()).toEqual({
    id: 'p',
    path: FILE,
    format: 'json',
    type: 'publish',
    source: 'agent-1',
    secrets: ['TOKEN'],
    files: ['TOKEN'],
    minutes: 34_560,
    terms: approval,
    namesItself: true,
    bytes: Buffer.from(JSON.stringify(content)),
  })
  expect(reading(PROPOSAL)()).toMatchObject({
    files: [],
    minutes: undefined,
    terms: undefined,
    namesItself: false,
  })
  expect(reading({ ...PROPOSAL, approval: { id: 'p' } })().namesItself).toBe(true)
})

test('TOML says what it says, its source is its place, and what is wrong is told', () => {
  const vault = new Vault()
  const path = 'vault/actions/t.toml'
  const at = (text: string) => () => {
    vault.write(path, text)
    return readIn(vault, 't')
  }
  expect(at(`${TOML}files = ["TOKEN"]\n`)()).toMatchObject({
    source: path,
    files: ['TOKEN'],
    namesItself: true,
  })
  expect(at('formula = "x"\nsecrets = ["TOKEN"]\n')()).toMatchObject({ namesItself: false })
  const wrong = (text: string, what: string) =>
    expect(at(text)).toThrow(expect.objectContaining({ code: 'proposal-wrong', message: `${path}: ${what}` }))
  wrong('formula = ""\nsecrets = ["TOKEN"]\n', '"formula" must be text that says what kind of action it is')
  wrong('\n\nformula\n', 'is not TOML (line 3)')
  wrong(`a = ${'['.repeat(100_000)}\n`, 'is not TOML (line 1)')
})
