import { once } from 'node:events'
import { mkdir, readFile, rename, rm, symlink } from 'node:fs/promises'
import { expect, test } from 'vitest'
import { DISINTO } from '../helpers/parts.ts'
import { docker, freshValue, must, run, until, useImage } from '../image/image.ts'
import { asRoot, asUser, expectError, inMemory, proposalFor, Stack } from './stack.ts'

useImage()

interface Vault {
  readonly stack: Stack
  readonly hub: string
  readonly other: string
  readonly token: string
}

/** A project with .env.enc, two secrets, and a proposal p1 for one of them. */
async function makeVault(): Promise<Vault> {
  const stack = await Stack.make()
  const [hub, other, token] = [freshValue('hub'), freshValue('other'), freshValue('token')]
  await stack.envFile({ FORGE_TOKEN: token })
  await stack.secret('CLAWHUB_TOKEN', hub)
  await stack.secret('OTHER_TOKEN', other)
  await stack.proposal('p1', proposalFor('CLAWHUB_TOKEN'))
  return { stack, hub, other, token }
}

async function expectNothingLeft(stack: Stack): Promise<void> {
  expect(await stack.containers()).toEqual([])
  expect(await stack.networks()).toEqual([])
  // Other projects on this machine may have a run of their own just now.
  await until(async () => expect(await inMemory()).toEqual([]))
}

const shell = (script: string): string[] => ['vault-run', 'p1', '--', 'sh', '-c', script]

/** Waits for the run's container; its id. */
async function running(stack: Stack): Promise<string> {
  let id = ''
  await until(async () => {
    id = await stack.container()
    expect((await docker(['logs', id])).stdout).toContain('ready')
  })
  return id
}

test('the command gets the secret, the proposal, standard input, and its exit status comes back', async () => {
  const { stack, hub, token, other } = await makeVault()
  const script = 'id -un; env; cat "$DISINTO_PROPOSAL"; cat; echo on stderr >&2; exit 7'
  const result = await stack.run(shell(script), { input: 'from stdin' })
  expect(result.exitCode).toBe(7)
  expect(result.stdout).toMatch(/^agent\n/)
  expect(result.stdout).toContain(`CLAWHUB_TOKEN=${hub}`)
  expect(result.stdout).toContain('DISINTO_REQUIRE=CLAWHUB_TOKEN')
  expect(result.stdout).toContain(JSON.stringify(proposalFor('CLAWHUB_TOKEN')))
  expect(result.stdout).toContain('from stdin')
  expect(result.stderr).toContain('on stderr')
  for (const value of [token, other]) expect(result.stdout.includes(value)).toBe(false)
  await expectNothingLeft(stack)
})

test('each run is recorded, with names and never a value', async () => {
  const { stack, hub } = await makeVault()
  expect((await stack.run(shell('exit 3'))).exitCode).toBe(3)
  expect((await stack.run(shell('true'))).exitCode).toBe(0)
  const text = await stack.read('vault/runs.jsonl')
  const records = text
    .trimEnd()
    .split('\n')
    .map((line) => JSON.parse(line))
  expect(records.map(({ event, exitCode }) => [event, exitCode])).toEqual([
    ['start', undefined],
    ['end', 3],
    ['start', undefined],
    ['end', 0],
  ])
  expect(records[1]).toMatchObject({ id: 'p1', secrets: ['CLAWHUB_TOKEN'], run: records[0].run })
  expect(records[0].by).toBeTruthy()
  expect(new Date(records[1].endedAt).getTime()).toBeGreaterThanOrEqual(
    new Date(records[0].startedAt).getTime(),
  )
  expect(text.includes(hub)).toBe(false)
})

