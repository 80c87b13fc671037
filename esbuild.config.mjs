/** Two bundles, each one file that runs wherever it is copied: `node FILE`. */
import { createHash } from 'node:crypto'
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { brotliCompressSync } from 'node:zlib'
import { build } from 'esbuild'

const { version } = JSON.parse(readFileSync(new URL('package.json', import.meta.url), 'utf8'))
const absWorkingDir = new URL('.', import.meta.url).pathname
const outdir = new URL('entrypoint/', import.meta.url)

/** Output does not depend on where or when it is built: minified, it names no path. Half the bytes to read, too. */
/** @type {import('esbuild').BuildOptions} */
const common = {
  absWorkingDir,
  bundle: true,
  minify: true,
  platform: 'node',
  target: 'node20',
  format: 'cjs',
  charset: 'ascii',
  // import() of a node: module would start Node's loader of ES modules, which takes longer than most modules.
  supported: { 'dynamic-import': false },
  logLevel: 'warning',
}

/** Packages that most runs never load. */
const COLD = /^(?:age-encryption|execa|shlex|yaml|re2js|@inquirer\/(?:password|confirm))$/

/**
 * Cold packages that next to no start needs: they are packed, since even a text that is never looked at is read and
 * scanned at each start. Brotli gives the same bytes on every machine; unpacking takes a millisecond or two.
 */
const PACKED = /^(?:age-encryption|yaml|re2js)$/

/** Cold packages that are a default export and nothing else, which `export *` leaves out. */
const DEFAULT_ONLY = /^@inquirer\//

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
      const what = DEFAULT_ONLY.test(path) ? '{ default }' : '*'
      const { outputFiles = [] } = await build({
        ...common,
        stdin: { contents: `export ${what} from '${path}'`, resolveDir: absWorkingDir },
        write: false,
      })
      const { text } = outputFiles[0]
      texts[path] = PACKED.test(path) ? brotliCompressSync(text).toString('base64') : text
      const cold = `DISINTO_COLD['${path}']`
      const unpacked = `require('node:zlib').brotliDecompressSync(Buffer.from(${cold}, 'base64')).toString()`
      const run = `new Function('module', 'require', ${PACKED.test(path) ? unpacked : cold})`
      return {
        // As an ES module where there is a default: Node's way with CommonJS would take the whole for it.
        contents: DEFAULT_ONLY.test(path)
          ? `const module = {}; ${run}(module, require); export default module.exports.default`
          : `${run}(module, require)`,
        resolveDir: absWorkingDir,
      }
    })
  },
})

/**
 * The file around a bundle. The bundle is text that becomes a script, so that V8 can be given what it made of that text
 * before (tools/code-cache.mjs), if that lies beside the file; V8 refuses what another V8 has made. The name holds
 * a hash of the text, since V8 itself compares no more than its length.
 *
 * It is valid as CommonJS, which Node takes the file for beside no package.json (or ours), and as an ES module, where
 * there is no `require` and `process.getBuiltinModule` (20.16) loads node: modules.
 */
function file(start, bundle, texts) {
  const script = `(function(require,DISINTO_COLD){${bundle}\n})`
  const hash = createHash('sha256').update(script).digest('hex').slice(0, 16)
  return `${start}((require, file) => {
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
})(
  typeof require === 'function' ? require : process.getBuiltinModule,
  typeof __filename === 'string' ? __filename : process.argv[1],
)
`
}

async function bundle(name, start) {
  const texts = {}
  const { outputFiles = [] } = await build({
    ...common,
    entryPoints: [`src/${name}.ts`],
    outfile: `entrypoint/${name}.js`,
    write: false,
    sourcemap: 'external',
    sourcesContent: false,
    plugins: [cold(texts)],
    define: { DISINTO_VERSION: JSON.stringify(version) },
  })
  // In an order that does not depend on which was ready first.
  const sorted = Object.fromEntries(Object.entries(texts).sort(([one], [other]) => (one < other ? -1 : 1)))
  const textOf = (end) => outputFiles.find(({ path }) => path.endsWith(end))?.text ?? ''
  writeFileSync(new URL(`${name}.js`, outdir), file(start, textOf('.js'), sorted))
  // For tools/coverage.mjs, and in no package.
  writeFileSync(new URL(`${name}.js.map`, outdir), textOf('.js.map'))
}

/** npm makes programs of both, `disinto` and `disinto-entrypoint`. */
const SHEBANG = '#!/usr/bin/env node\n'

mkdirSync(outdir, { recursive: true })
await bundle('entrypoint', SHEBANG)
await bundle('disinto', SHEBANG)
