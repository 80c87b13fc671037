/**
 * Two bundles, each one file that runs wherever it is copied: `node FILE`. This wrapping is valid as CommonJS, which
 * Node takes the file for beside no package.json (or ours), and as an ES module, where there is no `require` and
 * `process.getBuiltinModule` (20.16) loads node: modules.
 */
import { readFileSync } from 'node:fs'
import { build } from 'esbuild'

const { version } = JSON.parse(readFileSync(new URL('package.json', import.meta.url), 'utf8'))
const absWorkingDir = new URL('.', import.meta.url).pathname

/** Output does not depend on where or when it is built: minified, it names no path. Half the bytes to read, too. */
const common = {
  absWorkingDir,
  bundle: true,
  minify: true,
  platform: 'node',
  target: 'node20',
  format: 'cjs',
  charset: 'ascii',
  logLevel: 'warning',
}

/** Packages that most runs never load. */
const COLD = /^(?:age-encryption|execa|shlex|yaml|@inquirer\/(?:password|confirm))$/

/** Cold packages that are a default export and nothing else, which `export *` leaves out. */
const DEFAULT_ONLY = /^@inquirer\//

/**
 * Cold packages go into the bundle as text, compiled when they are first imported: even the code that V8 compiles
 * lazily it must parse at the start, and these are four fifths of the file (docs/performance.md).
 */
const cold = {
  name: 'cold',
  setup(context) {
    context.onResolve({ filter: COLD }, ({ path, kind }) => {
      if (kind !== 'dynamic-import') throw new Error(`${path} is cold: import it dynamically`)
      return { path, namespace: 'cold' }
    })
    context.onLoad({ filter: /.*/, namespace: 'cold' }, async ({ path }) => {
      const what = DEFAULT_ONLY.test(path) ? '{ default }' : '*'
      const { outputFiles } = await build({
        ...common,
        stdin: { contents: `export ${what} from '${path}'`, resolveDir: absWorkingDir },
        write: false,
      })
      const source = JSON.stringify(outputFiles[0].text)
      const run = `new Function('module', 'require', ${source})`
      return {
        // As an ES module where there is a default: Node's way with CommonJS would take the whole for it.
        contents: DEFAULT_ONLY.test(path)
          ? `const module = {}; ${run}(module, require); export default module.exports.default`
          : `${run}(module, require)`,
        resolveDir: absWorkingDir,
      }
    })
  },
}

const wrapped = (start) => ({
  banner: { js: `${start};((require)=>{` },
  footer: { js: "})(typeof require==='function'?require:process.getBuiltinModule);" },
})

await build({
  ...common,
  ...wrapped(''),
  entryPoints: ['src/entrypoint.ts'],
  outdir: 'entrypoint',
  plugins: [cold],
  define: { DISINTO_VERSION: JSON.stringify(version) },
})
await build({
  ...common,
  ...wrapped('#!/usr/bin/env node\n'),
  entryPoints: ['src/disinto.ts'],
  outdir: 'entrypoint',
  plugins: [cold],
  define: { DISINTO_VERSION: JSON.stringify(version) },
})