test('root in its container sees no other secret, no ciphertext of one, no operator key, no .env.enc', async () => {
  const { stack, hub, other, token } = await makeVault()
  const ciphertexts = await Promise.all(
    ['.env.enc', 'secrets/OTHER_TOKEN.enc', 'secrets/CLAWHUB_TOKEN.enc'].map(
      async (file) => /ENC\[AES256_GCM,data:[^,]+/.exec(await stack.read(file))?.[0] ?? 'none',
    ),
  )
  const operator = (await readFile(stack.keyFile(), 'utf8')).match(/AGE-SECRET-KEY-\S+/)?.[0] ?? 'none'
  const agents = (await readFile(stack.keyFile('agents'), 'utf8')).match(/AGE-SECRET-KEY-\S+/)?.[0] ?? 'none'
  const run = stack.start(shell('echo ready; exec sleep 1000'))
  const container = await running(stack)

  const files = await asRoot(
    container,
    "find / \\( -path /proc -o -path /usr \\) -prune -o \\( -name '*.enc' -o -name keys.txt \\) -print 2>/dev/null; true",
  )
  expect(new Set(files.split('\n'))).toEqual(
    new Set(['/etc/disinto/secrets/CLAWHUB_TOKEN.enc', '/home/agent/.config/sops/age/keys.txt']),
  )
  // What it must see, found by the same search as what it must not.
  const environ = (value: string) => `grep -laF '${value}' /proc/[0-9]*/environ; true`
  expect(await asUser('agent', container, environ(`CLAWHUB_TOKEN=${hub}`))).not.toBe('')
  for (const value of [other, token, operator, agents]) {
    for (const user of ['0', 'agent']) expect(await asUser(user, container, environ(value))).toBe('')
  }
  await stack.write('patterns', [other, token, operator, agents, ...ciphertexts].join('\n'))
  await must('docker', ['cp', stack.path('patterns'), `${container}:/patterns`])
  const search =
    'grep -rlF -f /patterns / --exclude=patterns --exclude-dir=proc --exclude-dir=sys --exclude-dir=dev 2>/dev/null; true'
  expect(await asRoot(container, search)).toBe('')
  const mounts = await asRoot(container, 'cat /proc/mounts')
  expect(mounts).not.toContain(stack.directory)
  expect(new Set(mounts.match(/ \/(?:etc\/disinto|home)\/\S+ /g))).toEqual(
    new Set([' /etc/disinto/proposal.json ', ' /etc/disinto/secrets ', ' /home/agent/.config/sops/age ']),
  )
  expect(
    mounts.split('\n').filter((line) => / \/(?:etc\/disinto|home)\//.test(line) && !/ ro,/.test(line)),
  ).toEqual([])
  const told = await must('docker', ['inspect', container])
  for (const value of [hub, other, token, operator]) expect(told.includes(value)).toBe(false)

  run.kill('SIGTERM')
  expect((await run).exitCode).toBe(143)
  await expectNothingLeft(stack)
})

test.for(['SIGINT', 'SIGTERM', 'SIGHUP', 'SIGUSR1'] as const)(
  '%s reaches the command, whose exit status comes back',
  async (signal) => {
    const { stack } = await makeVault()
    const name = signal.slice(3)
    const run = stack.start(
      shell(`trap 'echo got ${name}; exit 9' ${name}; echo ready; while :; do sleep 0.1; done`),
    )
    await running(stack)
    run.kill(signal)
    const { exitCode, stdout } = await run
    expect(stdout).toContain(`got ${name}`)
    expect(exitCode).toBe(9)
    await expectNothingLeft(stack)
  },
)

test('on a terminal, Ctrl-C is the command’s', async () => {
  const { stack } = await makeVault()
  const script = 'trap "echo got it; exit 9" INT; echo ready; while :; do sleep 0.1; done'
  await stack.write('command', script)
  const line = `'${process.execPath}' '${DISINTO}' vault-run p1 -- sh -c "$(cat command)"`
  // Types Ctrl-C once the command says that it is ready.
  const typist = `exec 3<>in; script --quiet --return --flush --command '${line.replaceAll("'", "'\\''")}' out <in & while ! grep -q ready out; do sleep 0.1; done; printf '\\003' >&3; wait $!`
  await must('mkfifo', [stack.path('in')])
  const result = await run('bash', ['-c', typist], { cwd: stack.directory, env: stack.environment() })
  expect(result.exitCode).toBe(9)
  expect(await stack.read('out')).toContain('got it')
  await expectNothingLeft(stack)
})

test('Ctrl-C at each step leaves nothing', async () => {
  const { stack } = await makeVault()
  for (let delay = 60; delay < 1500; delay += 60) {
    const run = stack.start(shell('exec sleep 1000'))
    await new Promise((resolve) => setTimeout(resolve, delay))
    run.kill('SIGINT')
    const { exitCode, signal } = await run
    expect([130, undefined], `after ${delay} ms`).toContain(exitCode)
    expect([undefined, 'SIGINT']).toContain(signal)
    await expectNothingLeft(stack)
  }
})

test('what a killed run leaves is removed by the next, and what a living one has is not', async () => {
  const { stack } = await makeVault()
  const killed = stack.start(shell('echo ready; exec sleep 1000'))
  const left = await running(stack)
  // Its end, not that of its streams: compose, which goes on, has those.
  const gone = once(killed, 'exit')
  killed.kill('SIGKILL')
  await gone
  await until(async () => expect(await inMemory()).toHaveLength(1))

  const living = stack.start(shell('echo second; exec sleep 1000'))
  let container = ''
  await until(async () => {
    container = await stack.container()
    expect(container).not.toBe(left)
    expect((await docker(['logs', container])).stdout).toContain('second')
  })
  await until(async () => expect(await inMemory()).toHaveLength(1))
  expect((await stack.run(shell('true'))).exitCode).toBe(0)
  expect(await stack.containers()).toEqual([container])
  living.kill('SIGTERM')
  expect((await living).exitCode).toBe(143)
  await expectNothingLeft(stack)
})

test('--dry-run says what would be mounted, and starts nothing', async () => {
  const { stack, hub } = await makeVault()
  const { stdout } = await stack.must('vault-run', 'p1', '--dry-run')
  expect(stdout).toContain('secrets/CLAWHUB_TOKEN.enc -> /etc/disinto/secrets/CLAWHUB_TOKEN.enc')
  expect(stdout).toContain('vault/approved/p1.json -> /etc/disinto/proposal.json')
  expect(stdout.includes(hub)).toBe(false)
  expect(stack.exists('vault/runs.jsonl')).toBe(false)
  await expectNothingLeft(stack)
})

const BAD: ReadonlyArray<readonly [what: string, content: unknown, message: RegExp]> = [
  ['that is not JSON', '{"type": ', /bad\.json: is not JSON/],
  ['that is a list', [], /bad\.json: must be an object/],
  ['without secrets', { type: 'x', source: 'y', payload: {} }, /bad\.json: "secrets" is missing/],
  ['with an empty list of secrets', proposalFor(), /"secrets" must name at least one/],
  ['with a secret that is a number', { ...proposalFor(), secrets: [1] }, /"secrets" must be a list of names/],
  ['without a type', { ...proposalFor('CLAWHUB_TOKEN'), type: '' }, /"type" must be text/],
  ['with a secret that we don’t have', proposalFor('CLAWHUB_TOKN'), /not in secrets\/: CLAWHUB_TOKN/],
  ['with a secret of .env.enc', proposalFor('FORGE_TOKEN'), /not in secrets\/: FORGE_TOKEN/],
  ['with a name that is a path', proposalFor('../secrets/CLAWHUB_TOKEN'), /is not a variable name/],
  ['with a secret twice', proposalFor('CLAWHUB_TOKEN', 'CLAWHUB_TOKEN'), /asks for CLAWHUB_TOKEN twice/],
  ['with a name that needs --allow', proposalFor('LD_PRELOAD'), /LD_PRELOAD is refused/],
  [
    'with a key twice',
    '{"type":"x","source":"y","payload":{},"secrets":["CLAWHUB_TOKEN"],"secrets":["OTHER_TOKEN"]}',
    /has the key "secrets" twice/,
  ],
]

test('a bad proposal starts nothing, and the message says what is wrong with it', async () => {
  const { stack } = await makeVault()
  for (const [, content, message] of BAD) {
    await stack.proposal('bad', content)
    expectError(await stack.run(['vault-run', 'bad']), message)
  }
  expectError(await stack.run(['vault-run', 'nothing']), /nothing\.json: does not exist/)
  expectError(await stack.run(['vault-run', '../approved/p1']), /is not the ID of a proposal/, 2)
  expect((await stack.run(['vault-run'])).exitCode).toBe(2)
  expect(stack.exists('vault/runs.jsonl')).toBe(false)
  await expectNothingLeft(stack)
})

test('links on the way to a proposal are not followed', async () => {
  const { stack } = await makeVault()
  await stack.write('elsewhere.json', JSON.stringify(proposalFor('CLAWHUB_TOKEN')))
  await symlink('../../elsewhere.json', stack.path('vault/approved/link.json'))
  expectError(await stack.run(['vault-run', 'link']), /link\.json: is a link/)
  await rename(stack.path('vault/approved'), stack.path('vault/real'))
  await symlink('real', stack.path('vault/approved'))
  expectError(await stack.run(['vault-run', 'p1']), /vault\/approved: is a link/)
})

test('a secret file that can’t be opened starts nothing', async () => {
  const { stack } = await makeVault()
  await stack.write(
    'secrets/CLAWHUB_TOKEN.enc',
    (await stack.read('secrets/CLAWHUB_TOKEN.enc')).replace(/data:../, 'data:AA'),
  )
  expectError(await stack.run(shell('true')), /CLAWHUB_TOKEN\.enc: was changed/)
  await rm(stack.keyFile())
  expectError(await stack.run(shell('true')), /CLAWHUB_TOKEN\.enc: no age identity/)
  await expectNothingLeft(stack)
})

test('without a vault-runner nothing starts', async () => {
  const { stack } = await makeVault()
  await stack.write('docker-compose.yml', 'services: {agents: {image: x}}\n')
  expectError(await stack.run(shell('true')), /no service vault-runner/)
  await expectNothingLeft(stack)
})

test('without a memory file system, or with one that is full, nothing starts', async () => {
  const { stack } = await makeVault()
  const inside = (mount: string) => ['unshare', '--mount', 'sh', '-c', `${mount} && exec "$@"`, 'sh']
  const full = inside('mount -t tmpfs -o size=8k tmpfs /dev/shm')
  expectError(await stack.run(shell('true'), { through: full }), /can't be written \(ENOSPC\)/)
  await mkdir(stack.path('disk'))
  const none = inside(`mount --bind ${stack.path('disk')} /dev/shm`)
  expectError(await stack.run(shell('true'), { through: none }), /no tmpfs/)
  await expectNothingLeft(stack)
})

test('no run goes unrecorded', async () => {
  const { stack } = await makeVault()
  await mkdir(stack.path('vault/runs.jsonl'))
  expectError(await stack.run(shell('true')), /runs\.jsonl: can't be written/)
  await expectNothingLeft(stack)
})

test('runs side by side do not touch each other', async () => {
  const { stack, hub, other } = await makeVault()
  await stack.proposal('p2', proposalFor('OTHER_TOKEN'))
  const script = 'sleep 1; echo "$CLAWHUB_TOKEN/$OTHER_TOKEN"'
  const [one, two] = await Promise.all(
    ['p1', 'p2'].map((id) => stack.run(['vault-run', id, '--', 'sh', '-c', script])),
  )
  expect(one).toMatchObject({ exitCode: 0, stdout: `${hub}/` })
  expect(two).toMatchObject({ exitCode: 0, stdout: `/${other}` })
  await expectNothingLeft(stack)
})

test('a run leaves the stack that is up alone', async () => {
  const { stack } = await makeVault()
  await stack.must('up')
  const container = await stack.container()
  expect((await stack.run(shell('true'))).exitCode).toBe(0)
  expect(await stack.containers()).toEqual([container])
  expect(await must('docker', ['inspect', '--format', '{{.State.Running}}', container])).toBe('true')
})
