import { type ChildProcess, spawn } from 'node:child_process'
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { build, docker, freshValue, IMAGE, must, REPOSITORY, until } from '../image/image.ts'
import { asRoot, environmentIn, holding, Stack } from './stack.ts'

// An engine of our own, since the machine's can't be stopped under those who use it.
let directory = ''
let engine: ChildProcess | undefined

async function startEngine(): Promise<void> {
  const flags = '--iptables=false --ip-forward=false --ip-masq=false'
  const places = `--data-root ${directory}/data --exec-root ${directory}/exec --pidfile ${directory}/pid`
  const host = `unix://${directory}/socket`
  const script = `ip link set lo up && exec dockerd ${places} --host ${host} ${flags} >>${directory}/log 2>&1`
  engine = spawn('unshare', ['--net', 'sh', '-c', script], { stdio: 'ignore', detached: true })
  process.env['DOCKER_HOST'] = host
  await until(async () => expect((await docker(['info'])).exitCode).toBe(0))
}

async function stopEngine(): Promise<void> {
  const ended = new Promise((resolve) => engine?.once('exit', resolve))
  process.kill(Number(await readFile(join(directory, 'pid'), 'utf8')), 'SIGTERM')
  await ended
}

beforeAll(async () => {
  await build(IMAGE, REPOSITORY)
  directory = await mkdtemp(join(tmpdir(), 'disinto-engine-'))
  const archive = join(directory, 'image.tar')
  await must('docker', ['save', '--output', archive, IMAGE])
  await startEngine()
  await must('docker', ['load', '--input', archive])
  await rm(archive)
}, 1_800_000)

afterAll(async () => {
  await stopEngine()
  const unmount = `awk -v under='${directory}/' 'index($2, under) == 1 { print $2 }' /proc/mounts | sort -r | xargs -r umount`
  await must('sh', ['-c', unmount])
  await rm(directory, { recursive: true, force: true })
}, 600_000)

test('an engine that restarts brings the values back', async () => {
  const stack = await Stack.make()
  const value = freshValue('token')
  await stack.envFile({ FORGE_TOKEN: value })
  await stack.must('up')
  const container = await stack.container()
  await environmentIn(container)
  await stopEngine()
  await startEngine()
  // Without a word of the host command.
  await until(async () => {
    const state = await must('docker', ['inspect', '--format', '{{.State.Running}}', container])
    expect(state).toBe('true')
  })
  expect(await environmentIn(container)).toContain(`FORGE_TOKEN=${value}`)
  await stack.must('down', '--timeout', '0')
})

test('after a restart of the engine, and a kill of the writer, files of another image are in memory alone', async () => {
  const stack = await Stack.make()
  await stack.write(
    'docker-compose.yml',
    `x-disinto: {image: "\${AGENT_IMAGE}"}
services:
  web:
    image: ${IMAGE}
    entrypoint: ["sleep", "infinity"]
    restart: unless-stopped
    x-disinto: {secrets: {token: FORGE_TOKEN}}
`,
  )
  const since = join(stack.home, 'since')
  await writeFile(since, '')
  const value = freshValue('token')
  await stack.secret('FORGE_TOKEN', value)
  await stack.must('secrets', 'grant', 'web', 'FORGE_TOKEN')
  await stack.must('up')
  const [web, writer] = [`${stack.name}-web-1`, `${stack.name}-web-secrets-1`]
  const isThere = () =>
    until(async () => expect((await asRoot(web, 'cat /run/secrets/token')) === value).toBe(true))
  await isThere()
  expect(await holding(value, since)).toEqual([])
  await stopEngine()
  // The engine is not there to ask where its files are.
  expect(await holding(value, since, join(directory, 'data'))).toEqual([])
  await startEngine()
  await isThere()
  expect(await holding(value, since)).toEqual([])
  const pid = await must('docker', ['inspect', '--format', '{{.State.Pid}}', writer])
  process.kill(Number(pid), 'SIGKILL')
  await isThere()
  expect(await holding(value, since)).toEqual([])
  // The search finds what the engine's disk does have.
  await asRoot(web, 'cp /run/secrets/token /copy')
  expect((await holding(value, since)).length).toBeGreaterThan(0)
  await stack.must('down', '--volumes', '--timeout', '0')
})
