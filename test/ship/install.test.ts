import { cp, readdir, readFile, rm, symlink } from 'node:fs/promises'
import { join } from 'node:path'
import { gunzipSync } from 'node:zlib'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import packageJson from '../../package.json' with { type: 'json' }
import { copyOfProject, freshValue, must, Place, REPOSITORY, run, scratch } from '../image/image.ts'
import {
  answers,
  buildShimImage,
  buildText,
  imageOfDocs,
  mountsAtRoot,
  removeImages,
  runImage,
  scratchDirectory,
  standIn,
} from './ship.ts'

const NODE = 'node:26-bookworm-slim'
const TARBALL = `disinto-${packageJson.version}.tgz`

const byText = (a: string, b: string): number => (a < b ? -1 : 1)

/** A copy of the project with its packages, and without built bundles. */
async function freshCopy(): Promise<string> {
  const project = await copyOfProject()
  for (const file of ['README.md', 'CHANGELOG.md', 'LICENSE']) {
    await cp(join(REPOSITORY, file), join(project, file))
  }
  await cp(join(REPOSITORY, 'entrypoint/package.json'), join(project, 'entrypoint/package.json'))
  await symlink(join(REPOSITORY, 'node_modules'), join(project, 'node_modules'))
  return project
}

/** `npm pack`; the tarball's path. */
async function pack(project: string): Promise<string> {
  await must('npm', ['pack', '--silent'], { cwd: project })
  return join(project, TARBALL)
}

describe('the package', () => {
  let tarball = ''
  let kept = ''

  beforeAll(async () => {
    kept = await scratchDirectory()
  })
  afterAll(() => rm(kept, { recursive: true }))

  test('npm pack builds, and gives the same bytes in two places', async () => {
    const project = await freshCopy()
    // One copied from the other, so that a change to the project in between is in neither.
    const elsewhere = join(await scratch(), 'another', 'place')
    await cp(project, elsewhere, { recursive: true, preserveTimestamps: false })
    const [first, second] = [await pack(project), await pack(elsewhere)]
    expect((await readFile(first)).equals(await readFile(second))).toBe(true)
    tarball = join(kept, TARBALL)
    await cp(first, tarball)
  })

  test('has the bundles and what a reader needs, and no source', async () => {
    expect((await must('tar', ['-tzf', tarball])).split('\n').sort(byText)).toEqual([
      'package/CHANGELOG.md',
      'package/LICENSE',
      'package/README.md',
      'package/entrypoint/disinto.js',
      'package/entrypoint/entrypoint.js',
      'package/entrypoint/package.json',
      'package/man/disinto-entrypoint.1',
      'package/man/disinto.1',
      'package/package.json',
    ])
    const inside: unknown = JSON.parse(
      await must('tar', ['-xzOf', tarball, 'package/entrypoint/package.json']),
    )
    expect(inside).toEqual({ type: 'commonjs' })
  })

  test('needs no package at run time', async () => {
    const manifest: Record<string, unknown> = JSON.parse(
      await must('tar', ['-xzOf', tarball, 'package/package.json']),
    )
    for (const kind of ['dependencies', 'optionalDependencies', 'peerDependencies', 'bundleDependencies']) {
      expect(manifest[kind], kind).toBeUndefined()
    }
    // "prepare" is for clones: npm does not run it for a package that is installed (npm help scripts).
    for (const script of ['preinstall', 'install', 'postinstall']) {
      expect(manifest['scripts'], script).not.toHaveProperty(script)
    }
  })

  test('names no path of the machine that built it', async () => {
    expect(gunzipSync(await readFile(tarball)).includes(REPOSITORY)).toBe(false)
  })

  const inContainer = (script: string) =>
    runImage(NODE, ['--network', 'none', '--volume', `${tarball}:/${TARBALL}:ro`], ['sh', '-euc', script])

  test('npm install --global from the tarball gives a command that adds a secret and loads it', async () => {
    const { stdout, stderr, exitCode } = await inContainer(`
      npm install --global --no-audit --no-fund --loglevel=error /${TARBALL} >/dev/null
      disinto version
      disinto help | head -1
      mkdir /project && cd /project
      disinto secrets keygen >/dev/null 2>&1
      printf from-the-package | disinto secrets add TOKEN >/dev/null 2>&1
      disinto-entrypoint -- printenv TOKEN
      find "$(npm root --global)/disinto" -name node_modules
    `)
    expect({ exitCode, stderr, lines: stdout.split('\n') }).toEqual({
      exitCode: 0,
      stderr: '',
      lines: [
        `disinto ${packageJson.version}`,
        expect.stringMatching(/^Usage: disinto COMMAND/),
        'from-the-package',
      ],
    })
  })

  test('npx runs it from the tarball', async () => {
    const { stdout, exitCode } = await inContainer(
      `npx --yes --offline --package /${TARBALL} disinto version`,
    )
    expect({ stdout, exitCode }).toEqual({ stdout: `disinto ${packageJson.version}`, exitCode: 0 })
  })
})

