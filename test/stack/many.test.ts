import { expect, test } from 'vitest'
import { docker, freshValue, must, run, useImage } from '../image/image.ts'
import { asRoot, environmentIn, Stack } from './stack.ts'

useImage()

/** DEEP=1 is what docs/performance.md tells of. */
const DEEP = process.env['DEEP'] === '1'
const TOGETHER = DEEP ? 50 : 8
const RESTARTS = DEEP ? 200 : 10

test(`${TOGETHER} containers started together from the same files all get their values`, async () => {
  const stack = await Stack.make()
  const value = freshValue('token')
  await stack.envFile({ FORGE_TOKEN: value })
  const began = performance.now()
  await stack.must('up', '--scale', `agents=${TOGETHER}`)
  const containers = await stack.containers()
  expect(containers).toHaveLength(TOGETHER)
  for (const container of containers) {
    expect(await environmentIn(container)).toContain(`FORGE_TOKEN=${value}`)
  }
  if (DEEP) console.log(`${TOGETHER} containers: ${Math.round(performance.now() - began)} ms`)
  const told = await must('docker', ['inspect', ...containers])
  expect(told.includes(value)).toBe(false)
})

/** What a restart might leave behind, counted: in the container, and on the host. */
async function counted(container: string): Promise<object> {
  await environmentIn(container)
  // As the host sees them: what we run in the container to look would be counted, too.
  const processes = (await must('docker', ['top', container])).split('\n').length
  const descriptors = await asRoot(container, 'ls /proc/1/fd | wc -l')
  const { stdout: changed } = await docker(['diff', container])
  const { stdout: shims } = await run('pgrep', ['--full', '--count', '--', `-id ${container}`])
  return { processes, descriptors, changed: new Set(changed.split('\n')), shims }
}

test(`${RESTARTS} restarts in a row leave no process, no file, no descriptor behind`, async () => {
  const stack = await Stack.make()
  const value = freshValue('token')
  await stack.envFile({ FORGE_TOKEN: value })
  await stack.must('up')
  const container = await stack.container()
  const before = await counted(container)
  const began = performance.now()
  for (let restart = 0; restart < RESTARTS; restart += 1) {
    await must('docker', ['restart', '--time', '0', container])
  }
  if (DEEP) console.log(`${RESTARTS} restarts: ${Math.round(performance.now() - began)} ms`)
  expect(await counted(container)).toEqual(before)
  expect(await environmentIn(container)).toContain(`FORGE_TOKEN=${value}`)
})
