import { mkdir, rename, writeFile } from 'node:fs/promises'
import { homedir } from 'node:os'
import { join } from 'node:path'
import { stripVTControlCharacters } from 'node:util'
import { expect, onTestFinished, test } from 'vitest'
import { freshValue, IMAGE, Place, type Result, run, until, useImage } from './image.ts'

useImage()

const STACK = `
services:
  agents:
    image: ${IMAGE}
    network_mode: none
    environment:
      FORGE_URL: \${FORGE_URL:-}
    volumes:
      - \${HOME}/.config/sops/age:/home/agent/.config/sops/age:ro
      - ./.env.enc:/etc/disinto/.env.enc:ro
      - ./secrets:/etc/disinto/secrets:ro
    command: ["sh", "-c", "trap 'echo stopped; exit 3' TERM; echo \\"up $$TOKEN $$CLAWHUB_TOKEN $$FORGE_URL\\"; while :; do sleep 0.1; done"]
`

interface Stack {
  readonly place: Place
  compose(...words: string[]): Promise<Result>
  lines(): Promise<string[]>
}

/** A project directory with a stack in it, and a HOME with the key where people have it. */
async function makeStack(): Promise<Stack> {
  const place = await Place.make()
  const home = place.path('home')
  await mkdir(join(home, '.config', 'sops'), { recursive: true })
  await rename(place.path('age'), join(home, '.config', 'sops', 'age'))
  await writeFile(place.path('docker-compose.yml'), STACK)
  const name = freshValue('disinto')
  // Compose may be installed in the real home.
  const env = {
    HOME: home,
    FORGE_URL: '',
    DOCKER_CONFIG: process.env.DOCKER_CONFIG ?? join(homedir(), '.docker'),
  }
  const compose = (...words: string[]) =>
    run('docker', ['compose', '--project-name', name, ...words], { cwd: place.directory, env })
  onTestFinished(async () => {
    await compose('down', '--volumes', '--timeout', '5')
  })
  return {
    place,
    compose,
    // Compose clears the line before each, terminal or not.
    lines: async () => {
      const { stdout } = await compose('logs', '--no-log-prefix', '--no-color')
      return stripVTControlCharacters(stdout).split('\n')
    },
  }
}

test('a stack goes up, restarts with new values, and comes down', async () => {
  const { place, compose, lines } = await makeStack()
  await place.envFile({ TOKEN: 'one', FORGE_URL: 'https://forge.example' })
  await place.secret('CLAWHUB_TOKEN', 'hub-one')
  expect(await compose('up', '--detach')).toMatchObject({ exitCode: 0 })
  await until(async () => expect(await lines()).toContain('up one hub-one https://forge.example'))

  await place.secret('CLAWHUB_TOKEN', 'hub-two')
  expect(await compose('restart', '--timeout', '120')).toMatchObject({ exitCode: 0 })
  await until(async () => expect(await lines()).toContain('up one hub-two https://forge.example'))
  expect(await lines()).toContain('stopped')

  expect(await compose('stop', '--timeout', '120')).toMatchObject({ exitCode: 0 })
  const { stdout } = await compose('ps', '--all', '--format', '{{.State}} {{.ExitCode}}')
  expect(stdout).toBe('exited 3')
  expect(await compose('down')).toMatchObject({ exitCode: 0 })
  expect((await compose('ps', '--all', '--quiet')).stdout).toBe('')
})

test('docker compose config holds no value', async () => {
  const { place, compose } = await makeStack()
  const value = freshValue('token')
  await place.envFile({ TOKEN: value })
  const { stdout, exitCode } = await compose('config')
  expect(exitCode).toBe(0)
  expect(stdout).not.toContain(value)
})

test('compose run passes on the exit status and a message when the key is missing', async () => {
  const { place, compose } = await makeStack()
  await place.envFile({ TOKEN: 'one' })
  await rename(join(place.path('home'), '.config/sops/age/keys.txt'), place.path('elsewhere'))
  const { exitCode, stderr, stdout } = await compose('run', '--rm', '-T', 'agents', 'echo', 'started')
  expect(stderr).toMatch(/disinto: error: .*\.env\.enc: .*\n.*disinto: hint: /)
  expect({ exitCode, stdout }).toEqual({ exitCode: 125, stdout: '' })
})
