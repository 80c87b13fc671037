/**
 * A coverage-guided fuzzer for the readers in fuzz-readers.ts.
 *
 *   npm run fuzz -- [--seconds N] [--reader NAME] [--seed N] [--fresh] [--json]     default: 20 seconds, all readers
 *
 * (jazzer.js 4.0.0, the one on npm, brings a binary that needs glibc 2.38 and libstdc++ 13; Debian 12 has neither.)
 *
 * The readers are bundled, and a counter is put into every block, branch and operand that may be skipped. An input
 * that reaches a counter, or another power of two of its count, is kept and changed again. Words come from the
 * readers' own string literals, parts from the other inputs. Inputs that were kept are in .tools/fuzz/corpus and are
 * the start of the next run (--fresh: neither is done); a crash, a hang (10 s in one input) or a leak (256 MiB more after a collection than at
 * the start) is left in .tools/fuzz/finds and makes the exit status 1.
 */
import { createHash } from 'node:crypto'
import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'
import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import { isMainThread, parentPort, Worker, workerData } from 'node:worker_threads'
import { parse } from 'acorn'
import { build } from 'esbuild'

const ROOT = fileURLToPath(new URL('..', import.meta.url))
const PLACE = join(ROOT, '.tools', 'fuzz')
const HANG_MS = 10_000
const LEAK_BYTES = 256 * 1024 * 1024
const MAX_BYTES = 8192

/* ---- instrumentation ---- */

/** Puts `__hit(n)` into every place that may be reached or not; gives the code, the count and the literals. */
function instrument(code) {
  const insertions = []
  const words = new Set()
  let count = 0
  const insert = (at, text) => insertions.push([at, insertions.length, text])
  const counter = () => `__c[${count++}]++`
  const wrapStatement = (node) => {
    if (node.type === 'BlockStatement') insert(node.start + 1, `${counter()};`)
    else {
      insert(node.start, `{${counter()};`)
      insert(node.end, '}')
    }
  }
  const wrapExpression = (node) => {
    insert(node.start, `(${counter()},`)
    insert(node.end, ')')
  }
  const visit = (node) => {
    switch (node.type) {
      case 'Literal':
        if (typeof node.value === 'string' && node.value.length <= 64) words.add(node.value)
        break
      case 'TemplateElement':
        if (node.value.cooked !== '' && node.value.cooked.length <= 64) words.add(node.value.cooked)
        break
      case 'FunctionDeclaration':
      case 'FunctionExpression':
      case 'ArrowFunctionExpression':
        if (node.body.type === 'BlockStatement') wrapStatement(node.body)
        else wrapExpression(node.body)
        break
      case 'IfStatement':
        // Before the rest, so that at one place it comes after it.
        if (!node.alternate) insert(node.end, ` else ${counter()};`)
        wrapStatement(node.consequent)
        if (node.alternate) wrapStatement(node.alternate)
        break
      case 'ForStatement':
      case 'ForOfStatement':
      case 'ForInStatement':
      case 'WhileStatement':
      case 'DoWhileStatement':
        wrapStatement(node.body)
        break
      case 'SwitchCase':
        if (node.consequent[0]) insert(node.consequent[0].start, `${counter()};`)
        break
      case 'CatchClause':
        wrapStatement(node.body)
        break
      case 'ConditionalExpression':
        wrapExpression(node.consequent)
        wrapExpression(node.alternate)
        break
      case 'LogicalExpression':
        wrapExpression(node.right)
        break
    }
    for (const child of Object.values(node)) {
      if (Array.isArray(child)) for (const item of child) item?.type !== undefined && visit(item)
      else if (child?.type !== undefined && typeof child.type === 'string') visit(child)
    }
  }
  visit(parse(code, { ecmaVersion: 'latest', sourceType: 'script' }))
  // At one place what closes an inner node comes before what closes an outer one, and what opens comes after both.
  const closing = (text) => text === '}' || text === ')' || text.startsWith(' else')
  insertions.sort(([a, first, left], [b, second, right]) => {
    if (a !== b) return a - b
    if (closing(left) !== closing(right)) return closing(left) ? -1 : 1
    return closing(left) ? second - first : first - second
  })
  let out = ''
  let at = 0
  for (const [position, , text] of insertions) {
    out += code.slice(at, position) + text
    at = position
  }
  return { code: out + code.slice(at), count, words: [...words].filter((word) => word !== '') }
}

