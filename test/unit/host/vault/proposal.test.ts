import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, onTestFinished, test } from 'vitest'
import { readProposal } from '../../../../src/host/vault/proposal.ts'

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
    expect(() => readAt(project(GOOD), id)).toThrow(/is no proposal's ID/)
  },
)

test.for([
  ['A B', /is no variable name/],
  ['', /is no variable name/],
  ['../A', /is no variable name/],
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
  expect(() => readAt(root, 'directory')).toThrow(/is no file/)
  symlinkSync('/nowhere', join(root, 'vault/approved/dangling.json'))
  expect(() => readAt(root, 'dangling')).toThrow(/is a link/)
})
