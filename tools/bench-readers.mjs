/**
 * The readers of what strangers may have written, each on inputs of doubling size: a table on standard output. A part of
 * `npm run bench`; needs a Node that imports TypeScript (22.18 or later). Hangs are found by test/unit/time.test.ts.
 *
 *   node tools/bench-readers.mjs [BYTES]     of the largest input; 1 MiB unless told
 */
import { HOSTILE, timeOf } from '../test/differential/hostile.ts'
import { isAnswer, readers } from '../test/differential/readers.ts'

const LARGEST = Number(process.argv[2] ?? 2 ** 20)
const SIZES = [8, 4, 2, 1].map((part) => LARGEST / part)
/** What takes less than this says nothing about its growth. */
const TOO_SHORT = 5
const RUNS = 3

/** The quickest of some runs: whatever else the machine does only adds to it. */
async function quickest(read, bytes) {
  const times = []
  for (let run = 0; run < RUNS; run++) times.push(await timeOf(read, bytes, isAnswer))
  return Math.min(...times)
}

const all = readers([])
const rows = []
for (const { reader, title, make } of HOSTILE) {
  const read = all[reader]
  const times = []
  for (const size of SIZES) times.push(await quickest(read, make(size)))
  const steps = times.slice(1).flatMap((time, at) => (times[at] < TOO_SHORT ? [] : [time / times[at]]))
  // Three doublings: as a whole they say more than the one that a garbage collection fell into.
  const growth =
    steps.length === 0 ? undefined : steps.reduce((one, other) => one * other) ** (1 / steps.length)
  rows.push({ reader, title, last: times.at(-1), growth })
}
const cell = (text) => text.replaceAll('|', '\\|').replaceAll('`', "'")
const size = `${LARGEST / 2 ** 20} MiB`
console.log(`| reader | text | ${size} | twice the bytes |\n|---|---|--:|--:|`)
for (const { reader, title, last, growth } of rows)
  console.log(
    `| ${reader} | ${cell(title)} | ${last.toFixed(0)} ms | ${growth === undefined ? '' : `${growth.toFixed(2)} ×`} |`,
  )
const worst = Math.max(...rows.map(({ growth = 0 }) => growth))
console.log(`\nTwice the bytes take at most ${worst.toFixed(2)} times the time; at most 2.5 is wanted.`)
