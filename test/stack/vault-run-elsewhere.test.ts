/** An engine that does not see our files: on another machine, or in a virtual one. */
import { expect, test } from 'vitest'
import { docker, freshValue, must, until, useImage } from '../image/image.ts'
import { asRoot, expectError, inMemory, proposalFor, Stack } from './stack.ts'

useImage()

/** A /dev/shm of our own: the engine looks at another, as one in a virtual machine does. */
const APART = ['unshare', '--mount', 'sh', '-c', 'mount -t tmpfs tmpfs /dev/shm && exec "$@"', 'sh']

async function makeVault() {
  const stack = await Stack.make()
  const hub = freshValue('hub')
  await stack.secret('CLAWHUB_TOKEN', hub)
  await stack.proposal('p1', proposalFor('CLAWHUB_TOKEN'))
  return { stack, hub }
}

const ours = async (kind: 'volume' | 'container') =>
  (
    await must('docker', [
      kind,
      'ls',
      ...(kind === 'container' ? ['--all'] : []),
      '--format',
      kind === 'volume' ? '{{.Name}}' : '{{.Names}}',
    ])
  )
    .split('\n')
    .filter((name) => /^disinto-run-/.test(name))

test('what it does not see is handed over through its connection, in memory, and is gone afterwards', async () => {
  const { stack, hub } = await makeVault()
  const script = 'echo "$CLAWHUB_TOKEN"; cat "$DISINTO_PROPOSAL"; cat /home/agent/.config/sops/age/keys.txt'
  const { exitCode, stdout, stderr } = await stack.run(['vault-run', 'p1', '--', 'sh', '-c', script], {
    through: APART,
  })
  expect(exitCode, stderr).toBe(1)
  expect(stdout).toContain(hub)
  expect(stdout).toContain(JSON.stringify(proposalFor('CLAWHUB_TOKEN')))
  // The guard holds there, too.
  expect(stderr).toContain('Permission denied')
  expect(await ours('volume')).toEqual([])
  expect(await ours('container')).toEqual([])
  expect(await stack.containers()).toEqual([])
})

test('its files are on tmpfs, read-only, and nothing of them is in the engine’s own directory', async () => {
  const { stack } = await makeVault()
  const run = stack.start(['vault-run', 'p1', '--', 'sh', '-c', 'echo ready; exec sleep 1000'], {
    through: APART,
  })
  let container = ''
  await until(async () => {
    container = await stack.container()
    expect((await docker(['logs', container])).stdout).toContain('ready')
  })
  const mounts = (await asRoot(container, 'cat /proc/mounts')).split('\n')
  for (const place of ['/home/agent/.config/sops/age', '/etc/disinto/secrets', '/etc/disinto/proposal'])
    expect(mounts.find((line) => line.includes(` ${place} `))).toMatch(/^tmpfs .* tmpfs ro,/)
  const key = await asRoot(container, 'grep -o "AGE-SECRET-KEY-1.*" /home/agent/.config/sops/age/keys.txt')
  expect(key).toMatch(/^AGE-SECRET-KEY-1/)
  const told = await must('docker', ['inspect', container])
  expect(told.includes(key)).toBe(false)
  const directory = await must('docker', ['info', '--format', '{{.DockerRootDir}}'])
  // Across no mount: those of the run are that tmpfs, and the root of a container that runs is its layers again.
  const search = `find "${directory}" -xdev -type f -mmin -15 -exec grep -lF -f - {} + | head -1`
  expect(
    await must(
      'sh',
      ['-c', `cat >/dev/shm/$$; ${search.replace('-f -', '-f /dev/shm/$$')}; rm /dev/shm/$$`],
      { input: key },
    ),
  ).toBe('')
  run.kill('SIGTERM')
  expect((await run).exitCode).toBe(143)
  expect(await ours('volume')).toEqual([])
})

test('over a connection in the clear nothing is handed over', async () => {
  const { stack } = await makeVault()
  const env = { DOCKER_HOST: 'tcp://192.0.2.1:2375' }
  expectError(await stack.run(['vault-run', 'p1'], { env }), /anyone in between could read/)
  expect(await inMemory()).toEqual([])
})
