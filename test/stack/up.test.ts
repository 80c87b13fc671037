import { chmod, mkdir, readFile, rm, stat, symlink, writeFile } from 'node:fs/promises'
import { expect, test } from 'vitest'
import { DISINTO } from '../helpers/parts.ts'
import { freshValue, must, run, scratch, until, useImage } from '../image/image.ts'
import { asRoot, environmentIn, Stack } from './stack.ts'

useImage()

const COMPOSE = (agents: string) => `services:
  agents:
    image: \${AGENT_IMAGE}
    init: true
    restart: unless-stopped
    command: ["sleep", "infinity"]
${agents}`

test('a project with plaintext goes up without any key, with one warning', async () => {
  const stack = await Stack.make()
  const value = freshValue('token')
  await stack.plain({ FORGE_TOKEN: value })
  const { stderr } = await stack.must('up')
  expect(stderr.match(/warning/g)).toHaveLength(1)
  expect(stderr).toContain('secrets in plaintext')
  expect(await environmentIn(await stack.container())).toContain(`FORGE_TOKEN=${value}`)
  expect(await rm(stack.keyFile()).catch(() => 'no operator key')).toBe('no operator key')
})

test('an env file that is a link out of the project is mounted nowhere: it may be a key', async () => {
  const stack = await Stack.make()
  const value = freshValue('other')
  const directory = await scratch()
  await writeFile(`${directory}/other`, `TOKEN=${value}\n`)
  await symlink(`${directory}/other`, stack.path('.env'))
  const { exitCode, stderr } = await stack.run(['up'])
  expect(exitCode).toBe(1)
  expect(stderr).toContain('leads out of the directory')
  expect(await stack.containers()).toEqual([])
})

test('a stack goes on across migrate: restart makes it anew with .env.enc', async () => {
  const stack = await Stack.make()
  const value = freshValue('token')
  await stack.plain({ FORGE_TOKEN: value })
  await stack.must('up')
  await stack.must('secrets', 'migrate')
  expect(stack.exists('.env')).toBe(false)
  await stack.must('restart', '--timeout', '0')
  const container = await stack.container()
  expect(await environmentIn(container)).toContain(`FORGE_TOKEN=${value}`)
  expect(await asRoot(container, 'ls -A /etc/disinto')).toBe('.env.enc')
  await stack.must('up')
  expect(await stack.container()).toBe(container)
})

test('docker restart and kill -9 of the container’s process bring the values back', async () => {
  const stack = await Stack.make()
  const value = freshValue('token')
  await stack.envFile({ FORGE_TOKEN: value })
  await stack.must('up')
  const container = await stack.container()
  const pidOf = async () => Number(await must('docker', ['inspect', '--format', '{{.State.Pid}}', container]))
  await must('docker', ['restart', '--time', '0', container])
  expect(await environmentIn(container)).toContain(`FORGE_TOKEN=${value}`)
  const before = await pidOf()
  await environmentIn(container)
  process.kill(before, 'SIGKILL')
  await until(async () => {
    const now = await pidOf()
    expect(now).not.toBe(before)
    expect(now).not.toBe(0)
  })
  expect(await environmentIn(container)).toContain(`FORGE_TOKEN=${value}`)
})

test('up makes a running container anew when .env.enc has changed, and only then', async () => {
  const stack = await Stack.make()
  const values = [freshValue('one'), freshValue('two')]
  await stack.envFile({ FORGE_TOKEN: values[0] ?? '' })
  await stack.must('up')
  const first = await stack.container()
  await stack.must('up')
  expect(await stack.container()).toBe(first)
  await stack.envFile({ FORGE_TOKEN: values[1] ?? '' })
  await stack.must('up')
  const second = await stack.container()
  expect(second).not.toBe(first)
  expect(await environmentIn(second)).toContain(`FORGE_TOKEN=${values[1]}`)
})

test('docker inspect shows no value of a stack that init wrote', async () => {
  const stack = await Stack.make()
  const value = freshValue('token')
  await stack.envFile({ FORGE_TOKEN: value })
  await stack.must('up')
  const container = await stack.container()
  await environmentIn(container)
  const told = [
    await must('docker', ['inspect', container]),
    await must('docker', ['top', container]),
    await must('docker', ['logs', container]),
    (await stack.must('logs')).stdout,
    (await stack.must('status', '--format', 'json')).stdout,
  ].join('\n')
  expect(told).toContain(container)
  expect(told.includes(value)).toBe(false)
})

