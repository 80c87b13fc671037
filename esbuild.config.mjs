/**
 * Two bundles, each one file that runs wherever it is copied: `node FILE`.
 *
 *   node esbuild.config.mjs [DIRECTORY]     DIRECTORY gets the host command as one script, for tools/coverage.mjs
 */
import { createHash } from 'node:crypto'
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { basename, resolve } from 'node:path'
import { pathToFileURL } from 'node:url'
import { brotliCompressSync } from 'node:zlib'
import { build, transform } from 'esbuild'

const { version } = JSON.parse(readFileSync(new URL('package.json', import.meta.url), 'utf8'))
const absWorkingDir = new URL('.', import.meta.url).pathname
const outdir = new URL('entrypoint/', import.meta.url)

/** import() of a node: module would start Node's loader of ES modules, which takes longer than most modules. */
const NO_IMPORT = { 'dynamic-import': false }

/** Output does not depend on where or when it is built: minified, it names no path. Half the bytes to read, too. */
/** @satisfies {import('esbuild').BuildOptions} */
const common = {
  absWorkingDir,
  bundle: true,
  minify: true,
  platform: /** @type {const} */ ('node'),
  target: 'node20',
  charset: /** @type {const} */ ('ascii'),
  logLevel: /** @type {const} */ ('warning'),
  define: { DISINTO_VERSION: JSON.stringify(version) },
  // As ES modules it is less code, and V8 parses it once: as CommonJS each of its files is a function in a function.
  alias: { yaml: './node_modules/yaml/browser/dist/index.js' },
}

/**
 * What next to no run needs is packed, since even a text that is never looked at is read and scanned at each start.
 * Brotli gives the same bytes on every machine; unpacking takes a millisecond or two.
 */
const pack = (text) => brotliCompressSync(text).toString('base64')

/** npm makes programs of both, `disinto` and `disinto-entrypoint`. */
const SHEBANG = '#!/usr/bin/env node\n'

/**
 * What a bundle calls its loader with. It is valid as CommonJS, which Node takes the file for beside no package.json (or
 * ours), and as an ES module, where there is no `require` and `process.getBuiltinModule` (20.16) loads node: modules.
 */
const ARGUMENTS = `
  typeof require === 'function' ? require : process.getBuiltinModule,
  typeof __filename === 'string' ? __filename : process.argv[1],
`

// --- the shim: one script, nearly all of which every start runs ---

/** Packages that most starts never load. */
const COLD = /^(?:age-encryption|execa|shlex|yaml|re2js)$/
const PACKED = /^(?:age-encryption|yaml|re2js)$/

/**
 * Cold packages go into the file as text, compiled when they are first imported: even the code that V8 compiles lazily
 * it must parse at the start, and these are four fifths of the file (docs/performance.md).
 */
const cold = (texts) => ({
  name: 'cold',
  setup(context) {
    context.onResolve({ filter: COLD }, ({ path, kind }) => {
      if (kind !== 'dynamic-import') throw new Error(`${path} is cold: import it dynamically`)
      return { path, namespace: 'cold' }
    })
    context.onLoad({ filter: /.*/, namespace: 'cold' }, async ({ path }) => {
      const { outputFiles = [] } = await build({
        ...common,
        format: 'cjs',
        supported: NO_IMPORT,
        stdin: { contents: `export * from '${path}'`, resolveDir: absWorkingDir },
        write: false,
      })
      const { text } = outputFiles[0]
      texts[path] = PACKED.test(path) ? pack(text) : text
      const cold = `DISINTO_COLD['${path}']`
      const unpacked = `require('node:zlib').brotliDecompressSync(Buffer.from(${cold}, 'base64')).toString()`
      const run = `new Function('module', 'require', ${PACKED.test(path) ? unpacked : cold})`
      return { contents: `${run}(module, require)`, resolveDir: absWorkingDir }
    })
  },
})

