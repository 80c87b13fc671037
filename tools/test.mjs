/**
 * `npm test`: installs packages, fetches the real parts, builds, checks, and runs every suite under its Nodes.
 *
 *   npm test [SUITE ...] [NODE ...]      names of tools/suites.mjs; default: all. NODE: node24, for example; default: the suite's
 *
 * Suites that start containers wait most of their time, so there are lanes that run beside each other (suites.mjs). What
 * a suite prints is printed when it ends, whole. Where no Docker Engine answers the image, stack and ship suites and parts
 * of the proof are left out, which with CI set is a failure. With CI set the lines of src that ran are held to their floors
 * (coverage.mjs). The last line is `N passed, N failed, N skipped`.
 */
import { spawn, spawnSync } from 'node:child_process'
import { closeSync, mkdtempSync, openSync, readFileSync, rmSync } from 'node:fs'
import { constants, setPriority, tmpdir } from 'node:os'
import { delimiter, dirname, join } from 'node:path'
import { COUNTED, COUNTING, IN_PROCESS, prepareCounting, report } from './coverage.mjs'
import { fetchParts } from './fetch.mjs'
import { build, installPackages, ROOT } from './prepare.mjs'
import { LANES, NODES, SUITES } from './suites.mjs'

const PINS = JSON.parse(readFileSync(new URL('versions.json', import.meta.url), 'utf8'))
const DEEP = process.env.DEEP !== undefined

const names = SUITES.map(({ name }) => name)
const words = process.argv.slice(2)
const unknown = words.filter((word) => !names.includes(word) && !NODES.includes(word))
if (unknown.length > 0) {
  console.error(`no suite ${unknown.join(', ')}: there are ${[...names, ...NODES].join(', ')}`)
  process.exit(2)
}
const wantedNodes = words.filter((word) => NODES.includes(word))
const wanted = words.filter((word) => names.includes(word))
const everything = words.length === 0
const suites = SUITES.filter(({ name }) => wanted.length === 0 || wanted.includes(name))

/**
 * The Nodes that a suite runs under.
 * @param {import('./suites.mjs').Suite} suite
 */
function nodesOf({ nodes, moreNodes = [] }) {
  if (wantedNodes.length > 0) return wantedNodes
  return DEEP ? [...nodes, ...moreNodes] : nodes
}

installPackages()
const parts = await fetchParts(['sops', 'age', ...new Set(['node26', ...suites.flatMap(nodesOf)])])
/** @type {NodeJS.ProcessEnv} */
const environment = {
  ...process.env,
  PATH: `${dirname(parts.sops)}${delimiter}${process.env.PATH}`,
  SOPS_PROGRAM: parts.sops,
  AGE_PROGRAM: parts.age,
  AGE_KEYGEN_PROGRAM: parts.ageKeygen,
}
// A person's own keys and settings have no part in a test.
for (const name of Object.keys(environment)) {
  if (/^(?:SOPS_AGE_|DISINTO_|NODE_OPTIONS$|XDG_CONFIG_HOME$)/.test(name)) delete environment[name]
}

const totals = { passed: 0, failed: 0, skipped: 0 }
/** Told again at the end, where whoever sees only the end of a long output sees them. */
const failures = []
/** How long each step and each file of tests took, in seconds. */
const steps = []
const files = []
const scratch = mkdtempSync(join(tmpdir(), 'disinto-test-'))

/** What has been started and has not ended, with the file that has what it has printed. */
const running = new Map()
for (const signal of /** @type {const} */ (['SIGINT', 'SIGTERM'])) {
  process.on(signal, () => {
    for (const [child, { title, output }] of running) {
      console.log(`\n== ${title}, ended by ${signal}\n${readFileSync(output, 'utf8')}`)
      child.kill(signal)
    }
    rmSync(scratch, { recursive: true, force: true })
    process.exit(128 + constants.signals[signal])
  })
}

