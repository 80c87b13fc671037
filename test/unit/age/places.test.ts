import { chmodSync, mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { describe, expect, onTestFinished, test } from 'vitest'
import {
  defaultKeyFile,
  keyFiles,
  keyFileWarnings,
  keyWithinReach,
  usualKeyFiles,
} from '../../../src/age/places.ts'

const LINUX = process.platform === 'linux'
const variables = (of: Record<string, string>) => new Map(Object.entries(of))

/** A directory that everybody can enter, with a key file. */
function keyFile(mode: number, directoryMode = 0o755): string {
  const base = mkdtempSync(join(tmpdir(), 'disinto-places-'))
  onTestFinished(() => rmSync(base, { recursive: true, force: true }))
  chmodSync(base, 0o755)
  const path = join(base, 'keys/keys.txt')
  mkdirSync(dirname(path))
  writeFileSync(path, '')
  chmodSync(path, mode)
  chmodSync(dirname(path), directoryMode)
  return path
}

describe.runIf(LINUX)('the usual place (needs Linux)', () => {
  test.each([
    [{ HOME: '/h' }, '/h/.config/sops/age/keys.txt'],
    [{ HOME: '/h', XDG_CONFIG_HOME: '/x' }, '/x/sops/age/keys.txt'],
    [{ XDG_CONFIG_HOME: '/x' }, '/x/sops/age/keys.txt'],
    [{ HOME: '/h', XDG_CONFIG_HOME: '' }, '/h/.config/sops/age/keys.txt'],
    [{ HOME: '/h', XDG_CONFIG_HOME: 'x' }, undefined],
    [{ HOME: 'h' }, undefined],
    [{ HOME: '' }, undefined],
    [{}, undefined],
  ])('for %j is %s', (of, path) => {
    expect(defaultKeyFile(variables(of as Record<string, string>))).toBe(path)
  })

  test('in other homes comes before our own, and each place once', () => {
    expect(usualKeyFiles(variables({ HOME: '/h' }), ['/a', '/h', 'b'])).toEqual([
      '/a/.config/sops/age/keys.txt',
      '/h/.config/sops/age/keys.txt',
    ])
    expect(usualKeyFiles(variables({}))).toEqual([])
  })

  test('comes after the file that a variable names, from the working directory on', () => {
    expect(keyFiles(variables({ HOME: '/h', SOPS_AGE_KEY_FILE: 'k' }), '/w')).toEqual([
      { path: '/w/k', named: true },
      { path: '/h/.config/sops/age/keys.txt', named: false },
    ])
    expect(keyFiles(variables({ SOPS_AGE_KEY_FILE: '' }), '/w')).toEqual([])
  })
})

describe('a key file that others can read', () => {
  test('is warned about, with what hides it', () => {
    const path = keyFile(0o644)
    expect(keyFileWarnings(variables({ SOPS_AGE_KEY_FILE: path }), '/')).toEqual([
      {
        code: 'key-file-open',
        message: `${path}: other users can read this key`,
        hint: `chmod 600 ${path}`,
      },
    ])
  })

  test.each([
    ['nobody else can read', () => keyFile(0o600)],
    ['is where nobody else can enter', () => keyFile(0o644, 0o700)],
    ['is not there', () => '/nowhere/keys.txt'],
  ])('is none that %s', (_, make) => {
    expect(keyFileWarnings(variables({ SOPS_AGE_KEY_FILE: make() }), '/')).toEqual([])
  })
})

describe.runIf(process.getuid?.() === 0)('the user to become (needs root)', () => {
  const person = { uid: 4711, groups: [4711] }
  const reach = (of: Record<string, string>) => keyWithinReach(variables(of), '/', [], person)

  test.each([
    ['read', 0o644, 0o755],
    ['move or replace', 0o600, 0o777],
  ] as const)('could %s a key', (can, mode, directoryMode) => {
    const path = keyFile(mode, directoryMode)
    expect(reach({ SOPS_AGE_KEY_FILE: path })).toEqual({
      path,
      can,
      hint: expect.stringContaining('a directory that only root can enter'),
    })
  })

  test('could read the SSH key that opens files, where no other key is in reach', () => {
    const [closed, ssh] = [keyFile(0o600), keyFile(0o644)]
    expect(reach({ SOPS_AGE_KEY_FILE: closed, SOPS_AGE_SSH_PRIVATE_KEY_FILE: ssh })).toMatchObject({
      path: ssh,
      can: 'read',
    })
    expect(reach({ SOPS_AGE_KEY_FILE: closed, SOPS_AGE_SSH_PRIVATE_KEY_FILE: '' })).toBeUndefined()
  })

  test('can do nothing with a key that is closed, or not there', () => {
    expect(reach({ SOPS_AGE_KEY_FILE: keyFile(0o600) })).toBeUndefined()
    expect(reach({ SOPS_AGE_KEY_FILE: '/nowhere/keys.txt' })).toBeUndefined()
    expect(reach({})).toBeUndefined()
  })

  test('could read a key through a link', () => {
    const path = keyFile(0o644)
    const link = join(dirname(keyFile(0o600)), 'link')
    symlinkSync(path, link)
    expect(reach({ SOPS_AGE_KEY_FILE: link })).toMatchObject({ can: 'read' })
  })
})
