/** Approvals, on a real engine: what runs, how often, and what is known of it afterwards. */
import { once } from 'node:events'
import { mkdir, readFile, rm, writeFile } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { expect, test } from 'vitest'
import { docker, freshValue, must, until, useImage } from '../image/image.ts'
import { expectError, inMemory, proposalFor, Stack } from './stack.ts'

useImage()

interface Vault {
  readonly stack: Stack
  readonly hub: string
  readonly key: string
}

/** A project with a secret, and one key that may approve. */
async function makeVault(): Promise<Vault> {
  const stack = await Stack.make()
  const hub = freshValue('hub')
  await stack.secret('CLAWHUB_TOKEN', hub)
  const key = join(stack.home, 'id')
  await must('ssh-keygen', ['-q', '-t', 'ed25519', '-N', '', '-C', 'me', '-f', key])
  const signers = join(dirname(stack.keyFile()), stack.name, 'allowed_signers')
  await mkdir(dirname(signers), { recursive: true })
  await writeFile(signers, `me@example.org ${await readFile(`${key}.pub`, 'utf8')}`)
  return { stack, hub, key }
}

async function approve(
  { stack, key }: Vault,
  id: string,
  command: readonly string[] = [],
  more: string[] = [],
) {
  const rest = command.length === 0 ? [] : ['--', ...command]
  return stack.must('approve', id, '--signing-key', key, ...more, ...rest)
}

async function propose(vault: Vault, id: string, command: readonly string[], more: object = {}) {
  await vault.stack.proposal(id, { ...proposalFor('CLAWHUB_TOKEN'), ...more })
  await approve(vault, id, command)
}

interface Line {
  readonly event: string
  readonly id: string
  readonly run: string
  readonly exitCode?: number | null
  readonly timedOut?: boolean
}

async function recorded(stack: Stack): Promise<Line[]> {
  if (!stack.exists('vault/runs.jsonl')) return []
  const text = await stack.read('vault/runs.jsonl')
  return text
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => JSON.parse(line))
}

const shell = (script: string) => ['sh', '-c', script]
const result = async (stack: Stack, id: string) =>
  JSON.parse(await stack.read(`vault/approved/${id}.json.result`))

test('what is not approved does not run; what is, runs with its command, once', async () => {
  const vault = await makeVault()
  const { stack, hub } = vault
  await stack.proposal('p1', proposalFor('CLAWHUB_TOKEN'))
  expectError(await stack.run(['vault-run', 'p1']), /is not approved/)
  await approve(vault, 'p1', shell('echo "$CLAWHUB_TOKEN"; exit 3'), ['--expires', '1h'])
  expectError(await stack.run(['vault-run', 'p1', '--', 'true']), /a different command/)
  const { exitCode, stdout, stderr } = await stack.run(['vault-run', 'p1'])
  expect({ exitCode, stdout }, stderr).toEqual({ exitCode: 3, stdout: hub })
  expect(stderr).not.toContain('warning')
  expectError(await stack.run(['vault-run', 'p1']), /has already run/)
  expectError(await stack.run(['approve', 'p1', '--signing-key', vault.key]), /has already run/)
  const lines = await recorded(stack)
  expect(lines.map(({ event, exitCode: code }) => [event, code])).toEqual([
    ['start', undefined],
    ['end', 3],
  ])
  expect(await stack.containers()).toEqual([])
})