test('compose gets the variables that its file refers to, and no other', async () => {
  const stack = await Stack.make()
  const [wanted, unwanted] = [freshValue('wanted'), freshValue('unwanted')]
  await stack.envFile({ FORGE_URL: wanted, FORGE_TOKEN: unwanted })
  await stack.write('docker-compose.yml', COMPOSE(`    labels:\n      url: \${FORGE_URL}\n`))
  // A docker that notes its environment before it is docker.
  await mkdir(stack.path('bin'))
  const real = await must('sh', ['-c', 'command -v docker'])
  await stack.write('bin/docker', `#!/bin/sh\nenv >>${stack.path('environment')}\nexec ${real} "$@"\n`)
  await chmod(stack.path('bin/docker'), 0o755)
  const { PATH = '' } = stack.environment()
  const { stderr, exitCode } = await stack.run(['up'], { env: { PATH: `${stack.path('bin')}:${PATH}` } })
  expect(exitCode, stderr).toBe(0)
  const seen = await stack.read('environment')
  expect(seen).toContain(`FORGE_URL=${wanted}`)
  expect(seen.includes(unwanted)).toBe(false)
  expect(seen).not.toMatch(/AGE-SECRET-KEY/)
})

test('up says once a service what docker inspect would show of secrets, and the way out, before it starts', async () => {
  const stack = await Stack.make()
  await stack.envFile({ FORGE_TOKEN: freshValue('token'), FORGE_PASS: freshValue('pass'), FORGE_URL: 'x' })
  await stack.write(
    'docker-compose.yml',
    COMPOSE(
      `    environment:\n      - TOKEN=\${FORGE_TOKEN}\n      - FORGE_URL\n      - FORGE_PASS\n    labels: {t: "\${FORGE_TOKEN}"}\n`,
    ),
  )
  const { stderr } = await stack.must('up')
  expect(stderr.match(/docker inspect/g)).toHaveLength(1)
  expect(stderr).toContain(
    'agents: docker inspect shows the values of FORGE_PASS (environment), FORGE_TOKEN (environment, labels)',
  )
  expect(stderr).toMatch(/hint: remove them: the entrypoint loads .env.enc/)
  expect(stderr).not.toContain('FORGE_URL')
  expect(stderr.indexOf('docker inspect')).toBeLessThan(stderr.indexOf('Container'))
})

test('a missing file never becomes a directory', async () => {
  const stack = await Stack.make()
  await stack.must('up')
  expect(await asRoot(await stack.container(), 'ls -A /etc/disinto')).toBe('')
  for (const file of ['.env', '.env.enc', 'secrets']) expect(stack.exists(file)).toBe(false)
})

test('a mount of ours that the file spells out and that is missing stops up', async () => {
  const stack = await Stack.make()
  await stack.write(
    'docker-compose.yml',
    COMPOSE('    volumes:\n      - ./.env.enc:/etc/disinto/.env.enc:ro\n'),
  )
  const { stderr, exitCode } = await stack.run(['up'])
  expect(exitCode).toBe(1)
  expect(stderr).toMatch(/error: .*\.env\.enc: does not exist/)
  expect(stack.exists('.env.enc')).toBe(false)
  expect(await stack.containers()).toEqual([])
})

test('the operator’s own key, mounted by the compose file, still works', async () => {
  const stack = await Stack.make()
  const value = freshValue('token')
  await stack.envFile({ FORGE_TOKEN: value })
  const volumes = `    volumes:\n      - \${HOME}/.config/sops/age:/home/agent/.config/sops/age:ro\n`
  await stack.write('docker-compose.yml', COMPOSE(volumes))
  await stack.must('up')
  expect(await environmentIn(await stack.container())).toContain(`FORGE_TOKEN=${value}`)
})

test('flags that are not ours go to compose', async () => {
  const stack = await Stack.make()
  await stack.must('up', '--scale', 'agents=2', '--quiet-pull')
  expect(await stack.containers()).toHaveLength(2)
  const { stdout } = await stack.must('logs', '--tail', '1', '--no-log-prefix')
  expect(stdout.split('\n').filter((line) => line.includes('disinto'))).toHaveLength(2)
  const wrong = await stack.run(['up', '--no-such-flag'])
  expect(wrong.exitCode).not.toBe(0)
  expect(wrong.stderr).toContain('no-such-flag')
})

