import { describe, expect, test } from 'vitest'
import { examineFile, kindOfPath, secretNameOf } from '../../../../src/host/git/examine.ts'

test.each([
  ['.env', 'plain-env'],
  ['a/b/.env', 'plain-env'],
  ['.env.production', 'plain-env'],
  ['.env.example', undefined],
  ['.env.sample', undefined],
  ['.env.enc', 'env'],
  ['a/.env.enc', 'env'],
  ['.env.vault.enc', 'env'],
  ['secrets/A.enc', 'secret'],
  ['a/secrets/A@web.enc', 'secret'],
  ['secrets/sub/A.enc', 'sealed'],
  ['secrets/A.txt', undefined],
  ['prod.enc.yaml', 'sealed'],
  ['prod.sops.json', 'sealed'],
  ['.sops.yaml', undefined],
  ['keys.txt', 'keys'],
  ['README.md', undefined],
  ['environment', undefined],
])('%s is %s by its name', (path, kind) => {
  expect(kindOfPath(path)).toBe(kind)
})

test.each([
  ['secrets/A.enc', 'A'],
  ['x/secrets/A@web.enc', 'A@web'],
])('%s must hold %s', (path, name) => {
  expect(secretNameOf(path)).toBe(name)
})

describe('examines', () => {
  const look = async (path: string, text: string) =>
    (
      await examineFile(path, Buffer.from(text), {
        rule: undefined,
        unaccepted: [],
        isSecret: undefined,
        allow: new Set(),
      })
    ).map(({ code }) => code)

  test.each([
    ['.env', 'A=1\n', ['plaintext-env']],
    ['.env', '# only\nA=\n', []],
    ['.env', '', []],
    ['.env', 'TOKEN=in the clear\nsops_version=1\nsops_mac=x\n', ['form', 'value-in-clear']],
    ['x.enc', 'not ours', []],
    ['notes.txt', 'AGE-SECRET-KEY-1', []],
    ['keys.txt', '# made\nAGE-SECRET-KEY-1\n', ['key-in-git']],
    ['keys.txt', 'no key', []],
    ['secrets/A.enc', '-----BEGIN AGE ENCRYPTED FILE-----\nx', ['form']],
    ['.env.enc', 'age-encryption.org/v1\n', ['not-encrypted']],
    ['.env.enc', 'sops_mac=x\n', ['form']],
    ['secrets/A.enc', '{"A":"ENC[x]","sops":{}}', ['form', 'value-in-clear']],
    ['prod.enc.yaml', 'a: b\nsops:\n  mac: x\n', ['form', 'value-in-clear']],
  ])('%s with %j: %j', async (path, text, codes) => {
    expect(await look(path, text)).toEqual(codes)
  })
})
