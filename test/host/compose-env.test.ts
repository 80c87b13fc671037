/** The table of docs/migrating.md, "From docker compose's env_file", against the real compose and the shim. */
import { spawnSync } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { homedir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { expect, test } from 'vitest'
import { SHIM } from '../helpers/parts.ts'
import { Host } from './host.ts'

const PAGE = fileURLToPath(new URL('../../docs/migrating.md', import.meta.url))

/** What a cell shows: code, or nothing. */
function cell(text: string): string {
  const trimmed = text.trim()
  const code = /^(`+) ?(.*?) ?\1$/.exec(trimmed)?.[2] ?? ''
  // What is between single backticks is as it stands, blanks at its ends included.
  if (trimmed === 'nothing') return ''
  return trimmed.startsWith('``') ? code : trimmed.slice(1, -1)
}

const [, after = ''] = readFileSync(PAGE, 'utf8').split('<!-- compose-env -->')
const rows = after
  .trimStart()
  .split('\n\n')[0]
  ?.split('\n')
  .slice(2)
  .map((row) =>
    row
      .split(/(?<!\\)\|/)
      .slice(1, 4)
      .map(cell),
  )

function byCompose(host: Host): string {
  host.write('c.json', JSON.stringify({ services: { s: { image: 'x', environment: { A: '${A}' } } } }))
  const words = ['compose', '--file', 'c.json', '--env-file', '.env', 'config', '--format', 'json']
  const env = host.environment({ DOCKER_CONFIG: process.env['DOCKER_CONFIG'] ?? join(homedir(), '.docker') })
  const { stdout, stderr } = spawnSync('docker', words, { cwd: host.directory, env, encoding: 'utf8' })
  if (stdout === '') throw new Error(stderr)
  return JSON.parse(stdout).services.s.environment.A.replaceAll('$$', '$')
}

test('the table has rows', () => {
  expect(rows?.length).toBeGreaterThan(10)
})

test.for(rows ?? [])('%s is %j to compose and %j to disinto', ([line = '', compose, disinto]) => {
  const host = new Host()
  host.write('.env', `B=b\n${line}\n`)
  expect(byCompose(host)).toBe(compose)
  const shim = spawnSync(process.execPath, [SHIM, '--', 'printenv', 'A'], {
    cwd: host.directory,
    env: host.environment(),
    encoding: 'utf8',
  })
  expect(shim.stdout).toBe(`${disinto}\n`)
})
