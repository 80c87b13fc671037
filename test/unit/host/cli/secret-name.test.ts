import { describe, expect, test } from 'vitest'
import { isEnvFile, secretNameOf } from '../../../../src/host/cli/secret-name.ts'
import type { HostContext } from '../../../../src/host/context.ts'
import { projectAt } from '../../../../src/host/project.ts'

const project = projectAt('/', new Map(), '/')
const context = (workingDirectory: string) => ({ project, workingDirectory }) as HostContext

describe('the name of a secret', () => {
  test.each([
    ['TOKEN', '/', 'TOKEN'],
    ['secrets/TOKEN.enc', '/', 'TOKEN'],
    ['./secrets/TOKEN.enc', '/', 'TOKEN'],
    ['/secrets/TOKEN.enc', '/tmp', 'TOKEN'],
    ['secrets/TOKEN.enc', '/tmp', 'TOKEN'],
    ['TOKEN.enc', '/secrets', 'TOKEN'],
    ['../secrets/TOKEN.enc', '/tmp', 'TOKEN'],
  ])('%s in %s is %s', (word, directory, name) => {
    expect(secretNameOf(word, 'secrets add', context(directory))).toBe(name)
  })

  test.each([
    ['TOKEN=hunter2', 'value-argument', 'secrets add TOKEN'],
    ['aHVudGVyMg==', 'value-argument', 'secrets add NAME'],
    ['hunter2=x=', 'value-argument', 'secrets add hunter2'],
    ['A-B', 'word-no-name', 'NAME'],
    ['TOKEN.enc', 'word-no-name', 'NAME'],
    ['../elsewhere/secrets/TOKEN.enc', 'word-no-name', 'NAME'],
    ['secrets/../TOKEN.enc', 'word-no-name', 'NAME'],
  ])('%s is none: %s', (word, code, hint) => {
    expect(() => secretNameOf(word, 'secrets add', context('/'))).toThrowError(
      expect.objectContaining({ code, hint: expect.stringContaining(hint) }),
    )
  })

  test('neither message repeats what may be a value', () => {
    for (const word of ['TOKEN=hunter2', 'x/hunter2', 'hunter2-b', 'aHVudGVyMg=='])
      expect(() => secretNameOf(word, 'secrets add', context('/'))).not.toThrow(/hunter2|aHVudGVyMg/)
  })
})

test.each([
  ['.env.enc', '/tmp', true],
  ['./.env.enc', '/', true],
  ['/.env.enc', '/tmp', true],
  ['./.env.enc', '/tmp', false],
  ['.env', '/', false],
])('%s in %s is the env file: %s', (word, directory, yes) => {
  expect(isEnvFile(word, context(directory))).toBe(yes)
})
