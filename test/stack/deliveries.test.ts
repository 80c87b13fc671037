/** Images of others that get secrets as files in memory: a real PostgreSQL, and an image without a shell. */
import { randomBytes } from 'node:crypto'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { beforeAll, expect, onTestFinished, test } from 'vitest'
import { build, docker, freshValue, must, until, useImage } from '../image/image.ts'
import { asRoot, expectError, holding, Stack } from './stack.ts'

useImage()

const POSTGRES = 'disinto-test-postgres:1'
const NO_SHELL = 'disinto-test-noshell:1'

/** Debian's PostgreSQL, which makes its cluster with the password of a file, as the official image does. */
const POSTGRES_FILES = {
  'Dockerfile.agent': `FROM debian:bookworm-slim
RUN groupadd --gid 999 postgres && useradd --uid 999 --gid 999 --home /var/lib/postgresql postgres
RUN apt-get update && apt-get install --yes --no-install-recommends postgresql && rm -rf /var/lib/apt/lists/*
COPY --chmod=755 start /start
ENTRYPOINT ["/start"]
`,
  start: `#!/bin/sh
set -eu
PATH=$PATH:$(echo /usr/lib/postgresql/*/bin)
install -d -o postgres -m 700 /data
if [ ! -s /data/PG_VERSION ]; then
  setpriv --reuid 999 --regid 999 --clear-groups initdb -D /data --auth=scram-sha-256 --username=ci --pwfile="$POSTGRES_PASSWORD_FILE" >/dev/null
fi
exec setpriv --reuid 999 --regid 999 --clear-groups postgres -D /data -c unix_socket_directories=/tmp
`,
}

/** A program by itself: prints mode, owner and size of what is mounted, and whether it can be written to; then waits. */
const NO_SHELL_FILES = {
  'Dockerfile.agent': `FROM golang:1.26-bookworm AS build
COPY main.go /src/main.go
RUN CGO_ENABLED=0 go build -o /program /src/main.go
FROM scratch
COPY --from=build /program /program
USER 70:70
ENTRYPOINT ["/program"]
`,
  'main.go': `package main
import ("crypto/sha256"; "fmt"; "os"; "syscall"; "time")
func main() {
	entries, _ := os.ReadDir("/run/secrets")
	for _, entry := range entries {
		path := "/run/secrets/" + entry.Name()
		var stat syscall.Stat_t
		syscall.Stat(path, &stat)
		text, err := os.ReadFile(path)
		fmt.Printf("%s %o %d:%d %x %t\\n", entry.Name(), stat.Mode & 0o7777, stat.Uid, stat.Gid, sha256.Sum256(text), err == nil)
	}
	fmt.Println("writable", os.WriteFile("/run/secrets/x", nil, 0o600) == nil)
	time.Sleep(time.Hour)
}
`,
}

async function make(tag: string, files: Readonly<Record<string, string>>): Promise<void> {
  const directory = await mkdtemp(join(tmpdir(), 'disinto-image-'))
  for (const [name, text] of Object.entries(files)) await writeFile(join(directory, name), text)
  await build(tag, directory)
  await rm(directory, { recursive: true })
}

beforeAll(async () => {
  await make(POSTGRES, POSTGRES_FILES)
  await make(NO_SHELL, NO_SHELL_FILES)
}, 1_800_000)

const stackOf = (secrets: string) =>
  `x-disinto: {image: "\${AGENT_IMAGE}"}\nservices:\n  db:\n    image: ${POSTGRES}\n    environment: {POSTGRES_PASSWORD_FILE: /run/secrets/db_password}\n    volumes: ["data:/data"]\n    x-disinto: {secrets: ${secrets}}\nvolumes: {data: {}}\n`

async function makeStack(file: string): Promise<Stack> {
  const stack = await Stack.make()
  await stack.write('docker-compose.yml', file)
  onTestFinished(async () => {
    await stack.run(['down', '--volumes', '--timeout', '0'])
  })
  return stack
}

