import { describe, expect, test } from 'vitest'
import { MARK, Project } from './project.ts'

/** What the command gets that is a secret. */
const secretsIn = (environment: ReadonlyMap<string, string>) =>
  Object.fromEntries([...environment].filter(([, value]) => value.startsWith(MARK)))

describe('--as', () => {
  test('hands a value over under another name, and not under its own', () => {
    const project = new Project()
    project.secret('FORGE_TOKEN_QWEN', `${MARK}-qwen`)
    project.secret('OTHER', `${MARK}-other`)
    const environment = project.load(['--as', 'FORGE_TOKEN=FORGE_TOKEN_QWEN'])
    expect(secretsIn(environment)).toEqual({ FORGE_TOKEN: `${MARK}-qwen`, OTHER: `${MARK}-other` })
  })

  test('takes a value of one service, which wins over the one for all', () => {
    const project = new Project()
    project.secret('FORGE_TOKEN', `${MARK}-all`)
    project.secret('FORGE_TOKEN@qwen', `${MARK}-qwen`)
    project.secret('A', `${MARK}-a`)
    const environment = project.load([], { env: { DISINTO_AS: 'FORGE_TOKEN=FORGE_TOKEN@qwen,Z=A' } })
    expect(secretsIn(environment)).toEqual({ FORGE_TOKEN: `${MARK}-qwen`, Z: `${MARK}-a` })
  })

  test('wins over a file that sets the name later', () => {
    const project = new Project()
    project.secret('A', `${MARK}-a`)
    project.secret('Z', `${MARK}-z`)
    expect(secretsIn(project.load(['--as', 'Z=A']))).toEqual({ Z: `${MARK}-a` })
  })

  test('takes a value of the env file, and leaves the name to it where both are wanted', () => {
    const project = new Project()
    project.seal('.env.enc', 'dotenv', `A=${MARK}\n`)
    expect(secretsIn(project.load(['--as', 'A=A,B=A']))).toEqual({ A: MARK, B: MARK })
  })

  test('goes with --only, --require and --as-file by the name that the command gets', () => {
    const project = new Project()
    project.secret('FORGE_TOKEN@qwen', MARK)
    project.secret('OTHER', `${MARK}-other`)
    const words = ['--as', 'FORGE_TOKEN=FORGE_TOKEN@qwen,X=OTHER', '--only', 'FORGE_TOKEN']
    expect(secretsIn(project.load([...words, '--require', 'FORGE_TOKEN']))).toEqual({ FORGE_TOKEN: MARK })
    const { stdout } = project.run([
      ...words,
      '--as-file',
      'FORGE_TOKEN',
      '--',
      'sh',
      '-c',
      'cat "$FORGE_TOKEN_FILE"',
    ])
    expect(stdout).toBe(MARK)
  })
})

test('a value of one service is left unread where nothing asks for it, readable or not', () => {
  const project = new Project()
  project.secret('A', MARK)
  project.write('secrets/A@qwen.enc', 'no secret file')
  expect(secretsIn(project.load())).toEqual({ A: MARK })
})

describe('refused is', () => {
  const withA = () => {
    const project = new Project()
    project.secret('A', MARK)
    return project
  }

  test('a source that is in no file', () => {
    expect(withA().refused(['--as', 'B=MISSING'])).toContain(
      'B should get the value of MISSING, which is not in any file',
    )
  })

  test.each([[`B=${MARK} x`], ['B'], ['=A'], ['B='], ['B@x=A'], ['B=A@'], ['B=A@../x']])(
    '--as %s, unrepeated',
    (text) => {
      expect(withA().refused(['--as', text])).toContain('--as: needs NAME=SOURCE')
    },
  )

  test('a name that a file may not set, unless it is allowed', () => {
    const project = withA()
    expect(project.refused(['--as', 'NODE_OPTIONS=A'])).toContain('NODE_OPTIONS')
    project.secret('PATH@qwen', MARK)
    expect(project.refused(['--as', 'B=PATH@qwen'])).toContain('PATH')
  })

  test('a file that was copied to the name of a service', () => {
    const project = withA()
    project.write('secrets/A@qwen.enc', project.read('secrets/A.enc'))
    expect(project.refused(['--as', 'A=A@qwen'])).toContain('A@qwen.enc')
  })
})
