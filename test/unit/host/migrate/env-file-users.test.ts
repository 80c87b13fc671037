import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { expect, onTestFinished, test } from 'vitest'
import { envFileUsers } from '../../../../src/host/migrate/env-file-users.ts'

/** The services found in a directory of these files, by the file that names `.env`. */
async function found(files: Readonly<Record<string, string>>, named = ''): Promise<string[]> {
  const root = mkdtempSync(join(tmpdir(), 'disinto-users-'))
  onTestFinished(() => rmSync(root, { recursive: true }))
  for (const [name, text] of Object.entries(files)) {
    mkdirSync(dirname(join(root, name)), { recursive: true })
    writeFileSync(join(root, name), text)
  }
  const users = await envFileUsers(root, join(root, '.env'), named)
  return users.map(({ file, service }) => `${file.slice(root.length + 1)}: ${service}`)
}

const service = (entry: string) => `services:\n  web:\n    image: x\n    env_file: ${entry}\n`

test.each([
  ['.env'],
  ['./.env'],
  ['[other.env, .env]'],
  ['{path: .env, required: false}'],
  ['[{path: ./.env, format: raw}]'],
  ['!override [.env]'],
])('env_file: %s is found', async (entry) => {
  expect(await found({ 'compose.yml': service(entry) })).toEqual(['compose.yml: web'])
})

test.each([['.env.enc'], ['other/.env'], ['../.env'], ['[]'], ['null'], ['{path: [1]}']])(
  'env_file: %s is none',
  async (entry) => {
    expect(await found({ 'compose.yml': service(entry) })).toEqual([])
  },
)

test('files are those that compose reads', async () => {
  const all = {
    'compose.yaml': 'services: {a: {env_file: .env}}\ninclude: [sub/c.yml, {path: [sub/d.yml]}]\n',
    'docker-compose.yml': 'services: {b: {env_file: .env}}\n',
    'docker-compose.override.yml': 'services: {c: {env_file: .env}}\n',
    'sub/c.yml': 'services: {d: {env_file: ../.env}, e: {env_file: .env}}\n',
    'sub/d.yml': 'include: [c.yml, d.yml]\n',
    'other.yml': 'services: {f: {env_file: .env}}\n',
  }
  expect(await found(all)).toEqual(['compose.yaml: a', 'sub/c.yml: d', 'docker-compose.override.yml: c'])
  expect(await found(all, 'other.yml:missing.yml')).toEqual(['other.yml: f'])
})

test('anchors and merge keys count, and what is no YAML is left to compose', async () => {
  const merged = 'x-all: &all {env_file: .env}\nservices:\n  a: {<<: *all}\n  b: {}\n'
  expect(await found({ 'compose.yml': merged })).toEqual(['compose.yml: a'])
  expect(await found({ 'compose.yml': 'services: [' })).toEqual([])
  expect(await found({})).toEqual([])
})
