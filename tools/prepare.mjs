/** A clone to a built project: packages by `npm ci`, then the bundles. Needs Node and npm alone. */
import { spawnSync } from 'node:child_process'
import { existsSync } from 'node:fs'
import { fileURLToPath } from 'node:url'

export const ROOT = fileURLToPath(new URL('..', import.meta.url))

function step(program, words) {
  const { status, error } = spawnSync(program, words, { cwd: ROOT, stdio: 'inherit' })
  if (status === 0) return
  console.error(`${program} ${words.join(' ')}: ${error?.message ?? `exit status ${status}`}`)
  process.exit(1)
}

/** Installs the packages unless they are there. */
export function installPackages() {
  if (existsSync(`${ROOT}/node_modules/.package-lock.json`)) return
  console.log('installing packages (npm ci)')
  step('npm', ['ci', '--no-audit', '--no-fund', '--loglevel=error'])
}

/** Builds both bundles. */
export function build() {
  step(process.execPath, ['esbuild.config.mjs'])
}
