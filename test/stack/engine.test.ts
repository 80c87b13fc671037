import { type ChildProcess, spawn } from 'node:child_process'
import { mkdtemp, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { build, docker, freshValue, IMAGE, must, REPOSITORY, until } from '../image/image.ts'
import { environmentIn, Stack } from './stack.ts'

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
