import { spawnSync } from 'node:child_process'
import { chmodSync, chownSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { basename, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { afterAll, beforeAll, describe, expect, onTestFinished, test } from 'vitest'
import { build, freshValue, IMAGE, must, Place, REPOSITORY, type Result, run } from '../image/image.ts'
import { knownInImage } from '../proof/known.ts'
import { containerFacts, difference, type Facts, need, PROBE } from '../proof/launch.ts'

const SCRIPT = fileURLToPath(new URL('podman.sh', import.meta.url))
const LOCAL = `localhost/${IMAGE}`
/** No control groups of this machine, no network, and limits that nobody needs CAP_SYS_RESOURCE for. */
const RUN = [
  ...['run', '--rm', '--cgroups=disabled', '--network=none', '--hostname=same'],
  ...['--ulimit', 'nofile=512:1024', '--ulimit', 'nproc=4096:4096'],
]

let directory = ''
const podman = (who: string, words: readonly string[]): Promise<Result> =>
  run('unshare', ['--mount', 'bash', SCRIPT, directory, who, ...words])

async function well(who: string, words: readonly string[]): Promise<string> {
  const { exitCode, stdout, stderr } = await podman(who, words)
  expect(exitCode, stderr).toBe(0)
  return stdout
}

beforeAll(async () => {
  need('podman', 'crun', 'unshare')
  await build(IMAGE, REPOSITORY)
  directory = mkdtempSync('/var/tmp/disinto-podman-')
  // The rootless user passes through it.
  chmodSync(directory, 0o755)
  const archive = join(directory, 'image.tar')
  await must('docker', ['save', '--output', archive, IMAGE])
  chmodSync(archive, 0o644)
  await well('root', ['load', '--quiet', '--input', archive])
  await well('rootless', ['load', '--quiet', '--input', archive])
  rmSync(archive)
}, 1_800_000)

afterAll(async () => {
  if (directory === '') return
  const runtime = join('/run', basename(directory))
  const pause = readFileSync(join(runtime, 'libpod/tmp/pause.pid'), 'utf8')
  // What belongs to the user's own range of ids can only be removed from within it.
  await podman('rootless', ['unshare', 'rm', '-rf', join(directory, 'rootless/.local')])
  process.kill(Number(pause))
  for (const one of [directory, runtime]) rmSync(one, { recursive: true, force: true })
}, 300_000)

describe.each(['root', 'rootless'])('under Podman, %s', (who) => {
  test('the command can’t tell the shim from a bare start, but for the documented differences', async () => {
    const out = join(directory, `out-${who}`)
    mkdirSync(out)
    chmodSync(out, 0o777)
    const bareEnvironment = ['DISINTO_USER=', 'DISINTO_HOME=', 'DISINTO_SUMMARY='].flatMap((entry) => [
      '--env',
      entry,
    ])
    const probe = async (flags: readonly string[], words: readonly string[]): Promise<Facts> => {
      const mount = ['--volume', `${out}:/probe`]
      await well(who, [
        ...RUN,
        ...bareEnvironment,
        ...mount,
        ...flags,
        LOCAL,
        ...words,
        ...['-c', PROBE, 'probe', '/probe/report'],
      ])
      return containerFacts(readFileSync(join(out, 'report'), 'utf8'), out)
    }
    const bare = await probe(['--entrypoint', '/bin/sh'], [])
    const shim = await probe([], ['/bin/sh'])
    expect(bare['is process 1']).toBe('true')
    expect(Object.keys(bare).length).toBeGreaterThan(60)
    const { environ: _environ, ...known } = knownInImage(bare)
    expect(Object.keys(known)).toEqual(['limit.Max open files'])
    expect(difference(bare, shim)).toEqual(known)
  })

  test('a secret of Podman is the key, which the command can’t read', async () => {
    const token = freshValue('token')
    const place = await (await Place.make()).secret('TOKEN', token)
    // What is mounted is read by the user that Podman runs as.
    chmodSync(place.directory, 0o755)
    const key = join(directory, `key-${who}`)
    writeFileSync(key, readFileSync(place.path('age', 'keys.txt')), { mode: 0o400 })
    if (who === 'rootless') chownSync(key, 4243, 4243)
    await well(who, ['secret', 'create', 'agents-key', key])
    rmSync(key)
    onTestFinished(async () => void (await podman(who, ['secret', 'rm', 'agents-key'])))
    const start = (options: string) =>
      podman(who, [
        ...RUN,
        ...['--secret', `agents-key${options}`, '--env', 'SOPS_AGE_KEY_FILE=/run/secrets/agents-key'],
        ...['--volume', `${place.path('secrets')}:/etc/disinto/secrets:ro`],
        LOCAL,
        ...['sh', '-c', 'echo "$TOKEN $(id -u)"; cat /run/secrets/agents-key; env'],
      ])
    const good = await start(',uid=0,gid=0,mode=0400')
    expect(good.stdout).toMatch(new RegExp(`^${token} 1000\n`))
    expect(good.stdout).not.toMatch(/AGE-SECRET-KEY|SOPS_AGE/)
    expect(good.stderr).toContain('Permission denied')
    const open = await start('')
    expect({ status: open.exitCode, stdout: open.stdout }).toEqual({ status: 125, stdout: '' })
    expect(open.stderr).toMatch(/error: \/run\/secrets\/agents-key: agent, whom the command would run as/)
  })
})

test('the Quadlet file of docs/keys.md is one that Podman’s generator takes, and mounts what it says', () => {
  const page = readFileSync(join(REPOSITORY, 'docs/keys.md'), 'utf8')
  const unit = page.split('<!-- quadlet -->\n```ini\n')[1]?.split('```')[0]
  const units = join(directory, 'units')
  mkdirSync(units)
  writeFileSync(join(units, 'agent.container'), unit ?? '')
  const { error, status, stdout, stderr } = spawnSync('quadlet', ['-dryrun', '-no-kmsg-log'], {
    encoding: 'utf8',
    env: { PATH: process.env['PATH'], QUADLET_UNIT_DIRS: units },
  })
  if (error !== undefined) throw new Error('needs Podman’s generator, as quadlet on PATH: .ci/engine')
  expect(status, stderr).toBe(0)
  const start = /^ExecStart=(.*)$/m.exec(stdout)?.[1]
  expect(start).toContain('--secret agents-key,uid=0,gid=0,mode=0400')
  expect(start).toContain('--env SOPS_AGE_KEY_FILE=/run/secrets/agents-key')
})
