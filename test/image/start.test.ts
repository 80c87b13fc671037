import { expect, test } from 'vitest'
import { freshValue, Place, shell, useImage } from './image.ts'

useImage()

test('an env file is decrypted for the command', async () => {
  const value = freshValue('forge')
  const place = await (await Place.make()).envFile({ FORGE_TOKEN: value, FORGE_URL: 'https://forge.example' })
  const { stdout, exitCode } = await place.run(shell('echo "$FORGE_TOKEN $FORGE_URL"'))
  expect({ stdout, exitCode }).toEqual({ stdout: `${value} https://forge.example`, exitCode: 0 })
})

test('secret files are decrypted for the command, and win over the env file', async () => {
  const value = freshValue('hub')
  const place = await Place.make()
  await place.envFile({ CLAWHUB_TOKEN: 'from the env file', FORGE_TOKEN: 'forge' })
  await place.secret('CLAWHUB_TOKEN', value)
  await place.secret('DEPLOY_KEY', 'two\nlines $HOME "quoted"')
  const { stdout, stderr } = await place.run(shell('echo "$CLAWHUB_TOKEN $FORGE_TOKEN"; echo "$DEPLOY_KEY"'))
  expect(stdout).toBe(`${value} forge\ntwo\nlines $HOME "quoted"`)
  expect(stderr).toMatch(/^disinto: 3 secrets: .*CLAWHUB_TOKEN/)
  expect(stderr).not.toContain(value)
})

test('with nothing to decrypt the command runs all the same', async () => {
  const place = await Place.make()
  const { stdout, exitCode } = await place.run(shell('echo "$GIVEN"'), ['--env', 'GIVEN=as it was'])
  expect({ stdout, exitCode }).toEqual({ stdout: 'as it was', exitCode: 0 })
})

test('the command is process 1, and no other is left', async () => {
  const place = await (await Place.make()).secret('TOKEN', 'value')
  const script = 'echo "$$"; tr "\\0" " " </proc/1/cmdline; echo; echo /proc/[0-9]*'
  const { stdout } = await place.run(shell(script))
  expect(stdout.split('\n').map((line) => line.trim())).toEqual([
    '1',
    expect.stringMatching(/^sh -c /),
    '/proc/1',
  ])
})

test('the command is the agent, with its group and its home, and has no capability', async () => {
  const place = await (await Place.make()).secret('TOKEN', 'value')
  const script =
    'id; echo "$HOME"; pwd; touch here && echo writable; grep -E "Cap(Prm|Eff|Inh|Amb)" /proc/self/status'
  const { stdout } = await place.run(shell(script))
  expect(stdout.split('\n')).toEqual([
    'uid=1000(agent) gid=1000(agent) groups=1000(agent)',
    '/home/agent',
    '/home/agent/work',
    'writable',
    'CapInh:\t0000000000000000',
    'CapPrm:\t0000000000000000',
    'CapEff:\t0000000000000000',
    'CapAmb:\t0000000000000000',
  ])
})

test('words reach the command as they are', async () => {
  const place = await Place.make()
  const words = ['a b', '', '$HOME', "it's", '"quoted"', '\\n', '--', '-u', '#x']
  const { stdout } = await place.run(['printf', '[%s]', ...words])
  expect(stdout).toBe(words.map((word) => `[${word}]`).join(''))
})

test('without a command it is a shell', async () => {
  const place = await (await Place.make()).secret('TOKEN', 'value')
  const { stdout } = await place.run([], ['--interactive'], 'echo "$0 $TOKEN"\n')
  expect(stdout).toMatch(/bash value$/)
})

test('the command’s exit status is the container’s', async () => {
  const { exitCode } = await (await Place.make()).run(shell('exit 42'))
  expect(exitCode).toBe(42)
})

test('the host command is there, and says its version', async () => {
  const { stdout, exitCode } = await (await Place.make()).run(['disinto', '--version'])
  expect(stdout).toMatch(/\d+\.\d+\.\d+/)
  expect(exitCode).toBe(0)
})

test('sops, age and git are there', async () => {
  const script = 'sops --version --disable-version-check; age --version; age-keygen --version; git --version'
  const { stdout } = await (await Place.make()).run(shell(script))
  expect(stdout).toMatch(/^sops 3\.\d+\.\d+.*\nv1\.\d+\.\d+\nv1\.\d+\.\d+\ngit version/)
})
