import { mkdir, rm } from 'node:fs/promises'
import { expect, test } from 'vitest'
import { DISINTO } from '../helpers/parts.ts'
import { freshValue, must, run, useImage } from '../image/image.ts'
import { expectError, proposalFor, Stack } from './stack.ts'

useImage()

/** Every command that needs an engine, each with words that are good otherwise. */
const COMMANDS: readonly string[][] = [
  ['up'],
  ['down'],
  ['restart'],
  ['status'],
  ['logs'],
  ['shell'],
  ['vault-run', 'p1'],
]

async function makeProject(): Promise<Stack> {
  const stack = await Stack.make()
  await stack.secret('CLAWHUB_TOKEN', freshValue('hub'))
  await stack.proposal('p1', proposalFor('CLAWHUB_TOKEN'))
  return stack
}

test('without docker, each command says so and how to get it', async () => {
  const stack = await makeProject()
  for (const words of COMMANDS) {
    expectError(await stack.run(words, { env: { PATH: '/nowhere' } }), /docker program is not on PATH/)
  }
})

test('without compose, each command says so', async () => {
  const stack = await makeProject()
  // A docker as it is without plugins.
  await mkdir(stack.path('bin'))
  const script =
    '#!/bin/sh\nif [ "$1" = version ]; then echo 20.10.24; exit; fi\necho "unknown flag: --env-file" >&2; exit 125\n'
  await stack.write('bin/docker', script)
  await must('chmod', ['755', stack.path('bin/docker')])
  for (const words of COMMANDS) {
    const env = { PATH: `${stack.path('bin')}:${process.env.PATH}` }
    expectError(await stack.run(words, { env }), /docker has no compose command/)
  }
})

test('when the engine does not run, each command says so', async () => {
  const stack = await makeProject()
  for (const words of COMMANDS) {
    const result = await stack.run(words, { env: { DOCKER_HOST: 'unix:///nowhere/docker.sock' } })
    expectError(result, /Docker Engine does not answer: Cannot connect/)
    expect(result.stderr).toContain('systemctl start docker')
  }
  expect(stack.exists('vault/runs.jsonl')).toBe(false)
})

test('a compose file that does not parse is named, with compose’s reason', async () => {
  const stack = await makeProject()
  await stack.write('docker-compose.yml', 'services:\n  agents: [\n')
  for (const words of COMMANDS) {
    expectError(await stack.run(words), /docker-compose\.yml: docker compose can't read it: yaml/)
  }
  await rm(stack.path('docker-compose.yml'))
  for (const words of COMMANDS) expectError(await stack.run(words), /no compose file here/)
})

test('restart and shell say when nothing is running, and shell when there is no such service', async () => {
  const stack = await makeProject()
  expectError(await stack.run(['restart']), /nothing is running/)
  expectError(await stack.run(['shell']), /agents: no container of this service is running/)
  expectError(await stack.run(['shell', 'agent']), /no service agent$/)
})

test('a .env.enc that is a directory, as Docker makes them, stops up', async () => {
  const stack = await makeProject()
  await mkdir(stack.path('.env.enc'))
  expectError(await stack.run(['up']), /\.env\.enc: is a directory/)
  expect(await stack.containers()).toEqual([])
})

test('a .env.enc for somebody else’s key stops up, and the message names the recipient', async () => {
  const stack = await makeProject()
  await stack.envFile({ FORGE_TOKEN: freshValue('token') })
  await rm(stack.keyFile())
  await rm(stack.keyFile('agents'))
  await must(process.env.AGE_KEYGEN_PROGRAM || 'age-keygen', ['--output', stack.keyFile()])
  const result = await stack.run(['up'])
  expectError(result, /\.env\.enc: none of the age identities at hand opens it; it is encrypted to age1/)
  expect(await stack.containers()).toEqual([])
})

test('Ctrl-C at each step of up leaves nothing half made, and the next up works', async () => {
  const stack = await makeProject()
  await stack.envFile({ FORGE_TOKEN: freshValue('token') })
  for (let delay = 60; delay < 1000; delay += 140) {
    const running = stack.start(['up'])
    await new Promise((resolve) => setTimeout(resolve, delay))
    running.kill('SIGINT')
    await running
    const left = await must('find', [stack.directory, stack.home, '-name', '*.tmp'])
    expect(left).toBe('')
  }
  await stack.must('up')
  await stack.must('secrets', 'verify')
})

test('each command has help with examples, and a mistyped one is told what it may have been', async () => {
  for (const [word = ''] of [...COMMANDS, ['init'], ['doctor']]) {
    const { stdout, exitCode } = await run(process.execPath, [DISINTO, word, '--help'])
    expect(exitCode).toBe(0)
    expect(stdout).toMatch(new RegExp(`^Usage: disinto ${word}[\\s\\S]*Examples:\n  disinto`))
    for (const line of stdout.split('\n')) expect(line.length, line).toBeLessThanOrEqual(100)
  }
  const { stderr, exitCode } = await run(process.execPath, [DISINTO, 'vault-rnu', 'x'])
  expect(stderr).toContain('did you mean disinto vault-run?')
  expect(exitCode).toBe(2)
})
