import { expect, test } from 'vitest'
import {
  docker,
  freshValue,
  must,
  Place,
  shell,
  statusOf,
  until,
  untilSaid,
  useImage,
  writeScript,
} from './image.ts'

useImage()

const WAIT = 'echo ready; while :; do sleep 0.1; done'

test('docker stop reaches the command, and its exit status stays its own', async () => {
  const place = await (await Place.make()).secret('TOKEN', 'value')
  const container = await place.start(shell(`trap 'echo stopping; exit 7' TERM; ${WAIT}`))
  await untilSaid(container, 'ready')
  await must('docker', ['stop', '--time', '120', container])
  await untilSaid(container, 'stopping')
  expect(await statusOf(container)).toBe(7)
})

test.each(['HUP', 'INT', 'USR1', 'USR2', 'WINCH'])('SIG%s reaches the command', async (signal) => {
  const place = await (await Place.make()).secret('TOKEN', 'value')
  const container = await place.start(shell(`trap 'echo got; exit 8' ${signal}; ${WAIT}`))
  await untilSaid(container, 'ready')
  await must('docker', ['kill', '--signal', signal, container])
  expect(await statusOf(container)).toBe(8)
})

test('docker restart decrypts again, with what the files hold by then', async () => {
  const [first, second] = [freshValue('first'), freshValue('second')]
  const place = await (await Place.make()).secret('TOKEN', first)
  const container = await place.start(shell(`trap 'exit 0' TERM; echo "now $TOKEN"; ${WAIT}`))
  await untilSaid(container, 'ready')
  await place.secret('TOKEN', second)
  await must('docker', ['restart', '--time', '120', container])
  await untilSaid(container, 'ready', 2)
  const { stdout } = await docker(['logs', container])
  expect(stdout.split('\n')).toEqual([`now ${first}`, 'ready', `now ${second}`, 'ready'])
})

test('docker restart fails when the key is gone by then', async () => {
  const place = await (await Place.make()).secret('TOKEN', 'value')
  const container = await place.start(shell(`trap 'exit 0' TERM; ${WAIT}`))
  await untilSaid(container, 'ready')
  await must('rm', [place.path('age', 'keys.txt')])
  await must('docker', ['restart', '--time', '120', container])
  expect(await statusOf(container)).toBe(125)
})

// The stub is process 1's child and never ends by itself.
const HANGING_SOPS = '#!/bin/sh\nexec sleep 987654\n'

test.each([
  ['TERM', 143],
  ['INT', 130],
  ['HUP', 129],
])(
  'SIG%s while the shim still works ends it with %d, and the command does not start',
  async (signal, status) => {
    const place = await (await Place.make()).secret('TOKEN', 'value')
    const stub = await writeScript(place.path('sops'), HANGING_SOPS)
    const flags = ['--volume', `${stub}:/usr/local/bin/sops:ro`, '--env', 'DISINTO_ENGINE=sops']
    const container = await place.start(shell('echo started'), flags)
    await until(async () => {
      expect((await docker(['top', container])).stdout).toContain('987654')
    })
    await must('docker', ['kill', '--signal', signal, container])
    expect(await statusOf(container)).toBe(status)
    expect((await docker(['logs', container])).stdout).toBe('')
  },
)