/** Whether PostgreSQL takes a password. */
async function logsIn(stack: Stack, password: string): Promise<boolean> {
  const { exitCode } = await docker([
    'exec',
    '--env',
    `PGPASSWORD=${password}`,
    `${stack.name}-db-1`,
    'psql',
    '--host=127.0.0.1',
    '--username=ci',
    '--dbname=postgres',
    '--command=select 1',
  ])
  return exitCode === 0
}

/** What the engine shows and keeps of a container: inspect, export, and an image that is made of it. */
async function keptOf(container: string, value: string): Promise<string[]> {
  const found: string[] = []
  if ((await must('docker', ['inspect', container])).includes(value)) found.push('inspect')
  const image = `disinto-test-commit-${randomBytes(6).toString('hex')}`
  await must('docker', ['commit', container, image])
  for (const words of [
    ['export', container],
    ['save', image],
  ]) {
    const count = await must('sh', ['-c', `docker "$@" | grep -aFc '${value}' || true`, 'sh', ...words])
    if (count.trim() !== '0') found.push(words[0] ?? '')
  }
  await must('docker', ['image', 'rm', image])
  return found
}

test('PostgreSQL takes its password from a file in memory, and no disk of the engine ever has it', async () => {
  const stack = await makeStack(
    stackOf('{db_password: {source: DB_PASSWORD, mode: "0400", uid: 999, gid: 999}}'),
  )
  const since = join(stack.home, 'since')
  await writeFile(since, '')
  const password = freshValue('password')
  await stack.secret('DB_PASSWORD', password)
  const refused = await stack.run(['up'])
  expectError(refused, /db: x-disinto: secrets: asks for DB_PASSWORD, which it was not granted/)
  expect(refused.stderr).toContain('disinto secrets grant db DB_PASSWORD')
  await stack.must('secrets', 'grant', 'db', 'DB_PASSWORD')
  await stack.must('up')
  await until(async () => expect(await logsIn(stack, password)).toBe(true))
  expect(await logsIn(stack, 'another')).toBe(false)
  const db = `${stack.name}-db-1`
  const writer = `${stack.name}-db-secrets-1`
  const facts = await asRoot(
    db,
    'stat -c "%a %u:%g" /run/secrets/db_password; stat -f -c %T /run/secrets; ls -A /run/secrets',
  )
  expect(facts.trim().split('\n')).toEqual(['400 999:999', 'tmpfs', 'db_password'])
  // Neither has what the other is for.
  expect((await asRoot(db, 'ls -A /etc/disinto /home/agent 2>/dev/null; true')).trim()).toBe('')
  expect((await must('docker', ['inspect', '--format', '{{.HostConfig.NetworkMode}}', writer])).trim()).toBe(
    'none',
  )
  for (const container of [db, writer]) expect(await keptOf(container, password), container).toEqual([])
  expect(await holding(password, since)).toEqual([])
  const { stdout } = await stack.run(['doctor', '--json'])
  const { findings } = JSON.parse(stdout) as { findings: Array<{ code: string; severity: string }> }
  expect(findings.filter(({ severity }) => severity === 'error')).toEqual([])

  // Killed, it comes again and writes them again; the engine has nothing of it on its disk.
  await must('docker', ['kill', writer])
  await must('docker', ['start', writer])
  await until(async () =>
    expect(await must('docker', ['inspect', '--format', '{{.State.Health.Status}}', writer])).toContain(
      'healthy',
    ),
  )
  await until(async () => expect((await asRoot(db, 'cat /run/secrets/db_password')) === password).toBe(true))
  await must('docker', ['restart', '--time', '0', db])
  await until(async () => expect(await logsIn(stack, password)).toBe(true))
  expect(await holding(password, since)).toEqual([])

  // A new value is in the file after the next up.
  const next = freshValue('next')
  await stack.secret('DB_PASSWORD', next)
  await stack.must('up')
  await until(async () => expect((await asRoot(db, 'cat /run/secrets/db_password')) === next).toBe(true))
  // The search finds what a disk does have.
  await asRoot(db, 'cp /run/secrets/db_password /copy')
  expect((await holding(next, since)).length).toBeGreaterThan(0)
  expect(await keptOf(db, next)).toEqual(['export', 'save'])
  await asRoot(db, 'rm /copy')

  // Stopped, it gives them up, and `stop` and `down` reach it, too.
  await must('docker', ['stop', writer])
  expect((await asRoot(db, 'ls -A /run/secrets')).trim()).toBe('')
  expect(await holding(next, since)).toEqual([])
  await stack.must('down', '--timeout', '0')
  expect(await stack.containers()).toEqual([])
})

