import { afterEach, expect, test, vi } from 'vitest'
import type { HostContext } from '../../../../src/host/context.ts'
import { failure } from '../../../../src/host/errors.ts'
import { runPending } from '../../../../src/host/vault/pending.ts'
import type { Request } from '../../../../src/host/vault/request.ts'
import { PROPOSAL, Vault } from './vault.ts'

/** In the place of the engine: what a run of an action does, and what was run; the suite stack has the real one. */
const engine = vi.hoisted(() => ({
  runs: new Map<string, () => Promise<number>>(),
  log: [] as string[],
  most: 0,
  running: 0,
}))
vi.mock('../../../../src/host/vault/request.ts', async (load) => ({
  ...(await load<typeof import('../../../../src/host/vault/request.ts')>()),
  prepareRun: async (_: unknown, { id, command, dryRun, once }: Request) => ({ id, command, dryRun, once }),
}))
vi.mock('../../../../src/host/vault/run.ts', () => ({
  sweep: async () => void engine.log.push('sweep'),
  runReady: async (_: unknown, ready: Request, request: Request, { attached }: { attached: boolean }) => {
    const { command, dryRun, once } = ready
    expect([ready.id, command, dryRun, once, attached]).toEqual([request.id, [], false, true, false])
    engine.log.push(ready.id)
    engine.running += 1
    engine.most = Math.max(engine.most, engine.running)
    try {
      return await (engine.runs.get(ready.id)?.() ?? Promise.resolve(0))
    } finally {
      engine.running -= 1
    }
  },
}))
afterEach(() => {
  engine.runs.clear()
  engine.log = []
  engine.most = 0
})

/** A project with these actions; `said` is what was said of each. */
async function withActions(approved: readonly string[], others: readonly string[] = []) {
  const vault = new Vault()
  vault.write('vault/approved/p.json', JSON.stringify(PROPOSAL))
  const said: string[] = []
  const say = (kind: string) => (what: string | { code: string; message: string }) => {
    said.push(typeof what === 'string' ? what : `${kind} ${what.code}: ${what.message}`)
  }
  const context: HostContext = {
    ...vault.context,
    speak: { error: say('error'), warning: say('warning'), note: say('note') },
  }
  for (const id of [...approved, ...others])
    vault.write(`vault/approved/${id}.json`, JSON.stringify(PROPOSAL))
  for (const id of approved) await vault.approve(id)
  const request = { allow: new Set<string>(), allowMounts: [], signers: undefined }
  const run = (jobs = 1, watch = false) => runPending(context, request, { jobs, watch })
  return { vault, said, run }
}

const slowly = (status: number) => () => new Promise<number>((resolve) => setTimeout(resolve, 30, status))

test('every approved action runs once, in its order, and no other', async () => {
  const { said, run } = await withActions(['a', 'b', 'c'], ['x'])
  expect(await run()).toBe(0)
  expect(engine.log).toEqual(['sweep', 'a', 'b', 'c'])
  expect(said).toEqual(['a: ended with 0', 'b: ended with 0', 'c: ended with 0'])
})

test.each([1, 2, 5])('at most %i run side by side, and all do', async (jobs) => {
  const { run } = await withActions(['a', 'b', 'c', 'd'])
  const together = Math.min(jobs, 4)
  // None ends before as many have begun as may.
  const waiting = async () => {
    await vi.waitFor(() => expect(engine.most).toBeGreaterThanOrEqual(together), 10_000)
    return 0
  }
  for (const id of 'abcd') engine.runs.set(id, waiting)
  expect(await run(jobs)).toBe(0)
  expect([engine.most, engine.log.length]).toEqual([together, 5])
})

test('one that fails is told, keeps no other back, and makes the status 1; who was faster is no failure', async () => {
  const { said, run } = await withActions(['a', 'b', 'c'])
  engine.runs.set('a', async () => 3)
  engine.runs.set('b', () => Promise.reject(failure('approval-used', { path: 'b', when: 'today' })))
  expect(await run()).toBe(1)
  expect(engine.log).toEqual(['sweep', 'a', 'b', 'c'])
  expect(said).toEqual([
    'a: ended with 3',
    expect.stringMatching(/^error approval-used: b: /),
    'c: ended with 0',
  ])
  engine.runs.delete('a')
  expect(await run()).toBe(0)
  engine.runs.set('c', () => Promise.reject(new Error('a bug')))
  expect(await run()).toBe(1)
})

test('what is wrong with a proposal is told, one whose approval is not for it waits, and neither runs', async () => {
  const { vault, said, run } = await withActions(['a', 'b', 'c'])
  vault.write('vault/approved/a.json', '{')
  vault.write('vault/approved/b.json', JSON.stringify({ ...PROPOSAL, type: 'other' }))
  expect(await run()).toBe(0)
  expect(engine.log).toEqual(['sweep', 'c'])
  expect(said).toEqual([expect.stringMatching(/^warning pending-skipped: a: not run: /), 'c: ended with 0'])
})

test('a signal ends it: nothing more is begun, what runs is waited for, and the status tells it', async () => {
  const { said, run } = await withActions(['a', 'b'])
  engine.runs.set('a', async () => {
    process.kill(process.pid, 'SIGTERM')
    return slowly(0)()
  })
  expect(await run()).toBe(128 + 15)
  expect(engine.log).toEqual(['sweep', 'a'])
  expect(said).toEqual(['a: ended with 0'])
})

test('with --watch what is approved later runs, too, what has failed again once it is another, and a signal ends it', async () => {
  const { vault, said, run } = await withActions(['a'])
  engine.runs.set('a', async () => 1)
  engine.runs.set('later', async () => {
    process.kill(process.pid, 'SIGINT')
    return 0
  })
  const ended = run(2, true)
  await vi.waitFor(() => expect(engine.log).toEqual(['sweep', 'a']))
  await vault.approve('a', { command: ['x'] })
  await vi.waitFor(() => expect(engine.log).toEqual(['sweep', 'a', 'a']), 10_000)
  vault.write('vault/approved/later.json', JSON.stringify(PROPOSAL))
  await vault.approve('later')
  expect(await ended).toBe(128 + 2)
  expect(engine.log).toEqual(['sweep', 'a', 'a', 'later'])
  expect(said.filter((text) => text.startsWith('a:'))).toEqual(['a: ended with 1', 'a: ended with 1'])
})
