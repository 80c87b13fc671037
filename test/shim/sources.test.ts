import { spawnSync } from 'node:child_process'
import { mkdirSync, symlinkSync } from 'node:fs'
import { describe, expect, test } from 'vitest'
import { EXECVE, MARK, Project } from './project.ts'

describe('a source that is no good', () => {
  const cases: Array<[title: string, arrange: (project: Project) => string, says: RegExp]> = [
    ['is empty', (p) => p.write('secrets/A.enc', ''), /A\.enc: is empty/],
    [
      'is not encrypted',
      (p) => p.write('secrets/A.enc', `${MARK}\n`),
      /A\.enc: is not encrypted, or is incomplete/,
    ],
    ['is plain JSON', (p) => p.write('secrets/A.enc', `{"A":"${MARK}"}`), /A\.enc: is not encrypted/],
    [
      'is binary rubbish',
      (p) => p.write('secrets/A.enc', Buffer.from([0, 255, 1, 254])),
      /A\.enc: is not encrypted/,
    ],
    [
      'is cut off in its data',
      (p) => p.write('secrets/A.enc', p.seal('x', 'json', '{"A":"b"}') && p.read('x').slice(0, 60)),
      /A\.enc: is not encrypted, or is incomplete/,
    ],
    [
      'is an env file cut off before its metadata',
      (p) => p.write('.env.enc', p.seal('x', 'dotenv', `A=${MARK}`) && p.read('x').slice(0, 80)),
      /\.env\.enc: is not encrypted, or is incomplete/,
    ],
    [
      'is an env file cut off in its metadata',
      (p) => {
        p.seal('x', 'dotenv', `A=${MARK}`)
        const text = p.read('x')
        return p.write('.env.enc', text.slice(0, text.indexOf('sops_mac=') + 30))
      },
      /\.env\.enc: (?:was changed|is not encrypted|sops failed)/,
    ],
    [
      'is an age file cut in the middle',
      (p) => {
        p.age('x', MARK, ['-a'])
        return p.write('secrets/A.enc', p.read('x').slice(0, 200))
      },
      /A\.enc: was changed after it was encrypted, or is damaged/,
    ],
    [
      'is a directory',
      (p) => mkdirSync(p.path('secrets/A.enc'), { recursive: true }) ?? '',
      /A\.enc: is a directory, not a file/,
    ],
    [
      'is a directory in place of the env file',
      (p) => mkdirSync(p.path('.env.enc')) ?? '',
      /\.env\.enc: is a directory/,
    ],
    [
      'is a dangling link',
      (p) => {
        mkdirSync(p.path('secrets'))
        symlinkSync('nowhere', p.path('secrets/A.enc'))
        return ''
      },
      /A\.enc: is a link to a file that does not exist/,
    ],
    [
      'is a named pipe, on which it would wait for ever',
      (p) => {
        mkdirSync(p.path('secrets'))
        spawnSync('mkfifo', [p.path('secrets/A.enc')])
        return ''
      },
      /A\.enc: is a pipe, not a file/,
    ],
    [
      'is larger than 10 MiB',
      (p) => p.write('secrets/A.enc', Buffer.alloc(10 * 1024 * 1024 + 1, '{')),
      /A\.enc: is larger than 10 MiB/,
    ],
    [
      'has a file where the secrets directory should be',
      (p) => p.write('secrets', ''),
      /secrets: is not a directory/,
    ],
    [
      'is an age file in place of the env file',
      (p) => p.age('.env.enc', `A=${MARK}`),
      /\.env\.enc: is not encrypted/,
    ],
    [
      'holds several YAML documents',
      (p) => {
        p.seal('x', 'yaml', `A: ${MARK}`)
        return p.write('.env.enc', `${p.read('x')}---\nB: c\n`)
      },
      /\.env\.enc: holds several YAML documents/,
    ],
  ]
  test.each(cases)('%s', (_, arrange, says) => {
    const project = new Project()
    arrange(project)
    expect(project.refused()).toMatch(says)
  })

  test('stops the run although the others are good', () => {
    const project = new Project()
    project.secret('GOOD', MARK)
    project.write('secrets/BAD.enc', 'x')
    expect(project.refused()).toMatch(/BAD\.enc: is not encrypted/)
  })

  test('is never replaced by a plaintext .env', () => {
    const project = new Project()
    project.write('.env', 'A=b')
    project.write('.env.enc', '')
    expect(project.refused()).toMatch(/\.env\.enc: is empty/)
  })

  test('is an encrypted file under the name .env that is damaged, not plaintext', () => {
    const project = new Project()
    project.seal('x', 'dotenv', `A=${MARK}`)
    project.write('.env', project.read('x').split('\n').slice(0, 1).join('\n'))
    expect(project.refused()).toMatch(/\.env: is not encrypted, or is incomplete/)
  })
})

