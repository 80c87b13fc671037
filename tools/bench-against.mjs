/**
 * Whether this tree is slower than a commit: both are built, and their starts alternate within one run.
 *
 *   npm run bench -- --against COMMIT [--runs 30]      a table on standard output; status 1 when a row is slower
 *
 * The figure is CPU time, which a busy machine changes less than time that has passed. Each round starts both, the other
 * first each time, and the ratio of the two is one sample; a row has the median of the samples, and twice its standard
 * error (1.25 × 1.48 × the median deviation, over the root of the number of rounds) is the noise.
 */
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import {
  asInImage,
  copyProject,
  HOST_ROWS,
  IMAGE_FLAGS,
  makeProject,
  makeSecretFiles,
  median,
  must,
} from './bench-input.mjs'
import { fetchParts } from './fetch.mjs'
import { startMeter } from './meter.mjs'
import { ROOT } from './prepare.mjs'

const SIZES = [1, 10, 100, 1000]

/** A built tree of a commit, beside this one; its packages are this one's where both want the same. */
function treeOf(commit, directory) {
  must('git', ['worktree', 'add', '--quiet', '--detach', directory, commit], { cwd: ROOT })
  const lock = (tree) => readFileSync(join(tree, 'package-lock.json'), 'utf8')
  if (lock(directory) === lock(ROOT)) symlinkSync(join(ROOT, 'node_modules'), join(directory, 'node_modules'))
  else must('npm', ['ci', '--ignore-scripts', '--no-audit', '--no-fund'], { cwd: directory })
  must(process.execPath, ['esbuild.config.mjs'], { cwd: directory })
  return directory
}

/** The rows, each with what to run of either tree. */
function rowsOf({ node, sops, work, trees, files }) {
  const [theirs, ours] = trees.map((tree, at) => ({
    tree,
    shim: asInImage({ node, sops }, tree, join(work, `image${at}`)),
  }))
  const start = (words, cwd, shimOf) => {
    const job = (side) => ({ program: node, words: [...shimOf(side), ...words], cwd, env: files.environment })
    return [job(theirs), job(ours)]
  }
  const asImage = ({ shim }) => [...IMAGE_FLAGS, '--', shim]
  const byHand = ({ tree }) => [join(tree, 'entrypoint/entrypoint.js')]
  const project = makeProject(node, join(theirs.tree, 'entrypoint/disinto.js'), join(work, 'theirs'))
  const projects = [project, copyProject(project, join(work, 'ours'))]
  return [
    {
      title: 'shim, 1 file, builtin, by hand',
      jobs: start(['--', 'true'], files.directoryOf(1), byHand),
    },
    ...SIZES.map((size) => ({
      title: `shim, ${size} file${size === 1 ? '' : 's'}, builtin`,
      jobs: start(['--', 'true'], files.directoryOf(size), asImage),
    })),
    {
      title: 'shim, 1 file, sops',
      jobs: start(['--engine', 'sops', '--', 'true'], files.directoryOf(1), asImage),
    },
    ...HOST_ROWS.map(({ title, words, input }) => ({
      title,
      jobs: [theirs, ours].map(({ tree }, at) => ({
        program: node,
        words: [join(tree, 'entrypoint/disinto.js'), ...words],
        ...projects[at],
        input,
      })),
    })),
  ]
}

/** The median of ratios, and what it may be off by. */
function summary(ratios) {
  const middle = median(ratios)
  const deviation = median(ratios.map((ratio) => Math.abs(ratio - middle)))
  return { middle, noise: (2 * 1.25 * 1.48 * deviation) / Math.sqrt(ratios.length) }
}

async function sample(meter, jobs, rounds) {
  const times = jobs.map(() => [])
  for (let round = -1; round < rounds; round += 1) {
    const order = round % 2 === 0 ? [0, 1] : [1, 0]
    for (const at of order) {
      const { cpu } = await meter.take(jobs[at])
      // The first round warms the page cache.
      if (round >= 0) times[at].push(cpu)
    }
  }
  return times
}

/** Prints the table of a comparison, and sets the exit status. */
export async function compareWith(commit, rounds) {
  const { node26: node, sops, ageKeygen } = await fetchParts(['node26', 'sops', 'age'])
  const work = mkdtempSync(join(tmpdir(), 'disinto-bench-'))
  const tree = join(work, 'tree')
  const meter = startMeter()
  try {
    mkdirSync(join(work, 'files'))
    const files = makeSecretFiles(join(work, 'files'), SIZES, { sops, ageKeygen })
    const rows = rowsOf({ node, sops, work, trees: [treeOf(commit, tree), ROOT], files })
    const name = must('git', ['rev-parse', '--short', commit], { cwd: ROOT }).trim()
    console.log(`CPU time in ms, least and median of ${rounds} rounds in turn, Node 26\n`)
    console.log(`| | ${name} | now | × | noise | |\n|---|--:|--:|--:|--:|---|`)
    for (const { title, jobs } of rows) {
      const [before, now] = await sample(meter, jobs, rounds)
      const { middle, noise } = summary(now.map((time, round) => time / before[round]))
      const cell = (times) => `${Math.min(...times).toFixed(1)}, ${median(times).toFixed(1)}`
      const isSlower = middle - noise > 1
      if (isSlower) process.exitCode = 1
      console.log(
        `| ${title} | ${cell(before)} | ${cell(now)} | ${middle.toFixed(2)} | ± ${noise.toFixed(2)} | ${isSlower ? 'slower' : ''} |`,
      )
    }
  } finally {
    meter.stop()
    if (existsSync(tree)) must('git', ['worktree', 'remove', '--force', tree], { cwd: ROOT })
    rmSync(work, { recursive: true, force: true })
  }
}