test('down needs no key, even where the file insists on a variable', async () => {
  const stack = await Stack.make()
  await stack.envFile({ FORGE_URL: 'https://forge.example' })
  await stack.write('docker-compose.yml', COMPOSE(`    labels:\n      url: \${FORGE_URL:?set it}\n`))
  await stack.must('up')
  await rm(stack.keyFile())
  const { stderr } = await stack.must('down', '--timeout', '0')
  expect(stderr).not.toContain('variable is not set')
  expect(await stack.containers()).toEqual([])
  expect(await stack.networks()).toEqual([])
})

test('a shell is the agent’s, says that it has no secrets, and has them when asked', async () => {
  const stack = await Stack.make()
  const value = freshValue('token')
  await stack.envFile({ FORGE_TOKEN: value })
  await stack.must('up')
  const script = ['--', 'sh', '-c', 'id -un; echo "token: $FORGE_TOKEN"']
  const without = await stack.must('shell', ...script)
  expect(without.stdout).toBe('agent\ntoken: ')
  expect(without.stderr).toContain('does not have the secrets')
  const having = await stack.must('shell', 'agents', '--with-secrets', ...script)
  expect(having.stdout).toBe(`agent\ntoken: ${value}`)
  expect((await stack.run(['shell', '--', 'sh', '-c', 'exit 9'])).exitCode).toBe(9)
})

test('a shell on a terminal is interactive', async () => {
  const stack = await Stack.make()
  await stack.must('up')
  const line = `'${process.execPath}' '${DISINTO}' shell`
  const words = ['--quiet', '--return', '--command', line, '/dev/null']
  const result = await run('script', words, {
    cwd: stack.directory,
    env: stack.environment(),
    input: 'tty; id -un; exit 5\n',
  })
  expect(result.stdout).toContain('/dev/pts/')
  expect(result.stdout).toContain('agent')
  expect(result.exitCode).toBe(5)
})

test('up writes a value to pipes and sockets alone, and leaves none in a file', async () => {
  const stack = await Stack.make()
  const value = freshValue('token')
  await stack.envFile({ FORGE_TOKEN: value })
  // Referred to, so that it goes all the way to the engine.
  await stack.write('docker-compose.yml', COMPOSE(`    environment:\n      TOKEN: \${FORGE_TOKEN}\n`))
  const log = stack.path('..', 'strace')
  const calls = 'trace=write,writev,pwrite64,pwritev,pwritev2,sendto,sendmsg,sendmmsg,copy_file_range,splice'
  const through = ['strace', '-f', '-yy', '-s', '1000000', '-e', calls, '-o', log]
  const { exitCode, stderr } = await stack.run(['up'], { through })
  expect(exitCode, stderr).toBe(0)
  const lines = (await readFile(log, 'utf8')).split('\n').filter((line) => line.includes(value))
  // It did go to the engine: the search finds what is there.
  expect(lines.some((line) => /\(\d+<UNIX/.test(line))).toBe(true)
  expect(lines.filter((line) => !/\(\d+<(?:UNIX|pipe|socket)/.test(line))).toEqual([])
  await rm(log)
  const places = [stack.directory, stack.home, '/dev/shm']
  expect((await run('grep', ['-rlF', value, ...places])).stdout).toBe('')
})

test('init touches nothing that exists', async () => {
  const stack = await Stack.make()
  const mine = 'services: {agents: {image: x}}\n'
  await stack.write('docker-compose.yml', mine)
  await stack.write('.gitignore', 'mine')
  await stack.write('.env', 'A=1\n')
  await writeFile(stack.path('.env.example'), 'EXAMPLE=\n')
  await stack.must('init')
  expect(await stack.read('docker-compose.yml')).toBe(mine)
  expect(await stack.read('.env')).toBe('A=1\n')
  expect(await stack.read('.env.example')).toBe('EXAMPLE=\n')
  expect(await stack.read('.gitignore')).toMatch(/^mine\n[\s\S]*^\.env$/m)
  const before = await stat(stack.path('.gitignore'))
  await stack.must('init')
  expect((await stat(stack.path('.gitignore'))).mtimeMs).toBe(before.mtimeMs)
})
