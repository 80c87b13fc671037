/** Repositories that are made to run something: nothing of disinto, and nothing that git does for us, runs it. */
import { chmodSync, existsSync, mkdirSync, renameSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { MARK } from './host.ts'
import { type Repository, repositoryWith } from './repository.ts'

/** Everything that a repository's own configuration could have git run, each leaving a file where it ran. */
function trapConfiguration(trap: string): string {
  return `
[core]
	fsmonitor = "${trap} fsmonitor"
	hooksPath = .traps/hooks
	pager = "${trap} pager"
	editor = "${trap} editor"
	sshCommand = "${trap} ssh"
	askPass = "${trap} askpass"
	alternateRefsCommand = "${trap} alternates"
[alias]
	ls-files = "!${trap} alias"
	cat-file = "!${trap} alias"
[diff]
	external = "${trap} external"
[diff "trap"]
	textconv = "${trap} textconv"
	command = "${trap} command"
[filter "trap"]
	clean = "${trap} clean"
	smudge = "${trap} smudge"
	process = "${trap} process"
	required = true
[merge "trap"]
	driver = "${trap} merge"
[log]
	showSignature = true
[gpg]
	program = "${trap}"
[credential]
	helper = "!${trap} credential"
[interactive]
	diffFilter = "${trap} filter"
[extensions]
	partialClone = origin
[remote "origin"]
	url = "ext::${trap} remote"
	promisor = true
	uploadpack = "${trap} uploadpack"
[protocol "ext"]
	allow = always
`
}

function withTraps(): { repository: Repository; ran: string } {
  const repository = repositoryWith(`A=${MARK}\n`)
  repository.add('TOKEN', MARK)
  repository.commit('a secret')
  const ran = repository.path('RAN')
  const trap = repository.write('.traps/trap', `#!/bin/sh\necho "$@" >>'${ran}'\nexit 0\n`)
  chmodSync(trap, 0o755)
  for (const hook of ['pre-commit', 'post-index-change', 'reference-transaction', 'post-checkout']) {
    const path = repository.write(`.traps/hooks/${hook}`, `#!/bin/sh\necho ${hook} >>'${ran}'\n`)
    chmodSync(path, 0o755)
  }
  repository.write('.traps/attributes', '* filter=trap diff=trap merge=trap\n')
  return { repository, ran }
}

/** Everything that looks at a repository. */
const COMMANDS = [
  ['doctor'],
  ['secrets', 'check'],
  ['secrets', 'check', '--staged'],
  ['secrets', 'check', '--rules-of', 'HEAD'],
  ['secrets', 'scan'],
  ['secrets', 'scan', '--staged'],
  ['secrets', 'scan', '--history'],
  ['secrets', 'list'],
  ['secrets', 'migrate', '--dry-run'],
  ['git', 'diff'],
  ['git', 'diff', '--staged'],
  ['git', 'diff', 'HEAD'],
  ['git', 'setup'],
]

describe('nothing is run of', () => {
  test('a configuration full of programs, whatever looks at it', () => {
    const { repository, ran } = withTraps()
    // A signed commit makes git call gpg, if it is one that a log shows; an object that is not there makes it fetch.
    repository.write('.env', 'A=\n')
    repository.git('add', '--force', '.env')
    const tree = repository.git('write-tree').trim()
    repository.git('rm', '--quiet', '--cached', '.env')
    const person = 'Tester <tester@example.org> 0 +0000'
    const signature = 'gpgsig -----BEGIN PGP SIGNATURE-----\n \n x\n -----END PGP SIGNATURE-----'
    const commit = `tree ${tree}\nauthor ${person}\ncommitter ${person}\n${signature}\n\nsigned\n`
    const { said } = repository.tryGit(['hash-object', '-t', 'commit', '-w', '--stdin'], { input: commit })
    repository.git('update-ref', 'refs/heads/signed', said.trim())
    repository.git(
      'update-index',
      '--add',
      '--cacheinfo',
      `100644,${'1234567890'.repeat(4)},secrets/GONE.enc`,
    )
    writeFileSync(
      repository.path('.git/config'),
      `${repository.read('.git/config')}${trapConfiguration(repository.path('.traps/trap'))}`,
    )
    repository.write('.git/info/attributes', '* filter=trap\n')
    repository.write('.env.enc', repository.read('.env.enc'))
    for (const words of COMMANDS) {
      const { stderr } = repository.run(words)
      expect(stderr, words.join(' ')).not.toMatch(/unexpected/)
      expect(existsSync(ran) ? repository.read('RAN') : '', words.join(' ')).toBe('')
    }
  })

  test('an embedded bare repository, from inside and from above', () => {
    const { repository, ran } = withTraps()
    const bare = repository.path('embedded')
    for (const directory of ['objects', 'refs']) mkdirSync(join(bare, directory), { recursive: true })
    writeFileSync(join(bare, 'HEAD'), 'ref: refs/heads/main\n')
    const trap = repository.path('.traps/trap')
    writeFileSync(
      join(bare, 'config'),
      `[core]\n\trepositoryformatversion = 0\n\tbare = false\n\tworktree = ..\n\tfsmonitor = "${trap} fsmonitor"\n`,
    )
    repository.write('embedded/.env.enc', repository.read('.env.enc'))
    repository.commit('embedded')
    for (const words of COMMANDS) {
      const { stderr } = repository.run(words, { cwd: bare })
      expect(stderr, words.join(' ')).not.toMatch(/unexpected/)
      repository.run(words)
      expect(existsSync(ran), words.join(' ')).toBe(false)
    }
  })
})

test('the trap of an embedded repository does run where git is called plainly, so these tests would see it', () => {
  const { repository, ran } = withTraps()
  repository.git('config', 'core.fsmonitor', `${repository.path('.traps/trap')} fsmonitor`)
  repository.git('status')
  expect(existsSync(ran)).toBe(true)
})

test('names of files that are made to be taken for something else are names alone', () => {
  const { repository, ran } = withTraps()
  const names = ['--output=RAN', '-x', 'a\nb', `$(echo x > RAN)`, "it's", '"q"', ':(top)x', '\x1b[2J', ' ']
  for (const name of names) repository.write(`secrets/${name}.enc`, `{"${MARK}`)
  repository.write(`--upload-pack=RAN.enc`, 'x')
  repository.git('add', '--all')
  const { stdout, stderr } = repository.run(['secrets', 'check', '--staged', '--json'])
  expect(stderr).toBe('')
  const { findings } = JSON.parse(stdout) as { findings: Array<{ file: string; code: string }> }
  const files = findings.filter(({ code }) => code === 'not-encrypted').map(({ file }) => file)
  expect(new Set(files)).toEqual(new Set(names.map((name) => `secrets/${name}.enc`)))
  const shown = repository.run(['secrets', 'check', '--staged']).stdout
  expect(shown).not.toContain('\x1b')
  expect(shown.split('\n').filter((line) => /^error: not-encrypted: /.test(line))).toHaveLength(names.length)
  expect(repository.git('diff', '--cached')).not.toContain('\x1b')
  expect(existsSync(ran)).toBe(false)
})

test('variables of git that name programs do not reach the git that we start, those of a hook do', () => {
  const { repository, ran } = withTraps()
  const trap = repository.path('.traps/trap')
  const env = {
    GIT_EXTERNAL_DIFF: trap,
    GIT_SSH_COMMAND: trap,
    GIT_PAGER: trap,
    GIT_CONFIG_PARAMETERS: `'core.fsmonitor=${trap}'`,
    GIT_CONFIG_COUNT: '1',
    GIT_CONFIG_KEY_0: 'core.fsmonitor',
    GIT_CONFIG_VALUE_0: trap,
  }
  for (const words of COMMANDS) repository.run(words, { env })
  expect(existsSync(ran)).toBe(false)
  const own = { GIT_DIR: repository.path('.hidden'), GIT_WORK_TREE: repository.directory }
  renameSync(repository.path('.git'), repository.path('.hidden'))
  expect(repository.run(['secrets', 'check', '--staged'], { env: own }).status).toBe(0)
})
