import { truncate, writeFile } from 'node:fs/promises'
import { expect, test } from 'vitest'
import { expectFailure, freshValue, Place, shell, useImage, writeScript } from './image.ts'

useImage()

const STARTED = shell('echo started')
/** Another character in the middle of the first ciphertext. */
const flip = (text: string): string =>
  text.replace(/(data:.{4})(.)/, (_all, before: string, one: string) => `${before}${one === 'A' ? 'B' : 'A'}`)

test('a tampered secret file stops the start', async () => {
  const value = freshValue('token')
  const place = await (await Place.make()).secret('TOKEN', value)
  await place.change('secrets/TOKEN.enc', flip)
  const result = await place.run(STARTED)
  expectFailure(result, 125, /\/etc\/disinto\/secrets\/TOKEN\.enc: .*changed/)
  expect(result.stderr).not.toContain(value)
})

test('a tampered env file stops the start, and a plaintext one does not come to the rescue', async () => {
  const place = await (await Place.make()).envFile({ TOKEN: freshValue('token') })
  await place.change('.env.enc', flip)
  await writeFile(place.path('.env'), 'TOKEN=plain\n')
  const result = await place.run(STARTED, ['--volume', `${place.path('.env')}:/etc/disinto/.env:ro`])
  expectFailure(result, 125, /\/etc\/disinto\/\.env\.enc: .*changed/)
})

test('a value added by hand to the env file stops the start', async () => {
  const place = await (await Place.make()).envFile({ TOKEN: 'value' })
  await place.change('.env.enc', (text) => `ADDED=plain\n${text}`)
  expectFailure(await place.run(STARTED), 125, /\/etc\/disinto\/\.env\.enc: /)
})

test('an empty file stops the start', async () => {
  const place = await (await Place.make()).secret('TOKEN', 'value')
  await truncate(place.path('secrets', 'TOKEN.enc'))
  expectFailure(await place.run(STARTED), 125, /TOKEN\.enc: is empty/)
})

test('a file that is not encrypted stops the start, and its content is not shown', async () => {
  const value = freshValue('token')
  const place = await Place.make()
  await writeFile(place.path('secrets', 'TOKEN.enc'), `${value}\n`)
  const result = await place.run(STARTED)
  expectFailure(result, 125, /TOKEN\.enc: is not encrypted/)
  expect(result.stderr).not.toContain(value)
})

test('a name that would take over the command is refused', async () => {
  const place = await (await Place.make()).envFile({ LD_PRELOAD: '/tmp/evil.so' })
  expectFailure(await place.run(STARTED), 125, /\.env\.enc: LD_PRELOAD is refused/)
})

test('a mount of a missing file is told as what it became, a directory', async () => {
  const place = await Place.make()
  const result = await place.run(STARTED, ['--volume', `${place.path('missing')}:/etc/disinto/.env.enc`])
  expectFailure(result, 125, /\/etc\/disinto\/\.env\.enc: is a directory/)
})

test('a command that is not found is 127', async () => {
  const place = await (await Place.make()).secret('TOKEN', 'value')
  expectFailure(await place.run(['no-such-command']), 127, /no-such-command: command not found/)
})

test('a command that can’t be executed is 126', async () => {
  const place = await (await Place.make()).secret('TOKEN', 'value')
  expectFailure(await place.run(['/etc/passwd']), 126, /\/etc\/passwd: can't be executed/)
  expectFailure(await place.run(['/etc']), 126, /\/etc: can't be executed/)
})

test('a script whose interpreter is missing is no silent failure', async () => {
  const place = await Place.make()
  const script = await writeScript(place.path('script'), '#!/no/such/interpreter\n')
  const result = await place.run(['/script'], ['--volume', `${script}:/script:ro`])
  expect([126, 127]).toContain(result.exitCode)
  expectFailure(result, result.exitCode, /\/script.*interpreter/s)
})
