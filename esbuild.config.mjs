/**
 * Two bundles, each one file that runs wherever it is copied: `node FILE`. Without a package.json beside it Node
 * takes the file for CommonJS, with ours for an ES module; this wrapping is valid as both, and leaves no global.
 * `process.getBuiltinModule` (20.16) is how both load node: modules.
 */
import { readFileSync } from 'node:fs'
import { build } from 'esbuild'

const { version } = JSON.parse(readFileSync(new URL('package.json', import.meta.url), 'utf8'))

/** Output does not depend on where or when it is built: minified, it names no path. Half the bytes to read, too. */
const common = {
  absWorkingDir: new URL('.', import.meta.url).pathname,
  outdir: 'entrypoint',
  bundle: true,
  platform: 'node',
  target: 'node20',
  format: 'cjs',
  charset: 'utf8',
  minify: true,
  legalComments: 'eof',
  define: { DISINTO_VERSION: JSON.stringify(version) },
  footer: { js: '})(process.getBuiltinModule);' },
  logLevel: 'warning',
}

await build({
  ...common,
  entryPoints: ['src/entrypoint.ts'],
  banner: { js: ';((require) => {' },
})
await build({
  ...common,
  entryPoints: ['src/disinto.ts'],
  banner: { js: '#!/usr/bin/env node\n;((require) => {' },
})
