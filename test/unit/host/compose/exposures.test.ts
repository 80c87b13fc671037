import { describe, expect, test } from 'vitest'
import {
  exposuresByPlace,
  isSecretive,
  placesInWords,
  toldIn,
  wayOut,
} from '../../../../src/host/compose/exposures.ts'
import type { Reference } from '../../../../src/host/compose/references.ts'

const NOTHING = toldIn('')

describe('a name is taken for that of a secret', () => {
  test.each([
    ...['FORGE_TOKEN', 'DB_PASSWORD', 'PASSWD', 'X_PWD', 'API_KEY', 'apiKey', 'CREDENTIALS', 'PRIVATE_X'],
    ...[
      'AUTH',
      'X_AUTH_Y',
      'PIN',
      'GH_PAT',
      'SENTRY_DSN',
      'TLS_CERT',
      'COOKIE',
      'SLACK_WEBHOOK_URL',
      'WEBHOOK',
    ],
  ])('%s', (name) => {
    expect(isSecretive(name, NOTHING)).toBe(true)
  })

  test.each([
    ...[
      'PORT',
      'PASSIVE',
      'PASSENGERS',
      'KEYBOARD',
      'KEYCLOAK_URL',
      'AUTHOR',
      'PINNED',
      'PATH',
      'DSNX',
      'WEBHOOKS',
    ],
  ])('%s is none', (name) => {
    expect(isSecretive(name, NOTHING)).toBe(false)
  })

  test('as people have told, before the words in it', () => {
    const told = toldIn(
      '# PLAIN=x # [SECRET]\nexport API_KEY= # [CONFIG] public\nA=1 # [SECRET]\nB=#x\nTOKEN=a # c\nnot a line [SECRET]\n',
    )
    expect([...told.secrets]).toEqual(['PLAIN', 'A'])
    expect([...told.config]).toEqual(['API_KEY'])
    expect(isSecretive('PLAIN', told)).toBe(true)
    expect(isSecretive('API_KEY', told)).toBe(false)
    expect(isSecretive('TOKEN', told)).toBe(true)
    const both = { secrets: new Set(['A']), config: new Set(['A']) }
    expect(isSecretive('A', both)).toBe(true)
  })
})

describe('where a value would stand', () => {
  const reference = (name: string, ...path: string[]): Reference => ({
    name,
    absent: { kind: 'empty' } as unknown as Reference['absent'],
    path,
    before: '',
    after: '',
  })

  test('is told service by service, the environment first, each place once', () => {
    const found = exposuresByPlace(
      [
        reference('A', 'services', 'web', 'labels', 'x'),
        reference('A', 'services', 'web', 'environment', 'A'),
        reference('A', 'services', 'web', 'labels', 'y'),
        reference('B', 'services', 'web', 'environment', 'B'),
        reference('C', 'services', 'web', 'environment', 'C'),
        reference('A', 'volumes', 'data'),
        reference('A', 'services', 'db', 'image'),
      ],
      new Set(['A', 'B']),
    )
    expect(found.map(({ holder, places }) => [holder, Object.fromEntries(places)])).toEqual([
      ['web', { A: ['environment', 'labels'], B: ['environment'] }],
      ['db', { A: ['image'] }],
    ])
    expect(found.map(placesInWords)).toEqual(['A (environment, labels), B (environment)', 'A (image)'])
  })

  test('is told together for names at the same place, and without one where there is none', () => {
    const places = new Map([
      ['A', ['environment']],
      ['B', ['environment']],
      ['C', ['']],
    ])
    expect(placesInWords({ holder: 'web', places })).toBe('A, B (environment), C')
  })
})

describe('the way out', () => {
  const at = (...wheres: string[]) => new Map([['A', wheres]])

  test.each([
    ['of a volume', 'volume data', at(''), true, /^a value there is visible/],
    ['without the shim', 'web', at('environment'), false, /^use an image with the shim for web/],
    ['of the environment alone', 'web', at('environment'), true, /^remove the lines from environment:/],
    ['of a command, too', 'web', at('environment', 'command'), true, /^remove them: .* \$\$NAME/],
  ])('%s says what to do, and how to tell that it is no secret', (...row) => {
    const [, holder, places, shim, says] = row
    const text = wayOut({ holder, places }, shim)
    expect(text).toMatch(says)
    expect(text).toMatch(
      /for what is not secret: x-disinto: \{config: \[A\]\} at the top of the compose file$/,
    )
  })
})

test('what an example says of its names is read, indented or not', () => {
  const { secrets, config } = toldIn('A=  # [SECRET] x\n  # export B = 1 # [CONFIG]\n#C=# [SECRET]\nD=1\n')
  expect([[...secrets], [...config]]).toEqual([['A', 'C'], ['B']])
})

test('a line of blanks is read in time that goes with its length', () => {
  expect(toldIn(' '.repeat(2_000_000)).secrets.size).toBe(0)
})