describe('the shim copied into another image', () => {
  beforeAll(buildShimImage, 1_800_000)
  afterAll(removeImages)

  /** Prints the token, what became of NODE_OPTIONS, and whether the key can be read; as JSON, by Node alone. */
  const LOOK = `
    const fs = require('fs')
    const reads = (path) => { try { fs.readFileSync(path); return true } catch { return false } }
    console.log(JSON.stringify({
      token: process.env.TOKEN, fromEnvFile: process.env.FROM_ENV_FILE, uid: process.getuid(),
      nodeOptions: process.env.NODE_OPTIONS ?? null,
      extra: Object.keys(process.env).filter((name) => /^(DISINTO_SAVED|SOPS_|SHLVL|PWD$|_$)/.test(name)),
      readsKey: reads('/root/.config/sops/age/keys.txt'),
      pid1: process.pid === 1,
    }))`

  async function look(image: string, node: string, flags: readonly string[] = []) {
    const token = freshValue('token')
    const place = await (await (await Place.make()).envFile({ FROM_ENV_FILE: 'yes' })).secret('TOKEN', token)
    const mounts = mountsAtRoot(place)
    const { stdout, stderr, exitCode } = await runImage(image, [...mounts, ...flags], [node, '-e', LOOK])
    expect({ stderr, exitCode }).toEqual({ stderr: '', exitCode: 0 })
    const told: { token: string } = JSON.parse(stdout)
    expect(told.token === token).toBe(true)
    return { ...told, token: '' }
  }

  const COMMON = { token: '', fromEnvFile: 'yes', extra: [], readsKey: false }
  const OPTIONS = '--max-http-header-size=20000'
  /** The root directory of the docs’ images, with nothing to load. */
  const EMPTY = ['--tmpfs', '/etc/disinto', '--init']
  const withOptions = ['--env', `NODE_OPTIONS=${OPTIONS}`]
  /** Would end the shim with a word on stderr, were it to reach its Node. */
  const hostile = [...EMPTY, '--env', 'NODE_OPTIONS=--require=/nonexistent.js']

  test('Debian: becomes the command, and NODE_OPTIONS reaches the command alone', async () => {
    const image = await imageOfDocs('debian', NODE)
    const told = await look(image, 'node', withOptions)
    expect(told).toEqual({ ...COMMON, uid: 1000, nodeOptions: OPTIONS, pid1: true })
    const plain = await runImage(image, hostile, ['printenv', 'NODE_OPTIONS'])
    expect(plain).toEqual({ exitCode: 0, stdout: '--require=/nonexistent.js', stderr: '' })
  })

  test('Node 20: the command is its child', async () => {
    const context = await scratch()
    await cp(join(REPOSITORY, '.tools/node20/node'), join(context, 'node'))
    await buildText(standIn('node20'), `FROM ${NODE}\nCOPY node /usr/local/bin/node\n`, context)
    const image = await imageOfDocs('node20', standIn('node20'))
    // An init, without which the shim warns of zombies.
    const told = await look(image, 'node', [...withOptions, '--init'])
    expect(told).toEqual({ ...COMMON, uid: 1000, nodeOptions: OPTIONS, pid1: false })
  })

  describe('Alpine', () => {
    const BASE = 'disinto-standin/node:24.19.0-musl'

    beforeAll(async () => {
      if (!answers('docker', ['image', 'inspect', BASE])) {
        await must('bash', [join(REPOSITORY, 'test/ship/alpine.sh'), BASE])
      }
    })

    test('has no env -S, which is why its ENTRYPOINT is another', async () => {
      const { exitCode, stderr } = await runImage(BASE, [], ['env', '-S', 'true'])
      expect(exitCode).not.toBe(0)
      expect(stderr).toContain("invalid option -- 'S'")
    })

    test('loads on musl, and NODE_OPTIONS reaches the command alone', async () => {
      const image = await imageOfDocs('alpine', BASE)
      const told = await look(image, 'node', [...withOptions, '--init'])
      expect(told).toEqual({ ...COMMON, uid: 1000, nodeOptions: OPTIONS, pid1: false })
      const plain = await runImage(image, hostile, ['sh', '-c', 'echo "$NODE_OPTIONS"'])
      expect(plain).toEqual({ exitCode: 0, stdout: '--require=/nonexistent.js', stderr: '' })
    })

    test('the command’s environment is the container’s, in another order', async () => {
      const image = await imageOfDocs('alpine', BASE)
      const fixed = [...EMPTY, '--hostname', 'same', '--env', 'A=1', '--env', 'DISINTO_ROOT=/etc/disinto']
      const bare = await runImage(image, [...fixed, '--entrypoint', 'env', '--user', 'node'])
      const shimmed = await runImage(image, fixed, ['env'])
      const names = (text: string) =>
        text
          .split('\n')
          .map((line) => line.replace(/=.*/, ''))
          .sort(byText)
      expect(names(shimmed.stdout)).toEqual(names(bare.stdout))
    })

    test('passes words and the exit status on', async () => {
      const image = await imageOfDocs('alpine', BASE)
      const { stdout, exitCode } = await runImage(image, EMPTY, [
        'sh',
        '-c',
        'printf "<%s>" "$@"; exit 7',
        'x',
        'a b',
        '',
        '$HOME',
      ])
      expect({ stdout, exitCode }).toEqual({ stdout: '<a b><><$HOME>', exitCode: 7 })
    })
  })

  test('distroless: no shell, no env, and the command is another Node', async () => {
    const libraries = [
      `FROM ${NODE} AS node`,
      'RUN mkdir -p /out/nodejs/bin /out/etc /out/tmp && install -d -m 0700 /out/root \\',
      ' && cp /usr/local/bin/node /out/nodejs/bin/ \\',
      " && ldd /usr/local/bin/node | grep -o '/[^ ]*' | xargs -I{} cp -L --parents {} /out \\",
      ' && echo root:x:0:0:root:/root:/sbin/nologin >/out/etc/passwd',
      'FROM scratch',
      'COPY --from=node /out /',
      'ENV PATH=/usr/bin:/bin',
    ]
    await buildText(standIn('distroless'), `${libraries.join('\n')}\n`)
    const image = await imageOfDocs('distroless', standIn('distroless'))
    const told = await look(image, '/nodejs/bin/node')
    expect(told).toEqual({ ...COMMON, uid: 65532, nodeOptions: null, pid1: true })
    // What the page advises for a NODE_OPTIONS there: in the file, where the shim's Node can't meet it.
    const place = await (await Place.make()).envFile({ NODE_OPTIONS: OPTIONS })
    const advised = ['--volume', `${place.path('.env.enc')}:/etc/disinto/.env.enc:ro`, '--volume']
    const { stdout } = await runImage(
      image,
      [...advised, `${place.path('age')}:/root/.config/sops/age:ro`, '--env', 'DISINTO_ALLOW=NODE_OPTIONS'],
      ['/nodejs/bin/node', '--print', 'process.env.NODE_OPTIONS'],
    )
    expect(stdout).toBe(OPTIONS)
    const shell = await runImage(image, EMPTY, ['/bin/sh', '-c', 'true'])
    expect(shell.exitCode).toBe(127)
    // What the page says this form loses.
    const lost = await runImage(image, hostile, ['/nodejs/bin/node', '-e', '0'])
    expect(lost.exitCode).not.toBe(0)
    expect(lost.stderr).toContain('/nonexistent.js')
  })
})

test('the package’s version is the one place', async () => {
  const changelog = await readFile(join(REPOSITORY, 'CHANGELOG.md'), 'utf8')
  const released = [...changelog.matchAll(/^## \[(\d+\.\d+\.\d+)\]/gm)].map(([, version]) => version)
  expect(changelog).toMatch(/^## \[Unreleased\]$/m)
  if (released.length > 0) expect(released[0]).toBe(packageJson.version)
  const lock: { version: string } = JSON.parse(await readFile(join(REPOSITORY, 'package-lock.json'), 'utf8'))
  expect(lock.version).toBe(packageJson.version)
  const sources = await readdir(join(REPOSITORY, 'src'), { recursive: true })
  const grep = await run('grep', ['-rlF', packageJson.version, join(REPOSITORY, 'src')])
  expect(sources.length).toBeGreaterThan(0)
  expect(grep.stdout).toBe('')
})
