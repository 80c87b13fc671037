/** `npm run lint:workflows`: actionlint and zizmor, in their pinned versions, on .github. Asks nobody. */
import { spawnSync } from 'node:child_process'
import { join } from 'node:path'
import { fetchParts } from './fetch.mjs'
import { ROOT } from './prepare.mjs'

const { actionlint = '', zizmor = '' } = await fetchParts(['actionlint', 'zizmor'])
const lints = [
  { program: actionlint, words: [] },
  { program: join(zizmor, 'bin/zizmor'), words: ['--offline', '--quiet', '.github'] },
]
for (const { program, words } of lints) {
  const { status, error } = spawnSync(program, words, { cwd: ROOT, stdio: 'inherit' })
  if (error !== undefined) throw error
  if (status !== 0) process.exitCode = 1
}
