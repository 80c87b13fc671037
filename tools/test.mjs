/**
 * `npm test`: installs packages, fetches the real parts, builds, checks, and runs every suite under its Nodes.
 *
 *   npm test [SUITE ...]       names of tools/suites.mjs; default: all
 *
 * Where no Docker Engine answers the image, stack and ship suites and parts of the proof are left out, which with CI set is a
 * failure. The last line is `N passed, N failed, N skipped`.
 */
import { spawnSync } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { delimiter, dirname, join } from 'node:path'
import { fetchParts } from './fetch.mjs'
import { build, installPackages, ROOT } from './prepare.mjs'
import { SUITES } from './suites.mjs'

const PINS = JSON.parse(readFileSync(new URL('versions.json', import.meta.url), 'utf8'))
const { version: newest, oldest } = PINS.kubernetes
const names = SUITES.map(({ name }) => name)
const wanted = process.argv.slice(2)
const unknown = wanted.filter((suite) => !names.includes(suite))
if (unknown.length > 0) {
  console.error(`no suite ${unknown.join(', ')}: there are ${names.join(', ')}`)
  process.exit(2)
}
const suites = SUITES.filter(({ name }) => wanted.length === 0 || wanted.includes(name))

installPackages()
const parts = await fetchParts()
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

/** Runs a program with our terminal; gives whether it ended well. */
function step(title, program, words) {
  console.log(`\n== ${title}`)
  return spawnSync(program, words, { cwd: ROOT, env: environment, stdio: 'inherit' }).status === 0
}

const totals = { passed: 0, failed: 0, skipped: 0 }
/** Told again at the end, where whoever sees only the end of a long output sees them. */
const failures = []
const scratch = mkdtempSync(join(tmpdir(), 'disinto-test-'))

/** Counts a step that is not made of tests as one. */
function count(ok) {
  if (ok) totals.passed += 1
  else totals.failed += 1
}

/** Runs vitest on some suites under one Node and adds up its figures. */
function vitest(title, node, suites, more = []) {
  if (suites.length === 0) return
  const report = join(scratch, `${title.replaceAll(/\W+/g, '-')}.json`)
  const ok = step(title, node, [
    join(ROOT, 'node_modules/vitest/vitest.mjs'),
    'run',
    ...suites.flatMap((suite) => ['--project', `${suite}*`]),
    ...more,
    '--reporter=default',
    '--reporter=json',
    `--outputFile.json=${report}`,
  ])
  let result
  try {
    result = JSON.parse(readFileSync(report, 'utf8'))
  } catch {
    console.error(`${title}: vitest left no report`)
    totals.failed += 1
    return
  }
  for (const file of result.testResults) {
    for (const test of file.assertionResults.filter(({ status }) => status === 'failed')) {
      failures.push({ title, name: test.fullName, why: test.failureMessages[0] ?? '' })
    }
    if (file.status === 'failed' && file.assertionResults.length === 0) {
      failures.push({ title, name: file.name, why: file.message })
    }
  }
  totals.passed += result.numPassedTests
  totals.failed += result.numFailedTests
  totals.skipped += result.numPendingTests + result.numTodoTests
  // An error outside any test, a file that does not load for example.
  if (!ok && result.numFailedTests === 0) totals.failed += 1
}

function engineAnswers() {
  return spawnSync('docker', ['info'], { stdio: 'ignore', timeout: 20_000 }).status === 0
}

if (wanted.length === 0) count(step('format, lint, types', 'npm', ['run', '--silent', 'check']))
build()

/**
 * Builds a Kubernetes, which takes 5 to 14 minutes once, and tells the harness where it is.
 * @param {string} version
 */
function buildKubernetes(version) {
  const programs = join(ROOT, '.tools', `kubernetes-${version}`)
  environment.KUBERNETES_PROGRAMS = programs
  return step(`Kubernetes ${version}`, 'bash', [join(ROOT, 'test/cluster/build.sh'), version, programs])
}

for (const { name, nodes, engine, kubernetes = false } of suites) {
  for (const node of nodes) {
    const title = `${name}, ${node.replace('node', 'Node ')}`
    if (engine === undefined) vitest(title, parts[node], [name])
    // Most of it needs no engine; what does is in files of its own.
    if (engine === 'some') vitest(title, parts[node], [name], ['--exclude', `test/${name}/*image.test.ts`])
    if (engine === undefined) continue
    if (engineAnswers() && kubernetes) {
      for (const version of process.env.DEEP === undefined ? [newest] : [newest, oldest]) {
        if (buildKubernetes(version)) vitest(`${title}, Kubernetes ${version}`, parts[node], [name])
        else count(false)
      }
    } else if (engineAnswers()) {
      const only = engine === 'some' ? ['image.test.ts'] : []
      vitest(`${title}, on an engine`, parts[node], [name], only)
    } else {
      console.error(`\n${title}: no Docker Engine answers (docker info), so its tests did not run`)
      if (process.env.CI) totals.failed += 1
      else totals.skipped += 1
    }
  }
}

rmSync(scratch, { recursive: true })
for (const { title, name, why } of failures) {
  console.log(`\nfailed: ${name} (${title})\n${why.slice(0, 3000)}`)
}
console.log(`\n${totals.passed} passed, ${totals.failed} failed, ${totals.skipped} skipped`)
process.exit(totals.failed === 0 ? 0 : 1)
