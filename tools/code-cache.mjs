/**
 * Keeps what V8 makes of the shim's code in whole starts, so that the next start need not compile it:
 *
 *   node [the flags of the shim's Node] tools/code-cache.mjs DIRECTORY           makes it
 *   node [the flags of the shim's Node] tools/code-cache.mjs DIRECTORY check     fails unless V8 takes it
 *
 * DIRECTORY holds both bundles, and gets an entrypoint.js.HASH.cache for each script of hot code (esbuild.config.mjs). For
 * the image, whose ENTRYPOINT's Node must be this one: V8 refuses what another version, another build or other V8 flags
 * have made, and compiles as ever. sops must be on PATH.
 *
 * V8 keeps the functions that have run, so two starts are made up to their exec, by either engine, with real files and a
 * key of their own.
 */
import { spawnSync } from 'node:child_process'
import { createHash } from 'node:crypto'
import {
  existsSync,
  mkdtempSync,
  openSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
  writeSync,
} from 'node:fs'
import { createRequire } from 'node:module'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { fileURLToPath } from 'node:url'
import vm from 'node:vm'

const SELF = fileURLToPath(import.meta.url)
const [given, step = ''] = process.argv.slice(2)
if (given === undefined) {
  console.error('usage: node tools/code-cache.mjs DIRECTORY [check]')
  process.exit(2)
}
if (Number.parseInt(process.versions.node, 10) < 26) {
  console.error('needs Node 26: an older one does not become the command')
  process.exit(2)
}
const directory = resolve(given)
const shim = join(directory, 'entrypoint.js')

const text = readFileSync(shim, 'utf8')
const hashOf = (source) => createHash('sha256').update(source).digest('hex').slice(0, 16)

/**
 * Runs the shim in this process, up to its exec, and calls `end` for each script of hot code then, with what `made` has
 * returned for it when it was compiled.
 * @param {{ made?: (cache: string) => unknown, end: (script: any, made: any) => void }} hooks
 */
function start({ made = () => undefined, end }) {
  const scripts = new Map()
  const { Script } = vm
  vm.Script = class extends Script {
    /** @param {string} source @param {any} options */
    constructor(source, options) {
      super(source, options)
      const hash = hashOf(source)
      // The shim names the caches of its hot code, and of no other.
      if (text.includes(`"${hash}"`)) scripts.set(this, made(`${shim}.${hash}.cache`))
    }
  }
  const node = /** @type {any} */ (process)
  node.execve = () => {
    for (const [script, of] of scripts) end(script, of)
    process.exit(0)
  }
  process.argv = [process.argv[0], shim, '--', '/bin/true']
  createRequire(shim)(shim)
}

function write() {
  start({
    // At once: the shim becomes another user where there is one to become.
    made: (cache) => (existsSync(cache) ? undefined : openSync(cache, 'w', 0o644)),
    end: (script, descriptor) => {
      if (descriptor !== undefined) writeSync(descriptor, script.createCachedData())
    },
  })
}

function look() {
  start({
    end: ({ cachedDataRejected }) => {
      if (cachedDataRejected === false) return
      console.error('V8 does not take the cache')
      process.exit(1)
    },
  })
}

/** Starts with real files, a key of its own and either engine: each step in a process. */
function inProject(steps) {
  const project = mkdtempSync(join(tmpdir(), 'disinto-code-cache-'))
  const env = { PATH: process.env.PATH, HOME: project }
  /** @type {(words: string[], more?: { env?: Record<string, string>, input?: string }) => void} */
  const node = (words, more = {}) => {
    const { status, stderr, error } = spawnSync(process.execPath, words, {
      cwd: project,
      env: { ...env, ...more.env },
      input: more.input ?? '',
      encoding: 'utf8',
    })
    if (status !== 0) throw new Error(`${words.join(' ')}: ${error?.message ?? stderr}`)
  }
  try {
    const disinto = join(directory, 'disinto.js')
    writeFileSync(join(project, '.env'), '# An example\nNAME=value\n')
    node([disinto, 'secrets', 'migrate'])
    node([disinto, 'secrets', 'add', 'TOKEN'], { input: 'value' })
    const user = process.getuid?.() === 0 ? { DISINTO_USER: '65534' } : {}
    const settings = { DISINTO_ROOT: project, DISINTO_SUMMARY: '1', ...user }
    for (const one of steps)
      for (const engine of ['auto', 'sops'])
        node([...process.execArgv, SELF, directory, one], { env: { ...settings, DISINTO_ENGINE: engine } })
  } finally {
    rmSync(project, { recursive: true })
  }
}

function make() {
  for (const name of readdirSync(directory)) if (name.endsWith('.cache')) rmSync(join(directory, name))
  inProject(['write', 'look'])
}

const ways = { write, look, check: () => inProject(['look']) }
const { [step]: way = make } = ways
way()