/** The readers as one instrumented CommonJS file. */
async function buildReaders() {
  const { outputFiles } = await build({
    entryPoints: [join(ROOT, 'tools', 'fuzz-readers.ts')],
    bundle: true,
    platform: 'node',
    target: 'node20',
    format: 'cjs',
    write: false,
    logLevel: 'warning',
    external: ['age-encryption', 'valibot', 'yaml'],
  })
  const { code, count, words } = instrument(outputFiles[0].text)
  mkdirSync(PLACE, { recursive: true })
  const path = join(PLACE, 'readers.cjs')
  writeFileSync(path, `const __c=globalThis.__counters=new Uint32Array(${count});\n${code}`)
  return { path, words }
}

/* ---- changing inputs ---- */

/** xorshift32: the same seed gives the same run. */
function randomOf(seed) {
  let state = seed >>> 0 || 1
  return (below) => {
    state ^= state << 13
    state ^= state >>> 17
    state ^= state << 5
    return (state >>> 0) % below
  }
}

const NUMBERS = ['0', '-1', '1e999', '4294967296', '9007199254740993', '0x7f', '007', '1.0', 'NaN']
const PIECES = [
  '\n',
  '\r\n',
  '\0',
  '"',
  "'",
  '`',
  '\\n',
  '\\"',
  '\\u0000',
  '\\ud800',
  '#',
  '=',
  ':',
  ',',
  '{',
  '}',
  '[',
  ']',
  'export ',
  '__proto__',
  'constructor',
  '\u2028',
  '\uFEFF',
  '\xff',
  '--- ',
  '-> ',
  'true',
  'null',
  '(',
  ')',
  '*',
  '+',
  '{1,1000}',
  '(?i)',
  '(?:',
  '|',
  '^',
  '$',
  '\\',
  ...NUMBERS,
]

function changer(random, words, pool) {
  const word = () =>
    Buffer.from(random(3) === 0 ? PIECES[random(PIECES.length)] : words[random(words.length)])
  const splice = (bytes, at, drop, put) =>
    Buffer.concat([bytes.subarray(0, at), put, bytes.subarray(at + drop)])
  const lineFrom = (bytes, at) => {
    const start = bytes.lastIndexOf(10, Math.max(at - 1, 0)) + 1
    const end = bytes.indexOf(10, at)
    return [start, end < 0 ? bytes.length : end + 1]
  }
  const changes = [
    (b, at) => splice(b, at, 1, Buffer.from([random(256)])),
    (b, at) => (b.length === 0 ? b : splice(b, at, 1, Buffer.from([(b[at] ?? 0) ^ (1 << random(8))]))),
    (b, at) => splice(b, at, 0, Buffer.from([random(256)])),
    (b, at) => splice(b, at, 1 + random(4), Buffer.alloc(0)),
    (b, at) => splice(b, at, 1 + random(64), Buffer.alloc(0)),
    (b, at) => splice(b, at, 0, word()),
    (b, at) => splice(b, at, word().length, word()),
    (b, at) => splice(b, at, 0, b.subarray(at, at + 1 + random(64))),
    (b, at) => splice(b, at, 0, Buffer.concat(Array(1 + random(64)).fill(word()))),
    (b, at) => b.subarray(0, at),
    (b, at) => {
      const [start, end] = lineFrom(b, at)
      return splice(b, start, end - start, Buffer.alloc(0))
    },
    (b, at) => {
      const [start, end] = lineFrom(b, at)
      return splice(b, random(b.length + 1), 0, b.subarray(start, end))
    },
    (b, at) => {
      const other = pool()
      const from = random(other.length + 1)
      return splice(b, at, random(16), other.subarray(from, from + 1 + random(128)))
    },
    (b, at) => Buffer.concat([b.subarray(0, at), pool().subarray(random(pool().length + 1))]),
  ]
  return (bytes) => {
    let out = bytes
    for (let left = 1 + random(random(4) === 0 ? 16 : 3); left > 0; left -= 1)
      out = changes[random(changes.length)](out, random(out.length + 1))
    return out.length > MAX_BYTES ? out.subarray(0, MAX_BYTES) : out
  }
}