/**
 * The file around a script, which is text that becomes a script, so that V8 can be given what it made of that text before
 * (tools/code-cache.mjs), if that lies beside the file; V8 refuses what another V8 has made. The name holds a hash of
 * the text, since V8 itself compares no more than its length.
 */
function scriptFile(bundle, texts) {
  const script = `(function(require,DISINTO_COLD){${bundle}\n})`
  const hash = createHash('sha256').update(script).digest('hex').slice(0, 16)
  return `${SHEBANG}((require, file) => {
const cold = ${JSON.stringify(texts)}
const script = ${JSON.stringify(script)}
let cachedData
try {
  const { existsSync, readFileSync } = require('node:fs')
  const cache = file + '.${hash}.cache'
  if (cache.startsWith('/') && existsSync(cache)) cachedData = readFileSync(cache)
} catch {
  // It is only there to be quicker.
}
const { Script } = require('node:vm')
new Script(script, { filename: file, cachedData }).runInThisContext()(require, cold)
})(${ARGUMENTS})
`
}

/** Writes a program as one script, and its source map, which tools/coverage.mjs reads and no package has. */
async function bundleScript(name, directory, isShim) {
  const texts = {}
  const { outputFiles = [] } = await build({
    ...common,
    format: 'cjs',
    supported: NO_IMPORT,
    entryPoints: [`src/${name}.ts`],
    outfile: `entrypoint/${name}.js`,
    write: false,
    sourcemap: 'external',
    sourcesContent: false,
    plugins: isShim ? [cold(texts)] : [],
  })
  // In an order that does not depend on which was ready first.
  const sorted = Object.fromEntries(Object.entries(texts).sort(([one], [other]) => (one < other ? -1 : 1)))
  const textOf = (end) => outputFiles.find(({ path }) => path.endsWith(end))?.text ?? ''
  writeFileSync(new URL(`${name}.js`, directory), scriptFile(textOf('.js'), sorted))
  writeFileSync(new URL(`${name}.js.map`, directory), textOf('.js.map'))
}

// --- the host command: chunks, of which each command runs a few ---

/** Packages that next to no command needs. */
const PACKED_IN_HOST = /\bnode_modules\/(?:age-encryption|re2js)\//

/** Stands for the end of a comment, which the chunks are in; it must not occur in them. */
const COMMENT_END = '*~/'

/** What esbuild begins a CommonJS module with, once its helpers are defined. */
const EXPORTS = 'var stdin_exports = {};'

/**
 * Returns the text of a function that runs a chunk, from a chunk as esbuild has written it, an ES module, but with numbers
 * for the files that it imports. esbuild makes CommonJS of it; the loader has the helpers of that, once for all.
 */
