import { spawnSync } from 'node:child_process'
import { expect, test } from 'vitest'
import { SHIM } from '../helpers/parts.ts'
import { MARK, Project } from './project.ts'

const isRoot = process.getuid?.() === 0

// In namespaces of its own, as in a container, since a probe looks at every process there is.
test.skipIf(!isRoot)('--started ends with 1 while the shim works, and with 0 once the command runs', () => {
  const project = new Project()
  project.secret('A', MARK)
  const key = project.path('key.fifo')
  spawnSync('mkfifo', [key])
  const script = `
    shim() { "$NODE" "$SHIM" "$@"; }
    "$NODE" "$SHIM" -- sleep 60 & command=$!
    until [ -e "$KEY.asked" ]; do kill -0 $command || exit 3; done
    before=$(shim --started); echo "$? $before"
    cat "$HOME/.config/sops/age/keys.txt" >"$KEY"
    until shim --started >/dev/null; do kill -0 $command || exit 3; done
    after=$(shim --started); echo "$? $after"
    tr '\\0' ' ' </proc/$command/cmdline
    kill $command`
  const result = spawnSync('unshare', ['--pid', '--fork', '--mount-proc', 'sh', '-c', script], {
    cwd: project.directory,
    encoding: 'utf8',
    timeout: 60_000,
    env: {
      ...project.environment(),
      NODE: process.execPath,
      SHIM,
      KEY: key,
      SOPS_AGE_KEY_CMD: `sh -c 'touch ${key}.asked; cat ${key}'`,
    },
  })
  expect(result.stdout).toMatch(
    /^1 the command has not been started yet\n0 the command runs\n(?:sleep 60|.*entrypoint\.js -- sleep 60) $/,
  )
  expect(`${result.stdout}${result.stderr}`).not.toContain(MARK)
})
