import { expect, test } from 'vitest'
import { readSettings } from '../../../../src/host/compose/settings.ts'
import type { Warning } from '../../../../src/speak.ts'
import { contextOf } from './context.ts'

const ENV =
  'DOCKER_HOST=tcp://192.0.2.1\nLD_PRELOAD=./x.so\nGIT_SSH_COMMAND=x\nGIT_SHA=1\nDOCKER_BUILDKIT=1\nA=1\n'

test('what decides whom docker calls and what it runs is taken from no plaintext file, and told of', async () => {
  const warnings: Warning[] = []
  const { context } = await readSettings(contextOf({ '.env': ENV }, new Map(), warnings))
  const set = [...context.variables].filter(([name]) => name !== 'HOME')
  expect(set).toEqual([
    ['DOCKER_HOST', ''],
    ['LD_PRELOAD', ''],
    ['GIT_SSH_COMMAND', ''],
  ])
  expect(warnings.map(({ code }) => code)).toEqual(['env-not-taken'])
})

test('nor from the file beside a compose file elsewhere', async () => {
  const files = { '.env': 'COMPOSE_FILE=d/c.yml\n', 'd/c.yml': '', 'd/.env': ENV }
  const { context } = await readSettings(contextOf(files))
  expect(context.variables.get('DOCKER_HOST')).toBe('')
})

test('what the environment says counts', async () => {
  const warnings: Warning[] = []
  const mine = new Map([
    ['DOCKER_HOST', 'unix:///mine'],
    ['LD_PRELOAD', 'x'],
    ['GIT_SSH_COMMAND', 'y'],
  ])
  const { context } = await readSettings(contextOf({ '.env': ENV }, mine, warnings))
  expect(context.variables.get('DOCKER_HOST')).toBe('unix:///mine')
  expect(warnings).toEqual([])
})