/* ---- the worker: one reader until its time is up ---- */

async function work({ path, words, reader, seconds, seed, seeds, keyText, shared }) {
  const loaded = createRequire(import.meta.url)(path)
  const { readers, isAnswer, parseIdentities } = loaded
  const counters = globalThis.__counters
  const read = readers(parseIdentities(keyText))[reader]
  const state = new Int32Array(shared, 0, 2)
  const current = Buffer.from(shared, 8)
  const seen = new Uint8Array(counters.length)
  const corpus = []
  const random = randomOf(seed)
  const change = changer(random, words, () => corpus[random(corpus.length)] ?? Buffer.alloc(0))
  setFlagsFromString('--expose-gc')
  const collect = runInNewContext('gc')
  let runs = 0
  let slowest = 0
  let answers = 0
  let crashes = 0

  const post = (kind, facts) => parentPort.postMessage({ kind, reader, ...facts })
  const attempt = async (bytes) => {
    counters.fill(0)
    bytes.copy(current)
    state[1] = bytes.length
    Atomics.add(state, 0, 1)
    runs += 1
    const start = performance.now()
    try {
      const pending = read(bytes)
      if (pending instanceof Promise) await pending
    } catch (error) {
      if (isAnswer(error)) answers += 1
      else {
        crashes += 1
        post('crash', { bytes: Buffer.from(bytes), text: String(error?.stack ?? error) })
      }
    }
    const took = performance.now() - start
    if (took > slowest) slowest = took
    let isNew = false
    for (let at = 0; at < counters.length; at += 1) {
      const hits = counters[at]
      if (hits === 0) continue
      const bit = 1 << Math.min(31 - Math.clz32(hits), 7)
      if ((seen[at] & bit) === 0) {
        seen[at] |= bit
        isNew = true
      }
    }
    if (isNew) {
      corpus.push(Buffer.from(bytes))
      post('kept', { bytes: Buffer.from(bytes) })
    }
  }

  for (const bytes of seeds) await attempt(Buffer.from(bytes))
  collect()
  const heapAtStart = process.memoryUsage().heapUsed
  const end = Date.now() + seconds * 1000
  // A reader that crashes at every turn has said enough.
  while (Date.now() < end && crashes < 100) {
    for (let round = 0; round < 200; round += 1) {
      // Half of the time the newest, which have been changed least often.
      const newest = corpus.length - 1 - random(Math.min(corpus.length, 16))
      await attempt(change(corpus[random(2) === 0 ? newest : random(corpus.length)] ?? Buffer.alloc(0)))
    }
    // A reader that never waits would keep messages from leaving.
    await new Promise((resolve) => setImmediate(resolve))
  }
  collect()
  const grown = process.memoryUsage().heapUsed - heapAtStart
  const corpusBytes = corpus.reduce((sum, { length }) => sum + length, 0)
  const reached = seen.reduce((sum, bits) => sum + (bits === 0 ? 0 : 1), 0)
  post('done', { runs, answers, slowest, grown: grown - corpusBytes, reached, kept: corpus.length })
}

/* ---- the parent ---- */

async function seedsOf(reader, fresh) {
  const { seedFiles } = await import('./fuzz-corpus.mjs')
  const { key, files } = await seedFiles()
  const kept = join(PLACE, 'corpus', reader)
  mkdirSync(kept, { recursive: true })
  const before = (fresh ? [] : readdirSync(kept)).map((name) => readFileSync(join(kept, name)))
  return { key, seeds: [...files, ...before].filter((bytes) => bytes.length <= MAX_BYTES) }
}

