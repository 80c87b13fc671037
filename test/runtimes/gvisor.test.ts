import { spawn } from 'node:child_process'
import { chmodSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { build, freshValue, IMAGE, must, Place, REPOSITORY, type Result, run } from '../image/image.ts'
import { containerFacts, difference, type Facts, need, PROBE } from '../proof/launch.ts'

/** What the image says of a start. */
interface ImageConfig {
  readonly Env: readonly string[]
  readonly Entrypoint: readonly string[]
  readonly WorkingDir: string
}

let directory = ''
let config: ImageConfig

beforeAll(async () => {
  need('docker', 'runsc')
  await build(IMAGE, REPOSITORY)
  directory = mkdtempSync('/var/tmp/disinto-gvisor-')
  chmodSync(directory, 0o755)
  mkdirSync(join(directory, 'rootfs'))
  const container = await must('docker', ['create', IMAGE])
  await unpack(container, join(directory, 'rootfs'))
  await must('docker', ['rm', container])
  config = JSON.parse(await must('docker', ['image', 'inspect', '--format', '{{json .Config}}', IMAGE]))
}, 1_800_000)

afterAll(() => {
  if (directory !== '') rmSync(directory, { recursive: true, force: true })
})

/** The files of a container, from one program's pipe to the other's. */
async function unpack(container: string, target: string): Promise<void> {
  const exported = spawn('docker', ['export', container], { stdio: ['ignore', 'pipe', 'inherit'] })
  const tar = spawn('tar', ['-xf', '-', '-C', target], { stdio: [exported.stdout, 'inherit', 'inherit'] })
  const status = await new Promise((resolve) => tar.on('exit', resolve))
  expect(status).toBe(0)
}

interface Start {
  readonly words: readonly string[]
  readonly variables?: Readonly<Record<string, string>>
  /** Directories here, by their places there. */
  readonly mounts: Readonly<Record<string, string>>
}

let starts = 0

/** Runs words in a sandbox of gVisor with the image's files, variables and working directory, as root. */
function sandbox({ words, variables = {}, mounts }: Start): Promise<Result> {
  const env = new Map([...config.Env, 'HOME=/root'].map((entry) => [entry.split('=')[0] ?? '', entry]))
  for (const [name, value] of Object.entries(variables)) env.set(name, `${name}=${value}`)
  const capabilities = ['CHOWN', 'DAC_OVERRIDE', 'FOWNER', 'KILL', 'SETGID', 'SETUID'].map(
    (name) => `CAP_${name}`,
  )
  const own = [
    { destination: '/proc', type: 'proc', source: 'proc' },
    ...['/dev', '/tmp'].map((destination) => ({ destination, type: 'tmpfs', source: 'tmpfs' })),
  ]
  const bundle = {
    ociVersion: '1.0.0',
    process: {
      user: { uid: 0, gid: 0 },
      args: words,
      env: [...env.values()],
      cwd: config.WorkingDir,
      capabilities: { bounding: capabilities, effective: capabilities, permitted: capabilities },
      rlimits: [{ type: 'RLIMIT_NOFILE', hard: 4096, soft: 4096 }],
    },
    root: { path: 'rootfs', readonly: true },
    hostname: 'same',
    mounts: [
      ...own,
      ...Object.entries(mounts).map(([destination, source]) => ({ destination, source, type: 'bind' })),
    ],
    linux: { namespaces: ['pid', 'network', 'ipc', 'uts', 'mount'].map((type) => ({ type })) },
  }
  writeFileSync(join(directory, 'config.json'), JSON.stringify(bundle))
  starts += 1
  const flags = [
    '--root',
    join(directory, 'state'),
    '--platform=ptrace',
    '--ignore-cgroups',
    '--network=none',
  ]
  return run('runsc', [...flags, 'run', '--bundle', directory, `disinto-${process.pid}-${starts}`])
}

test('under gVisor the command can’t tell the shim from a bare start', async () => {
  const out = join(directory, 'out')
  mkdirSync(out)
  const variables = { DISINTO_USER: '', DISINTO_HOME: '', DISINTO_SUMMARY: '' }
  const probe = async (before: readonly string[]): Promise<Facts> => {
    const words = [...before, '/bin/sh', '-c', PROBE, 'probe', '/probe/report']
    const { exitCode, stderr } = await sandbox({ words, variables, mounts: { '/probe': out } })
    expect(exitCode, stderr).toBe(0)
    return containerFacts(readFileSync(join(out, 'report'), 'utf8'), out)
  }
  const bare = await probe([])
  const shim = await probe(config.Entrypoint)
  // Its /proc says less than Linux does: neither limits nor signals.
  for (const name of ['pid', 'argv', 'environ', 'cwd', 'status.Uid', 'status.CapEff', 'fd.1.flags'])
    expect(bare[name], `the probe says nothing of ${name}`).toBeDefined()
  expect(difference(bare, shim)).toEqual({})
})

test('under gVisor the command has its values as the agent, and can’t read the key', async () => {
  const token = freshValue('token')
  const place = await (await Place.make()).secret('TOKEN', token)
  const script = 'echo "$TOKEN $(id -u) $HOME"; cat /home/agent/.config/sops/age/keys.txt; kill -TERM $$'
  const { exitCode, stdout, stderr } = await sandbox({
    words: [...config.Entrypoint, 'sh', '-c', script],
    mounts: {
      '/home/agent/.config/sops/age': place.path('age'),
      '/etc/disinto/secrets': place.path('secrets'),
    },
  })
  expect(stdout).toBe(`${token} 1000 /home/agent`)
  expect(stderr).toContain('Permission denied')
  expect(stderr).toContain('disinto: 1 secret: TOKEN')
  expect(exitCode).not.toBe(0)
})
