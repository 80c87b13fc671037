import { rmSync, statSync, symlinkSync } from 'node:fs'
import { expect, test } from 'vitest'
import { Host } from './host.ts'

const FILES = ['proxy/Dockerfile', 'proxy/start', 'proxy/nginx.conf']

test('writes the proxy and its service once, and a second time nothing', () => {
  const host = new Host()
  host.well(['init', '--with-proxy'])
  const compose = host.read('docker-compose.yml')
  expect(compose).toMatch(/^ {2}forge:$/m)
  expect(FILES.map((file) => host.exists(file))).toEqual([true, true, true])
  expect(statSync(host.path('proxy/start')).mode & 0o777).toBe(0o755)
  // What a user changes, as the next step says.
  host.write('docker-compose.yml', compose.replace('https://forge.example.org', 'https://git.example.net'))
  host.write('proxy/nginx.conf', '# ours\n')
  host.well(['init', '--with-proxy'])
  expect(host.read('docker-compose.yml')).toContain('https://git.example.net')
  expect(host.read('proxy/nginx.conf')).toBe('# ours\n')
})

test('a file of the proxy that was removed is written again', () => {
  const host = new Host()
  host.well(['init', '--with-proxy'])
  const start = host.read('proxy/start')
  rmSync(host.path('proxy/start'))
  const { stderr } = host.run(['init', '--with-proxy'])
  expect(stderr).toContain('wrote proxy/start\n')
  expect(stderr).toContain('there is already proxy/Dockerfile: left as it is\n')
  expect(host.read('proxy/start')).toBe(start)
  expect(statSync(host.path('proxy/start')).mode & 0o777).toBe(0o755)
})

test.each([
  ['without one', 'services:\n  web:\n    image: x\n'],
  ['with a forge of its own', 'services:\n  forge:\n    image: gitea\n'],
  ['that can’t be read', 'services: [\n'],
])('leaves a compose file %s as it is, writes nothing, and says so', (_, text) => {
  const host = new Host()
  host.write('docker-compose.yml', text)
  const stderr = host.fails(['init', '--with-proxy'])
  expect(stderr).toContain(
    'docker-compose.yml: is there already, and a service for the proxy was not written',
  )
  expect(stderr).toContain('docs/proxy.md')
  expect(host.read('docker-compose.yml')).toBe(text)
  expect(FILES.some((file) => host.exists(file))).toBe(false)
})

test('in an empty directory, as the hint says, it can be taken from', () => {
  const host = new Host()
  host.write('docker-compose.yml', 'services:\n  web:\n    image: x\n')
  host.fails(['init', '--with-proxy'])
  host.write('empty/.keep', '')
  host.well(['init', '--with-proxy', '--root', host.path('empty')])
  expect(host.read('empty/docker-compose.yml')).toMatch(/^ {2}forge:$/m)
})

test('does not write through a link in the place of its directory', () => {
  const host = new Host()
  host.write('elsewhere/.keep', '')
  symlinkSync(host.path('elsewhere'), host.path('proxy'))
  expect(host.fails(['init', '--with-proxy'])).toContain('proxy')
  expect(host.exists('elsewhere/nginx.conf')).toBe(false)
})

test('its Dockerfile is not taken for one of another build, whose files .dockerignore must leave in', () => {
  const host = new Host()
  host.well(['init', '--with-proxy'])
  const before = host.read('.dockerignore')
  host.well(['init', '--with-proxy'])
  expect(host.read('.dockerignore')).toBe(before)
})
