/**
 * Which lines of src the unit, shim and host suites run, together; fails below the floors.
 *
 *   npm run coverage [-- ROOM ...]      ROOM: lists its lines that are not run, too, "host/doctor" for example
 *
 * The bundles for it are plain ones with a source map, which write what V8 counted when they end or become a command.
 * A process that a signal ends writes nothing. Tests that fail are told, and no more: some hold what a start loads.
 */
import { spawnSync } from 'node:child_process'
import { mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { delimiter, dirname, join, relative } from 'node:path'
import { build } from 'esbuild'
import { fetchParts } from './fetch.mjs'
import { ROOT } from './prepare.mjs'

/** Of lines, in percent. A room is a directory of src, or of src/host; the files beside them are one. */
const FLOORS = { all: 85, room: 75, high: 95 }
const HIGH = ['sops', 'age', 'load', 'host/access', 'host/store']
const SUITES = ['unit', 'shim', 'host']

const PLACE = join(ROOT, 'coverage')
const COUNTS = join(PLACE, 'counts')

/** @type {(name: string) => Promise<any>} */
const load = (name) => import(name)
const { mergeScriptCovs } = (await load('@bcoe/v8-coverage')).default
const { convert } = await load('ast-v8-to-istanbul')
const { parseAst } = await load('vite')

/** Around a bundle: counts from its first line on. */
const prelude = (bundle) => `const { Session } = require('node:inspector')
const { writeFileSync } = require('node:fs')
const session = new Session()
session.connect()
session.post('Profiler.enable')
session.post('Profiler.startPreciseCoverage', { callCount: true, detailed: true })
const file = require.resolve('./${bundle}.plain.js')
let written = 0
function write() {
  session.post('Profiler.takePreciseCoverage', (error, answer) => {
    const counts = answer?.result.filter(({ url }) => url.endsWith(file)) ?? []
    const name = '${COUNTS}/${bundle}-' + process.pid + '-' + process.hrtime.bigint() + '.json'
    try { writeFileSync(name, JSON.stringify(counts)) } catch {}
  })
}
process.on('exit', write)
const { execve } = process
if (execve) process.execve = (...words) => { write(); return execve.apply(process, words) }
require(file)
`

async function buildPlain() {
  const { version } = JSON.parse(readFileSync(join(ROOT, 'package.json'), 'utf8'))
  for (const bundle of ['entrypoint', 'disinto']) {
    await build({
      absWorkingDir: ROOT,
      entryPoints: [`src/${bundle}.ts`],
      outfile: join(PLACE, `${bundle}.plain.js`),
      bundle: true,
      packages: 'external',
      platform: 'node',
      target: 'node20',
      format: 'cjs',
      supported: { 'dynamic-import': false },
      sourcemap: true,
      define: { DISINTO_VERSION: JSON.stringify(version) },
      logLevel: 'warning',
    })
    writeFileSync(join(PLACE, `${bundle}.js`), prelude(bundle))
  }
  // What is here are CommonJS files, below a package of ES modules.
  writeFileSync(join(PLACE, 'package.json'), '{ "type": "commonjs" }\n')
}

/** Runs the suites one after the other, as far as they go. */
function runSuites({ node26 = '', sops = '', age = '', ageKeygen = '' }) {
  for (const suite of SUITES) {
    const inProcess = [
      '--coverage.enabled',
      '--coverage.provider=v8',
      '--coverage.include=src/**/*.ts',
      '--coverage.reporter=json',
      `--coverage.reportsDirectory=${join(PLACE, 'unit')}`,
      '--coverage.reportOnFailure',
    ]
    const words = ['run', '--project', suite, '--reporter=dot', ...(suite === 'unit' ? inProcess : [])]
    const { status } = spawnSync(node26, [join(ROOT, 'node_modules/vitest/vitest.mjs'), ...words], {
      cwd: ROOT,
      stdio: ['ignore', 'ignore', 'inherit'],
      env: {
        ...process.env,
        PATH: `${dirname(sops)}${delimiter}${process.env.PATH}`,
        SOPS_PROGRAM: sops,
        AGE_PROGRAM: age,
        AGE_KEYGEN_PROGRAM: ageKeygen,
        TEST_BUNDLES: PLACE,
      },
    })
    if (status !== 0) console.log(`${suite}: some tests failed, on bundles that are not those of the package`)
  }
}

/** Counts of a bundle's processes, added up some at a time, as all at once would fill the memory. */
function countsOf(bundle) {
  let merged
  const names = readdirSync(COUNTS).filter((name) => name.startsWith(`${bundle}-`))
  for (let at = 0; at < names.length; at += 50) {
    const counts = names
      .slice(at, at + 50)
      .flatMap((name) => JSON.parse(readFileSync(join(COUNTS, name), 'utf8')))
      .map((one) => ({ ...one, scriptId: '0', url: bundle }))
    merged = mergeScriptCovs([...(merged ? [merged] : []), ...counts])
  }
  return merged
}

/** Files of src with a count for each of their lines that has code. */
async function linesOfBundle(bundle) {
  const path = join(PLACE, `${bundle}.plain.js`)
  const code = readFileSync(path, 'utf8')
  const coverage = countsOf(bundle)
  if (coverage === undefined) throw new Error(`${bundle}: no process wrote what it counted`)
  return convert({
    code,
    ast: parseAst(code),
    sourceMap: JSON.parse(readFileSync(`${path}.map`, 'utf8')),
    coverage: { ...coverage, url: `file://${path}` },
    wrapperLength: 0,
  })
}

/** @type {Map<string, Map<number, number>>} */
const counts = new Map()

/** Adds Istanbul's counts: a line has the most of what begins in it. */
function add(data) {
  for (const [path, { statementMap, s }] of Object.entries(data)) {
    const file = relative(join(ROOT, 'src'), path)
    if (file.startsWith('..')) continue
    const lines = counts.get(file) ?? new Map()
    counts.set(file, lines)
    for (const [id, { start }] of Object.entries(statementMap))
      lines.set(start.line, Math.max(lines.get(start.line) ?? 0, s[id]))
  }
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

/** Prints the share of lines of every room, and returns what is below its floor. */
function report(listed) {
  const rooms = new Map([['all', { run: 0, lines: 0 }]])
  for (const [file, lines] of counts) {
    const room = roomOf(file)
    const missed = [...lines].filter(([, count]) => count === 0).map(([line]) => line)
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
  return below
}

const again = process.argv.includes('--again')
if (!again) {
  rmSync(PLACE, { recursive: true, force: true })
  mkdirSync(COUNTS, { recursive: true, mode: 0o777 })
  // For processes that become another user.
  spawnSync('chmod', ['0777', COUNTS])
  await buildPlain()
  runSuites(await fetchParts())
}
add(JSON.parse(readFileSync(join(PLACE, 'unit/coverage-final.json'), 'utf8')))
for (const bundle of ['entrypoint', 'disinto']) add(await linesOfBundle(bundle))
const below = report(process.argv.slice(2))
if (below.length > 0) {
  console.log(`below the floor: ${below.join(', ')}`)
  process.exitCode = 1
}