test('an image without a shell has its files before it starts, as mode and owner were asked for, read-only', async () => {
  const value = freshValue('value')
  const stack = await makeStack(
    `x-disinto: {image: "\${AGENT_IMAGE}"}\nservices:\n  app:\n    image: ${NO_SHELL}\n    x-disinto:\n      secrets:\n        token: APP_TOKEN\n        private: {source: APP_TOKEN, mode: "0400", uid: 70}\n        other: {source: OTHER, mode: "0400"}\n`,
  )
  await stack.secret('APP_TOKEN', freshValue('all'))
  await stack.secret('OTHER', `${value}\nof two lines`)
  const own = await stack.run(['secrets', 'add', 'APP_TOKEN', '--for', 'app'], { input: value })
  expect(own.exitCode, own.stderr).toBe(0)
  await stack.must('secrets', 'grant', 'app', 'OTHER')
  await stack.must('up')
  let lines: string[] = []
  await until(async () => {
    lines = (await must('docker', ['logs', `${stack.name}-app-1`])).split('\n').filter((line) => line !== '')
    expect(lines).toHaveLength(4)
  })
  const digest = (await must('sha256sum', ['-'], { input: value })).split(' ')[0]
  expect(lines.slice(1)).toEqual([
    `private 400 70:0 ${digest} true`,
    `token 444 0:0 ${digest} true`,
    'writable false',
  ])
  // Root's, with 0400: not for this user.
  expect(lines[0]).toMatch(/^other 400 0:0 \w+ false$/)
  await stack.must('down', '--timeout', '0')
  expect(await stack.containers()).toEqual([])
})

interface State {
  readonly StartedAt: string
  readonly Health?: { readonly Log: ReadonlyArray<{ readonly End: string; readonly ExitCode: number }> }
}

async function stateOf(container: string): Promise<State> {
  return JSON.parse(await must('docker', ['inspect', '--format', '{{json .State}}', container]))
}

test.each([
  ['with a new value', freshValue('new')],
  ['with nothing changed', undefined],
])('restart %s starts it when the files are there', async (_, changed) => {
  const stack = await makeStack(
    `x-disinto: {image: "\${AGENT_IMAGE}"}\nservices:\n  app:\n    image: ${NO_SHELL}\n    x-disinto: {secrets: {token: APP_TOKEN}}\n`,
  )
  const first = freshValue('first')
  await stack.secret('APP_TOKEN', first)
  await stack.must('secrets', 'grant', 'app', 'APP_TOKEN')
  await stack.must('up')
  const [app, writer] = [`${stack.name}-app-1`, `${stack.name}-app-secrets-1`]
  const before = await stateOf(app)
  if (changed !== undefined) await stack.secret('APP_TOKEN', changed)
  // The time to end, in which the writer gives them up.
  await stack.must('restart', '--timeout', '5')
  const after = await stateOf(app)
  expect(after.StartedAt).not.toBe(before.StartedAt)
  const { StartedAt, Health } = await stateOf(writer)
  const dates = (Health?.Log ?? []).filter(({ ExitCode }) => ExitCode === 0).map(({ End }) => new Date(End))
  const healthy = dates.find((date) => date > new Date(StartedAt))
  expect(healthy?.getTime()).toBeLessThan(new Date(after.StartedAt).getTime())
  const digest = (await must('sha256sum', ['-'], { input: changed ?? first })).split(' ')[0]
  await until(async () => {
    const lines = (await must('docker', ['logs', app])).trim().split('\n')
    expect(lines).toHaveLength(changed === undefined ? 4 : 2)
    expect(lines.slice(-2)).toEqual([`token 444 0:0 ${digest} true`, 'writable false'])
  })
})
