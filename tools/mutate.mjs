/**
 * Mutation testing (StrykerJS): changes the code of a room, a place at a time, and counts the changes that its own tests,
 * those below test/unit/ROOM, notice.
 *
 *   npm run mutate [-- ROOM ...]      ROOM: a directory or file of src, "host/vault" or "handover/user.ts"; default: all of ROOMS
 *
 * CONCURRENCY=2 tries two changes at once. Fails where fewer than 80 % are noticed. It takes hours, so CI does not run it. What has survived is in
 * .mutants/<ROOM>.txt, with the line as it was changed. Needs Node 22 or later.
 */
import { mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { ROOT } from './prepare.mjs'

/** @type {(name: string) => Promise<any>} */
const load = (name) => import(name)
const { Stryker } = await load('@stryker-mutator/core')

const ROOMS = ['load', 'sops', 'age', 'handover/user.ts', 'host/access', 'host/store', 'host/vault']
const FLOOR = 80
const PLACE = join(ROOT, '.mutants')

/** @param {string} room */
function optionsFor(room) {
  return {
    mutate: [`src/${room}${room.endsWith('.ts') ? '' : '/**/*.ts'}`],
    testRunner: 'vitest',
    // Each change is tried by the tests that run its line, and no others.
    coverageAnalysis: 'perTest',
    // What runs once, when a file is loaded, would have every test run for each change of it.
    ignoreStatic: true,
    vitest: { configFile: 'tools/mutate.vitest.mjs', pool: 'forks' },
    // TypeScript 7 has no programming interface, with which this file would be read.
    tsconfigFile: 'none',
    ignorePatterns: ['.tools', 'coverage', '.github', 'docs', 'deploy', 'man'],
    tempDirName: '.mutants',
    concurrency: Number(process.env.CONCURRENCY ?? 1),
    timeoutMS: 10_000,
    reporters: ['progress-append-only'],
    allowEmpty: true,
  }
}

/** The lines of the files to be changed, by path: as they are before a run of hours, in which somebody may edit them. */
function linesOf(room) {
  const path = join(ROOT, 'src', room)
  const files = room.endsWith('.ts')
    ? [path]
    : readdirSync(path, { recursive: true, encoding: 'utf8' })
        .filter((file) => file.endsWith('.ts'))
        .map((file) => join(path, file))
  return new Map(files.map((file) => [file, readFileSync(file, 'utf8').split('\n')]))
}

/** The lines that a change made of the code, as one who reads it would like them. */
function changed(linesBefore, { fileName, location: { start, end }, replacement = '', status, mutatorName }) {
  const lines = linesBefore.get(fileName) ?? []
  const head = lines[start.line - 1].slice(0, start.column - 1)
  const tail = lines[end.line - 1].slice(end.column - 1)
  const was = lines
    .slice(start.line - 1, end.line)
    .map((line) => `- ${line}`)
    .join('\n')
  return `${fileName.slice(ROOT.length)}:${start.line} ${status} ${mutatorName}\n${was}\n+ ${head}${replacement}${tail}\n`
}

/** Tries a room; returns its share of noticed changes in percent. */
async function mutate(room) {
  // Read by test/helpers/property.ts.
  process.env.PROPERTY_MS ??= '300'
  // Read by mutate.vitest.mjs.
  process.env.MUTATE_TESTS = `test/unit/${room.replace(/\/[^/]+\.ts$/, '')}`
  const linesBefore = linesOf(room)
  const results = await new Stryker(optionsFor(room)).runMutationTest()
  const count = (...statuses) => results.filter(({ status }) => statuses.includes(status)).length
  const noticed = count('Killed', 'Timeout')
  const missed = results.filter(({ status }) => status === 'Survived' || status === 'NoCoverage')
  mkdirSync(PLACE, { recursive: true })
  writeFileSync(
    join(PLACE, `${room.replaceAll('/', '-')}.txt`),
    missed.map((one) => changed(linesBefore, one)).join('\n'),
  )
  const share = (100 * noticed) / (noticed + missed.length)
  console.log(
    `${room}: ${share.toFixed(1)} % of ${noticed + missed.length} changes noticed, ` +
      `${count('NoCoverage')} in lines that no unit test runs, ${count('Ignored')} left out`,
  )
  return share
}

const rooms = process.argv.length > 2 ? process.argv.slice(2) : ROOMS
for (const room of rooms) if ((await mutate(room)) < FLOOR) process.exitCode = 1
