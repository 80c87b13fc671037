/**
 * `npm run bench`: whole processes timed side by side, as ratios within this run; a table on standard output, then the
 * targets of DESIGN.md §7, and which of them are met.
 *
 *   node tools/bench.mjs [--runs 30] [--write]     --write puts the table into docs/performance.md
 *   node tools/bench.mjs --against COMMIT          whether this tree is slower than a commit (tools/bench-against.mjs)
 *
 * Every command is run in turn, round after round, so that a slow moment of the machine is everybody's. The figure
 * is the median. hyperfine, where it is installed, times the first rows again as a cross-check.
 */
import { spawnSync } from 'node:child_process'
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { availableParallelism, cpus, release, tmpdir, totalmem } from 'node:os'
import { join } from 'node:path'
import * as inputs from './bench-input.mjs'
import { timeVaultRun } from './bench-vault-run.mjs'
import { fetchParts } from './fetch.mjs'
import { startMeter } from './meter.mjs'
import { build, installPackages, ROOT } from './prepare.mjs'

const flag = (name, otherwise) => {
  const at = process.argv.indexOf(name)
  return at === -1 ? otherwise : process.argv[at + 1]
}
const ROUNDS = Number(flag('--runs', 30))
const WRITE = process.argv.includes('--write')
/** Slow rows, a hundred processes each, are run this many times less often. */
const SLOW = 6

installPackages()
build()
const against = flag('--against', undefined)
if (against !== undefined) {
  const { compareWith } = await import('./bench-against.mjs')
  await compareWith(against, ROUNDS)
  process.exit()
}
const { node26: node, sops, age, ageKeygen } = await fetchParts(['node26', 'sops', 'age'])
const work = mkdtempSync(join(tmpdir(), 'disinto-bench-'))
process.on('exit', () => rmSync(work, { recursive: true, force: true }))

// --- the input: N secret files of one token each, the same as age files, and what the rivals read ---
const { median } = inputs
const SIZES = [1, 10, 100, 1000]
const { environment, directoryOf, recipient, sealWords } = inputs.makeSecretFiles(work, SIZES, {
  sops,
  ageKeygen,
})

function must(program, words, options = {}) {
  return inputs.must(program, words, { env: environment, cwd: work, ...options })
}

for (let at = 0; at < 100; at += 1)
  must(age, ['-r', recipient, '-o', join(work, `${at}.age`)], { input: `token-${at}` })
writeFileSync(join(work, 'one.json'), readFileSync(join(directoryOf(1), 'secrets/SECRET_0.enc')))
const dotenv = must(sops, [...sealWords, '--input-type', 'dotenv', '--output-type', 'dotenv'], {
  input: 'SECRET_0=token-0-0123456789abcdef\n',
})
writeFileSync(join(work, 'old.env.enc'), dotenv)

// The shim this project replaces: plaintext to a file in /tmp, cleaned with grep, sourced.
writeFileSync(
  join(work, 'env.sh'),
  `#!/bin/sh
plain=$(mktemp)
sops -d --input-type dotenv --output-type dotenv ${work}/old.env.enc > "$plain" || exit 1
grep -E '^[A-Za-z_][A-Za-z0-9_]*=' "$plain" > "$plain.clean"
set -a; . "$plain.clean"; set +a
rm -f "$plain" "$plain.clean"
exec "$@"
`,
  { mode: 0o755 },
)

/** The rivals, from npm, at the version of the day the table was made. */
function rivals() {
  const directory = join(ROOT, '.tools', 'rivals')
  mkdirSync(directory, { recursive: true })
  writeFileSync(join(directory, 'package.json'), '{ "private": true }')
  const packages = ['@dotenvx/dotenvx@2.38.2', 'varlock@1.20.0']
  must('npm', ['install', '--no-audit', '--no-fund', '--loglevel=error', ...packages], {
    cwd: directory,
    env: process.env,
  })
  const entry = (name) => {
    const { bin } = JSON.parse(readFileSync(join(directory, 'node_modules', name, 'package.json'), 'utf8'))
    return join(directory, 'node_modules', name, typeof bin === 'string' ? bin : Object.values(bin)[0])
  }
  const project = join(work, 'rival')
  mkdirSync(project)
  const dotenvx = entry('@dotenvx/dotenvx')
  writeFileSync(join(project, '.env'), 'SECRET_0=token-0-0123456789abcdef\n')
  must(node, [dotenvx, 'encrypt'], { cwd: project })
  const plain = join(work, 'varlock')
  mkdirSync(plain)
  writeFileSync(join(plain, '.env.schema'), '# @sensitive\nSECRET_0=token-0-0123456789abcdef\n')
  return [
    row('dotenvx run, 1 value (from npm)', [node, dotenvx, 'run', '--quiet', '--', 'true'], { cwd: project }),
    row('varlock run, 1 value in plaintext (from npm)', [node, entry('varlock'), 'run', '--', 'true'], {
      cwd: plain,
    }),
  ]
}

