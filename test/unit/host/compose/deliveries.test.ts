import { spawnSync } from 'node:child_process'
import { mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, expect, onTestFinished, test } from 'vitest'
import { deliveriesOf, grantedFor, writerScript } from '../../../../src/host/compose/deliveries.ts'
import { readModel } from '../../../../src/host/compose/model.ts'

const modelOf = (service: object, more: object = {}) =>
  readModel(JSON.stringify({ name: 'p', services: { db: service, ...more } }))
const delivering = (secrets: unknown, more: object = {}) =>
  modelOf({ image: 'postgres', 'x-disinto': { secrets }, ...more })

test('a file is named by its secret alone, or with mode and owner', () => {
  const model = delivering({
    db_password: 'DB_PASSWORD',
    key: { source: 'DB_KEY', mode: '0400', uid: 999, gid: '999' },
    // What YAML makes of mode: 0440.
    octal: { source: 'DB_KEY', mode: 0o440 },
  })
  const [delivery] = deliveriesOf(model)
  expect(delivery).toMatchObject({ service: 'db', writer: 'db-secrets', image: 'disinto-agent' })
  expect(delivery?.files).toEqual([
    { file: 'db_password', source: 'DB_PASSWORD', mode: '0444', uid: '0', gid: '0' },
    { file: 'key', source: 'DB_KEY', mode: '0400', uid: '999', gid: '999' },
    { file: 'octal', source: 'DB_KEY', mode: '440', uid: '0', gid: '0' },
  ])
})

test('a service without x-disinto: secrets: gets none', () => {
  expect(deliveriesOf(modelOf({ image: 'postgres', 'x-disinto': { allow: ['A'] } }))).toEqual([])
})

test('the image is that of the agents, or the one that the file names', () => {
  const agents = { agents: { image: 'mine' } }
  const model = modelOf({ 'x-disinto': { secrets: { a: 'A' } } }, agents)
  expect(deliveriesOf(model)[0]?.image).toBe('mine')
  const named = readModel(
    JSON.stringify({
      name: 'p',
      services: { db: { 'x-disinto': { secrets: { a: 'A' } } }, ...agents },
      'x-disinto': { image: 'other' },
    }),
  )
  expect(deliveriesOf(named)[0]?.image).toBe('other')
})

describe('refused is', () => {
  test.each([
    ['a file in another directory', { '../x': 'A' }],
    ['a file whose name a shell would read', { 'a b;c': 'A' }],
    ['a hidden file', { '.a': 'A' }],
    ['a name that is none', { a: 'not a name' }],
    ['a name with a service in it', { a: 'A@web' }],
    ['a mode that is none', { a: { source: 'A', mode: '999' } }],
    ['a mode with a set-user-ID bit', { a: { source: 'A', mode: '4755' } }],
    ['an owner by name', { a: { source: 'A', uid: 'postgres' } }],
    ['a field that there is not', { a: { source: 'A', owner: 1 } }],
    ['a list', ['A']],
    ['a text', 'A'],
  ])('%s', (_, secrets) => {
    expect(() => deliveriesOf(delivering(secrets))).toThrow(expect.objectContaining({ code: 'files-wrong' }))
  })

  test.each([
    [
      'a service of the writer’s name',
      modelOf({ 'x-disinto': { secrets: { a: 'A' } } }, { 'db-secrets': {} }),
      'files-name',
    ],
    [
      'compose’s own secrets beside them',
      delivering({ a: 'A' }, { secrets: [{ source: 'x' }] }),
      'files-beside',
    ],
    [
      'another mount at that place',
      delivering({ a: 'A' }, { volumes: [{ type: 'bind', source: '/x', target: '/run/secrets/b' }] }),
      'files-beside',
    ],
  ])('%s', (_, model, code) => {
    expect(() => deliveriesOf(model)).toThrow(expect.objectContaining({ code }))
  })
})

test('a value of the service’s own counts, and what was not granted is named with the command that grants it', () => {
  const [delivery] = deliveriesOf(delivering({ a: 'A', b: 'B', again: 'A' }))
  if (delivery === undefined) throw new Error('no delivery')
  const file = (secret: string) => ({ secret, path: `/p/${secret}.enc`, stamp: 'x' })
  const granted = { envFile: false, secrets: ['A', 'A@db', 'B', 'C'].map(file) }
  expect(grantedFor(delivery, granted).map(({ secret }) => secret)).toEqual(['A@db', 'B'])
  expect(() => grantedFor(delivery, { envFile: true, secrets: [file('C')] })).toThrow(
    expect.objectContaining({ code: 'files-ungranted', hint: 'disinto secrets grant db A B' }),
  )
})

test('the writer’s script has names, modes and owners in it, and readies nothing before all is written', () => {
  const [delivery] = deliveriesOf(delivering({ a: 'A', b: { source: 'A', mode: '0400', uid: 70 } }))
  const lines = writerScript(delivery?.files ?? []).split('\n')
  expect(lines.filter((line) => line.startsWith('put '))).toEqual([
    'put "$A_FILE" "a" 0444 0:0',
    'put "$A_FILE" "b" 0400 70:0',
  ])
  expect(lines.findIndex((line) => line.includes('disinto-ready'))).toBeGreaterThan(
    lines.findLastIndex((line) => line.startsWith('put ')),
  )
})

test('the writer’s script looks before it writes that the volume is in memory', () => {
  const [delivery] = deliveriesOf(delivering({ a: 'A' }))
  const [first = '', second = ''] = writerScript(delivery?.files ?? []).split('\n')
  expect(first).toBe('set -eu; umask 077')
  expect(second).toMatch(/^grep -q ' \/run\/disinto-secrets tmpfs ' \/proc\/mounts \|\| \{ .*exit 1; \}$/)
})

test('the writer’s script keeps the files that are asked for, whatever they are called', () => {
  const files = ['esac', 'in', 'a.b']
  const [delivery] = deliveriesOf(delivering(Object.fromEntries(files.map((name) => [name, 'A']))))
  const directory = mkdtempSync(join(tmpdir(), 'disinto-writer-'))
  onTestFinished(() => rmSync(directory, { recursive: true }))
  for (const name of [...files, 'old', '.a.b.new']) writeFileSync(join(directory, name), '')
  const clean = writerScript(delivery?.files ?? [])
    .split('\n')
    .filter((line) => line.startsWith('for '))
  expect(clean).toHaveLength(1)
  const script = clean.join('').replaceAll('/run/disinto-secrets', directory)
  expect(spawnSync('sh', ['-c', script], { encoding: 'utf8' })).toMatchObject({ status: 0, stderr: '' })
  expect(new Set(readdirSync(directory))).toEqual(new Set(files))
})