/** Fuzzes one reader; its figures. */
export async function fuzz(reader, built, seconds, seed, fresh) {
  const { key, seeds } = await seedsOf(reader, fresh)
  const shared = new SharedArrayBuffer(8 + MAX_BYTES)
  const state = new Int32Array(shared, 0, 2)
  const finds = join(PLACE, 'finds')
  const result = { reader, runs: 0, answers: 0, kept: 0, reached: 0, slowest: 0, grown: 0, finds: [] }
  const find = (kind, bytes, text) => {
    const hash = createHash('sha256').update(bytes).digest('hex').slice(0, 12)
    mkdirSync(finds, { recursive: true })
    const path = join(finds, `${reader}-${kind}-${hash}`)
    if (result.finds.length < 20 && !existsSync(path)) writeFileSync(path, bytes)
    const first = text.split('\n').slice(0, 2).join(' ').slice(0, 300)
    if (!result.finds.some((known) => known.text === first)) result.finds.push({ kind, path, text: first })
  }
  const worker = new Worker(new URL(import.meta.url), {
    workerData: { ...built, reader, seconds, seed, seeds, keyText: key, shared },
  })
  let last = -1
  let since = Date.now()
  const watch = setInterval(() => {
    if (state[0] !== last) {
      last = state[0]
      since = Date.now()
    } else if (last > 0 && Date.now() - since > HANG_MS) {
      find('hang', Buffer.from(Buffer.from(shared, 8, state[1])), `longer than ${HANG_MS} ms`)
      result.runs = last
      void worker.terminate()
    }
  }, 500)
  await new Promise((resolve) => {
    worker.on('message', ({ kind, bytes, text, ...facts }) => {
      if (kind === 'kept') {
        const name = createHash('sha256').update(bytes).digest('hex').slice(0, 16)
        const path = join(PLACE, 'corpus', reader, name)
        if (!fresh && !existsSync(path)) writeFileSync(path, bytes)
      } else if (kind === 'crash') find('crash', Buffer.from(bytes), text)
      else Object.assign(result, facts)
    })
    worker.on('error', (error) =>
      find('crash', Buffer.from(Buffer.from(shared, 8, state[1])), String(error.stack)),
    )
    worker.on('exit', resolve)
  })
  clearInterval(watch)
  if (result.grown > LEAK_BYTES) find('leak', Buffer.alloc(0), `${result.grown} bytes more than at the start`)
  return result
}

export const READERS = [
  'format',
  'json',
  'envelope',
  'pattern',
  'age',
  'armor',
  'identities',
  'dotenv',
  'open',
]

export async function fuzzAll(names, seconds, seed, fresh = false) {
  const built = await buildReaders()
  const results = []
  for (const name of names) results.push(await fuzz(name, built, seconds / names.length, seed, fresh))
  return results
}

async function main() {
  const { values } = parseArgs({
    options: {
      seconds: { type: 'string', default: '20' },
      reader: { type: 'string', multiple: true, default: READERS },
      seed: { type: 'string', default: String(Date.now() % 2 ** 31) },
      json: { type: 'boolean', default: false },
      fresh: { type: 'boolean', default: false },
    },
  })
  const unknown = values.reader.filter((name) => ![...READERS, 'broken'].includes(name))
  if (unknown.length > 0) throw new Error(`no reader ${unknown.join(', ')}: there are ${READERS.join(', ')}`)
  const results = await fuzzAll(values.reader, Number(values.seconds), Number(values.seed), values.fresh)
  if (values.json) console.log(JSON.stringify(results))
  else {
    console.log(`seed ${values.seed}`)
    for (const { reader, runs, answers, kept, reached, slowest, grown, finds } of results) {
      const figures = [
        `${runs} runs`,
        `${answers} refused`,
        `${kept} inputs kept`,
        `${reached} counters reached`,
        `slowest ${slowest.toFixed(1)} ms`,
        `heap ${grown < 0 ? '' : '+'}${(grown / 1024 / 1024).toFixed(1)} MiB`,
        `${finds.length} finds`,
      ]
      console.log(`${reader.padEnd(11)} ${figures.join(', ')}`)
      for (const { kind, path, text } of finds) console.log(`  ${kind}: ${path}: ${text}`)
    }
  }
  process.exit(results.some(({ finds }) => finds.length > 0) ? 1 : 0)
}

if (!isMainThread) await work(workerData)
else if (process.argv[1] === fileURLToPath(import.meta.url)) await main()