describe('what is named and does not exist', () => {
  test.each([
    ['--root', 'nowhere', /nowhere: the root directory does not exist/],
    ['--env-file', 'nowhere', /nowhere: does not exist, though/],
    ['--secrets-dir', 'nowhere', /nowhere: does not exist, though/],
  ])('%s', (flag, value, says) => {
    // `--`: Node looks for a missing --env-file itself, in all words up to the first `--`, and gives up on it.
    expect(new Project().refused([flag, value], { node: ['--'] })).toMatch(says)
  })

  test.each([
    ['DISINTO_ROOT', /the root directory does not exist/],
    ['DISINTO_ENV_FILE', /does not exist, though/],
    ['DISINTO_SECRETS_DIR', /does not exist, though/],
  ])('%s', (name, says) => {
    expect(new Project().refused([], { env: { [name]: '/proc/nowhere' } })).toMatch(says)
  })
})

describe('where sources are looked for', () => {
  test('nothing found: the command runs with its environment as it is', () => {
    const project = new Project()
    const environment = project.load([], { env: { X: 'y' } })
    expect([...environment.keys()]).toEqual(['PATH', 'HOME', 'X'])
  })

  test('other files in the secrets directory are ignored', () => {
    const project = new Project()
    project.write('secrets/README.md', 'x')
    project.write('secrets/.gitkeep', '')
    project.secret('A', MARK)
    expect(project.load().get('A')).toBe(MARK)
  })

  test('the root, the env file and the secrets directory can be elsewhere', () => {
    const project = new Project()
    project.seal('etc/.env.enc', 'dotenv', 'A=root')
    project.seal('other.env', 'dotenv', 'A=named')
    project.seal('keys/B.enc', 'json', '{"B":"dir"}')
    expect(project.load(['--root', 'etc']).get('A')).toBe('root')
    expect(project.load([], { env: { DISINTO_ROOT: project.path('etc') } }).get('A')).toBe('root')
    expect(project.load(['--env-file', 'other.env']).get('A')).toBe('named')
    expect(project.load(['--secrets-dir=keys']).get('B')).toBe('dir')
  })

  test('a plaintext .env that sets nothing earns no warning', () => {
    const project = new Project()
    project.write('.env', '# FORGE_TOKEN=\n\n')
    expect(project.run(['--', 'true'])).toMatchObject({ status: 0, stderr: '' })
  })

  test('a plaintext .env works, with one warning that names the cure', () => {
    const project = new Project()
    project.write('.env', `A="${MARK}"\n`)
    const result = project.run(['--', 'sh', '-c', 'test -n "$A"'])
    expect(result.status).toBe(0)
    expect(result.stderr).toMatch(
      /^disinto: warning: .*\/\.env: secrets in plaintext\ndisinto: hint: .*migrate.*\n$/,
    )
  })

  test('a leftover .env beside .env.enc is warned about and not used', () => {
    const project = new Project()
    project.write('.env', 'A=old')
    project.seal('.env.enc', 'dotenv', 'A=new')
    const result = project.run(['--', 'sh', '-c', 'echo $A'])
    expect(result.stdout).toBe('new\n')
    expect(result.stderr).toMatch(/plaintext left over beside \.env\.enc, which is used for A\n/)
  })

  test.each([
    ['names that .env.enc has not', 'PORT=8080\n'],
    ['nothing but comments', '# A=old\n'],
  ])('a .env beside .env.enc with %s is compose’s own, and not warned about', (_, text) => {
    const project = new Project()
    project.write('.env', text)
    project.seal('.env.enc', 'dotenv', 'A=new')
    const result = project.run(['--', 'sh', '-c', 'echo "$A$PORT"'])
    expect([result.stdout, result.stderr]).toEqual(['new\n', ''])
  })

  test('a working directory that is gone: no matter when every place is named and the shim becomes the command', () => {
    const project = new Project()
    project.secret('A', MARK)
    const gone = { through: ['sh', '-c', 'd=$(mktemp -d); cd "$d"; rmdir "$d"; exec "$@"', 'sh'] }
    const words = ['--root', project.directory]
    if (EXECVE) expect(project.run([...words, '--', 'printenv', 'A'], gone).stdout).toBe(`${MARK}\n`)
    else expect(project.refused(words, gone)).toMatch(/no longer exists/)
    expect(project.refused([], gone)).toMatch(/the working directory no longer exists/)
  })

  test('--only leaves every other file unread', () => {
    const project = new Project()
    project.secret('A', MARK)
    project.write('secrets/B.enc', 'rubbish')
    project.write('.env.enc', 'rubbish')
    expect(project.load(['--only', 'A']).get('A')).toBe(MARK)
  })
})