/**
 * One command to time, as a row of the table.
 * @param {string} title
 * @param {string[]} command
 * @param {{ cwd?: string, env?: Record<string, string | undefined>, input?: string | undefined, slow?: boolean }} [options]
 */
function row(title, [program = '', ...words], options = {}) {
  const { cwd = work, env = environment, input = '', slow = false } = options
  /** @type {{ times: number[], peaks: number[] }} */
  const taken = { times: [], peaks: [] }
  return { title, slow, job: { program, words, cwd, env, input }, ...taken }
}
/** As the image's ENTRYPOINT starts it, with V8's code cache. */
const shim = inputs.asInImage({ node, sops }, ROOT, join(work, 'image'))
const IMAGE_FLAGS = [...inputs.IMAGE_FLAGS, '--']
const throughShim = (size, engine) =>
  row(
    `shim, ${size} file${size === 1 ? '' : 's'}, ${engine}`,
    // `auto` takes builtin for these files; a start without options is the usual one.
    [node, ...IMAGE_FLAGS, shim, ...(engine === 'sops' ? ['--engine', 'sops'] : []), '--', 'true'],
    { cwd: directoryOf(size), slow: engine === 'sops' && size >= 100 },
  )
const times = (count, script, title, slow = true) =>
  row(title, ['sh', '-c', `i=0; while [ $i -lt ${count} ]; do ${script}; i=$((i+1)); done >/dev/null`], {
    slow,
  })
const cores = availableParallelism()
const decryptWords = '--input-type json --output-type json'

/** What opening one file takes of node:crypto, and nothing else: no start by this engine can take less. */
const primitives = join(work, 'primitives.cjs')
writeFileSync(
  primitives,
  `
const crypto = require('node:crypto')
const raw = { format: 'raw-private', asymmetricKeyType: 'x25519' }
const privateKey = crypto.createPrivateKey({ key: Buffer.alloc(32, 1), ...raw })
const publicKey = crypto.createPublicKey(crypto.createPrivateKey({ key: Buffer.alloc(32, 2), ...raw }))
const key = crypto.createHmac('sha256', crypto.diffieHellman({ privateKey, publicKey })).update('').digest()
for (const cipher of ['chacha20-poly1305', 'aes-256-gcm']) {
  const options = { authTagLength: 16 }
  const open = crypto.createDecipheriv(cipher, key, Buffer.alloc(12), options)
  open.setAuthTag(Buffer.alloc(16))
  open.update(Buffer.alloc(32))
  try { open.final() } catch {}
}
crypto.createHash('sha512').update(key).digest()`,
)

const bare = row('node -e 0', [node, '-e', '0'])
const rows = [
  bare,
  row('true, bare', ['true']),
  row('node runs a file that does nothing', [node, '/dev/null']),
  row('node loads node:crypto and uses it once', [node, primitives]),
  row('shim, 1 file, builtin, by hand', [node, join(ROOT, 'entrypoint/entrypoint.js'), '--', 'true'], {
    cwd: directoryOf(1),
  }),
  ...[1, 10, 100, 1000].map((size) => throughShim(size, 'builtin')),
  ...[1, 10, 100].map((size) => throughShim(size, 'sops')),
  row('sops decrypt, 1 file', [sops, 'decrypt', join(work, 'one.json')]),
  row('sops exec-env, 1 file', [sops, 'exec-env', join(work, 'one.json'), 'true']),
  row('old shell shim, 1 file', [join(work, 'env.sh'), 'true']),
  times(
    100,
    `sops decrypt ${decryptWords} n100/secrets/SECRET_$i.enc`,
    'sops decrypt × 100, one after another',
  ),
  row(
    `sops decrypt × 100, ${cores} at a time`,
    ['sh', '-c', `ls n100/secrets/* | xargs -P ${cores} -n 1 sops decrypt ${decryptWords} >/dev/null`],
    { slow: true },
  ),
  times(100, `${age} -d -i keys.txt $i.age`, 'age -d × 100, one after another'),
  ...rivals(),
]