/**
 * Runs a program and prints what it has printed when it ends; resolves to whether it ended well.
 * @param {string} title
 * @param {string} program
 * @param {string[]} line
 * @param {{ env?: NodeJS.ProcessEnv, low?: boolean }} [settings] low: only when nothing else wants to run
 */
async function step(title, program, line, { env = {}, low = false } = {}) {
  console.log(`-- ${title} starts`)
  const start = performance.now()
  // A file, since a pipe would be open as long as anything that a test has left behind.
  const output = join(scratch, `${title.replaceAll(/\W+/g, '-')}.txt`)
  const descriptor = openSync(output, 'w')
  const child = spawn(program, line, {
    cwd: ROOT,
    env: { ...environment, ...env },
    stdio: ['ignore', descriptor, descriptor],
  })
  closeSync(descriptor)
  running.set(child, { title, output })
  if (low && child.pid !== undefined) setPriority(child.pid, constants.priority.PRIORITY_LOW)
  const ok = await new Promise((resolve) => {
    child.on('error', (error) => {
      console.error(`${program}: ${error.message}`)
      resolve(false)
    })
    child.on('exit', (status) => resolve(status === 0))
  })
  running.delete(child)
  const seconds = Math.round((performance.now() - start) / 1000)
  steps.push({ name: title, seconds })
  console.log(`\n== ${title} (${seconds} s)\n${readFileSync(output, 'utf8')}`)
  return ok
}

/** Counts a step that is not made of tests as one. */
function count(ok) {
  if (ok) totals.passed += 1
  else totals.failed += 1
}

/** Adds up the report of a run of vitest. */
function addReport(title, { testResults, numPassedTests, numFailedTests, numPendingTests, numTodoTests }) {
  for (const file of testResults) {
    files.push({
      name: `${file.name.slice(ROOT.length)}, ${title}`,
      seconds: (file.endTime - file.startTime) / 1000,
    })
    for (const test of file.assertionResults.filter(({ status }) => status === 'failed')) {
      failures.push({ title, name: test.fullName, why: test.failureMessages[0] ?? '' })
    }
    if (file.status === 'failed' && file.assertionResults.length === 0) {
      failures.push({ title, name: file.name, why: file.message })
    }
  }
  totals.passed += numPassedTests
  totals.failed += numFailedTests
  totals.skipped += numPendingTests + numTodoTests
}

/**
 * Runs vitest on one suite under one Node and adds up its figures.
 * @param {string} title
 * @param {string} node the program
 * @param {string} suite
 * @param {{ more?: string[], env?: NodeJS.ProcessEnv }} [settings] more: words for vitest
 */
async function vitest(title, node, suite, { more = [], env = {} } = {}) {
  const outputFile = join(scratch, `${title.replaceAll(/\W+/g, '-')}.json`)
  const line = [join(ROOT, 'node_modules/vitest/vitest.mjs'), 'run', '--project', `${suite}*`, ...more]
  line.push('--reporter=default', '--reporter=json', `--outputFile.json=${outputFile}`)
  const ok = await step(title, node, line, { env })
  let result
  try {
    result = JSON.parse(readFileSync(outputFile, 'utf8'))
  } catch {
    console.error(`${title}: vitest left no report`)
    totals.failed += 1
    return
  }
  addReport(title, result)
  // An error outside any test, a file that does not load for example.
  if (!ok && result.numFailedTests === 0) totals.failed += 1
}

const engine = spawnSync('docker', ['info'], { stdio: 'ignore', timeout: 20_000 }).status === 0
const counting = everything && process.env.CI !== undefined
build()
if (counting) prepareCounting(parts.node26)

