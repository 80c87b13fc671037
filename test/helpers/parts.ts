/** The programs that process tests run: the built bundles, and the real sops and age. */
import { spawnSync } from 'node:child_process'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'

export const REPOSITORY = fileURLToPath(new URL('../..', import.meta.url))

/** Where the bundles are, for tests of the files themselves. */
export const BUNDLES = join(REPOSITORY, 'entrypoint')

/** The programs that run: tools/coverage.mjs puts others around them, which count. */
const programs = process.env['TEST_BUNDLES'] ?? BUNDLES
export const SHIM = join(programs, 'entrypoint.js')
export const DISINTO = join(programs, 'disinto.js')

function program(variable: string, name: string): string {
  const path = process.env[variable] ?? name
  if (spawnSync(path, ['--version'], { stdio: 'ignore' }).error !== undefined)
    throw new Error(`needs the ${name} program: node tools/fetch.mjs, or set ${variable}`)
  return path
}

export const SOPS = program('SOPS_PROGRAM', 'sops')
export const AGE = program('AGE_PROGRAM', 'age')
export const AGE_KEYGEN = program('AGE_KEYGEN_PROGRAM', 'age-keygen')
