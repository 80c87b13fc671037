/**
 * Two bundles, each one file that runs wherever it is copied: `node FILE`.
 *
 *   node esbuild.config.mjs [DIRECTORY]     DIRECTORY gets each as one script, for tools/coverage.mjs
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

// --- one script, for tools/coverage.mjs: no source map says what a chunk was made from ---

/** Writes a program as one script, and its source map. */
async function bundleScript(name, directory) {
  const { outputFiles = [] } = await build({
    ...common,
    format: 'cjs',
    supported: NO_IMPORT,
    entryPoints: [`src/${name}.ts`],
    outfile: `entrypoint/${name}.js`,
    write: false,
    sourcemap: 'external',
    sourcesContent: false,
  })
  const textOf = (end) => outputFiles.find(({ path }) => path.endsWith(end))?.text ?? ''
  const script = `(function(require){${textOf('.js')}\n})`
  const file = `((require, file) => {
const script = ${JSON.stringify(script)}
const { Script } = require('node:vm')
new Script(script, { filename: file }).runInThisContext()(require)
})(${ARGUMENTS})
`
  writeFileSync(new URL(`${name}.js`, directory), file)
  writeFileSync(new URL(`${name}.js.map`, directory), textOf('.js.map'))
}

// --- the programs: chunks, of which each run needs a few ---

/** Packages that next to no run needs. */
const PACKED = /\bnode_modules\/(?:age-encryption|re2js)\//

/**
 * What of the shim only some options, kinds of files and faults need. The rest is hot: nearly every start runs all of it,
 * or, with the sops engine, what that takes.
 */
const COLD =
  /\bnode_modules\/(?!fastest-levenshtein)|^src\/(?:yaml|redact\/.*|load\/(?:diagnosis|leftover|references)|sops\/restrict-yaml|handover\/(?:supervise|value-files))\.ts$/

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

/** Where each of these texts stands, one line after another from the given one on: start, end, line. */
function placesOf(texts, firstLine) {
  let [start, line] = [0, firstLine]
  return texts.map((text) => {
    const place = [start, start + text.length, line]
    start += text.length + 1
    line += text.split('\n').length
    return place
  })
}

/**
 * The file around the chunks. They stand in a comment, which costs less to skip than any code or text, and are cut from
 * the source of the function that it is in. What a chunk imports is linked, and runs when something of it is first
 * used: so do the modules of Node, some of which take longer to load than a command to run.
 *
 * The hot chunks are one script, and V8 can be given what it made of that before (tools/code-cache.mjs), if that lies
 * beside the file; it refuses what another V8 has made. The name holds a hash of the text, since V8 itself compares no
 * more than its length.
 *
 * An error's frames are right, as each script is compiled at the line where it stands.
 */
function programFile(chunks) {
  const hot = chunks.filter((chunk) => chunk.hot)
  const cold = chunks.filter((chunk) => !chunk.hot)
  const script = `[${hot.map(({ text }) => text).join(',\n')}]`
  const hash = createHash('sha256').update(script).digest('hex').slice(0, 16)
  const texts = [script, ...cold.map(({ text }) => text)].map((text) => text.replaceAll('*/', COMMENT_END))
  const before = `${SHEBANG}((require, file) => {
function source() {/*
`
  const [hotPlace, ...places] = placesOf(texts, before.split('\n').length - 1)
  const table = chunks.map((chunk) => [
    chunk.hot ? hot.indexOf(chunk) : [...places[cold.indexOf(chunk)], chunk.packed ? 1 : 0],
    ...chunk.exports,
  ])
  return `${before}${texts.join('\n')}
*/}
const texts = source.toString().slice('function source() {/*\\n'.length)
const { Script } = require('node:vm')
const table = ${JSON.stringify(table)}
const links = []
const toESM = (module) => Object.create(module, { default: { value: module } })
const getterOf = (name, value) => [name, { enumerable: true, configurable: true, get: value }]
function compiled([start, end, lineOffset, packed], cachedData) {
  const text = texts.slice(start, end).replaceAll('${COMMENT_END}', '*' + '/')
  const code = packed ? require('node:zlib').brotliDecompressSync(Buffer.from(text, 'base64')).toString() : text
  return new Script(code, { filename: file, lineOffset, cachedData }).runInThisContext()
}
function cached() {
  try {
    const { existsSync, readFileSync } = require('node:fs')
    const cache = file + '.${hash}.cache'
    if (cache.startsWith('/') && existsSync(cache)) return readFileSync(cache)
  } catch {
    // It is only there to be quicker.
  }
}
function exportsOf(chunk, linked) {
  let getters = {}
  const setGetters = (_, all) => { getters = all }
  chunk(require, {}, linked, importChunk, setGetters, () => {}, toESM)
  const exported = {}
  for (const name of Object.keys(getters)) exported[name] = getters[name]()
  return exported
}
let hot
// Nearly every start runs all of what is hot: at once, as Node does with modules.
function linkHot(what) {
  if (typeof what === 'string') return require(what)
  const [place] = table[what]
  if (typeof place !== 'number') return link(what)
  hot ??= compiled(${JSON.stringify(hotPlace)}, cached())
  return links[what] ??= exportsOf(hot[place], linkHot)
}
function link(what) {
  if (typeof what === 'string') {
    let module
    return new Proxy({}, { get: (_, name) => (module ??= require(what))[name] })
  }
  if (typeof table[what][0] === 'number') return linkHot(what)
  links[what] ??= Object.defineProperties({}, Object.fromEntries(table[what].slice(1).map((name) => getterOf(name, () => {
    const exported = exportsOf(compiled(table[what][0]), link)
    for (const one of Object.keys(exported)) Object.defineProperty(links[what], one, { value: exported[one] })
    return exported[name]
  }))))
  return links[what]
}
async function importChunk(number) {
  const module = link(number)
  // A package of CommonJS, whose names are those of what it exports.
  return table[number].slice(1).join() === 'default' ? toESM(module.default) : module
}
${hot.length > 0 ? 'linkHot(0)' : 'exportsOf(compiled(table[0][0]), link)'}
})(${ARGUMENTS})
`
}

/** Writes a program as chunks. */
async function bundleProgram(name, isHot) {
  const { outputFiles = [], metafile } = await build({
    ...common,
    format: 'esm',
    splitting: true,
    entryPoints: [`src/${name}.ts`],
    outdir: 'out',
    write: false,
    metafile: true,
  })
  const outputs = metafile?.outputs ?? {}
  const names = chunkOrder(outputs, `out/${name}.js`)
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
    const packed = Object.keys(inputs).some((input) => PACKED.test(input))
    return { exports, packed, hot: isHot(Object.keys(inputs)), text: packed ? pack(code) : code }
  })
  writeFileSync(new URL(`${name}.js`, outdir), programFile(await Promise.all(chunks)))
}

mkdirSync(outdir, { recursive: true })
await bundleProgram('entrypoint', (inputs) => !inputs.some((input) => COLD.test(input)))
// Of the host command each run needs other chunks.
await bundleProgram('disinto', () => false)
const [counted] = process.argv.slice(2)
if (counted !== undefined) {
  for (const name of ['entrypoint', 'disinto'])
    await bundleScript(name, pathToFileURL(`${resolve(counted)}/`))
}
