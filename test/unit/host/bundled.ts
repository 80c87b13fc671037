/** A module of src for a process of its own, by a Node that knows no TypeScript. */
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { buildSync } from 'esbuild'

/** Bundles text that imports from src/host/; returns the path of an ES module, which is gone after the tests. */
export function bundled(text: string): string {
  const directory = mkdtempSync(join(tmpdir(), 'disinto-bundled-'))
  process.on('exit', () => rmSync(directory, { recursive: true, force: true }))
  const outfile = join(directory, 'module.mjs')
  buildSync({
    stdin: {
      contents: text,
      resolveDir: fileURLToPath(new URL('../../../src/host/', import.meta.url)),
      loader: 'ts',
    },
    bundle: true,
    platform: 'node',
    format: 'esm',
    outfile,
    // Some packages still ask for their parts by require.
    banner: {
      js: "import { createRequire } from 'node:module'; const require = createRequire(import.meta.url)",
    },
  })
  return outfile
}
