import { spawnSync } from 'node:child_process'
import {
  copyFileSync,
  cpSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { build } from 'esbuild'
import { beforeAll, describe, expect, test } from 'vitest'
import packageJson from '../../package.json' with { type: 'json' }
import { BUNDLES, DISINTO } from '../helpers/parts.ts'
import { EXECVE, MARK, Project } from './project.ts'

const ROOT = fileURLToPath(new URL('../..', import.meta.url))
const isRoot = process.getuid?.() === 0

describe.each(['entrypoint.js', 'disinto.js'])('%s', (name) => {
  const bundle = join(BUNDLES, name)
  const words = name === 'disinto.js' ? ['version'] : ['--version']

  test.each([
    ['nothing', undefined],
    ['a package.json of an ES module', { type: 'module' }],
    ['a package.json of a CommonJS package', { type: 'commonjs' }],
  ])('runs copied alone beside %s', (_, beside) => {
    const directory = mkdtempSync(join(tmpdir(), 'disinto-'))
    copyFileSync(bundle, join(directory, name))
    if (beside !== undefined) writeFileSync(join(directory, 'package.json'), JSON.stringify(beside))
    const { status, stdout, stderr } = spawnSync(process.execPath, [join(directory, name), ...words], {
      encoding: 'utf8',
      cwd: '/',
    })
    expect({ status, stdout, stderr }).toEqual({
      status: 0,
      stdout: `disinto ${packageJson.version}\n`,
      stderr: '',
    })
  })

  test('is the same bytes when built again, in another place', () => {
    const elsewhere = mkdtempSync(join(tmpdir(), 'disinto-'))
    for (const part of ['package.json', 'tsconfig.json', 'esbuild.config.mjs', 'src']) {
      cpSync(join(ROOT, part), join(elsewhere, part), { recursive: true })
    }
    symlinkSync(join(ROOT, 'node_modules'), join(elsewhere, 'node_modules'))
    const { status, stderr } = spawnSync(process.execPath, ['esbuild.config.mjs'], {
      cwd: elsewhere,
      env: {},
      encoding: 'utf8',
    })
    expect(status, stderr).toBe(0)
    expect(readFileSync(join(elsewhere, 'entrypoint', name)).equals(readFileSync(bundle))).toBe(true)
  })
})

test('what runs at every start loads neither execa nor another package it does not need', async () => {
  const { metafile } = await build({
    entryPoints: [join(ROOT, 'src/entrypoint.ts')],
    bundle: true,
    platform: 'node',
    format: 'esm',
    write: false,
    outdir: 'unused',
    metafile: true,
    absWorkingDir: ROOT,
  })
  const loaded = new Set<string>()
  const walk = (file: string): void => {
    if (loaded.has(file)) return
    loaded.add(file)
    for (const { path, kind, external } of metafile.inputs[file]?.imports ?? []) {
      if (kind !== 'dynamic-import' && external !== true) walk(path)
    }
  }
  walk('src/entrypoint.ts')
  const packages = [...loaded].flatMap((file) => /node_modules\/((?:@[^/]+\/)?[^/]+)/.exec(file)?.[1] ?? [])
  expect(new Set(packages)).toEqual(new Set(['fastest-levenshtein']))
})

test.skipIf(!EXECVE).each([
  ['a secret', 1, {}],
  ['the image’s settings', 1, { DISINTO_REQUIRE_ANY: '1', ...(isRoot ? { DISINTO_USER: '65534' } : {}) }],
  ['the sops engine', 2, { DISINTO_ENGINE: 'sops' }],
])('a start with %s compiles what is hot, at once, and nothing else', (_, scripts, settings) => {
  const project = new Project()
  project.secret('A', MARK)
  const hook = project.path('compiled.cjs')
  writeFileSync(
    hook,
    `const vm = require('node:vm')
    vm.Script = class extends vm.Script {
      constructor(...words) { super(...words); require('node:fs').writeSync(2, 'compiled\\n') }
    }`,
  )
  const { status, stderr } = spawnSync(
    process.execPath,
    ['--require', hook, join(BUNDLES, 'entrypoint.js'), '--', 'true'],
    {
      cwd: project.directory,
      env: { ...project.environment(), DISINTO_ALLOW_READABLE_KEY: '1', ...settings },
      encoding: 'utf8',
    },
  )
  expect({ status, stderr }).toEqual({ status: 0, stderr: expect.not.stringMatching(/error/) })
  expect(stderr.split('compiled').length - 1).toBe(scripts)
})

test('a command loads no module of Node that it does not use', () => {
  const directory = mkdtempSync(join(tmpdir(), 'disinto-'))
  const hook = join(directory, 'loaded.cjs')
  writeFileSync(
    hook,
    `process.on('exit', () => require('node:fs').writeSync(2, process.moduleLoadList.join('\\n')))`,
  )
  const loadedBy = (...words: string[]) => {
    const { stderr } = spawnSync(
      process.execPath,
      ['--require', hook, join(BUNDLES, 'disinto.js'), ...words],
      { cwd: directory, encoding: 'utf8' },
    )
    return ['crypto', 'tty', 'zlib'].filter((name) => stderr.split('\n').includes(`NativeModule ${name}`))
  }
  expect(loadedBy('version')).toEqual([])
  expect(loadedBy('completion', '--words', '--', 'secrets', 'show', '')).toEqual([])
})

test('disinto offers only what works', () => {
  const run = (...words: string[]) => spawnSync(process.execPath, [DISINTO, ...words], { encoding: 'utf8' })
  expect(run().status).toBe(2)
  expect(run('help').stdout).toMatch(/^Usage: disinto COMMAND/)
  const near = run('versoin')
  expect(near.status).toBe(2)
  expect(near.stderr).toBe(
    'disinto: error: no command versoin\ndisinto: hint: did you mean disinto version?\n',
  )
})

describe.skipIf(!EXECVE)('the code cache (Node 26)', () => {
  const directory = mkdtempSync(join(tmpdir(), 'disinto-'))
  const tool = join(ROOT, 'tools/code-cache.mjs')
  /** That of every start: what the sops engine runs besides has another, which is smaller. */
  let cache = ''
  const start = () => {
    const project = new Project()
    project.secret('A', MARK)
    const { status, stdout, stderr } = spawnSync(
      process.execPath,
      [join(directory, 'entrypoint.js'), '--', 'printenv', 'A'],
      { cwd: project.directory, env: project.environment(), encoding: 'utf8' },
    )
    return { status, stdout, stderr }
  }

  beforeAll(() => {
    for (const name of ['entrypoint.js', 'disinto.js']) {
      copyFileSync(join(BUNDLES, name), join(directory, name))
    }
    const { status, stderr } = spawnSync(process.execPath, [tool, directory], { encoding: 'utf8' })
    expect({ status, stderr }).toEqual({ status: 0, stderr: '' })
    const caches = readdirSync(directory).filter((name) => name.endsWith('.cache'))
    expect(caches).toHaveLength(2)
    const sizes = new Map(caches.map((name) => [statSync(join(directory, name)).size, name]))
    cache = join(directory, sizes.get(Math.max(...sizes.keys())) ?? '')
  })

  test('is taken, and a start by it is a start', () => {
    expect(spawnSync(process.execPath, [tool, directory, 'check']).status).toBe(0)
    expect(start()).toEqual({ status: 0, stdout: `${MARK}\n`, stderr: '' })
  })

  test('that is damaged is not noticed: what it says is what runs', () => {
    const good = readFileSync(cache)
    const damaged = Buffer.from(good)
    damaged.write('damaged: ', damaged.indexOf('disinto: '), 'latin1')
    writeFileSync(cache, damaged)
    const project = new Project()
    project.secret('A', MARK)
    const { stderr } = spawnSync(process.execPath, [join(directory, 'entrypoint.js'), '--', 'true'], {
      cwd: project.directory,
      env: { ...project.environment(), DISINTO_SUMMARY: '1' },
      encoding: 'utf8',
    })
    writeFileSync(cache, good)
    expect(stderr).toBe('damaged: 1 secret: A\n')
  })

  test.each([
    ['empty', () => writeFileSync(cache, '')],
    ['cut off', () => writeFileSync(cache, readFileSync(cache).subarray(0, 4096))],
    ['something else', () => writeFileSync(cache, 'something else'.repeat(1000))],
    [
      'a directory',
      () => {
        rmSync(cache)
        mkdirSync(cache)
      },
    ],
  ])('that is %s is left, and the code is compiled', (_, spoil) => {
    spoil()
    expect(start()).toEqual({ status: 0, stdout: `${MARK}\n`, stderr: '' })
  })
})

test('the shim runs from another directory with real secrets', () => {
  const project = new Project()
  project.secret('A', MARK)
  copyFileSync(join(BUNDLES, 'entrypoint.js'), project.path('shim.js'))
  const { stdout } = spawnSync(process.execPath, ['shim.js', '--', 'printenv', 'A'], {
    cwd: project.directory,
    env: project.environment(),
    encoding: 'utf8',
  })
  expect(stdout).toBe(`${MARK}\n`)
})
