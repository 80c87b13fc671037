import { describe, expect, test } from 'vitest'
import { MARK, Project } from './project.ts'

describe('names that a file may not set', () => {
  test.each([
    'PATH',
    'LD_PRELOAD',
    'NODE_OPTIONS',
    'BASH_ENV',
    'GIT_SSH_COMMAND',
    'DISINTO_USER',
    'SOPS_AGE_KEY',
  ])('%s in the env file', (name) => {
    const project = new Project()
    project.seal('.env.enc', 'dotenv', `OK=1\n${name}=${MARK}\n`)
    expect(project.refused()).toMatch(
      new RegExp(`\\.env\\.enc: ${name} is refused: it .*\n.*--allow ${name}`),
    )
  })

  test('a refused name as a secret file stops the run before anything is decrypted', () => {
    const project = new Project()
    project.write('.env.enc', 'rubbish')
    project.write('secrets/LD_PRELOAD.enc', 'rubbish')
    expect(project.refused()).toMatch(/LD_PRELOAD\.enc: LD_PRELOAD is refused/)
  })

  test.each([['2FA'], ['A-B'], ['A B'], ['\u00e4'], ['']])('%j is not a variable name', (name) => {
    const project = new Project()
    project.write(`secrets/${name}.enc`, 'rubbish')
    expect(project.refused()).toMatch(/is not a variable name/)
  })

  test('a bad name inside a file', () => {
    const project = new Project()
    project.seal('.env.enc', 'json', `{"A.B":"${MARK}"}`)
    expect(project.refused()).toMatch(/\.env\.enc: A\.B is not a variable name/)
  })

  test('--allow lets one through, and only that one', () => {
    const project = new Project()
    project.seal('.env.enc', 'json', '{"PS4":"x","EDITOR":"vi"}')
    expect(project.refused(['--allow', 'PS4'])).toMatch(/EDITOR is refused/)
    const environment = project.load(['--allow', 'PS4', '--allow', 'EDITOR'])
    expect([environment.get('PS4'), environment.get('EDITOR')]).toEqual(['x', 'vi'])
  })
})

describe('a secret file holds its own name and nothing else', () => {
  test('another name', () => {
    const project = new Project()
    project.seal('secrets/A.enc', 'json', `{"B":"${MARK}"}`)
    expect(project.refused()).toMatch(/A\.enc: must hold A and nothing else, but holds B/)
  })

  test('more than one', () => {
    const project = new Project()
    project.seal('secrets/A.enc', 'json', `{"A":"${MARK}","B":"x"}`)
    expect(project.refused()).toMatch(/A\.enc: must hold A and nothing else, but holds A, B/)
  })

  test('more than one, in dotenv', () => {
    const project = new Project()
    project.seal('secrets/A.enc', 'dotenv', `A=${MARK}\nB=x\n`)
    expect(project.refused()).toMatch(/but holds A, B/)
  })

  test('none', () => {
    const project = new Project()
    project.seal('secrets/A.enc', 'dotenv', '# nothing\n')
    expect(project.refused()).toMatch(/but holds nothing/)
  })

  test('its own name in dotenv, YAML, binary and age', () => {
    const project = new Project()
    project.seal('secrets/A.enc', 'dotenv', `A='${MARK}'\n`)
    project.seal('secrets/B.enc', 'yaml', `B: ${MARK}\n`)
    project.seal('secrets/C.enc', 'binary', `${MARK}\n`)
    project.age('secrets/D.enc', `${MARK}\n\n`)
    project.age('secrets/E.enc', `${MARK}\r\n`, ['-a'])
    const environment = project.load()
    expect(['A', 'B', 'C', 'D', 'E'].map((name) => environment.get(name))).toEqual([
      MARK,
      MARK,
      MARK,
      `${MARK}\n`,
      MARK,
    ])
  })

  test('a secret called data', () => {
    const project = new Project()
    project.secret('data', MARK)
    expect(project.load().get('data')).toBe(MARK)
  })
})

test.each(['binary', 'age'] as const)(
  'a file that does not say which secret it holds is read with a warning: %s',
  (format) => {
    const project = new Project()
    if (format === 'age') project.age('secrets/A.enc', MARK)
    else project.seal('secrets/A.enc', 'binary', MARK)
    project.write('secrets/COPY.enc', project.bytes('secrets/A.enc'))
    const { stdout, stderr } = project.run(['--', 'sh', '-c', 'echo $COPY'])
    expect(stdout).toBe(`${MARK}\n`)
    expect(stderr).toMatch(/^disinto: warning: .*COPY\.enc: does not say which secret it holds/m)
    expect(stderr).not.toContain(MARK)
  },
)
