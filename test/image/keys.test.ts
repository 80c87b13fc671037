import { chmod, chown, writeFile } from 'node:fs/promises'
import { expect, test } from 'vitest'
import { expectFailure, freshValue, makeKey, Place, shell, useImage } from './image.ts'

useImage()

const STARTED = shell('echo started')

test.each([
  ['another user', 12345],
  ['the agent’s uid', 1000],
  ['root', 0],
])('a key that belongs to %s works, and the command can’t read it', async (_whose, uid) => {
  const place = await (await Place.make()).secret('TOKEN', 'value')
  await chown(place.path('age'), uid, uid)
  await chown(place.path('age', 'keys.txt'), uid, uid)
  await chmod(place.path('age', 'keys.txt'), 0o600)
  const script = 'echo "$TOKEN"; cd /; cat /home/agent/.config/sops/age/keys.txt; ls /home/agent/.config/sops'
  const { stdout, stderr } = await place.run(shell(script))
  expect(stdout).toBe('value')
  expect(stderr.match(/Permission denied/g)).toHaveLength(2)
})

test('the command can’t move the key’s directory aside to have the key mounted elsewhere', async () => {
  const place = await (await Place.make()).secret('TOKEN', 'value')
  const attempts = [
    'mv /home/agent/.config /home/agent/aside',
    'mv /home/agent/.config/sops /home/agent/.config/aside',
    'rmdir /home/agent/.config/sops/age',
    'chmod 755 /home/agent/.config/sops',
  ]
  const { stdout } = await place.run(
    shell(attempts.map((attempt) => `${attempt} 2>&1 && echo DONE: ${attempt}`).join('; ')),
  )
  expect(stdout).not.toContain('DONE')
})

test('the command can still write in its home and in .config', async () => {
  const place = await Place.make()
  const { exitCode } = await place.run(
    shell('set -e; echo x >~/.profile; mkdir ~/.cache ~/.config/tool; echo x >~/.config/tool/file'),
  )
  expect(exitCode).toBe(0)
})

test('a key in the environment opens the files, and does not reach the command', async () => {
  const place = await (await Place.make()).secret('TOKEN', 'value')
  const other = await Place.make()
  const key =
    (await import('node:fs')).readFileSync(place.path('age', 'keys.txt'), 'utf8').split('\n').at(-2) ?? ''
  const secrets = [
    '--volume',
    `${place.path('secrets')}:/run/more:ro`,
    '--env',
    'DISINTO_SECRETS_DIR=/run/more',
  ]
  const { stdout } = await other.run(shell('echo "$TOKEN"; env'), [
    ...secrets,
    '--env',
    `SOPS_AGE_KEY=${key}`,
  ])
  expect(stdout).toMatch(/^value\n/)
  expect(stdout).not.toContain('AGE-SECRET-KEY')
})

test('without a key nothing starts', async () => {
  const value = freshValue('token')
  const place = await (await Place.make()).secret('TOKEN', value)
  const { rm } = await import('node:fs/promises')
  await rm(place.path('age', 'keys.txt'))
  const result = await place.run(STARTED)
  expectFailure(result, 125, /\/etc\/disinto\/secrets\/TOKEN\.enc: .*(key|identit)/)
})

test('with another key nothing starts, and the message names the recipient', async () => {
  const place = await (await Place.make()).envFile({ TOKEN: freshValue('token') })
  await makeKey(place.path('age', 'keys.txt'))
  const result = await place.run(STARTED)
  expectFailure(result, 125, /\/etc\/disinto\/\.env\.enc: /)
  expect(result.stderr).toContain(place.recipient)
})

test('a key file that is none is told as such, without its content', async () => {
  const place = await (await Place.make()).secret('TOKEN', 'value')
  await writeFile(place.path('age', 'keys.txt'), 'AGE-SECRET-KEY-1RUBBISHRUBBISH\n')
  const result = await place.run(STARTED)
  expectFailure(result, 125, /key/)
  expect(result.stderr).not.toContain('RUBBISH')
})

test('a container started with --user can’t read the key, and the message says so', async () => {
  const place = await (await Place.make()).secret('TOKEN', 'value')
  const result = await place.run(STARTED, ['--user', '1000'])
  expectFailure(result, 125, /\/home\/agent\/\.config\/sops\/age\/keys\.txt.*EACCES/)
  expect(result.stderr).toMatch(/hint: .*--user/)
})
