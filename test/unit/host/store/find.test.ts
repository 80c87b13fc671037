import { describe, expect, test } from 'vitest'
import { failure } from '../../../../src/errors.ts'
import { sayDueForChange } from '../../../../src/host/store/due-for-change.ts'
import { allNames, findSecret } from '../../../../src/host/store/find.ts'
import { inventory, secretNames } from '../../../../src/host/store/inventory.ts'
import { allowed, isForOthers, withOnlyIdentity, withOnlyKey } from '../../../../src/host/store/open.ts'
import { since } from '../../../../src/host/store/since.ts'
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
    await place.secret('B')
    await place.secret('A')
    await place.envFile('X=1\n')
    place.write('secrets/notes.txt', 'x')
    const { project } = place.context()
    expect(secretNames(project)).toEqual(['A', 'B'])
    expect(inventory(project).map(({ path }) => path.slice(place.root.length))).toEqual([
      '/.env.enc',
      '/secrets/A.enc',
      '/secrets/B.enc',
    ])
  })

  test('of a project without secrets is empty, and of one whose secrets/ is a file is refused', () => {
    const place = new Place()
    expect(inventory(place.context().project)).toEqual([])
    place.write('secrets', 'x')
    expect(() => inventory(place.context().project)).toThrow(/secrets: is not a directory/)
  })
})

test('what is due for change is told by name and age, and never by value', async () => {
  const place = new Place()
  await place.secret('A')
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
  ])

  test('name that key and no place where another could be', () => {
    expect(Object.fromEntries(withOnlyKey(variables, '/k'))).toEqual({ LANG: 'C', SOPS_AGE_KEY_FILE: '/k' })
    expect(Object.fromEntries(withOnlyIdentity(variables, 'K'))).toEqual({ LANG: 'C', SOPS_AGE_KEY: 'K' })
  })
})

test('the names that may pass are those of the variable and of the option', () => {
  const names = allowed(new Map([['DISINTO_ALLOW', 'A, B']]), ['C,D'])
  expect([...names]).toEqual(expect.arrayContaining(['A', 'B', 'C', 'D']))
})

test('an error that another key would mend is told from one that none would', () => {
  expect(isForOthers(failure('key-missing', { path: '/x', files: [] }))).toBe(true)
  expect(isForOthers(failure('file-tampered', { path: '/x' }))).toBe(false)
  expect(isForOthers(new Error('x'))).toBe(false)
})
