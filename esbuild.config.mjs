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

/** Writes a program as one script beside a file that runs it, from a code cache where one lies there, and its source map. */
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
const { existsSync, readFileSync } = require('node:fs')
const { Script } = require('node:vm')
const script = readFileSync(file + '.script', 'latin1')
const cachedData = existsSync(file + '.cache') ? readFileSync(file + '.cache') : undefined
new Script(script, { filename: file, cachedData }).runInThisContext()(require)
})(${ARGUMENTS})
`
  writeFileSync(new URL(`${name}.js`, directory), file)
  writeFileSync(new URL(`${name}.js.script`, directory), script)
  writeFileSync(new URL(`${name}.js.map`, directory), textOf('.js.map'))
}

// --- the programs: chunks, of which each run needs a few ---

/** Packages that next to no run needs; YAML the host command needs often, and a start where a file is YAML. */
const PACKED = /\bnode_modules\/(?:age-encryption|re2js)\//
const PACKED_IN_SHIM = /\bnode_modules\/(?:age-encryption|re2js|yaml)\//

/** What of the shim only some options, kinds of files and faults need. The rest is hot. */
const COLD =
  /\bnode_modules\/(?!fastest-levenshtein|minimist)|^src\/(?:yaml|catalogue|redact\/.*|load\/(?:diagnosis|leftover|references)|sops\/restrict-yaml|handover\/(?:supervise|value-files))\.ts$/

/** What starts with the sops engine run besides. All other hot code nearly every start runs. */
const OF_SOPS = /^src\/sops\/(?:program|outside|restrict)\.ts$/

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
 * The hot chunks of a group are one script, and V8 can be given what it made of that before (tools/code-cache.mjs), if that
 * lies beside the file; it refuses what another V8 has made. The name holds a hash of the text, since V8 itself compares
 * no more than its length.
 *
 * An error's frames are right, as each script is compiled at the line where it stands.
 */
function programFile(chunks) {
  const groups = [...new Set(chunks.flatMap(({ group }) => group ?? []))]
  const hot = groups.map((name) => chunks.filter(({ group }) => group === name))
  const cold = chunks.filter(({ group }) => group === undefined)
  const scripts = hot.map((members) => `[${members.map(({ text }) => text).join(',\n')}]`)
  const hashes = scripts.map((script) => createHash('sha256').update(script).digest('hex').slice(0, 16))
  const texts = [...scripts, ...cold.map(({ text }) => text)].map((text) =>
    text.replaceAll('*/', COMMENT_END),
  )
  const before = `${SHEBANG}((require, file) => {
function source() {/*
`
  const places = placesOf(texts, before.split('\n').length - 1)
  const table = chunks.map((chunk) => {
    const group = groups.indexOf(chunk.group)
    if (group >= 0) return [group, hot[group].indexOf(chunk), ...chunk.exports]
    return [places[groups.length + cold.indexOf(chunk)], chunk.packed ? 1 : 0, ...chunk.exports]
  })
  return `${before}${texts.join('\n')}
*/}
const texts = source.toString().slice('function source() {/*\\n'.length)
const { Script } = require('node:vm')
const table = ${JSON.stringify(table)}
const hot = ${JSON.stringify(hashes.map((hash, at) => [places[at], hash]))}
const links = []
const toESM = (module) => Object.create(module, { default: { value: module } })
const getterOf = (name, value) => [name, { enumerable: true, configurable: true, get: value }]
function compiled([start, end, lineOffset], packed, cachedData) {
  const text = texts.slice(start, end).replaceAll('${COMMENT_END}', '*' + '/')
  const code = packed ? require('node:zlib').brotliDecompressSync(Buffer.from(text, 'base64')).toString() : text
  return new Script(code, { filename: file, lineOffset, cachedData }).runInThisContext()
}
function cached(hash) {
  try {
    const { existsSync, readFileSync } = require('node:fs')
    const cache = file + '.' + hash + '.cache'
    if (cache.startsWith('/') && existsSync(cache)) return readFileSync(cache)
  } catch {
    // It is only there to be quicker.
  }
}
const groups = []
function chunkOf(number) {
  const [place, position] = table[number]
  if (typeof place !== 'number') return compiled(place, position)
  groups[place] ??= compiled(hot[place][0], 0, cached(hot[place][1]))
  return groups[place][position]
}
function exportsOf(chunk, linked) {
  let getters = {}
  const setGetters = (_, all) => { getters = all }
  chunk(require, {}, linked, importChunk, setGetters, () => {}, toESM)
  const exported = {}
  for (const name of Object.keys(getters)) exported[name] = getters[name]()
  return exported
}
// Nearly every start runs all of what is hot: at once, as Node does with modules.
const linkHot = (group) => function linked(what) {
  if (typeof what === 'string') return require(what)
  if (table[what][0] !== group) return link(what)
  return links[what] ??= exportsOf(chunkOf(what), linked)
}
function link(what) {
  if (typeof what === 'string') {
    let module
    return new Proxy({}, { get: (_, name) => (module ??= require(what))[name] })
  }
  if (table[what][0] === 0) return linkHot(0)(what)
  links[what] ??= Object.defineProperties({}, Object.fromEntries(table[what].slice(2).map((name) => getterOf(name, () => {
    const [group] = table[what]
    const exported = exportsOf(chunkOf(what), typeof group === 'number' ? linkHot(group) : link)
    for (const one of Object.keys(exported)) Object.defineProperty(links[what], one, { value: exported[one] })
    return exported[name]
  }))))
  return links[what]
}
async function importChunk(number) {
  const module = link(number)
  // A package of CommonJS, whose names are those of what it exports.
  return table[number].slice(2).join() === 'default' ? toESM(module.default) : module
}
${groups.length > 0 ? 'linkHot(0)(0)' : 'exportsOf(chunkOf(0), link)'}
})(${ARGUMENTS})
`
}

/**
 * Writes a program as chunks.
 * @param {string} name
 * @param {RegExp} packedFiles what is packed, by what a chunk is made from
 * @param {(inputs: string[]) => string | undefined} groupOf which hot chunks a chunk is one of, by the same
 */
async function bundleProgram(name, packedFiles, groupOf) {
  const { outputFiles = [], metafile } = await build({
    ...common,
    format: 'esm',
    splitting: true,
    // A chunk is what the same entries reach: so the words for faults, which next to no run needs, are one of their own.
    entryPoints: [`src/${name}.ts`, 'src/catalogue.ts', 'src/quote.ts'],
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
    const packed = Object.keys(inputs).some((input) => packedFiles.test(input))
    return { exports, packed, group: groupOf(Object.keys(inputs)), text: packed ? pack(code) : code }
  })
  writeFileSync(new URL(`${name}.js`, outdir), programFile(await Promise.all(chunks)))
}

mkdirSync(outdir, { recursive: true })
await bundleProgram('entrypoint', PACKED_IN_SHIM, (inputs) => {
  if (inputs.some((input) => COLD.test(input))) return undefined
  return inputs.some((input) => OF_SOPS.test(input)) ? 'sops' : 'all'
})
// Of the host command each run needs other chunks.
await bundleProgram('disinto', PACKED, () => undefined)
const [counted] = process.argv.slice(2)
if (counted !== undefined) {
  for (const name of ['entrypoint', 'disinto'])
    await bundleScript(name, pathToFileURL(`${resolve(counted)}/`))
}