/** Builds Kubernetes, each of which takes 5 to 14 minutes once, one after the other; resolves to where the good ones are. */
async function buildKubernetes() {
  const { version: newest, oldest } = PINS.kubernetes
  const built = new Map()
  for (const version of DEEP ? [newest, oldest] : [newest]) {
    const place = join(ROOT, '.tools', `kubernetes-${version}`)
    const line = [join(ROOT, 'test/cluster/build.sh'), version, place]
    if (await step(`Kubernetes ${version}`, 'bash', line, { low: true })) built.set(version, place)
    else count(false)
  }
  return built
}
/** First of all, since it takes as long as the suites before it. */
const kubernetes = engine && suites.some((suite) => suite.kubernetes === true) ? buildKubernetes() : new Map()

/**
 * The words and the environment with which vitest counts what a suite runs.
 * @param {string} name
 * @param {string} node
 * @returns {{ more?: string[], env?: NodeJS.ProcessEnv }}
 */
function countingOf(name, node) {
  if (!counting || node !== 'node26') return {}
  if (name === 'unit') return { more: IN_PROCESS }
  return COUNTED.includes(name) ? { env: { TEST_BUNDLES: COUNTING } } : {}
}

/** The words that leave files of a suite out. */
const without = (name, files) => files.flatMap((file) => ['--exclude', `test/${name}/${file}.test.ts`])

/** The part of a suite that needs no engine: most of proof, none of image. */
async function withoutEngine({ name, engine, nodes, once = [] }, node) {
  const title = `${name}, ${node.replace('node', 'Node ')}`
  if (engine === 'whole') return
  const { more = [], ...settings } = countingOf(name, node)
  const left = engine === 'some' ? ['*image'] : []
  // Where it is the only Node, nothing is left to another.
  if (wantedNodes.length === 0 && node !== nodes.at(-1)) left.push(...once)
  await vitest(title, parts[node], name, { more: [...more, ...without(name, left)], ...settings })
}

/** The part that does. */
async function onEngine({ name, engine: needs, kubernetes: wantsKubernetes = false }, node) {
  const title = `${name}, ${node.replace('node', 'Node ')}, on an engine`
  if (needs === undefined) return
  if (!engine) {
    console.error(`\n${title}: no Docker Engine answers (docker info), so its tests did not run`)
    if (process.env.CI) totals.failed += 1
    else totals.skipped += 1
    return
  }
  if (!wantsKubernetes) {
    const some = needs === 'some' ? { more: ['image.test.ts'] } : {}
    await vitest(title, parts[node], name, { ...some, ...countingOf(name, node) })
    return
  }
  for (const [version, place] of await kubernetes)
    await vitest(`${title}, Kubernetes ${version}`, parts[node], name, {
      env: { KUBERNETES_PROGRAMS: place },
    })
}

/** Runs suites one after another. */
async function runLane(some) {
  for (const suite of some) {
    for (const node of nodesOf(suite)) {
      await withoutEngine(suite, node)
      await onEngine(suite, node)
    }
  }
}

/** What is no test, and needs no build. */
async function checks() {
  count(await step('format, lint, types', 'npm', ['run', '--silent', 'check']))
  count(await step('workflows', process.execPath, [join(ROOT, 'tools/lint-workflows.mjs')]))
}

if (everything) await checks()
await Promise.all(LANES.map((lane) => runLane(suites.filter(({ name }) => lane.includes(name)))))
if (counting) {
  console.log('\n== lines of src that the unit, shim, host and stack suites ran')
  count(await report())
}

rmSync(scratch, { recursive: true })
for (const { title, name, why } of failures) {
  console.log(`\nfailed: ${name} (${title})\n${why.slice(0, 3000)}`)
}
/** Prints what took longest. */
function longest(list, most) {
  for (const { name, seconds } of list.sort((one, other) => other.seconds - one.seconds).slice(0, most))
    console.log(`${String(Math.round(seconds)).padStart(5)} s  ${name}`)
}
console.log('\n== what took longest')
longest(steps, 20)
longest(files, 10)
console.log(`\n${totals.passed} passed, ${totals.failed} failed, ${totals.skipped} skipped`)
process.exit(totals.failed === 0 ? 0 : 1)
