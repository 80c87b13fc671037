/** `disinto run`, and the project that a directory below it belongs to. */
import { mkdirSync } from 'node:fs'
import { expect, test } from 'vitest'
import { Host, MARK } from './host.ts'

function project(): Host {
  const host = new Host()
  host.well(['secrets', 'keygen'])
  host.write('.env', `TOKEN=${MARK}\nURL=https://forge.example\n`)
  host.well(['secrets', 'migrate'])
  return host
}

test('run gives a command the secrets, and becomes it', () => {
  const host = project()
  const { stdout, status } = host.run(['run', '--', 'sh', '-c', 'echo "$URL"; exit 7'])
  expect(stdout).toBe('https://forge.example\n')
  expect(status).toBe(7)
  expect(host.run(['run', 'printenv', 'URL']).stdout).toBe('https://forge.example\n')
})

test('run passes the shim’s options on, and what stands behind the command to the command', () => {
  const host = project()
  expect(host.run(['run', '--only', 'URL', '--', 'sh', '-c', 'echo "${TOKEN:-none}"']).stdout).toBe('none\n')
  expect(host.run(['run', '--only=URL', 'echo', '--help', '--root', 'x']).stdout).toBe('--help --root x\n')
  expect(host.well(['run', '--check'])).toMatch(/^TOKEN .*\.env\.enc/m)
  expect(host.run(['run', '--require', 'NOT_THERE', '--', 'true']).status).toBe(125)
  expect(host.fails(['run'], { status: 2 })).toContain('usage: disinto run')
})

test('run does not go by what the compose file lets through', () => {
  const host = project()
  host.write('.env.enc', host.read('.env.enc'))
  host.write('docker-compose.yml', 'x-disinto: {allow: [LD_PRELOAD]}\nservices: {agents: {image: x}}\n')
  host.well(['secrets', 'add', 'LD_PRELOAD'], { input: '/nowhere.so' })
  const { status, stderr } = host.run(['run', '--', 'true'])
  expect(status).toBe(125)
  expect(stderr).toContain('LD_PRELOAD')
})

test('every command goes up to the project, and says so', () => {
  const host = project()
  mkdirSync(host.path('src/deep'), { recursive: true })
  const cwd = host.path('src/deep')
  const { stdout, stderr } = host.run(['run', '--', 'printenv', 'URL'], { cwd })
  expect(stdout).toBe('https://forge.example\n')
  expect(stderr).toContain(`the project is ${host.directory}, above the working directory`)
  expect(host.run(['secrets', 'list', '--json'], { cwd }).stdout).toContain('TOKEN')
  expect(host.run(['secrets', 'add', 'OTHER'], { cwd, input: 'x' }).status).toBe(0)
  expect(host.exists('secrets/OTHER.enc')).toBe(true)
  // A new project, as git init makes one.
  expect(host.run(['init'], { cwd }).stderr).not.toContain('above the working directory')
  expect(host.exists('src/deep/docker-compose.yml')).toBe(true)
})

test('a file of comments is no plaintext: init says nothing of it, and a value is told', () => {
  const host = new Host()
  expect(host.run(['init']).stderr).not.toContain('plaintext:')
  expect(host.run(['init']).stderr).not.toMatch(/secrets in plaintext/)
  host.write('.env', `TOKEN=${MARK}\n`)
  expect(host.run(['init']).stderr).toMatch(/secrets in plaintext/)
})
