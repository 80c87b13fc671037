import { chown } from 'node:fs/promises'
import { expect, test } from 'vitest'
import { expectFailure, Place, shell, useImage } from './image.ts'

useImage()

const NO_CAPABILITY = ['--cap-drop', 'ALL']
const TO_DROP = ['--cap-add', 'SETUID', '--cap-add', 'SETGID']

test('a read-only container without network and new privileges is enough', async () => {
  const place = await (await Place.make()).secret('TOKEN', 'value')
  const flags = ['--read-only', '--network', 'none', '--security-opt', 'no-new-privileges']
  const { stdout, exitCode } = await place.run(shell('echo "$TOKEN"; id -u'), flags)
  expect({ stdout, exitCode }).toEqual({ stdout: 'value\n1000', exitCode: 0 })
})

test('of all capabilities, those to change user and group are enough for a key of root', async () => {
  const place = await (await Place.make()).secret('TOKEN', 'value')
  await chown(place.path('age', 'keys.txt'), 0, 0)
  const { stdout } = await place.run(shell('echo "$TOKEN"; id -u'), [...NO_CAPABILITY, ...TO_DROP])
  expect(stdout).toBe('value\n1000')
})

test('without DAC_OVERRIDE a key of another user can’t be read, and the message names its file', async () => {
  const place = await (await Place.make()).secret('TOKEN', 'value')
  await chown(place.path('age', 'keys.txt'), 12345, 12345)
  const result = await place.run(shell('echo started'), [...NO_CAPABILITY, ...TO_DROP])
  expectFailure(result, 125, /\/home\/agent\/\.config\/sops\/age\/keys\.txt.*EACCES/)
})

test('without the capabilities to become the agent nothing starts as root', async () => {
  const place = await (await Place.make()).secret('TOKEN', 'value')
  expectFailure(await place.run(shell('echo started'), NO_CAPABILITY), 125, /--user agent: /)
})

test('little memory and few processes are enough', async () => {
  const place = await (await Place.make()).secret('TOKEN', 'value')
  const { stdout } = await place.run(shell('echo "$TOKEN"'), ['--memory', '256m', '--pids-limit', '64'])
  expect(stdout).toBe('value')
})
