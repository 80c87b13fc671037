import { spawnSync } from 'node:child_process'
import { existsSync, mkdirSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { Host, MARK, SOPS } from './host.ts'

/** A directory of a repository with a key of its own, as docs/environments.md makes it. */
function environmentOf(host: Host, name: string, keys: string) {
  const root = host.path(name)
  const env = { XDG_CONFIG_HOME: join(host.home, keys) }
  mkdirSync(root)
  host.well(['init', '--root', root], { env })
  host.well(['secrets', 'keygen', '--root', root], { env })
  host.write(`${name}/.env`, `${name.toUpperCase()}_TOKEN=${MARK}-env\n`)
  host.well(['secrets', 'migrate', '--root', root], { env })
  host.well(['secrets', 'add', 'FORGE_TOKEN', '--root', root], { env, input: `${MARK}-${name}` })
  host.well(['secrets', 'grant', 'web', 'FORGE_TOKEN', '--root', root], { env })
  const base = join(env.XDG_CONFIG_HOME, 'sops/age')
  return {
    root,
    env,
    files: [`${name}/.env.enc`, `${name}/secrets/FORGE_TOKEN.enc`],
    keys: [join(base, 'keys.txt'), join(base, name, 'agents/keys.txt'), join(base, name, 'web/keys.txt')],
  }
}

/** Whether stock sops opens a file with one key file alone. */
function opens(host: Host, keyFile: string, file: string): boolean {
  const type = file.endsWith('.env.enc') ? 'dotenv' : 'json'
  const words = ['decrypt', '--input-type', type, '--output-type', type, host.path(file)]
  const env = { PATH: process.env['PATH'] ?? '', HOME: '/nonexistent', SOPS_AGE_KEY_FILE: keyFile }
  return spawnSync(SOPS, words, { env }).status === 0
}

test('no key of one environment opens a file of the other, those of services neither', () => {
  const host = new Host()
  const dev = environmentOf(host, 'dev', '.config')
  const prod = environmentOf(host, 'prod', 'prod-keys')
  for (const [own, other] of [
    [dev, prod],
    [prod, dev],
  ] as const) {
    const [operator = '', agents = '', web = ''] = own.keys
    const [env = '', secret = ''] = own.files
    expect(own.keys.map(existsSync)).toEqual([true, true, true])
    expect([opens(host, operator, env), opens(host, operator, secret)]).toEqual([true, true])
    expect([opens(host, agents, env), opens(host, web, secret)]).toEqual([true, true])
    for (const key of own.keys)
      for (const file of other.files) expect(opens(host, key, file), `${key}, ${file}`).toBe(false)
    const { status, stderr } = host.run(['secrets', 'verify', '--root', other.root], { env: own.env })
    expect(status).toBe(1)
    expect(stderr).not.toContain(MARK)
  }
})

test('a change in one environment makes nobody a reader in the other', () => {
  const host = new Host()
  const dev = environmentOf(host, 'dev', '.config')
  const prod = environmentOf(host, 'prod', 'prod-keys')
  const before = prod.files.map((file) => host.read(file))
  host.well(['secrets', 'rotate-key', '--root', dev.root], { env: dev.env })
  host.well(['secrets', 'recipients', 'add', host.stranger().recipient, '--root', dev.root], { env: dev.env })
  expect(prod.files.map((file) => host.read(file))).toEqual(before)
  expect(opens(host, dev.keys[0] ?? '', dev.files[1] ?? '')).toBe(true)
})

test('keygen makes the key that SOPS_AGE_KEY_FILE names, whatever other key there is', () => {
  const host = new Host()
  mkdirSync(host.path('dev'))
  const first = host.well(['secrets', 'keygen', '--root', host.path('dev')]).trim()
  const file = join(host.home, 'stick/prod.txt')
  mkdirSync(join(host.home, 'stick'))
  mkdirSync(host.path('prod'))
  const env = { SOPS_AGE_KEY_FILE: file }
  const second = host.well(['secrets', 'keygen', '--root', host.path('prod')], { env }).trim()
  expect(existsSync(file)).toBe(true)
  expect(second).not.toBe(first)
  expect(host.read('prod/.sops.yaml')).toContain(second)
  expect(host.read('prod/.sops.yaml')).not.toContain(first)
  // The second time it is there, and used.
  expect(host.well(['secrets', 'keygen', '--root', host.path('prod')], { env }).trim()).toBe(second)
})
