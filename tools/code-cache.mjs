/**
 * Keeps what V8 makes of the shim's code in a whole start, so that the next start need not compile it:
 *
 *   node [the flags of the shim's Node] tools/code-cache.mjs DIRECTORY           makes it
 *   node [the flags of the shim's Node] tools/code-cache.mjs DIRECTORY check     fails unless V8 takes it
 *
 * DIRECTORY holds both bundles, and gets entrypoint.js.HASH.cache. For the image, whose ENTRYPOINT's Node must be this one:
 * V8 refuses what another version, another build or other V8 flags have made, and compiles as ever.
 *
 * V8 keeps the functions that have run, so a start is made up to its exec, with real files and a key of its own.
 */
import { spawnSync } from 'node:child_process'
import { createHash } from 'node:crypto'
import { mkdtempSync, openSync, readdirSync, rmSync, writeFileSync, writeSync } from 'node:fs'
import { createRequire } from 'node:module'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { fileURLToPath } from 'node:url'
import vm from 'node:vm'

const SELF = fileURLToPath(import.meta.url)
const [given, step] = process.argv.slice(2)
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

/** Runs the shim in this process, up to its exec, and then `end` in the place of it. The first script is the hot one. */
/** @param {{ made?: (source: string) => void, end: (script: any) => void }} hooks */
function start({ made = () => {}, end }) {
  let script
  const { Script } = vm
  vm.Script = class extends Script {
    /** @param {string} source @param {any} options */
    constructor(source, options) {
      super(source, options)
      if (script !== undefined) return
      script = this
      made(source)
    }
  }
  const node = /** @type {any} */ (process)
  node.execve = () => {
    end(script)
    process.exit(0)
  }
  process.argv = [process.argv[0], shim, '--', '/bin/true']
  createRequire(shim)(shim)
}

/** As esbuild.config.mjs names it. */
const cacheOf = (source) => `${shim}.${createHash('sha256').update(source).digest('hex').slice(0, 16)}.cache`

function write() {
  let descriptor
  start({
    // At once: the shim becomes another user where there is one to become.
    made: (source) => {
      descriptor = openSync(cacheOf(source), 'w', 0o644)
    },
    end: (script) => writeSync(descriptor, script.createCachedData()),
  })
}

function check() {
  start({
    end: ({ cachedDataRejected }) => {
      if (cachedDataRejected === false) return
      console.error('V8 does not take the cache')
      process.exit(1)
    },
  })
}

function make() {
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
  for (const name of readdirSync(directory)) if (name.endsWith('.cache')) rmSync(join(directory, name))
  try {
    const disinto = join(directory, 'disinto.js')
    writeFileSync(join(project, '.env'), '# An example\nNAME=value\n')
    node([disinto, 'secrets', 'migrate'])
    node([disinto, 'secrets', 'add', 'TOKEN'], { input: 'value' })
    const user = process.getuid?.() === 0 ? { DISINTO_USER: '65534' } : {}
    const settings = { DISINTO_ROOT: project, DISINTO_SUMMARY: '1', ...user }
    for (const again of ['write', 'check']) {
      node([...process.execArgv, SELF, directory, again], { env: settings })
    }
  } finally {
    rmSync(project, { recursive: true })
  }
}

if (step === 'write') write()
else if (step === 'check') check()
else make()
