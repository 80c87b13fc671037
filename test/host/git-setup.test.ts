import { spawnSync } from 'node:child_process'
import {
  chmodSync,
  existsSync,
  mkdirSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import { join } from 'node:path'
import { expect, onTestFinished, test } from 'vitest'
import { BUNDLES, DISINTO } from '../helpers/parts.ts'
import { Host, MARK } from './host.ts'
import { Repository, repositoryWith } from './repository.ts'

test('setup says what it changed, changes nothing the second time, and undo leaves no trace', () => {
  const repository = new Repository()
  const config = readFileSync(repository.path('.git/config'), 'utf8')
  const first = repository.run(['git', 'setup', '--hook'])
  expect(first.stderr).toMatch(/\.gitattributes: \.env\.enc and secrets\/\*\.enc/)
  expect(first.stderr).toMatch(/hooks\/pre-commit: refuses/)
  expect(first.status).toBe(0)
  expect(repository.git('config', 'diff.disinto.cachetextconv')).toBe('false\n')
  expect(repository.git('check-attr', 'diff', 'merge', 'text', '--', '.env.enc', 'secrets/A.enc')).toBe(
    ['.env.enc', 'secrets/A.enc']
      .map((file) => `${file}: diff: disinto\n${file}: merge: disinto\n${file}: text: unset\n`)
      .join(''),
  )
  expect(repository.run(['git', 'setup', '--hook']).stderr).toBe('disinto: everything was already set up\n')
  expect(repository.run(['git', 'setup', '--undo']).stderr).toMatch(/merge\.disinto removed/)
  expect(readFileSync(repository.path('.git/config'), 'utf8')).toBe(config)
  expect(repository.exists('.gitattributes')).toBe(false)
  expect(repository.exists('.git/hooks/pre-commit')).toBe(false)
  expect(repository.run(['git', 'setup', '--undo']).stderr).toBe('disinto: nothing to undo\n')
})

test('other lines of .gitattributes stay, to the byte, and ours win over those before them', () => {
  const repository = new Repository()
  const text = '# mine\r\n*.enc binary\n*.md text'
  repository.write('.gitattributes', text)
  repository.well(['git', 'setup'])
  expect(repository.git('check-attr', 'diff', '--', '.env.enc')).toBe('.env.enc: diff: disinto\n')
  expect(repository.read('.gitattributes').startsWith(`${text}\n`)).toBe(true)
  repository.well(['git', 'setup', '--undo'])
  expect(repository.read('.gitattributes')).toBe(`${text}\n`)
})

test('attributes that others put further down are told, since git would not call us', () => {
  const repository = new Repository()
  repository.write('secrets/.gitattributes', '*.enc -diff\n')
  expect(repository.fails(['git', 'setup'])).toContain('secrets/NAME.enc')
})

test('hooks of others stay, and the line to add is told', () => {
  const repository = new Repository()
  repository.write('.git/hooks/pre-commit', '#!/bin/sh\n')
  chmodSync(repository.path('.git/hooks/pre-commit'), 0o755)
  const said = repository.fails(['git', 'setup', '--hook'])
  expect(said).toContain(`'${DISINTO}' secrets check --staged`)
  expect(repository.read('.git/hooks/pre-commit')).toBe('#!/bin/sh\n')
  repository.remove('.git/hooks/pre-commit')
  repository.git('config', 'core.hooksPath', '.husky')
  expect(repository.fails(['git', 'setup', '--hook'])).toContain('.husky')
  expect(repository.exists('.husky')).toBe(false)
})

test('the hook can be run, and is for the owner of the repository to change alone', () => {
  const repository = new Repository()
  repository.well(['git', 'setup', '--hook'])
  expect(statSync(repository.path('.git/hooks/pre-commit')).mode & 0o777).toBe(0o755)
})

test.each([
  ['tracked', 'tools', ''],
  ['ignored, which a checkout overwrites', 'node_modules', 'node_modules\n'],
  ['new', 'tools', undefined],
])('a bundle that a branch could change is not what git starts: one that is %s', (_, place, ignored) => {
  const repository = new Repository()
  mkdirSync(repository.path(place))
  writeFileSync(repository.path(`${place}/disinto.js`), readFileSync(join(BUNDLES, 'disinto.js')))
  if (ignored) writeFileSync(repository.path('.gitignore'), ignored)
  if (ignored !== undefined) repository.commit('a bundle')
  const words = [repository.path(`${place}/disinto.js`), 'git', 'setup']
  const { status, stderr } = spawnSync(process.execPath, words, {
    cwd: repository.directory,
    env: repository.environment(),
    encoding: 'utf8',
  })
  expect(stderr).toMatch(/disinto\.js: is in the work tree/)
  expect(status).toBe(1)
  expect(existsSync(repository.path('.gitattributes'))).toBe(false)
})

test('nor is a link to one, or a Node', () => {
  const repository = new Repository()
  mkdirSync(repository.path('tools'))
  symlinkSync(process.execPath, repository.path('tools/node'))
  const { status, stderr } = spawnSync(repository.path('tools/node'), [DISINTO, 'git', 'setup'], {
    cwd: repository.directory,
    env: repository.environment(),
    encoding: 'utf8',
  })
  // The kernel tells Node its real name; what git would start is that.
  expect(stderr).not.toMatch(/tools\/node/)
  expect(status).toBe(0)
  const outside = `${repository.directory}-link.js`
  symlinkSync(repository.path('tools/disinto.js'), outside)
  onTestFinished(() => rmSync(outside))
  writeFileSync(repository.path('tools/disinto.js'), readFileSync(join(BUNDLES, 'disinto.js')))
  const linked = spawnSync(process.execPath, [outside, 'git', 'setup'], {
    cwd: repository.directory,
    env: repository.environment(),
    encoding: 'utf8',
  })
  expect(linked.stderr).toMatch(/is in the work tree/)
})

test('doctor knows how far a clone is set up', () => {
  const repository = new Repository()
  const codes = (cwd = repository.directory) => {
    const { stdout } = repository.run(['doctor', '--json'], { cwd })
    const { findings } = JSON.parse(stdout) as { findings: Array<{ code: string; severity: string }> }
    return findings
      .filter(({ code }) => /^git-(?:setup|hook)/.test(code))
      .map(({ severity, code }) => `${severity} ${code}`)
  }
  expect(codes()).toEqual([])
  repository.well(['secrets', 'keygen'])
  repository.add('TOKEN', MARK)
  expect(codes()).toEqual(['note git-setup-none'])
  repository.well(['git', 'setup'])
  expect(codes()).toEqual(['note git-hook-none'])
  repository.well(['git', 'setup', '--hook'])
  expect(codes()).toEqual([])
  repository.commit('all')
  const clone = join(repository.base, 'clone')
  repository.git('clone', '--quiet', '.', clone)
  expect(codes(clone)).toEqual(['warning git-setup-half'])
  repository.git('config', 'diff.disinto.cachetextconv', 'true')
  expect(codes()).toEqual(['warning git-setup-cached'])
  repository.git('config', 'diff.disinto.textconv', `'${process.execPath}' '/gone/disinto.js' git textconv`)
  expect(codes()).toEqual(['warning git-setup-stale'])
})

test('where there is no repository, and where there is no git, that is said', () => {
  const host = new Host()
  expect(host.fails(['git', 'setup'])).toMatch(/is not in a git repository/)
  expect(host.fails(['git', 'setup'], { env: { PATH: '/nowhere' } })).toMatch(/git program is not on PATH/)
})

test('diff, log and show tell names and recipients, without a key and without a value', () => {
  const repository = repositoryWith(
    '# a comment hunter2-Zq7\nKEPT=hunter2-Zq7-1\nCHANGED=hunter2-Zq7-2\nGONE=hunter2-Zq7-3\n',
  )
  const { recipient } = repository.stranger()
  repository.bySopsOf('set', 'CHANGED', 'hunter2-Zq7-x')
  repository.bySopsOf('set', 'NEW', 'hunter2-Zq7-y')
  repository.bySopsOf('unset', 'GONE')
  repository.remove('../home/.config')
  const lines = (text: string) => text.split('\n').filter((line) => /^[-+][^-+]/.test(line))
  const names = (text: string) => lines(text).flatMap((line) => /^[-+]\S+(?= = )/.exec(line) ?? [])
  expect(names(repository.git('diff'))).toEqual(['-CHANGED', '-GONE', '+CHANGED', '+NEW'])
  expect(repository.git('diff')).not.toContain('ENC[')
  repository.commit('second')
  expect(names(repository.git('show'))).toEqual(['-CHANGED', '-GONE', '+CHANGED', '+NEW'])
  expect(names(repository.git('log', '-p', '-1'))).toEqual(['-CHANGED', '-GONE', '+CHANGED', '+NEW'])
  repository.write('.env.enc', repository.read('.env.enc').replaceAll(/age1[a-z0-9]+/g, recipient))
  expect(lines(repository.git('diff')).filter((line) => line.includes('recipient')).length).toBeGreaterThan(1)
  expect(repository.git('for-each-ref', 'refs/notes')).toBe('')
})

test('a file that is not encrypted, cut off or hostile is told, and nothing of it is shown', () => {
  const repository = repositoryWith('A=hunter2-Zq7\n')
  repository.write('.env.enc', 'A=hunter2-Zq7-clear\n')
  expect(repository.git('diff')).toMatch(/^\+NOT ENCRYPTED/m)
  repository.write('secrets/A.enc', `{"a\\n+b\\u001b[31m": "hunter2-Zq7", "sops": {"mac": "x"}}`)
  repository.git('add', '--intent-to-add', '.')
  const diff = repository.git('diff')
  expect(diff).toMatch(/^\+"a\\n\+b\\u001b\[31m" = <IN THE CLEAR>$/m)
})
