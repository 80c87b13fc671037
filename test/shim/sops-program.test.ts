import { chmodSync, existsSync, readFileSync } from 'node:fs'
import { availableParallelism } from 'node:os'
import { describe, expect, test } from 'vitest'
import { expectRefusal, MARK, Project } from './project.ts'

/** A project with a secret, and a program of ours where sops should be. */
function withSops(script: string): { project: Project; env: Record<string, string> } {
  const project = new Project()
  // YAML is sops' work whatever the engine.
  project.seal('secrets/A.enc', 'yaml', `A: ${MARK}\n`)
  chmodSync(project.write('bin/sops', `#!/bin/sh\n${script}\n`), 0o755)
  return { project, env: { PATH: `${project.path('bin')}:/usr/bin:/bin` } }
}

describe('the sops program', () => {
  test('is missing', () => {
    const { project } = withSops('')
    const said = project.refused([], { env: { PATH: '/usr/bin:/bin' } })
    expect(said).toMatch(/A\.enc: needs the sops program, which is not on PATH/)
  })

  test('is not taken from the working directory', () => {
    const { project } = withSops(`touch STARTED`)
    const said = project.refused(['--root', '..'], {
      cwd: project.path('bin'),
      env: { PATH: '.::/usr/bin:/bin' },
    })
    expect(said).toMatch(/needs the sops program/)
  })

  test.each([
    ['prints rubbish', 'echo rubbish', /returned something other than the decrypted file/],
    ['prints nothing', ':', /returned something other than the decrypted file/],
    ['prints a list', 'echo "[1]"', /returned something other than the decrypted file/],
    ['prints without end', 'exec yes', /returned something other than the decrypted file/],
    ['fails without a word', 'exit 3', /A\.enc: sops failed: exit status 3/],
    ['is ended by a signal', 'kill -KILL $$', /A\.enc: sops failed: exit status none, a signal ended it/],
    [
      'fails with a value in its words',
      `echo "cannot use ${MARK} here" >&2; exit 1`,
      /sops failed: cannot use \[…\] here/,
    ],
    [
      'fails with a stack trace',
      `printf 'panic: x\\n  at ${MARK}\\n' >&2; exit 2`,
      /sops failed: panic: x at/,
    ],
  ])('%s', (_, script, says) => {
    const { project, env } = withSops(script)
    expect(project.refused([], { env })).toMatch(says)
  })

  test('can’t be executed', () => {
    const { project, env } = withSops('')
    project.write('bin/sops', '#!/nowhere/interpreter\n')
    expect(project.refused([], { env })).toMatch(/the sops program can't be started \(ENOENT\)/)
  })

  test('hangs: a signal to us ends both', async () => {
    const { project, env } = withSops(
      'echo $$ > "$0.tmp"; mv "$0.tmp" "$(dirname "$0")/pid"; exec sleep 1000',
    )
    const shim = project.start(['--', 'touch', project.path('STARTED')], { env })
    await expect.poll(() => existsSync(project.path('bin/pid')), { timeout: 30_000 }).toBe(true)
    const pid = project.read('bin/pid')
    const ended = new Promise((resolve) => shim.on('exit', (status, signal) => resolve({ status, signal })))
    shim.kill('SIGTERM')
    expect(await ended).toEqual({ status: null, signal: 'SIGTERM' })
    await expect.poll(() => isAlive(Number(pid))).toBe(false)
  })

  test('is given its types and the text that was read, in a directory of nobody’s', () => {
    const { project, env } = withSops(
      '[ "$1" = --version ] && exit; cd -P . && { for word; do echo "$word"; done; pwd; grep -c ENC; } > "$LOG"; exit 1',
    )
    project.refused([], { env: { ...env, LOG: project.path('log') } })
    expect(project.read('log').trim().split('\n')).toEqual([
      ...['decrypt', '--input-type', 'yaml', '--output-type', 'json'],
      ...['/', '2'],
    ])
  })

  test.each(['3.8.1', '3.9.4'])(
    '%s, which can’t read from a pipe, is named as too old and opens no editor',
    (version) => {
      const { project, env } = withSops(
        `[ "$1" = --version ] && echo "sops ${version} (latest: 3.13.3)" && exit; "\${EDITOR:-vi}" decrypt; exit 1`,
      )
      const editor = project.write('bin/editor', `#!/bin/sh\ntouch ${project.path('EDITED')}\n`)
      chmodSync(editor, 0o755)
      const said = project.refused([], {
        env: { ...env, EDITOR: editor, VISUAL: editor, SOPS_EDITOR: editor },
      })
      const old = version.replaceAll('.', '\\.')
      expect(said).toMatch(
        new RegExp(`needs sops 3\\.10 or later, and .*bin/sops is ${old}, which is too old`),
      )
      expect(project.exists('EDITED')).toBe(false)
    },
  )

  test('runs at most once a core at a time', () => {
    const { project, env } = withSops(
      `mkdir "$RUNS/$$"; ls "$RUNS" | wc -l >> "$RUNS.log"; sleep 0.05; rmdir "$RUNS/$$"; echo '{}'`,
    )
    for (const name of ['B', 'C', 'D', 'E', 'F', 'G', 'H']) {
      project.write(`secrets/${name}.enc`, project.bytes('secrets/A.enc'))
    }
    project.write('runs/.keep', '')
    const result = project.run(['--', 'true'], { env: { ...env, RUNS: project.path('runs') } })
    expectRefusal(result)
    const most = Math.max(...project.read('runs.log').trim().split('\n').map(Number))
    expect(most).toBeLessThanOrEqual(availableParallelism())
  })
})

/** Whether the process runs; one that ended and was not waited for does not. */
function isAlive(pid: number): boolean {
  try {
    return !/^State:\s*Z/m.test(readFileSync(`/proc/${pid}/status`, 'utf8'))
  } catch {
    return false
  }
}
