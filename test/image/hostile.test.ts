import { chown, mkdir, readdir, writeFile } from 'node:fs/promises'
import { expect, test } from 'vitest'
import { Place, scratch, shell, useImage } from './image.ts'

useImage()

test('what a repository in the working directory planted changes nothing', async () => {
  const place = await (await Place.make()).secret('TOKEN', 'value')
  const work = place.path('work')
  await mkdir(`${work}/secrets`, { recursive: true })
  await mkdir(`${work}/node_modules/execa`, { recursive: true })
  await writeFile(`${work}/.env`, 'TOKEN=planted\nPATH=/planted\nPLANTED=1\n')
  await writeFile(`${work}/.env.enc`, 'rubbish')
  await writeFile(`${work}/secrets/PLANTED.enc`, 'rubbish')
  await writeFile(`${work}/.sops.yaml`, 'rubbish: [')
  await writeFile(`${work}/package.json`, '{"type": "commonjs"')
  await writeFile(`${work}/node_modules/execa/index.js`, 'throw new Error("planted")')
  const flags = ['--volume', `${work}:/home/agent/work`]
  const { stdout, stderr } = await place.run(shell('pwd; echo "$TOKEN:$PLANTED:$PATH"'), flags)
  expect(stdout).toMatch(/^\/home\/agent\/work\nvalue::\/usr\/local\/sbin:/)
  expect(stderr).toBe('disinto: 1 secret: TOKEN')
})

test('the command can’t write where the shim looks', async () => {
  const place = await Place.make()
  const script =
    'for d in /etc/disinto /opt/disinto /usr/local/bin; do touch $d/x 2>/dev/null && echo $d; done; true'
  expect((await place.run(shell(script))).stdout).toBe('')
})

test('NODE_OPTIONS reaches the command untouched, and not the shim', async () => {
  const place = await (await Place.make()).secret('TOKEN', 'value')
  const options = `--require /nope "x y" 'z' \\ $HOME \${HOME} #`
  const { stdout, stderr } = await place.run(shell('printf %s "$NODE_OPTIONS"; env | grep -c SAVED_NODE'), [
    '--env',
    `NODE_OPTIONS=${options}`,
  ])
  expect(stdout).toBe(`${options}0`)
  expect(stderr).toBe('disinto: 1 secret: TOKEN')
})

test('a NODE_OPTIONS that opens a debugger does not open one in the shim', async () => {
  const place = await Place.make()
  const { stdout, stderr } = await place.run(shell('echo "$NODE_OPTIONS"'), [
    '--env',
    'NODE_OPTIONS=--inspect-brk=0',
  ])
  expect(stdout).toBe('--inspect-brk=0')
  expect(stderr).not.toMatch(/debugger/i)
})

test('places for Node’s caches and logs reach the command, and the shim’s Node neither reads nor writes there', async () => {
  const place = await (await Place.make()).secret('TOKEN', 'value')
  const home = await scratch()
  await chown(home, 1000, 1000)
  const names = ['NODE_COMPILE_CACHE', 'NODE_V8_COVERAGE', 'NODE_REDIRECT_WARNINGS', 'NODE_ICU_DATA']
  const environment = names.flatMap((name) => ['--env', `${name}=/home/agent/.cache/${name}`])
  const flags = ['--volume', `${home}:/home/agent/.cache`, ...environment]
  const { stdout } = await place.run(shell('env | grep -E "^NODE_[A-Z0-9_]+=/home" | cut -d= -f1'), flags)
  expect(new Set(stdout.split('\n'))).toEqual(new Set(names))
  // At its own end Node would write them.
  const failed = await place.run(shell('true'), [...flags, '--env', 'DISINTO_REQUIRE=ABSENT'])
  expect(failed.exitCode).toBe(125)
  expect(await readdir(home)).toEqual([])
})

test('without NODE_OPTIONS the command has none', async () => {
  const place = await Place.make()
  const { stdout } = await place.run(shell('env | grep -c NODE_OPTIONS'))
  expect(stdout).toBe('0')
})

test('the environment of docker run wins over the files, unless it is empty', async () => {
  const place = await (await Place.make()).envFile({ GIVEN: 'file', EMPTY: 'file', ABSENT: 'file' })
  const { stdout } = await place.run(shell('echo "$GIVEN $EMPTY $ABSENT"'), [
    '--env',
    'GIVEN=run',
    '--env',
    'EMPTY=',
  ])
  expect(stdout).toBe('run file file')
})

test('--require and --only work through their variables', async () => {
  const place = await (await Place.make()).envFile({ A: '1' })
  await place.secret('B', '2')
  const only = await place.run(shell('echo "$A:$B"'), ['--env', 'DISINTO_ONLY=B'])
  expect(only.stdout).toBe(':2')
  const required = await place.run(shell('echo started'), ['--env', 'DISINTO_REQUIRE=A,C'])
  expect(required).toMatchObject({
    exitCode: 125,
    stdout: '',
    stderr: expect.stringMatching(/required.*: C\n/),
  })
})
