import { spawn, spawnSync } from 'node:child_process'
import { chmodSync, readdirSync, readFileSync, renameSync, rmSync, statSync, symlinkSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, onTestFinished, test, vi } from 'vitest'
import { ownMemory } from '../helpers/memory.ts'
import { DISINTO } from '../helpers/parts.ts'
import { Host, MARK } from './host.ts'

/** A host with a secret, an env file, and an editor that is a shell script. */
function edited(script: string, directory?: string) {
  const host = new Host(directory)
  host.add('TOKEN', `${MARK}-old`)
  host.write('.env', `# comment\nA=${MARK}-old\n`)
  host.well(['secrets', 'migrate'])
  const editor = host.write('../editor', `#!/bin/sh\nset -e\n${script}\n`)
  const memory = ownMemory()
  return {
    host,
    env: { EDITOR: `sh ${editor}`, XDG_RUNTIME_DIR: memory },
    leftovers: () => readdirSync(memory),
  }
}

describe('edit', () => {
  test('gives the editor a file that is its owner’s alone, in memory, and stores what it left', () => {
    const { host, env, leftovers } = edited(
      'stat -c "%a %n" "$1" "$(dirname "$1")" > ../told; stat -f -c %T "$1" >> ../told; sed -i s/-old/-new/ "$1"',
    )
    host.well(['secrets', 'edit', 'TOKEN'], { env })
    expect(host.bySops('TOKEN')).toBe(`${MARK}-new`)
    expect(host.read('../told')).toMatch(/^600 \S+\/TOKEN\n700 \S+\ntmpfs\n$/)
    host.well(['secrets', 'edit', '.env.enc'], { env })
    expect(host.envBySops()).toBe(`# comment\nA=${MARK}-new\n`)
    expect(leftovers()).toEqual([])
    expect(host.holding(MARK)).toEqual([])
  })

  test('a file keeps its mode; one that is a link is refused before the editor starts', () => {
    const { host, env } = edited('sed -i s/-old/-new/ "$1"; touch ../started')
    chmodSync(host.path('secrets/TOKEN.enc'), 0o640)
    host.well(['secrets', 'edit', 'TOKEN'], { env })
    expect(statSync(host.path('secrets/TOKEN.enc')).mode & 0o777).toBe(0o640)
    rmSync(host.path('../started'))
    renameSync(host.path('secrets/TOKEN.enc'), join(host.base, 'elsewhere'))
    symlinkSync('../../elsewhere', host.path('secrets/TOKEN.enc'))
    expect(host.fails(['secrets', 'edit', 'TOKEN'], { env })).toContain('is a link')
    expect(host.exists('../started')).toBe(false)
  })

  test('one last line end of Windows goes, as with add', () => {
    const { host, env } = edited(`printf '${MARK}-new\\r\\n' > "$1"`)
    host.well(['secrets', 'edit', 'TOKEN'], { env })
    expect(host.bySops('TOKEN')).toBe(`${MARK}-new`)
  })

  test('.env.enc may be left with the line ends of Windows, and a value over several lines', () => {
    const { host, env } = edited(`printf '# c\\r\\nexport A = 1-${MARK}\\r\\nB="x\\ny"\\r\\n' > "$1"`)
    host.well(['secrets', 'edit', '.env.enc'], { env })
    expect(host.envBySops()).toBe(`# c\nA=1-${MARK}\nB="x\\ny"\n`)
  })

  test('what is odd in .env.enc is said by line', () => {
    const { host, env } = edited(`printf 'A=${MARK}\\nPW=p@ss#${MARK}\\nPW=2\\n' > "$1"`)
    const { status, stderr } = host.run(['secrets', 'edit', '.env.enc'], { env })
    expect([status, stderr.includes(MARK)]).toEqual([0, false])
    expect(stderr).toContain('line 2 (PW): the value ends before a #')
    expect(stderr).toContain('line 3 (PW): the name is set twice')
  })

  test('unchanged is unwritten', () => {
    const { host, env } = edited('touch "$1"')
    const before = [host.read('secrets/TOKEN.enc'), statSync(host.path('secrets/TOKEN.enc')).ino]
    host.well(['secrets', 'edit', 'TOKEN'], { env })
    expect([host.read('secrets/TOKEN.enc'), statSync(host.path('secrets/TOKEN.enc')).ino]).toEqual(before)
  })

  test.each([
    ['an editor that fails', 'sed -i s/-old/-new/ "$1"; exit 1', 'ended with an error'],
    ['a line that is none', 'echo nonsense >> "$1"', 'line 3'],
    ['a conflict marker', 'echo "<<<<<<< HEAD" >> "$1"', 'line 3: is a git conflict marker'],
    ['a refused name', 'echo LD_PRELOAD=x >> "$1"', 'is refused'],
    ['what is not UTF-8', 'printf "A=\\377" >> "$1"', 'not UTF-8'],
  ])('%s changes nothing', (_, script, told) => {
    const { host, env, leftovers } = edited(script)
    expect(host.fails(['secrets', 'edit', '.env.enc'], { env })).toContain(told)
    expect(host.envBySops()).toBe(`# comment\nA=${MARK}-old\n`)
    expect(leftovers()).toEqual([])
  })

  test('a mistake leads back to the editor, with the text as it was left', async () => {
    const { host, env } = edited(
      'if grep -q nonsense "$1"; then sed -i s/nonsense/B=2/ "$1"; else echo nonsense >> "$1"; fi',
    )
    const terminal = host.terminal(['secrets', 'edit', '.env.enc'], { env })
    await terminal.sees('line 3')
    await terminal.sees('Back to the editor?')
    terminal.types('\r')
    expect(await terminal.ends(), terminal.shown).toBe(0)
    expect(host.envBySops()).toBe(`# comment\nA=${MARK}-old\nB=2\n`)
  })

  test.each(['SIGTERM', 'SIGHUP'] as const)('%s takes the plaintext and the editor away', async (signal) => {
    const { host, env, leftovers } = edited('echo $$ > ../pid; echo "$1" > ../file; exec sleep 1000')
    const child = spawn(process.execPath, [DISINTO, 'secrets', 'edit', 'TOKEN'], {
      cwd: host.directory,
      env: host.environment(env),
      stdio: 'ignore',
    })
    onTestFinished(() => {
      child.kill('SIGKILL')
    })
    const ended = new Promise((resolve) => child.on('close', (_, by) => resolve(by)))
    while (!host.exists('../file') || host.read('../file') === '')
      await new Promise((wait) => setTimeout(wait, 10))
    const file = host.read('../file').trim()
    expect(readFileSync(file, 'utf8')).toContain(MARK)
    child.kill(signal)
    expect(await ended).toBe(signal)
    expect(() => statSync(file)).toThrow('ENOENT')
    expect(leftovers()).toEqual([])
    // A zombie until the reaper of this system has it. It got its signal before the file went, and dies when its turn comes.
    const pid = Number(host.read('../pid'))
    const state = () => {
      try {
        return readFileSync(join('/proc', String(pid), 'stat'), 'utf8').replace(/^.*\) (\w).*$/s, '$1')
      } catch {
        return 'gone'
      }
    }
    await vi.waitFor(() => expect(['gone', 'Z', 'X']).toContain(state()), 30_000)
  })

  test('what a killed run left in memory is removed by the next', async () => {
    const { host, env } = edited('echo "$1" > ../file; if [ -e ../second ]; then exit 0; fi; exec sleep 1000')
    const child = spawn(process.execPath, [DISINTO, 'secrets', 'edit', 'TOKEN'], {
      cwd: host.directory,
      env: host.environment(env),
      stdio: 'ignore',
      detached: true,
    })
    const ended = new Promise((resolve) => child.on('close', resolve))
    while (!host.exists('../file') || host.read('../file') === '')
      await new Promise((wait) => setTimeout(wait, 10))
    const file = host.read('../file').trim()
    process.kill(-(child.pid ?? 0), 'SIGKILL')
    await ended
    expect(statSync(file).isFile()).toBe(true)
    host.write('../second', '')
    host.well(['secrets', 'edit', 'TOKEN'], { env })
    expect(() => statSync(file)).toThrow('ENOENT')
  })

  test.each([
    ['at the question after a mistake', 'echo nonsense >> "$1"', 'Back to the editor?', 130],
    ['in an editor that ends with it', 'echo at work; exec sleep 1000', 'at work', 1],
  ])('Ctrl-C %s takes the plaintext away and changes nothing', async (_, script, sight, status) => {
    const { host, env, leftovers } = edited(script)
    const before = host.read('.env.enc')
    const terminal = host.terminal(['secrets', 'edit', '.env.enc'], { env })
    await terminal.sees(sight)
    terminal.types('\x03')
    expect(await terminal.ends(), terminal.shown).toBe(status)
    expect([leftovers(), host.read('.env.enc')]).toEqual([[], before])
  })

  test.skipIf(process.getuid?.() !== 0)(
    'where there is no tmpfs it says so, and edits on disk only when told to',
    () => {
      const { host, env: own } = edited('sed -i s/-old/-new/ "$1"; dirname "$1" > ../told')
      const env = { ...own, XDG_RUNTIME_DIR: undefined }
      const through = [
        'unshare',
        '-m',
        'sh',
        '-c',
        'for at in /dev/shm /run/user/0; do [ ! -d $at ] || mount --bind /usr $at; done; exec "$@"',
        'sh',
      ]
      expect(host.fails(['secrets', 'edit', 'TOKEN'], { env, through })).toContain('no tmpfs at hand')
      expect(host.bySops('TOKEN')).toBe(`${MARK}-old`)
      host.well(['secrets', 'edit', 'TOKEN', '--on-disk'], { env: { ...env, TMPDIR: host.base }, through })
      expect(host.bySops('TOKEN')).toBe(`${MARK}-new`)
      expect(host.read('../told').trim()).toContain(host.base)
      expect(host.holding(MARK)).toEqual([])
    },
  )

  const noVim = spawnSync('vim', ['--version']).error !== undefined
  test.skipIf(noVim)('vim, with a history, undo files and backups set up, leaves none of them', async () => {
    const { host } = edited('true')
    for (const directory of ['undo', 'backup']) host.write(`../${directory}/.keep`, '')
    host.write(
      '../home/.vimrc',
      `set undofile undodir=${host.base}/undo backup backupdir=${host.base}/backup viminfo='100\n`,
    )
    const terminal = host.terminal(['secrets', 'edit', 'TOKEN'], {
      env: { EDITOR: 'vim', VISUAL: undefined },
    })
    await terminal.sees('-old')
    terminal.types(':s/-old/-new/\r').types('yyp').types('dd').types(':wq\r')
    expect(await terminal.ends(), terminal.shown).toBe(0)
    expect(host.bySops('TOKEN')).toBe(`${MARK}-new`)
    expect(host.holding(MARK)).toEqual([])
  })

  test('asks for .env.enc where a name is in there', () => {
    const { host, env } = edited('true')
    expect(host.fails(['secrets', 'edit', 'A'], { env })).toContain('disinto secrets edit .env.enc')
    expect(host.fails(['secrets', 'edit', 'TOKNE'], { env })).toContain('did you mean TOKEN?')
  })
})
