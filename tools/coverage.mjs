/**
 * Which lines of src the unit, shim, host and stack suites run, together; fails below the floors.
 *
 *   npm run coverage [-- ROOM ...]      ROOM: lists its lines that are not run, too, "host/doctor" for example
 *   npm run coverage -- --again [ROOM ...]      the same for what was counted last
 *
 * With CI set `npm test` counts in the suites that it runs anyway (tools/test.mjs). The programs are the built bundles, inside
 * a file that has V8 count, and writes what it counted when they end or become a command. A process that a signal ends
 * writes nothing.
 */
import { spawnSync } from 'node:child_process'
import { mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { delimiter, dirname, join, relative } from 'node:path'
import { fileURLToPath } from 'node:url'
import { fetchParts } from './fetch.mjs'
import { build, ROOT } from './prepare.mjs'

/** Of lines, in percent. A room is a directory of src, or of src/host; the files beside them are one. */
const FLOORS = { all: 85, room: 75, high: 95 }
const HIGH = ['sops', 'age', 'load', 'host/access', 'host/store']
/** The suites whose programs are counted; the last one needs a Docker Engine. */
export const COUNTED = ['shim', 'host', 'stack']
const SUITES = ['unit', ...COUNTED]

const PLACE = join(ROOT, 'coverage')
const COUNTS = join(PLACE, 'counts')
/** Where the programs are that count: for TEST_BUNDLES, which test/helpers/parts.ts reads. */
export const COUNTING = join(PLACE, 'bundles')
/** The programs as one script each, without the ending: the chunks that they are built as have no source map. */
const BUNDLES = {
  entrypoint: join(COUNTING, 'whole/entrypoint'),
  disinto: join(COUNTING, 'whole/disinto'),
}
/** What has vitest count in its own process. */
export const IN_PROCESS = [
  '--coverage.enabled',
  '--coverage.provider=v8',
  '--coverage.include=src/**/*.ts',
  '--coverage.reporter=json',
  `--coverage.reportsDirectory=${join(PLACE, 'unit')}`,
  '--coverage.reportOnFailure',
]

/** Around a bundle: counts from its first line on, and writes which parts of its text ran, as pairs of offsets. */
const counting = (bundle, length) => `const { Session } = require('node:inspector')
const { renameSync, writeFileSync } = require('node:fs')
const { pathToFileURL } = require('node:url')
const file = ${JSON.stringify(`${BUNDLES[bundle]}.js`)}
const session = new Session()
session.connect()
session.post('Profiler.enable')
session.post('Profiler.startPreciseCoverage', { callCount: false, detailed: true })

// Ranges lie in each other, and the innermost counts.
function ran(functions) {
  const ranges = functions.flatMap((one) => one.ranges)
  ranges.sort((one, other) => one.startOffset - other.startOffset || other.endOffset - one.endOffset)
  const pairs = []
  const around = []
  let at = 0
  const upTo = (offset) => {
    if (offset > at && around.at(-1)?.count > 0) pairs.push([at, offset])
    at = Math.max(at, offset)
  }
  for (const range of ranges) {
    while (around.length > 0 && around.at(-1).endOffset <= range.startOffset) { upTo(around.at(-1).endOffset); around.pop() }
    upTo(range.startOffset)
    around.push(range)
  }
  while (around.length > 0) {
    upTo(around.at(-1).endOffset)
    around.pop()
  }
  return pairs
}
function write() {
  session.post('Profiler.takePreciseCoverage', (error, answer) => {
    // The file and the script inside it have one URL.
    const script = answer?.result.find(({ url, functions: [whole] }) => url === pathToFileURL(file).href && whole.ranges[0].endOffset === ${length})
    const functions = script?.functions ?? []
    const name = '${COUNTS}/${bundle}-' + process.pid + '-' + process.hrtime.bigint()
    // Under its name when it is whole: whoever is killed meanwhile leaves a part.
    try {
      writeFileSync(name, JSON.stringify(ran(functions)))
      renameSync(name, name + '.json')
    } catch {}
  })
}
process.on('exit', write)
const { execve } = process
if (execve) process.execve = (...words) => { write(); return execve.apply(process, words) }
require(file)
`

/** Has V8 count, and writes what it makes of a script before it runs: to compile it takes longer than most commands. */
const CACHING = `const { Session } = require('node:inspector')
const { readFileSync, writeFileSync } = require('node:fs')
const session = new Session()
session.connect()
session.post('Profiler.enable')
session.post('Profiler.startPreciseCoverage', { callCount: false, detailed: true })
const filename = process.argv[1]
const script = new (require('node:vm').Script)(readFileSync(filename + '.script', 'latin1'), { filename })
writeFileSync(filename + '.cache', script.createCachedData())
`

/**
 * Makes the programs that count, of the bundles that are built, and forgets what was counted.
 * @param {string} node the Node that will run them
 */
export function prepareCounting(node) {
  rmSync(PLACE, { recursive: true, force: true })
  mkdirSync(COUNTS, { recursive: true })
  // For processes that become another user.
  spawnSync('chmod', ['0777', COUNTS])
  mkdirSync(join(COUNTING, 'whole'), { recursive: true })
  const words = ['esbuild.config.mjs', join(COUNTING, 'whole')]
  const { status } = spawnSync(process.execPath, words, { cwd: ROOT, stdio: 'inherit' })
  if (status !== 0) throw new Error('the build failed')
  for (const bundle of Object.keys(BUNDLES)) {
    const { script } = scriptOf(bundle)
    writeFileSync(join(COUNTING, `${bundle}.js`), counting(bundle, script.length))
    const caching = spawnSync(node, ['--eval', CACHING, `${BUNDLES[bundle]}.js`], { stdio: 'inherit' })
    if (caching.status !== 0) throw new Error(`${bundle}: no code cache`)
  }
  // What is here are CommonJS files, below a package of ES modules.
  writeFileSync(join(COUNTING, 'package.json'), '{ "type": "commonjs" }\n')
}

/** Runs the suites one after the other, as far as they go. */
function runSuites({ node26 = '', sops = '', age = '', ageKeygen = '' }) {
  for (const suite of SUITES) {
    const words = ['run', '--project', suite, '--reporter=dot', ...(suite === 'unit' ? IN_PROCESS : [])]
    const { status } = spawnSync(node26, [join(ROOT, 'node_modules/vitest/vitest.mjs'), ...words], {
      cwd: ROOT,
      stdio: ['ignore', 'ignore', 'inherit'],
      env: {
        ...process.env,
        PATH: `${dirname(sops)}${delimiter}${process.env.PATH}`,
        SOPS_PROGRAM: sops,
        AGE_PROGRAM: age,
        AGE_KEYGEN_PROGRAM: ageKeygen,
        TEST_BUNDLES: COUNTING,
      },
    })
    if (status !== 0) console.log(`${suite}: some tests failed`)
  }
}

/** The parts of a bundle's text that ran in any process, as pairs of offsets in their order, none beside the next. */
function partsThatRan(bundle) {
  const pairs = readdirSync(COUNTS)
    .filter((name) => name.startsWith(`${bundle}-`) && name.endsWith('.json'))
    .flatMap((name) => JSON.parse(readFileSync(join(COUNTS, name), 'utf8')))
    .sort(([one], [other]) => one - other)
  if (pairs.length === 0) throw new Error(`${bundle}: no process wrote what it counted`)
  const parts = [pairs[0]]
  for (const [start, end] of pairs) {
    const last = parts[parts.length - 1]
    if (start <= last[1]) last[1] = Math.max(last[1], end)
    else parts.push([start, end])
  }
  return parts
}

/** The script of a bundle: what esbuild made begins behind the head that esbuild.config.mjs puts before it. */
function scriptOf(bundle) {
  const script = readFileSync(`${BUNDLES[bundle]}.js.script`, 'latin1')
  return { script, head: script.indexOf('{') + 1 }
}

/** Files of src, each with its lines that are in the bundle and whether one of their parts ran. */
async function linesOfBundle(bundle) {
  /** @type {any} */
  const { TraceMap, decodedMappings } = await import('@jridgewell/trace-mapping')
  const map = new TraceMap(JSON.parse(readFileSync(`${BUNDLES[bundle]}.js.map`, 'utf8')))
  const { script, head } = scriptOf(bundle)
  const parts = partsThatRan(bundle)
  const files = new Map()
  let lineStart = head
  let part = 0
  for (const segments of decodedMappings(map)) {
    for (const [column, source, line] of segments) {
      const offset = lineStart + column
      while (part < parts.length && parts[part][1] <= offset) part += 1
      if (source === undefined) continue
      const file = relative('../src', map.sources[source])
      const lines = files.get(file) ?? new Map()
      files.set(file, lines)
      lines.set(line + 1, lines.get(line + 1) === true || (parts[part]?.[0] ?? Infinity) <= offset)
    }
    lineStart = script.indexOf('\n', lineStart) + 1
  }
  return files
}

/** Files of src, each with its lines that begin something and whether the unit tests or a bundle ran them. */
async function linesOfAll() {
  const bundles = await Promise.all(Object.keys(BUNDLES).map(linesOfBundle))
  const unit = JSON.parse(readFileSync(join(PLACE, 'unit/coverage-final.json'), 'utf8'))
  return Object.entries(unit).map(([path, { statementMap, s }]) => {
    const file = relative(join(ROOT, 'src'), path)
    const built = bundles.flatMap((files) => files.get(file) ?? [])
    const lines = new Map()
    for (const [id, { start }] of Object.entries(statementMap)) {
      const told = built.map((one) => one.get(start.line))
      const run = s[id] > 0 || told.includes(true)
      // What esbuild has made one with another line, a constant for example, is nowhere to be run.
      if (run || built.length === 0 || told.includes(false))
        lines.set(start.line, run || lines.get(start.line) === true)
    }
    return { file, lines }
  })
}

function roomOf(file) {
  const [first, second] = file.split('/')
  if (second === undefined) return 'beside the rooms'
  return first === 'host' && file.split('/').length > 2 ? `host/${second}` : first
}

function floorOf(room) {
  if (room === 'all') return FLOORS.all
  return HIGH.includes(room) ? FLOORS.high : FLOORS.room
}

/**
 * Prints the share of lines of every room; returns whether none is below its floor.
 * @param {readonly string[]} [listed] rooms whose lines that are not run are printed, too
 */
export async function report(listed = []) {
  const rooms = new Map([['all', { run: 0, lines: 0 }]])
  for (const { file, lines } of await linesOfAll()) {
    const room = roomOf(file)
    const missed = [...lines].filter(([, run]) => !run).map(([line]) => line)
    for (const name of ['all', room]) {
      const sums = rooms.get(name) ?? { run: 0, lines: 0 }
      rooms.set(name, { run: sums.run + lines.size - missed.length, lines: sums.lines + lines.size })
    }
    if (listed.includes(room) && missed.length > 0)
      console.log(`src/${file}: ${missed.sort((a, b) => a - b)}`)
  }
  const below = []
  for (const [room, { run, lines }] of [...rooms].sort(([one], [other]) => (one < other ? -1 : 1))) {
    const share = (100 * run) / lines
    const floor = floorOf(room)
    if (share < floor) below.push(room)
    console.log(`${room.padEnd(18)} ${share.toFixed(1).padStart(5)} %  of ${lines} lines, floor ${floor}`)
  }
  if (below.length > 0) console.log(`below the floor: ${below.join(', ')}`)
  return below.length === 0
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const words = process.argv.slice(2)
  if (!words.includes('--again')) {
    const parts = await fetchParts()
    build()
    prepareCounting(parts.node26)
    runSuites(parts)
  }
  process.exitCode = (await report(words)) ? 0 : 1
}