async function chunkFunction(text) {
  const target = { target: common.target, charset: common.charset }
  const linked = text.replace(/\bimport\("\.\/(\d+)"\)/g, 'DISINTO_IMPORT($1)')
  const { code } = await transform(linked, { ...target, format: 'cjs', supported: NO_IMPORT })
  const body = code
    .slice(Math.max(0, code.indexOf(EXPORTS)))
    .replace(/^(var import_\w+ = )require\((?:"\.\/(\d+)"|("[^"]+"))\)/gm, '$1DISINTO_LINK($2$3)')
  // Assigned, so that esbuild does not drop it; in a function, so that it renames everything.
  const { code: made } = await transform(
    `f=function(require,module,DISINTO_LINK,DISINTO_IMPORT,__export,__toCommonJS,__toESM){${body}}`,
    { ...target, minify: true },
  )
  return `(${made.slice('f='.length).trimEnd().replace(/;$/, '')})`
}

/** Names of chunks in the order in which they are imported from the first on, which is the same wherever this runs. */
function chunkOrder(outputs, first) {
  const order = new Set([first])
  for (const name of order) {
    for (const { path, external } of outputs[name].imports) if (external !== true) order.add(path)
  }
  return [...order]
}

/**
 * The file around the host command. The chunks stand in a comment, which costs less to skip than any code or text, and
 * are cut from the source of the function that it is in. What a chunk imports is linked, and runs when something
 * of it is first used: so do the modules of Node, some of which take longer to load than a command to run.
 *
 * An error's frames are right, as each chunk is compiled at the line where it stands.
 */
function hostFile(chunks) {
  const texts = chunks.map(({ text }) => text.replaceAll('*/', COMMENT_END))
  let [start, line] = [0, 0]
  const table = chunks.map(({ exports, packed }, at) => {
    const row = [start, start + texts[at].length, line, packed ? 1 : 0, ...exports]
    start += texts[at].length + 1
    line += texts[at].split('\n').length
    return row
  })
  const before = `${SHEBANG}((require, file) => {
function source() {/*
`
  return `${before}${texts.join('\n')}
*/}
const texts = source.toString().slice('function source() {/*\\n'.length)
const { Script } = require('node:vm')
const table = ${JSON.stringify(table)}
const links = []
const toESM = (module) => Object.create(module, { default: { value: module } })
const getterOf = (name, value) => [name, { enumerable: true, configurable: true, get: value }]
function run(number) {
  const [start, end, line, packed] = table[number]
  const text = texts.slice(start, end).replaceAll('${COMMENT_END}', '*' + '/')
  const code = packed ? require('node:zlib').brotliDecompressSync(Buffer.from(text, 'base64')).toString() : text
  let getters = {}
  const setGetters = (_, all) => { getters = all }
  const lineOffset = ${before.split('\n').length - 1} + line
  new Script(code, { filename: file, lineOffset }).runInThisContext()(
    require, {}, link, importChunk, setGetters, () => {}, toESM,
  )
  for (const name of Object.keys(getters)) Object.defineProperty(links[number], name, { value: getters[name]() })
}
function link(what) {
  if (typeof what === 'string') {
    let module
    return new Proxy({}, { get: (_, name) => (module ??= require(what))[name] })
  }
  links[what] ??= Object.defineProperties({}, Object.fromEntries(table[what].slice(4).map((name) => getterOf(name, () => {
    run(what)
    return links[what][name]
  }))))
  return links[what]
}
async function importChunk(number) {
  const module = link(number)
  // A package of CommonJS, whose names are those of what it exports.
  return table[number].slice(4).join() === 'default' ? toESM(module.default) : module
}
run(0)
})(${ARGUMENTS})
`
}

async function bundleHost() {
  const { outputFiles = [], metafile } = await build({
    ...common,
    format: 'esm',
    splitting: true,
    entryPoints: ['src/disinto.ts'],
    outdir: 'out',
    write: false,
    metafile: true,
  })
  const outputs = metafile?.outputs ?? {}
  const names = chunkOrder(outputs, 'out/disinto.js')
  const texts = new Map(outputFiles.map(({ path, text }) => [basename(path), text]))
  const numbers = new Map(names.map((name, number) => [basename(name), number]))
  // At once: esbuild's names for the files hold hashes, which are others in another place.
  const numbered = (text) =>
    text.replaceAll(/"\.\/([\w-]+\.js)"/g, (whole, file) =>
      numbers.has(file) ? `"./${numbers.get(file)}"` : whole,
    )
  const chunks = names.map(async (name) => {
    const { inputs, exports } = outputs[name]
    const code = await chunkFunction(numbered(texts.get(basename(name)) ?? ''))
    const packed = Object.keys(inputs).some((input) => PACKED_IN_HOST.test(input))
    return { exports, packed, text: packed ? pack(code) : code }
  })
  writeFileSync(new URL('disinto.js', outdir), hostFile(await Promise.all(chunks)))
}

mkdirSync(outdir, { recursive: true })
await bundleScript('entrypoint', outdir, true)
await bundleHost()
// Counted are lines of the host command as one script: what a text of it was made from no source map tells.
const [counted] = process.argv.slice(2)
if (counted !== undefined) await bundleScript('disinto', pathToFileURL(`${resolve(counted)}/`), false)