// --- redaction: a gigabyte of log lines through a pipe, start included ---
const LINES = 'log.txt'
const COPIES = 16
const line = (at) =>
  `2026-11-25T04:00:${at % 60} INFO request ${at * 7919} took ${at % 97} ms for user@example.com at /api/v1/things\n`
writeFileSync(join(work, LINES), Array.from({ length: 700_000 }, (_, at) => line(at)).join(''))
const copies = Array(COPIES).fill(join(work, LINES))
const plainPipe = row('1 GB through cat into cat', ['sh', '-c', `cat ${copies.join(' ')} | cat`], {
  slow: true,
})
const redacting = (size) =>
  row(
    `1 GB through --redact, ${size} value${size === 1 ? '' : 's'}`,
    [node, shim, '--redact', '--', 'cat', ...copies],
    {
      cwd: directoryOf(size),
      slow: true,
    },
  )
const throughRedact = [redacting(1), redacting(100)]
rows.push(plainPipe, ...throughRedact)

const project = inputs.makeProject(node, join(ROOT, 'entrypoint/disinto.js'), join(work, 'host'))
const host = inputs.HOST_ROWS.map(({ title, words, input }) =>
  row(title, [node, join(ROOT, 'entrypoint/disinto.js'), ...words], { ...project, input }),
)
rows.push(...host)

const meter = startMeter()
for (let round = -1; round < ROUNDS; round += 1) {
  for (const each of rows) {
    if (each.slow && round % SLOW !== 0) continue
    const { wall, peak } = await meter.take(each.job)
    // The first round warms the page cache.
    if (round < 0) continue
    each.times.push(wall)
    each.peaks.push(peak)
  }
}
meter.stop()

const base = median(bare.times)
const megabytes = (kib) => `${(kib / 1024).toFixed(0)} MiB`
const table = [
  '| whole process | median | × `node -e 0` | peak memory | × |',
  '|---|--:|--:|--:|--:|',
  ...rows.map(({ title, times: all, peaks }) => {
    const [time, peak] = [median(all), median(peaks)]
    const memory = (peak / median(bare.peaks)).toFixed(2)
    return `| ${title} | ${time.toFixed(1)} ms | ${(time / base).toFixed(2)} | ${megabytes(peak)} | ${memory} |`
  }),
].join('\n')

const medianOf = (title) => median(rows.find((each) => each.title === title)?.times ?? [])
const shimOf = (size) => medianOf(`shim, ${size} file${size === 1 ? '' : 's'}, builtin`)
const decryptOne = medianOf('sops decrypt, 1 file')
const ratio = (value) => value.toFixed(2)
/** @typedef {[title: string, value: number, relation: string, limit: number]} Target */
/** @type {Target[]} */
const targets = [
  ['1 file, builtin: × node -e 0', shimOf(1) / base, '<=', 1.35],
  ['1 file, builtin: × the old shell shim', shimOf(1) / medianOf('old shell shim, 1 file'), '<=', 1],
  ['100 files, builtin: × node -e 0', shimOf(100) / base, '<=', 2],
  [
    '100 files, builtin: times faster than sops decrypt × 100',
    medianOf('sops decrypt × 100, one after another') / shimOf(100),
    '>=',
    20,
  ],
  [
    '100 files, builtin: times faster than age -d × 100',
    medianOf('age -d × 100, one after another') / shimOf(100),
    '>=',
    8,
  ],
  [
    '1 file, sops: × (node -e 0 + 1.3 × sops decrypt)',
    medianOf('shim, 1 file, sops') / (base + 1.3 * decryptOne),
    '<=',
    1,
  ],
  [
    'each further file, 100 to 1,000: × 1/100 of sops decrypt',
    (shimOf(1000) - shimOf(100)) / 900 / (decryptOne / 100),
    '<=',
    1,
  ],
  ...throughRedact.map(
    (each, at) =>
      /** @type {Target} */ ([
        `${each.title}: rate × cat into cat`,
        median(plainPipe.times) / median(each.times),
        '>=',
        at === 0 ? 0.1 : 0.05,
      ]),
  ),
  [
    'peak memory, 100 files, builtin: × node -e 0',
    median(rows.find(({ title }) => title === 'shim, 100 files, builtin')?.peaks ?? []) / median(bare.peaks),
    '<=',
    1.3,
  ],
  ...host
    .filter(({ title }) => title !== 'disinto version')
    .map(
      ({ title, times: all }) =>
        /** @type {Target} */ ([
          `${title}: × node -e 0`,
          median(all) / base,
          '<=',
          title.includes('completion') ? 2 : 4,
        ]),
    ),
]
/** Fewer rounds, as the start of a container takes half a second. */
const vault = timeVaultRun(node, Math.max(5, Math.ceil(ROUNDS / 3)))
if (vault !== undefined)
  targets.push([
    'vault-run until its command runs: × docker compose run',
    vault.vaultRun / vault.composeRun,
    '<=',
    1.3,
  ])

