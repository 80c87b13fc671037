import { spawnSync } from 'node:child_process'
import { chmodSync, chownSync, existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { MARK, makeKey, Project } from './project.ts'

const ROOT = process.getuid?.() === 0
const ENGINES = ['auto', 'sops'] as const

const KMS = {
  dotenv: [
    'sops_kms__list_0__map_arn=arn:aws:kms:eu-west-1:111122223333:key/1',
    'sops_kms__list_0__map_created_at=2026-11-25T00:00:00Z',
    'sops_kms__list_0__map_enc=AQ==',
    '',
  ].join('\n'),
  json: {
    arn: 'arn:aws:kms:eu-west-1:111122223333:key/1',
    created_at: '2026-11-25T00:00:00Z',
    enc: 'AQ==',
    aws_profile: '',
  },
}

/** A project whose .env.enc has a KMS key in its metadata, which a stranger added without any key. */
function withForeignKms(): Project {
  const project = new Project()
  project.seal('.env.enc', 'dotenv', `A=${MARK}\n`)
  project.write('.env.enc', `${project.read('.env.enc')}${KMS.dotenv}`)
  return project
}

/** A home of uid 12345 whose settings for AWS name a program. */
function plantAwsProgram(project: Project): { env: Record<string, string>; ran: () => boolean } {
  const trace = project.path('RAN')
  for (const directory of [project.directory, project.home]) chmodSync(directory, 0o755)
  const script = project.write('planted', `#!/bin/sh\ntouch ${trace}\necho '{}'\n`)
  chmodSync(script, 0o755)
  mkdirSync(join(project.home, '.aws'))
  writeFileSync(
    join(project.home, '.aws/config'),
    `[default]\nregion = eu-west-1\ncredential_process = ${script}\n`,
  )
  chownSync(project.home, 12345, 12345)
  return { env: { AWS_EC2_METADATA_DISABLED: 'true', AWS_MAX_ATTEMPTS: '1' }, ran: () => existsSync(trace) }
}

describe.each(ENGINES)('a key type that is not allowed, engine %s', (engine) => {
  test('is not used: the file opens by its age key', () => {
    expect(withForeignKms().load(['--engine', engine]).get('A')).toBe(MARK)
  })

  test('is named where no age key opens the file, with what allows it', () => {
    const project = withForeignKms()
    makeKey(project.keyFile)
    const said = project.refused(['--engine', engine])
    expect(said).toMatch(
      /none of the keys at hand opens it; it is also encrypted to kms, which is not allowed/,
    )
    expect(said).toMatch(/--key-types or DISINTO_KEY_TYPES=age,pgp,kms$/m)
  })

  test('is named where it is the only one', () => {
    const project = withForeignKms()
    const lines = project.read('.env.enc').split('\n')
    project.write('.env.enc', lines.filter((line) => !line.startsWith('sops_age')).join('\n'))
    expect(project.refused(['--engine', engine])).toMatch(
      /no type of key that is allowed here opens it.* kms/,
    )
  })

  test('in a spelling that only sops knows is refused', () => {
    const project = withForeignKms()
    makeKey(project.keyFile)
    project.write('.env.enc', project.read('.env.enc').replaceAll('sops_kms_', 'sops_KMS_'))
    expect(project.refused(['--engine', engine])).toMatch(/are unclear/)
  })

  test('by DISINTO_KEY_TYPES as by the option; an unknown one is an error', () => {
    const project = withForeignKms()
    const env = { DISINTO_KEY_TYPES: 'pgp' }
    expect(project.refused(['--engine', engine], { env })).toMatch(/it is encrypted to age, kms|age too|age,/)
    expect(project.load(['--engine', engine, '--key-types', 'age'], { env }).get('A')).toBe(MARK)
    expect(project.refused(['--engine', engine, '--key-types', 'aeg'])).toMatch(
      /--key-types: needs some of age, pgp/,
    )
  })
})

test('every other format loses it as well', () => {
  const project = new Project()
  const add = (name: string, change: (text: string) => string) =>
    project.write(name, change(project.read(name)))
  project.seal('secrets/J.enc', 'json', JSON.stringify({ J: MARK, n_unencrypted: 1 }))
  project.seal('secrets/Y.enc', 'yaml', `Y: ${MARK}\n`)
  project.seal('secrets/I.enc', 'ini', `I = ${MARK}\n`)
  project.seal('secrets/B.enc', 'binary', MARK)
  project.seal('secrets/J.enc', 'json', JSON.stringify({ J: MARK }))
  const inJson = (text: string) => text.replace('"age": [', `"kms": [${JSON.stringify(KMS.json)}], "age": [`)
  add('secrets/J.enc', inJson)
  add('secrets/B.enc', inJson)
  add('secrets/Y.enc', (text) =>
    text.replace(
      'sops:\n',
      'sops:\n    kms:\n        - arn: arn:aws:kms:eu-west-1:111122223333:key/1\n          enc: AQ==\n',
    ),
  )
  add('secrets/I.enc', (text) =>
    text.replace(
      '[sops]\n',
      '[sops]\nkms__list_0__map_arn = arn:aws:kms:eu-west-1:111122223333:key/1\nkms__list_0__map_enc = AQ==\n',
    ),
  )
  const environment = project.load(['--engine', 'sops', '--only', 'J,Y,I,B'])
  expect(['J', 'Y', 'I', 'B'].map((name) => environment.get(name))).toEqual([MARK, MARK, MARK, MARK])
})

test('sops sees nothing of a key that is not allowed', () => {
  const project = withForeignKms()
  const bin = project.write(
    'bin/sops',
    `#!/bin/sh\n[ "$1" = --version ] || cat > ${project.path('seen')}\nexit 1\n`,
  )
  chmodSync(bin, 0o755)
  project.refused(['--engine', 'sops'], { env: { PATH: `${dirname(bin)}:/usr/bin:/bin` } })
  expect(project.read('seen')).toContain('sops_age__list_0__map_enc=')
  expect(project.read('seen')).not.toContain('kms')
})

describe.runIf(ROOT)('what root starts for a key (needs root)', () => {
  test('a home of somebody else is no place for its settings, even with KMS allowed', () => {
    const project = withForeignKms()
    makeKey(project.keyFile)
    const { env, ran } = plantAwsProgram(project)
    project.refused(['--key-types', 'age,kms'], { env: { ...env, SOPS_AGE_KEY_FILE: project.keyFile } })
    expect(ran()).toBe(false)
  })

  test('nor is a variable that leads there', () => {
    const project = withForeignKms()
    const { env, ran } = plantAwsProgram(project)
    const config = { AWS_CONFIG_FILE: join(project.home, '.aws/config') }
    project.run(['--engine', 'sops', '--key-types', 'kms', '--', 'true'], { env: { ...env, ...config } })
    expect(ran()).toBe(false)
  })

  test('who is not root has their own home, and what they set there', () => {
    const project = withForeignKms()
    const { env, ran } = plantAwsProgram(project)
    chmodSync(project.directory, 0o777)
    const through = ['setpriv', '--reuid=12345', '--regid=12345', '--clear-groups']
    project.run(['--engine', 'sops', '--key-types', 'kms', '--', 'true'], { env, through })
    expect(ran()).toBe(true)
  })

  test.each(ENGINES)('a FIFO at ~/.ssh of the user to become hangs nothing, engine %s', (engine) => {
    const project = withForeignKms()
    for (const directory of [project.directory, project.home]) chmodSync(directory, 0o755)
    mkdirSync(join(project.home, '.ssh'))
    expect(spawnSync('mkfifo', [join(project.home, '.ssh/id_ed25519')]).status).toBe(0)
    const key = project.write('key', readFileSync(project.keyFile, 'utf8'))
    chmodSync(key, 0o600)
    chownSync(project.home, 12345, 12345)
    const env = { SOPS_AGE_KEY_FILE: key }
    const result = project.run(
      ['--engine', engine, '--allow-readable-key', '--user', '12345:12345', '--', 'true'],
      { env },
    )
    expect(result.status, result.stderr).toBe(0)
  })

  test('SOPS_AGE_KEY_CMD gets no HOME of somebody else either', () => {
    const project = withForeignKms()
    const key = project.write('key', readFileSync(project.keyFile, 'utf8'))
    const script = project.write(
      'key-command',
      `#!/bin/sh\necho "$HOME" > ${project.path('home')}\ncat ${key}\n`,
    )
    chmodSync(script, 0o755)
    chownSync(project.home, 12345, 12345)
    project.load([], { env: { SOPS_AGE_KEY_CMD: script } })
    expect(project.read('home').trim()).not.toBe(project.home)
  })

  test('a sops that somebody else can change is not run', () => {
    const project = withForeignKms()
    const bin = project.write('bin/sops', `#!/bin/sh\ntouch ${project.path('RAN')}\n`)
    chmodSync(bin, 0o755)
    chownSync(dirname(bin), 12345, 12345)
    const said = project.refused(['--engine', 'sops'], { env: { PATH: `${dirname(bin)}:/usr/bin:/bin` } })
    expect(said).toMatch(/users other than root could change .*bin\/sops/)
    expect(project.exists('RAN')).toBe(false)
    // As the hint has it.
    chownSync(dirname(bin), 0, 0)
    project.run(['--engine', 'sops', '--', 'true'], { env: { PATH: `${dirname(bin)}:/usr/bin:/bin` } })
    expect(project.exists('RAN')).toBe(true)
  })

  test.each(ENGINES)(
    'a key outside the HOME that sops gets is found, and sops is handed it, engine %s',
    (engine) => {
      const project = withForeignKms()
      const other = join(project.home, 'other')
      makeKey(other)
      chownSync(project.home, 12345, 12345)
      // Beside one that is named as well, and does not open it.
      for (const env of [{}, { SOPS_AGE_KEY_FILE: other }, { SOPS_AGE_KEY: readFileSync(other, 'utf8') }]) {
        expect(project.load(['--engine', engine], { env }).get('A')).toBe(MARK)
      }
    },
  )
})
