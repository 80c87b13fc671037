import { describe, expect, test } from 'vitest'
import packageJson from '../../package.json' with { type: 'json' }
import { EXECVE, expectRefusal, MARK, Project } from './project.ts'

const HAND_OVER = EXECVE ? 'execve' : 'child'

function withSecrets(): Project {
  const project = new Project()
  project.seal('.env.enc', 'dotenv', `A=${MARK}\nB=${MARK}\n`)
  project.age('secrets/C.enc', MARK)
  return project
}

describe('--check', () => {
  test('lists name, source and format, and what is in force; runs nothing', () => {
    const project = withSecrets()
    const result = project.run(['--check', '--', 'touch', project.path('STARTED')], { env: { B: 'x' } })
    expect(result.status).toBe(0)
    expect(result.stdout).toContain(`A  ${project.path('.env.enc')}  sops-dotenv  builtin\n`)
    expect(result.stdout).toContain(
      `B  ${project.path('.env.enc')}  sops-dotenv  builtin  (the environment has it already)\n`,
    )
    expect(result.stdout).toContain(`C  ${project.path('secrets/C.enc')}  age  builtin\n`)
    expect(result.stdout).toMatch(new RegExp(`^hand-over: ${HAND_OVER} `, 'm'))
    expect(result.stdout).not.toContain(MARK)
    expect(project.exists('STARTED')).toBe(false)
  })

  test('--json is for programs', () => {
    const project = withSecrets()
    const { stdout } = project.run(['--check', '--json'], { env: { B: 'x' } })
    expect(JSON.parse(stdout)).toMatchObject({
      entries: [
        {
          name: 'A',
          source: project.path('.env.enc'),
          format: 'sops-dotenv',
          engine: 'builtin',
          kept: false,
        },
        { name: 'B', kept: true },
        { name: 'C', format: 'age' },
      ],
      handOver: HAND_OVER,
      // C could be any secret's, by what it holds.
      warnings: [{ code: 'file-nameless' }],
    })
  })

  test('fails as a run would', () => {
    const project = withSecrets()
    project.write('secrets/D.enc', 'rubbish')
    expectRefusal(project.run(['--check']))
    const missing = withSecrets().run(['--check', '--', 'no-such-command'])
    expectRefusal(missing, 127)
  })

  test('by its variable', () => {
    const { stdout } = withSecrets().run([], { env: { DISINTO_CHECK: '1', DISINTO_JSON: 'true' } })
    expect(JSON.parse(stdout).entries).toHaveLength(3)
  })
})

test('--verbose says what came from where, names only', () => {
  const project = withSecrets()
  const result = project.run(['--verbose', '--', 'true'], { env: { B: 'x' } })
  expect(result.stderr).toContain(`disinto: A: from ${project.path('.env.enc')} (sops-dotenv, builtin)\n`)
  expect(result.stderr).toContain('disinto: B: kept as the environment has it')
  expect(result.stderr).not.toContain(MARK)
})

describe('options', () => {
  test('--help and --version', () => {
    const project = new Project()
    const help = project.run(['--help'])
    expect(help).toMatchObject({ status: 0, stderr: '' })
    for (const name of [
      'root',
      'env-file',
      'secrets-dir',
      'only',
      'require',
      'override',
      'allow',
      'keep-key',
      'engine',
      'user',
      'check',
      'json',
      'verbose',
      'help',
      'version',
    ]) {
      expect(help.stdout).toMatch(new RegExp(`^  --${name}\\b`, 'm'))
    }
    expect(project.run(['--version']).stdout).toBe(`disinto ${packageJson.version}\n`)
  })

  test.each([
    [['--rot', '/'], /unknown option --rot\n.*did you mean --root\?/],
    [['--requires=A'], /unknown option --requires\n.*did you mean --require\?/],
    [['--completely-else'], /unknown option --completely-else\n.*--help lists/],
    [['-x'], /unknown option -x/],
    [['--root'], /--root: needs a value/],
    [['--root='], /--root: needs a value/],
    [['--engine', 'magic'], /--engine: needs auto, builtin, sops/],
  ])('%j', (words, says) => {
    const result = new Project().run(words)
    expectRefusal(result)
    expect(result.stderr).toMatch(says)
  })

  test('a switch variable that is neither yes nor no', () => {
    expect(new Project().refused([], { env: { DISINTO_OVERRIDE: 'maybe' } })).toMatch(
      /DISINTO_OVERRIDE: needs 1 or 0/,
    )
  })
})

test('DISINTO_LOG=json makes messages JSON objects', () => {
  const result = new Project().run(['--', 'no-such-command'], { env: { DISINTO_LOG: 'json' } })
  expect(JSON.parse(result.stderr)).toEqual({
    program: 'disinto',
    level: 'error',
    code: 'command-not-found',
    message: 'no-such-command: command not found',
    hint: expect.any(String),
  })
})
