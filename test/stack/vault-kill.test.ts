/** Two watchers that are killed at random: nothing runs twice, and the record tells of what nobody knows the end. */
import { once } from 'node:events'
import { chmod, mkdir, readFile, writeFile } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { expect, test } from 'vitest'
import { freshValue, must, until, useImage } from '../image/image.ts'
import { inMemory, proposalFor, Stack } from './stack.ts'

useImage()

const ACTIONS = process.env['DEEP'] === undefined ? 16 : 100
const MOUNT = ['--allow-mount', './out']

interface Line {
  readonly event: string
  readonly id: string
  readonly exitCode?: number | null
}

async function linesOf(stack: Stack, file: string): Promise<string[]> {
  if (!stack.exists(file)) return []
  return (await stack.read(file)).split('\n').filter((line) => line !== '')
}

/** A project whose runner writes into ./out, with so many approved actions. */
async function makeVault(): Promise<{ stack: Stack; ids: string[] }> {
  const stack = await Stack.make()
  await stack.secret('CLAWHUB_TOKEN', freshValue('hub'))
  const key = join(stack.home, 'id')
  await must('ssh-keygen', ['-q', '-t', 'ed25519', '-N', '', '-f', key])
  const signers = join(dirname(stack.keyFile()), stack.name, 'allowed_signers')
  await mkdir(dirname(signers), { recursive: true })
  await writeFile(signers, `me ${await readFile(`${key}.pub`, 'utf8')}`)
  await mkdir(stack.path('out'))
  await chmod(stack.path('out'), 0o777)
  const compose = await stack.read('docker-compose.yml')
  await stack.write('docker-compose.yml', `${compose}    volumes: ["./out:/out"]\n`)
  const ids = Array.from({ length: ACTIONS }, (_, at) => `action-${at}`)
  for (const id of ids) {
    await stack.proposal(id, proposalFor('CLAWHUB_TOKEN'))
    const command = `echo ${id} >>/out/ran; sleep 0.3`
    await stack.must('approve', id, '--signing-key', key, '--', 'sh', '-c', command)
  }
  return { stack, ids }
}

/** Keeps a watcher alive that is killed after a while that nobody knows; returns what ends it. */
function watcherThatDies(stack: Stack, most: number): () => Promise<void> {
  let over = false
  const living = (async () => {
    while (!over) {
      const watcher = stack.start(['vault-run', '--watch', '--jobs', '2', ...MOUNT])
      const gone = once(watcher, 'exit')
      await new Promise((resolve) => setTimeout(resolve, 500 + Math.random() * most))
      watcher.kill('SIGKILL')
      await gone
    }
  })()
  return () => {
    over = true
    return living
  }
}

test(`${ACTIONS} actions and two watchers that are killed: each runs at most once`, async () => {
  const { stack, ids } = await makeVault()
  const ends = [watcherThatDies(stack, 6000), watcherThatDies(stack, 6000)]
  await until(async () => {
    const begun = new Set((await linesOf(stack, 'vault/runs.jsonl')).map((line) => JSON.parse(line).id))
    expect(begun.size).toBeGreaterThanOrEqual(ACTIONS * 0.75)
  })
  await Promise.all(ends.map((end) => end()))
  const last = await stack.run(['vault-run', '--pending', ...MOUNT])
  expect([0, 1], last.stderr).toContain(last.exitCode)

  const records: Line[] = (await linesOf(stack, 'vault/runs.jsonl')).map((line) => JSON.parse(line))
  const ran = await linesOf(stack, 'out/ran')
  const list = JSON.parse((await stack.must('approve', '--list', '--json')).stdout)
  let unknown = 0
  for (const id of ids) {
    const times = ran.filter((line) => line === id).length
    const events = records.filter((line) => line.id === id).map(({ event }) => event)
    expect(times, id).toBeLessThanOrEqual(1)
    // A claim without a line: killed between the two, before anything ran.
    expect([[], ['start'], ['start', 'end']], id).toContainEqual(events)
    if (times > 0) expect(events[0], id).toBe('start')
    const end = records.find((line) => line.id === id && line.event === 'end')
    if (end?.exitCode === 0) expect(times, id).toBe(1)
    const { state, about } = list.find((one: { id: string }) => one.id === id)
    expect(state, id).toBe('spent')
    if (events.length < 2) {
      unknown += 1
      expect(about, id).toMatch(/unknown|no record/)
    }
  }
  expect(unknown).toBeLessThan(ACTIONS)
  expect(await stack.containers()).toEqual([])
  await until(async () => expect(await inMemory()).toEqual([]))
})