const readers = must(node, ['--disable-warning=ExperimentalWarning', join(ROOT, 'tools/bench-readers.mjs')])
const worst = Number(/at most ([\d.]+) times/.exec(readers)?.[1])
targets.push(['any input, every reader: × for twice the bytes', worst, '<=', 2.5])

/** @param {Target} target */
const isMet = ([, value, relation, limit]) => (relation === '<=' ? value <= limit : value >= limit)
const targetTable = [
  '| target | measured | wanted | |',
  '|---|--:|--:|---|',
  ...targets.map((target) => {
    const [title, value, relation, limit] = target
    const sign = relation === '<=' ? '≤' : '≥'
    return `| ${title} | ${ratio(value)} | ${sign} ${limit} | ${isMet(target) ? 'met' : 'missed'} |`
  }),
].join('\n')

function hyperfine() {
  const commands = rows.filter(({ slow }) => !slow).slice(0, 10)
  const report = join(work, 'hyperfine.json')
  const { error } = spawnSync('hyperfine', ['--version'], { stdio: 'ignore' })
  if (error !== undefined) return ''
  const lines = commands.map(({ title, job: { program, words, cwd } }) => {
    const command = [program, ...words].map((word) => `'${word}'`).join(' ')
    must('hyperfine', ['-N', '--warmup', '3', '--runs', String(ROUNDS), '--export-json', report, command], {
      cwd,
    })
    const [result] = JSON.parse(readFileSync(report, 'utf8')).results
    return `| ${title} | ${(result.median * 1000).toFixed(1)} ms |`
  })
  return [
    '',
    '',
    'The same by hyperfine, one after the other:',
    '',
    '| whole process | median |',
    '|---|--:|',
    ...lines,
  ].join('\n')
}

const machine = `${cpus()[0]?.model.trim()}, ${cores} cores, ${Math.round(totalmem() / 2 ** 30)} GiB, Linux ${release()}, Node ${must(node, ['-p', 'process.versions.node']).trim()}, ${must(sops, ['--disable-version-check', '--version']).split('\n')[0]}, ${ROUNDS} rounds`
const report = `${machine}\n\n${table}\n\n${targetTable}${hyperfine()}\n\nReaders, on texts that are slow for one that goes back (tools/bench-readers.mjs):\n\n${readers}`
console.log(report)
if (WRITE) {
  const page = join(ROOT, 'docs/performance.md')
  const text = readFileSync(page, 'utf8')
  const [before, after] = [text.indexOf('<!-- bench -->'), text.indexOf('<!-- /bench -->')]
  if (before === -1 || after === -1) throw new Error(`${page}: has no place for the table`)
  writeFileSync(page, `${text.slice(0, before)}<!-- bench -->\n${report}${text.slice(after)}`)
  must(process.execPath, [join(ROOT, 'node_modules/@biomejs/biome/bin/biome'), 'format', '--write', page], {
    cwd: ROOT,
  })
}
const missed = targets.filter((target) => !isMet(target))
console.log(`\n${targets.length - missed.length} of ${targets.length} targets are met.`)
for (const [title] of missed) console.log(`missed: ${title}`)
if (vault === undefined) console.log('not measured: vault-run, which needs a Docker Engine')
