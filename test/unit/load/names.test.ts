import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { describe, expect, test } from 'vitest'
import { checkName } from '../../../src/load/names.ts'
import { TAKE_OVERS } from '../../../src/load/take-over.ts'

const ROOT = fileURLToPath(new URL('../../../', import.meta.url))

/** What the build puts into the code, and no environment has. */
const OF_THE_BUILD = ['DISINTO_VERSION', 'DISINTO_COLD']

function sources(): string[] {
  const files = readdirSync(join(ROOT, 'src'), { recursive: true, encoding: 'utf8' })
  return files.filter((file) => file.endsWith('.ts')).map((file) => join(ROOT, 'src', file))
}

const check =
  (name: string, ...allow: string[]) =>
  () =>
    checkName(name, 'x.enc', new Set(allow))

describe('names', () => {
  test.each(['A', '_', '_1', 'a_B9', 'LDX', 'PATHS', 'MY_PATH', '__proto__', 'DISINTO', 'NODE_ENV'])(
    '%s is fine',
    (name) => {
      expect(check(name)).not.toThrow()
    },
  )

  test.each(['', '1', 'A-B', 'A.B', 'A B', 'A=B', 'Ä', 'A\n', 'A\0'])('%j is no name', (name) => {
    expect(check(name)).toThrowError(expect.objectContaining({ code: 'name-bad' }))
  })

  test.each([
    'PATH',
    'LD_AUDIT',
    'LD_',
    'DYLD_X',
    'BASH_FUNC_x',
    'GIT_CONFIG_COUNT',
    'DISINTO_ROOT',
    'SOPS_AGE_KEY',
    'HOME',
  ])('%s is refused, unless it is allowed', (name) => {
    expect(check(name)).toThrowError(expect.objectContaining({ code: 'name-refused' }))
    expect(check(name, 'OTHER')).toThrow()
    expect(check(name, name)).not.toThrow()
  })
})

describe('the list', () => {
  test('has each pattern once, and each has a reason', () => {
    const patterns = TAKE_OVERS.flatMap(({ names }) => names.map(([pattern]) => pattern))
    expect(new Set(patterns).size).toBe(patterns.length)
    for (const { names } of TAKE_OVERS)
      for (const [, reason] of names) expect(reason).toMatch(/^[a-z].*[^.]$/)
  })

  test.each([
    ...[
      'DATABASE_URL',
      'REDIS_URL',
      'PORT',
      'HOST',
      'DEBUG',
      'LOG_LEVEL',
      'NODE_ENV',
      'TZ',
      'LANG',
      'USER',
      'NO_PROXY',
    ],
    ...['AWS_ACCESS_KEY_ID', 'AWS_SECRET_ACCESS_KEY', 'AWS_PROFILE', 'AWS_REGION', 'AWS_ENDPOINT_URL'],
    ...[
      'GOOGLE_APPLICATION_CREDENTIALS',
      'AZURE_CLIENT_SECRET',
      'VAULT_TOKEN',
      'DOCKER_HOST',
      'COMPOSE_PROJECT_NAME',
    ],
    ...[
      'GIT_AUTHOR_NAME',
      'GIT_COMMITTER_EMAIL',
      'GIT_TOKEN',
      'GIT_TERMINAL_PROMPT',
      'GITHUB_TOKEN',
      'GH_TOKEN',
    ],
    ...[
      'NPM_TOKEN',
      'NODE_AUTH_TOKEN',
      'YARN_NPM_AUTH_TOKEN',
      'CARGO_REGISTRY_TOKEN',
      'TWINE_PASSWORD',
      'UV_PUBLISH_TOKEN',
    ],
    ...[
      'BUNDLE_GITHUB__COM',
      'COMPOSER_AUTH',
      'POETRY_PYPI_TOKEN_PYPI',
      'GEM_HOST_API_KEY',
      'HOMEBREW_GITHUB_API_TOKEN',
    ],
    ...[
      'PGPASSWORD',
      'MYSQL_ROOT_PASSWORD',
      'JAVA_OPTS',
      'PYTHONUNBUFFERED',
      'PYTHONDONTWRITEBYTECODE',
      'FLASK_APP',
    ],
    ...[
      'TF_VAR_token',
      'ANSIBLE_HOST_KEY_CHECKING',
      'DEBIAN_FRONTEND',
      'ANTHROPIC_API_KEY',
      'OPENAI_BASE_URL',
      'TERM',
    ],
  ])('lets pass what projects keep in their .env: %s', (name) => {
    expect(check(name)).not.toThrow()
  })

  test.each(['npm_config_script_shell', 'NPM_CONFIG_REGISTRY', 'Npm_Config_x'])(
    'knows npm’s prefix in any case: %s',
    (name) => {
      expect(check(name)).toThrowError(expect.objectContaining({ code: 'name-refused' }))
    },
  )
})

test('every variable that our sources and our image read is refused', () => {
  const texts = [...sources(), join(ROOT, 'Dockerfile.agent')].map((path) => readFileSync(path, 'utf8'))
  const names = new Set(texts.flatMap((text) => text.match(/\bDISINTO_[A-Z][A-Z_]*[A-Z]\b/g) ?? []))
  const ours = [...names].filter((name) => !OF_THE_BUILD.includes(name))
  expect(ours.length).toBeGreaterThan(10)
  for (const name of ours)
    expect(check(name), `${name}: add it to OURS in src/load/names.ts`).toThrowError(
      expect.objectContaining({ code: 'name-refused' }),
    )
})

describe('names that only begin like those of disinto and sops pass', () => {
  test.each(['DISINTO_CHAT_ALLOWED_USERS', 'DISINTO_', 'DISINTO_ROOT_DIR', 'SOPS_AGE_DIR', 'SOPS_VERSION'])(
    '%s',
    (name) => {
      expect(check(name)).not.toThrow()
    },
  )
})

test('the bus of a session, whose address can name a program, is no file’s to say', () => {
  for (const name of ['DBUS_SESSION_BUS_ADDRESS', 'DBUS_SYSTEM_BUS_ADDRESS'])
    expect(() => checkName(name, 'x', new Set())).toThrow()
})
