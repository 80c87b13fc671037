import { symlinkSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { sealAgeFile } from '../../../../src/age/file.ts'
import { generateKey } from '../../../../src/age/keygen.ts'
import { failure } from '../../../../src/errors.ts'
import { sayDueForChange } from '../../../../src/host/store/due-for-change.ts'
import { allNames, findSecret } from '../../../../src/host/store/find.ts'
import {
  envSource,
  inventory,
  readClearOf,
  readOutsideOf,
  secretNames,
  secretSource,
  visibleNames,
} from '../../../../src/host/store/inventory.ts'
import {
  allowed,
  documentOf,
  entriesAt,
  isForOthers,
  openWith,
  withOnlyIdentity,
  withOnlyKey,
} from '../../../../src/host/store/open.ts'
import { since } from '../../../../src/host/store/since.ts'
import { read } from '../../../../src/load/read.ts'
import { sealDotenv, sealJson } from '../../../../src/sops/seal.ts'
import { MARK, Place } from '../../../helpers/place.ts'

describe('a secret that is looked for by its name', () => {
  test('is that of a file of its own before that of .env.enc', async () => {
    const place = new Place()
    await place.envFile(`A=${MARK}\nB=${MARK}\n`)
    await place.secret('A')
    const { project } = place.context()
    expect(await findSecret(project, 'A')).toMatchObject({ role: 'secret', name: 'A' })
    expect(await findSecret(project, 'B')).toMatchObject({ role: 'env-file', path: project.envFile })
    expect(await allNames(project)).toEqual(['A', 'B'])
  })

  test('and is not there is refused with the one that was meant', async () => {
    const place = new Place()
    await place.secret('CLAWHUB_TOKEN')
    const { project } = place.context()
    expect(await allNames(project)).toEqual(['CLAWHUB_TOKEN'])
    await expect(findSecret(project, 'CLAWHUB_TOKN')).rejects.toMatchObject({
      code: 'secret-missing',
      hint: 'did you mean CLAWHUB_TOKEN?',
    })
    await expect(findSecret(project, 'Q')).rejects.toMatchObject({
      hint: 'disinto secrets list shows what there is',
    })
  })
})

describe('the inventory', () => {
  test('has .env.enc first, then the secret files in the order of their names, and no other file', async () => {
    const place = new Place()
    for (const name of ['D', 'B', 'E', 'A', 'C']) await place.secret(name)
    await place.envFile('X=1\n')
    place.write('secrets/notes.txt', 'x')
    const { project } = place.context()
    expect(secretNames(project)).toEqual(['A', 'B', 'C', 'D', 'E'])
    expect(inventory(project).map(({ path }) => path.slice(place.root.length))).toEqual([
      '/.env.enc',
      ...['A', 'B', 'C', 'D', 'E'].map((name) => `/secrets/${name}.enc`),
    ])
  })

  test('of a project without secrets is empty, and of one whose secrets/ is a file is refused', () => {
    const place = new Place()
    expect(inventory(place.context().project)).toEqual([])
    place.write('secrets', 'x')
    expect(() => inventory(place.context().project)).toThrow(/secrets: is not a directory/)
    const looped = new Place()
    symlinkSync('secrets', join(looped.root, 'secrets'))
    expect(() => inventory(looped.context().project)).toThrow(
      expect.objectContaining({
        code: 'source-unreadable',
        message: expect.stringMatching(/\/secrets: .*\(ELOOP\)/),
      }),
    )
  })

  test('takes no plaintext for an encrypted file', async () => {
    const place = new Place()
    place.write('.env.enc', 'A=1\n')
    expect(() => read(envSource(place.context().project))).toThrow(
      expect.objectContaining({ code: 'source-not-encrypted' }),
    )
    const outside = await readOutsideOf(Buffer.from('A=1\n'))
    expect([outside.format, outside.names, outside.recipients]).toEqual([undefined, [], []])
    expect([...(await readClearOf(Buffer.from('A=1\n')))]).toEqual([])
  })
})

describe('the names in a file that nobody has opened are', () => {
  const source = { role: 'env-file', path: '/p/.env', plaintextAllowed: true } as const
  const namesOf = async (bytes: Buffer) => visibleNames(documentOf(source, bytes))
  const { recipient } = generateKey()

  test('those that stand in it', async () => {
    expect(await namesOf(await sealDotenv('A=1\nB=2\n', [recipient]))).toEqual(new Set(['A', 'B']))
    expect(await namesOf(Buffer.from('C=1\nD=2\n'))).toEqual(new Set(['C', 'D']))
    const { project } = new Place().context()
    const secret = documentOf(secretSource(project, 'E'), await sealJson([['data', 'x']], [recipient]))
    expect(await visibleNames(secret)).toEqual(new Set(['E']))
  })

  test('unknown where only a key tells, and where the file is damaged', async () => {
    expect(await namesOf(await sealJson([['data', 'x']], [recipient]))).toBeUndefined()
    const age = await sealAgeFile(Buffer.from('A=1\n'), [recipient])
    expect(await visibleNames({ source, bytes: age, format: 'age' })).toBeUndefined()
    const json = (await sealJson([['A', 'x']], [recipient])).subarray(0, -9)
    expect(await visibleNames({ source, bytes: json, format: 'sops-json' })).toBeUndefined()
  })
})

describe('what is in a file', () => {
  test('is read as the shim reads it: HOME is another there', async () => {
    const place = new Place().withKey()
    await place.envFile('A=${HOME}/x\nB=${A}\n')
    const context = place.context()
    const entries = await entriesAt(envSource(context.project), openWith(context), new Set())
    expect(entries.map(({ name, value }) => [name, value.reveal()])).toEqual([
      ['A', '${HOME}/x'],
      ['B', '${HOME}/x'],
    ])
  })

  test('may be more than an environment takes in a secret file, and a name of ours only if it is allowed', async () => {
    const place = new Place().withKey()
    place.write('secrets/A.enc', await sealJson([['A', 'x\0y']], [place.key.recipient]))
    await place.secret('PATH')
    const context = place.context()
    const at = (name: string, allow: readonly string[]) =>
      entriesAt(secretSource(context.project, name), openWith(context), new Set(allow))
    expect(await at('A', [])).toHaveLength(1)
    await expect(at('PATH', [])).rejects.toMatchObject({ code: expect.stringContaining('name') })
    expect(await at('PATH', ['PATH'])).toHaveLength(1)
  })

  test('of a secret called data is a value, and not a binary file; bytes that are not encrypted are plaintext', async () => {
    const { project } = new Place().context()
    const bytes = await sealJson([['data', 'x']], [generateKey().recipient])
    expect(documentOf(secretSource(project, 'data'), bytes).format).toBe('sops-json')
    expect(documentOf(secretSource(project, 'A'), bytes).format).toBe('sops-binary')
    expect(documentOf(envSource(project), bytes).format).toBe('sops-binary')
    expect(documentOf(envSource(project), Buffer.from('A=1\n')).format).toBe('plaintext')
  })

  test('is opened alike, whether or not key services are allowed', async () => {
    const place = new Place().withKey()
    await place.envFile(`A=${MARK}\n`)
    for (const types of ['', 'age', 'age,pgp,kms']) {
      const context = place.context({ DISINTO_KEY_TYPES: types })
      expect(await entriesAt(envSource(context.project), openWith(context), new Set())).toHaveLength(1)
    }
  })
})

test('what is due for change is told by name and age, and never by value', async () => {
  const place = new Place()
  // The name of a secret is that of its file.
  await place.secret('A', [place.key.recipient], 'X')
  await place.envFile(`B=${MARK}\nC=${MARK}\n`)
  const context = place.context()
  await sayDueForChange(context, inventory(context.project))
  expect(place.said).toEqual(['B', 'C', 'A'].map((name) => `note:   ${name} (changed just now)`))
})

describe('an age', () => {
  const now = new Date('2026-11-26T12:00:00Z')
  test.each([
    ['2026-11-26T11:59:30Z', 'just now'],
    ['2026-11-26T12:00:30Z', 'just now'],
    ['2026-11-26T11:59:00Z', '1 minute ago'],
    ['2026-11-26T10:00:00Z', '2 hours ago'],
    ['2026-11-25T12:00:00Z', '1 day ago'],
    ['2026-09-26T12:00:00Z', '2 months ago'],
    ['2024-11-25T12:00:00Z', '2 years ago'],
    ['yesterday', 'at an unknown time'],
    [undefined, 'at an unknown time'],
  ])('of %s is told as %s', (time, told) => {
    expect(since(time, now)).toBe(told)
  })
})

describe('the variables of a run with one key', () => {
  const variables = new Map([
    ['SOPS_AGE_KEY', 'x'],
    ['SOPS_AGE_KEY_CMD', 'x'],
    ['SOPS_AGE_KEY_FILE', 'x'],
    ['XDG_CONFIG_HOME', '/x'],
    ['HOME', '/x'],
    ['LANG', 'C'],
    ['MY_HOME', 'x'],
    ['HOMES', 'x'],
  ])
  const others = { LANG: 'C', MY_HOME: 'x', HOMES: 'x' }

  test('name that key and no place where another could be', () => {
    expect(Object.fromEntries(withOnlyKey(variables, '/k'))).toEqual({ ...others, SOPS_AGE_KEY_FILE: '/k' })
    expect(Object.fromEntries(withOnlyIdentity(variables, 'K'))).toEqual({ ...others, SOPS_AGE_KEY: 'K' })
  })
})

test('the names that may pass are those of the variable and of the option', () => {
  const names = allowed(new Map([['DISINTO_ALLOW', 'AA, BB']]), ['CC,DD', 'EE'])
  expect([...names]).toEqual(['AA', 'BB', 'CC', 'DD', 'EE'])
})

test('an error that another key would mend is told from one that none would', () => {
  expect(isForOthers(failure('key-missing', { path: '/x', files: [] }))).toBe(true)
  expect(isForOthers(failure('file-tampered', { path: '/x' }))).toBe(false)
  expect(isForOthers(new Error('x'))).toBe(false)
})