test('an approval that has expired, of another signer or of another state of the proposal, runs nothing', async () => {
  const vault = await makeVault()
  const { stack } = vault
  await stack.proposal('p1', proposalFor('CLAWHUB_TOKEN'))
  await approve(vault, 'p1', shell('true'), ['--expires', '1s'])
  await new Promise((resolve) => setTimeout(resolve, 1100))
  expectError(await stack.run(['vault-run', 'p1']), /has expired/)
  await approve(vault, 'p1', shell('true'))
  const good = await stack.read('vault/approved/p1.json')
  await stack.write('vault/approved/p1.json', good.replace('agent-1', 'agent-2'))
  expectError(await stack.run(['vault-run', 'p1']), /has no approval in its present form/)
  await stack.write('vault/approved/p1.json', good)
  const other = join(stack.home, 'other')
  await must('ssh-keygen', ['-q', '-t', 'ed25519', '-N', '', '-f', other])
  await approve({ ...vault, key: other }, 'p1', shell('true'))
  expectError(await stack.run(['vault-run', 'p1']), /has no approval in its present form/)
  await must(
    'ssh-keygen',
    ['-q', '-Y', 'sign', '-n', 'git', '-f', vault.key, stack.path('vault/approved/p2.json')].map((word) =>
      word.replace('p2.json', 'p1.json'),
    ),
    { input: 'y\n' },
  )
  expectError(await stack.run(['vault-run', 'p1']), /has no approval in its present form/)
  expect(stack.exists('vault/runs.jsonl')).toBe(false)
})

test('of runs at once, one runs', async () => {
  const vault = await makeVault()
  const { stack } = vault
  await propose(vault, 'p1', shell('echo ran; sleep 1'))
  const all = await Promise.all([1, 2, 3].map(() => stack.run(['vault-run', 'p1'])))
  expect(
    all.filter(({ stdout }) => stdout === 'ran'),
    all.map(({ stderr }) => stderr).join(),
  ).toHaveLength(1)
  expect(all.map(({ exitCode }) => exitCode).sort()).toEqual([0, 1, 1])
  expect((await recorded(stack)).map(({ event }) => event)).toEqual(['start', 'end'])
  expect(await stack.containers()).toEqual([])
})

test('a run that was killed is on record as unknown, and is not repeated', async () => {
  const vault = await makeVault()
  const { stack } = vault
  await propose(vault, 'p1', shell('echo ready; exec sleep 1000'))
  const killed = stack.start(['vault-run', 'p1'])
  let left = ''
  await until(async () => {
    left = await stack.container()
    expect((await docker(['logs', left])).stdout).toContain('ready')
  })
  const gone = once(killed, 'exit')
  killed.kill('SIGKILL')
  await gone
  expectError(await stack.run(['vault-run', 'p1']), /has already run/)
  expect((await recorded(stack)).map(({ event }) => event)).toEqual(['start'])
  const { stdout } = await stack.must('approve', '--list')
  expect(stdout).toMatch(/^spent +p1: .*\n.*its outcome is unknown/)
  // What it has left goes with the next run of anything.
  await propose(vault, 'p2', shell('true'))
  expect((await stack.run(['vault-run', 'p2'])).exitCode).toBe(0)
  expect(await stack.containers()).toEqual([])
})

test('approve --list tells what waits, what is valid, what is spent, and what each would get', async () => {
  const vault = await makeVault()
  const { stack } = vault
  await propose(vault, 'spent', shell('true'))
  expect((await stack.run(['vault-run', 'spent'])).exitCode).toBe(0)
  await propose(vault, 'valid', ['./publish.sh'], { files: ['CLAWHUB_TOKEN'], timeout_minutes: 5 })
  await stack.proposal('waits', proposalFor('CLAWHUB_TOKEN'))
  await stack.proposal('wrong', '{')
  const list = JSON.parse((await stack.must('approve', '--list', '--json')).stdout)
  expect(list.map(({ id, state }: { id: string; state: string }) => [id, state])).toEqual([
    ['spent', 'spent'],
    ['valid', 'valid'],
    ['waits', 'waits'],
    ['wrong', 'wrong'],
  ])
  expect(list[1]).toMatchObject({ command: ['./publish.sh'], files: ['CLAWHUB_TOKEN'], minutes: 5 })
  const { stdout } = await stack.must('approve', '--list')
  expect(stdout).toContain(
    'valid      valid: CLAWHUB_TOKEN (as a file); command ["./publish.sh"]; 5 minutes at most',
  )
  expect(stdout).toMatch(/^spent +spent: .*\n.*ended with 0/m)
})

