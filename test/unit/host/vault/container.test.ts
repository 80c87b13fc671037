import { describe, expect, test } from 'vitest'
import {
  createWords,
  environmentText,
  expectedOf,
  type Making,
} from '../../../../src/host/vault/container.ts'
import type { RunnerService } from '../../../../src/host/vault/service.ts'

const SERVICE: RunnerService = {
  image: 'runner:1',
  words: ['--user', 'root', '--tmpfs', '/t:size=1m', '--tmpfs', '/u', '--user', '1000'],
  environment: new Map([
    ['A', 'a'],
    ['B', 'from the file'],
  ]),
  mounts: [{ type: 'volume', source: undefined, target: '/work', readOnly: false }],
  networks: [],
  networkMode: undefined,
  command: ['publish'],
}

const making = (more: Partial<Making> = {}, service: Partial<RunnerService> = {}): Making => ({
  name: 'run-1',
  project: 'app',
  service: { ...SERVICE, ...service },
  mounts: [{ type: 'bind', source: '/dev/shm/x/age', target: '/keys', readOnly: true }],
  environment: new Map([['B', 'b']]),
  command: [],
  terminal: false,
  interactive: false,
  values: new Map(),
  environmentFile: '/dev/shm/x/env',
  ...more,
})

/** What stands behind each such option, before the image. */
function givenTo(words: readonly string[], option: string): string[] {
  const end = words.indexOf('--')
  return words.slice(0, end).flatMap((word, at) => (word === option ? [words[at + 1] ?? ''] : []))
}

describe('the words that make a container', () => {
  test('begin with what makes it and starts nothing, and end with image and command', () => {
    const words = createWords(making())
    expect(words.slice(0, 8)).toEqual([
      ...['create', '--name', 'run-1', '--pull', 'never', '--no-healthcheck', '--ipc', 'private'],
    ])
    expect(words.slice(words.indexOf('--'))).toEqual(['--', 'runner:1', 'publish'])
    expect(words).not.toContain('--interactive')
    expect(words).not.toContain('--tty')
    expect(words).toEqual(expect.arrayContaining([...SERVICE.words]))
  })

  test('have the command of the proposal in place of the service’s', () => {
    expect(createWords(making({ command: ['a', '--b'] })).slice(-3)).toEqual(['runner:1', 'a', '--b'])
  })

  test('ask for a terminal and for standard input each by itself', () => {
    expect(createWords(making({ terminal: true }))).toContain('--tty')
    expect(createWords(making({ terminal: true }))).not.toContain('--interactive')
    expect(createWords(making({ interactive: true }))).toContain('--interactive')
  })

  test('label it as one of compose’s own runs', () => {
    expect(givenTo(createWords(making()), '--label')).toEqual([
      'com.docker.compose.project=app',
      'com.docker.compose.service=vault-runner',
      'com.docker.compose.oneoff=True',
      'com.docker.compose.container-number=1',
      'com.docker.compose.config-hash=disinto',
    ])
  })

  test('name the service’s mounts and the run’s, each a line of CSV', () => {
    const mounts: Making['mounts'] = [
      { type: 'bind', source: '/a,b', target: '/"c"', readOnly: true },
      { type: 'volume', source: 'v', target: '/v', readOnly: true, inMemory: true },
    ]
    expect(givenTo(createWords(making({ mounts })), '--mount')).toEqual([
      'type=volume,target=/work',
      'type=bind,"source=/a,b","target=/""c""",readonly',
      'type=volume,source=v,target=/v,readonly,volume-nocopy',
    ])
  })

  test('have the run’s own variables, and the file with the service’s', () => {
    const words = createWords(making())
    expect(givenTo(words, '--env')).toEqual(['B=b'])
    expect(givenTo(words, '--env-file')).toEqual(['/dev/shm/x/env'])
  })

  test.each([
    ['the first of the service’s', { networks: ['one', 'two'] }, 'one'],
    ['the mode of the file', { networkMode: 'none' }, 'none'],
    ['the engine’s bridge', {}, 'bridge'],
  ])(
    'choose for a network %s',
    (_, { networks = [], networkMode }: { networks?: string[]; networkMode?: string }, name) => {
      const service = {
        networkMode,
        networks: networks.map((one) => ({ key: one, name: one, external: false, words: [] })),
      }
      expect(givenTo(createWords(making({}, service)), '--network')).toEqual([name])
      expect(expectedOf(making({}, service)).networks).toEqual(networks.length > 0 ? networks : [name])
    },
  )
})

test('what is expected of it is what was asked for: mounts, tmpfs, variables, command and user', () => {
  expect(expectedOf(making())).toEqual({
    mounts: [...SERVICE.mounts, ...making().mounts],
    tmpfs: ['/t', '/u'],
    networks: ['bridge'],
    environment: new Map([
      ['A', 'a'],
      ['B', 'b'],
    ]),
    command: ['publish'],
    user: '1000',
  })
  expect(expectedOf(making({}, { command: [], words: [] }))).toMatchObject({ command: undefined, tmpfs: [] })
  expect(expectedOf(making({}, { words: [] })).user).toBeUndefined()
})

describe('the service’s variables', () => {
  test('are a line each, without those of the run', () => {
    expect(environmentText(SERVICE, [])).toBe('A=a\nB=from the file\n')
    expect(environmentText(SERVICE, ['B'])).toBe('A=a\n')
    expect(environmentText(SERVICE, ['A', 'B'])).toBe('')
  })

  test.each(['\n', '\r', '\0'])('can’t hold %j, which would end the line', (end) => {
    const service = { ...SERVICE, environment: new Map([['A', `hunter2${end}B=x`]]) }
    expect(() => environmentText(service, [])).toThrow(
      expect.objectContaining({ code: 'runner-variable', message: expect.not.stringContaining('hunter2') }),
    )
    expect(environmentText(service, ['A'])).toBe('')
  })
})
