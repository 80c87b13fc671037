import { describe, expect, test } from 'vitest'
import { MARK, Project, parseEnvironment } from './project.ts'

function layered(): Project {
  const project = new Project()
  project.seal('.env.enc', 'dotenv', 'A=env file\nB=env file\nC=env file\n')
  project.secret('B', 'secret file')
  project.secret('C', 'secret file')
  return project
}

describe('precedence', () => {
  test('env file, then secret files, then the environment', () => {
    const environment = layered().load([], { env: { C: 'inherited' } })
    expect(['A', 'B', 'C'].map((name) => environment.get(name))).toEqual([
      'env file',
      'secret file',
      'inherited',
    ])
  })

  test('an empty variable counts as not set', () => {
    expect(
      layered()
        .load([], { env: { C: '' } })
        .get('C'),
    ).toBe('secret file')
  })

  test('--override lets the files win', () => {
    const project = layered()
    expect(project.load(['--override'], { env: { C: 'inherited' } }).get('C')).toBe('secret file')
    expect(project.load([], { env: { C: 'inherited', DISINTO_OVERRIDE: '1' } }).get('C')).toBe('secret file')
  })

  test('--only loads those names alone', () => {
    const environment = layered().load(['--only', 'A,C'])
    expect([...environment.keys()].slice(2)).toEqual(['A', 'C'])
    expect(environment.get('C')).toBe('secret file')
  })

  test('--only with a name that no file has: a warning', () => {
    const result = layered().run(['--only', 'A,NOPE', '--', 'true'])
    expect(result.status).toBe(0)
    expect(result.stderr).toMatch(/^disinto: warning: --only: not in any file: NOPE\ndisinto: hint: /)
  })
})

describe('--require', () => {
  test('a name that is nowhere', () => {
    expect(layered().refused(['--require', 'A,NOPE,ALSO'])).toMatch(
      /required but missing or empty: NOPE, ALSO/,
    )
    expect(layered().refused([], { env: { DISINTO_REQUIRE: 'NOPE' } })).toMatch(/missing or empty: NOPE/)
  })

  test('a name with an empty value', () => {
    const project = new Project()
    project.secret('A', '')
    expect(project.refused(['--require', 'A'])).toMatch(/missing or empty: A/)
  })

  test('a name from a file or from the environment', () => {
    const environment = layered().load(['--require', 'A', '--require', 'X'], { env: { X: 'y' } })
    expect(environment.get('A')).toBe('env file')
  })
})

describe('the command’s environment', () => {
  test('is the inherited one in its order, then the new names', () => {
    const project = layered()
    const env = { Z: '1', '10': 'ten', '2': 'two', __proto__X: 'x', 'A.B': 'dot', Y: '' }
    const environment = project.load([], { env, through: ['env', '-i', ...assignments(project, env)] })
    expect([...environment.keys()]).toEqual([
      'Z',
      '10',
      '2',
      '__proto__X',
      'A.B',
      'Y',
      'PATH',
      'HOME',
      'A',
      'B',
      'C',
    ])
  })

  test('gets its NODE_OPTIONS back from where the image’s ENTRYPOINT put it', () => {
    const project = new Project()
    const saved = '--require /nowhere "x y"'
    const environment = project.load([], { env: { X: '1', DISINTO_SAVED_NODE_OPTIONS: saved, Y: '2' } })
    expect([...environment.keys()].slice(2)).toEqual(['X', 'NODE_OPTIONS', 'Y'])
    expect(environment.get('NODE_OPTIONS')).toBe(saved)
    expect(project.load([], { env: { DISINTO_SAVED_NODE_OPTIONS: '' } }).has('NODE_OPTIONS')).toBe(false)
  })

  test('that is not UTF-8 can’t be passed on', () => {
    const project = new Project()
    const words = (text: string) => ['sh', '-c', `${text}; exec "$@"`, 'sh']
    expect(project.refused([], { through: words(`X=$(printf '\\377${MARK}'); export X`) })).toMatch(
      /X is not UTF-8 in the shim’s own arguments or environment/,
    )
    const result = project.run(['--', 'printf', '%s'], {
      through: ['sh', '-c', 'exec "$@" "$(printf "\\377")"', 'sh'],
    })
    expect(result.status).toBe(125)
    expect(result.stderr).toMatch(/an argument.* is not UTF-8/)
  })

  test('reaches the command whatever the summary says', () => {
    const result = layered().run(['--summary', '--', 'env', '-0'], { env: { C: 'inherited' } })
    expect(result.stderr).toBe('disinto: 2 secrets: A, B (already in the environment: C)\n')
    expect(parseEnvironment(result.stdout).get('A')).toBe('env file')
  })
})

function assignments(project: Project, env: Record<string, string>): string[] {
  return Object.entries({ ...env, ...project.environment() })
    .sort(([a], [b]) => ORDER.indexOf(a) - ORDER.indexOf(b))
    .map(([name, value]) => `${name}=${value}`)
}
const ORDER = ['Z', '10', '2', '__proto__X', 'A.B', 'Y', 'PATH', 'HOME']
