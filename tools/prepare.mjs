/**
 * A clone to a built project: packages by `npm ci`, the bundles, the manual pages. Needs Node and npm alone.
 *
 *   node tools/prepare.mjs       what npm runs in a clone (package.json, "prepare"), before it packs one too
 */
import { spawnSync } from 'node:child_process'
import { existsSync } from 'node:fs'
import { fileURLToPath } from 'node:url'

export const ROOT = fileURLToPath(new URL('..', import.meta.url))

/** Our environment, less what has npm work elsewhere than here: "npm install --global" hands it to what it runs. */
function environment() {
  const kept = Object.entries(process.env).filter(
    ([name]) => !/^npm_config_(?:global|prefix|local_prefix|location)$/i.test(name),
  )
  return Object.fromEntries(kept)
}

function step(program, words) {
  const { status, error } = spawnSync(program, words, { cwd: ROOT, stdio: 'inherit', env: environment() })
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

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  installPackages()
  build()
  step(process.execPath, ['tools/man.mjs'])
}
