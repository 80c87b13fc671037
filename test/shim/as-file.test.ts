import { spawnSync } from 'node:child_process'
import { chmodSync, existsSync, mkdirSync, readdirSync, rmSync, statSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { ownMemory } from '../helpers/memory.ts'
import { EXECVE, expectRefusal, MARK, Project } from './project.ts'

function withSecrets(): Project {
  const project = new Project()
  project.secret('A', `${MARK}\n`)
  project.secret('B', 'plain')
  return project
}

describe('--as-file', () => {
  test('puts the value in a file on tmpfs, for the command’s user alone, and its path in NAME_FILE', () => {
    const script =
      'echo "$A_FILE"; stat -c "%a %u" "$A_FILE" "$(dirname "$A_FILE")"; stat -f -c %T "$A_FILE"; cat "$A_FILE"'
    const { stdout, stderr } = withSecrets().run(['--as-file', 'A', '--', 'sh', '-c', script])
    const [path, file, directory, kind, value] = stdout.split('\n')
    const uid = process.getuid?.()
    expect([file, directory, kind, value]).toEqual([`400 ${uid}`, `700 ${uid}`, 'tmpfs', MARK])
    expect(path).toMatch(/\/A$/)
    expect(stderr).toBe('')
  })

  test('takes NAME out of the environment and leaves the others', () => {
    const environment = withSecrets().load(['--as-file', 'A'])
    expect([...environment.keys()].slice(2)).toEqual(['A_FILE', 'B'])
  })

  test('takes what an environment can’t hold', () => {
    const project = new Project()
    project.secret('BIG', MARK.padEnd(300_000, 'x'))
    const { stdout } = project.run(['--as-file', 'BIG', '--', 'sh', '-c', 'wc -c < "$BIG_FILE"'])
    expect(stdout.trim()).toBe('300000')
  })

  test.runIf(process.getuid?.() === 0)('belongs to the user that the command becomes', () => {
    const project = withSecrets()
    chmodSync(project.directory, 0o755)
    const { stdout } = project.run([
      '--as-file',
      'A',
      '--user',
      '12345:12345',
      '--',
      'sh',
      '-c',
      'stat -c %u "$A_FILE"; cat "$A_FILE"',
    ])
    expect(stdout).toBe(`12345\n${MARK}\n`)
  })

  test('leaves nothing for long: the next run removes the files of commands that have ended', () => {
    const project = withSecrets()
    const run = () => project.run(['--as-file', 'A', '--', 'sh', '-c', 'echo "$A_FILE"']).stdout.trim()
    const first = run()
    expect(statSync(dirname(first)).isDirectory()).toBe(true)
    const second = run()
    expect(existsSync(first)).toBe(false)
    run()
    expect(existsSync(second)).toBe(false)
  })

  describe.runIf(process.getuid?.() === 0)('in memory that outlives the container (needs root)', () => {
    /** A shim that is process 1 of its own pid namespace, as in a container, with a directory in memory that stays. */
    function withMemory() {
      const project = withSecrets()
      const memory = ownMemory()
      const container = ['unshare', '--pid', '--fork', '--mount-proc', '--uts', 'sh', '-c']
      const start = (hostname = 'pod', words = ['sh', '-c', 'cat "$A_FILE"']) => {
        const through = [...container, 'hostname "$1"; shift; exec "$@"', 'sh', hostname]
        const run = project.run(['--as-file', 'A', '--', ...words], {
          through,
          env: { XDG_RUNTIME_DIR: memory },
        })
        // Where it can't become the command, it warns that it stays process 1.
        expect(run.stderr).toMatch(
          EXECVE ? /^$/ : /^disinto: warning: the shim stays process 1 .*\n.*hint.*\n$/,
        )
        return run.stdout.trim()
      }
      const values = () =>
        readdirSync(memory).flatMap((entry) =>
          readdirSync(join(memory, entry)).map((name) => join(memory, entry, name)),
        )
      return { project, start, values }
    }

    test('each start has one file of the value, however many went before', () => {
      const { start, values } = withMemory()
      for (let time = 0; time < 3; time += 1) expect(start()).toBe(MARK)
      // Other containers of the same files, with other names.
      for (const host of ['a', 'b', 'c']) expect(start(host)).toBe(MARK)
      expect(values()).toHaveLength(1)
    })

    test('what only looks like a directory of the values is not used, and stops no start', () => {
      const { start, values } = withMemory()
      start()
      for (const file of values()) {
        rmSync(file)
        mkdirSync(join(file, 'planted'), { recursive: true })
      }
      expect(start()).toBe(MARK)
    })

    test('a changed secret leaves nothing of the old one, and the files of another host are let be', () => {
      const { project, start, values } = withMemory()
      start()
      project.secret('A', `${MARK}-new`)
      expect(start()).toBe(`${MARK}-new`)
      expect(values()).toHaveLength(1)
      project.secret('A', `${MARK}-newer`)
      expect(start('another')).toBe(`${MARK}-newer`)
      expect(values()).toHaveLength(2)
    })
  })

  test('a name without a value', () => {
    expect(withSecrets().refused(['--as-file', 'A,NOPE'])).toMatch(/--as-file: missing or empty: NOPE/)
  })

  test.runIf(process.getuid?.() === 0)('no tmpfs: an error, not a disk (needs root)', () => {
    // A mount namespace in which /dev/shm and /run are on the disk.
    const project = withSecrets()
    project.write('disk/.keep', '')
    const hide = 'mount --bind "$D" /dev/shm; mount --bind "$D" /run; exec "$@"'
    const result = project.run(['--as-file', 'A', '--', 'true'], {
      through: ['unshare', '-m', 'sh', '-c', hide, 'sh'],
      env: { D: project.path('disk'), XDG_RUNTIME_DIR: project.directory },
    })
    if (
      spawnSync('stat', ['-f', '-c', '%T', project.directory], { encoding: 'utf8' }).stdout.trim() === 'tmpfs'
    )
      return
    expectRefusal(result)
    expect(result.stderr).toMatch(/--as-file A: no tmpfs to write to/)
  })
})

test.runIf(EXECVE)('the command is still the process that the shim was', () => {
  const { stdout } = withSecrets().run(['--as-file', 'A', '--', 'sh', '-c', 'echo "$A_FILE $$"'])
  const [path = '', pid] = stdout.trim().split(' ')
  expect(path).toMatch(new RegExp(`-${pid}-\\d+-[0-9a-f]{8}/A$`))
})