test('--pending runs all that is approved and not spent, once, and leaves a result beside each', async () => {
  const vault = await makeVault()
  const { stack, hub } = vault
  const script = 'echo "$CLAWHUB_TOKEN" "$(printf %s "$CLAWHUB_TOKEN" | base64 -w0)"; echo on stderr >&2'
  await propose(vault, 'p1', shell(script))
  await propose(vault, 'p2', shell('cat; exit 4'))
  await propose(vault, 'p3', shell('cat "$CLAWHUB_TOKEN_FILE"; test -z "$CLAWHUB_TOKEN"'), {
    files: ['CLAWHUB_TOKEN'],
  })
  await stack.proposal('waits', proposalFor('CLAWHUB_TOKEN'))
  const first = await stack.run(['vault-run', '--pending', '--jobs', '3'])
  expect(first.exitCode, first.stderr).toBe(1)
  for (const line of ['p1: ended with 0', 'p2: ended with 4', 'p3: ended with 0'])
    expect(first.stderr).toContain(line)
  expect(first.stdout).toBe('')
  const p1 = await result(stack, 'p1')
  expect(p1).toMatchObject({ id: 'p1', exitCode: 0 })
  expect(new Set(p1.lines)).toEqual(
    new Set(['[CLAWHUB_TOKEN] [CLAWHUB_TOKEN]', 'disinto: 1 secret: CLAWHUB_TOKEN', 'on stderr']),
  )
  expect((await result(stack, 'p3')).lines).toContain('[CLAWHUB_TOKEN]')
  for (const id of ['p1', 'p2', 'p3'])
    expect((await stack.read(`vault/approved/${id}.json.result`)).includes(hub)).toBe(false)
  expect(stack.exists('vault/approved/waits.json.result')).toBe(false)
  const second = await stack.run(['vault-run', '--pending'])
  expect(second).toMatchObject({ exitCode: 0, stderr: '' })
  for (const id of ['p1', 'p2', 'p3'])
    expect((await recorded(stack)).filter((line) => line.id === id)).toHaveLength(2)
  expect(await stack.containers()).toEqual([])
  expect(await inMemory()).toEqual([])
})

test('--watch runs actions as they are approved, and ends with those that run', async () => {
  const vault = await makeVault()
  const { stack } = vault
  const watch = stack.start(['vault-run', '--watch'])
  await propose(vault, 'p1', shell('true'))
  await until(async () => expect((await result(stack, 'p1')).exitCode).toBe(0))
  await propose(vault, 'p2', shell('trap "exit 9" TERM; echo ready; while :; do sleep 0.1; done'))
  await until(async () => {
    expect((await docker(['logs', await stack.container()])).stdout).toContain('ready')
  })
  watch.kill('SIGTERM')
  expect((await watch).exitCode).toBe(143)
  expect((await result(stack, 'p2')).exitCode).toBe(9)
  expect(await stack.containers()).toEqual([])
  expect(await inMemory()).toEqual([])
})

test('without approvals --pending runs each action once all the same', async () => {
  const vault = await makeVault()
  const { stack } = vault
  await rm(join(dirname(stack.keyFile()), stack.name, 'allowed_signers'))
  await stack.write(
    'vault/actions/release.toml',
    'id = "release"\nformula = "x"\ncontext = "y"\nsecrets = ["CLAWHUB_TOKEN"]\n',
  )
  const both = await Promise.all([1, 2].map(() => stack.run(['vault-run', '--pending'])))
  expect((await recorded(stack)).filter(({ event }) => event === 'start')).toHaveLength(1)
  // The service of disinto init says that there is no command.
  expect(both.map(({ exitCode }) => exitCode).sort()).toEqual([0, 1])
  expect(JSON.parse(await stack.read('vault/actions/release.toml.result'))).toMatchObject({ exitCode: 64 })
})

test('an action whose time is up is ended', async () => {
  const vault = await makeVault()
  const { stack } = vault
  await propose(vault, 'p1', shell('trap "echo told; exit 7" TERM; while :; do sleep 0.1; done'), {
    timeout_minutes: 0.1,
  })
  const { exitCode, stdout } = await stack.run(['vault-run', 'p1'])
  expect({ exitCode, stdout }).toEqual({ exitCode: 7, stdout: 'told' })
  expect((await recorded(stack)).at(-1)).toMatchObject({ timedOut: true, exitCode: 7 })
})
