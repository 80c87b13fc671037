import { execFileSync } from 'node:child_process'
import { once } from 'node:events'
import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { DisintoError } from '../../../src/errors.ts'
import { MAX_FILE_BYTES, read, readIfThere, readRegular, readWhole } from '../../../src/load/read.ts'
import type { Source } from '../../../src/nouns.ts'

const directory = mkdtempSync(join(tmpdir(), 'disinto-read-'))
const at = (name: string) => join(directory, name)

test.each(['/dev/zero', '/dev/null', '/'])('a link that leads to %s is refused by every reader', (target) => {
  const link = at(`link-${target.replaceAll('/', '-')}`)
  symlinkSync(target, link)
  const irregular = expect.objectContaining({ code: 'source-irregular' })
  for (const reads of [readRegular, readIfThere, readWhole]) expect(() => reads(link)).toThrow(irregular)
})

test('what is not there is undefined where it may be absent, and an error of ours elsewhere', () => {
  writeFileSync(at('file'), 'x')
  expect(readIfThere(at('none'))).toBeUndefined()
  expect(readIfThere(at('file/below'))).toBeUndefined()
  expect(() => readWhole(at('none'))).toThrow(expect.objectContaining({ code: 'source-dangling' }))
  expect(readIfThere(at('file'))?.toString()).toBe('x')
})

test('a file of the largest size is read whole, and one of a byte more is refused', () => {
  writeFileSync(at('largest'), Buffer.alloc(MAX_FILE_BYTES, 'x'))
  expect(readRegular(at('largest'))).toHaveLength(MAX_FILE_BYTES)
  writeFileSync(at('larger'), Buffer.alloc(MAX_FILE_BYTES + 1))
  const tooLarge = expect.objectContaining({ code: 'source-too-large' })
  for (const reads of [readRegular, readIfThere, readWhole])
    expect(() => reads(at('larger'))).toThrow(tooLarge)
})

test('a file that says it is empty is read to its end', () => {
  expect(readRegular('/proc/self/status').toString()).toMatch(/^Name:/)
})

test.each([
  ['a directory', () => mkdirSync(at('kind'))],
  ['a pipe', () => execFileSync('mkfifo', [at('kind')])],
  ['a device', () => symlinkSync('/dev/null', at('kind'))],
])('%s is refused by its kind, and not waited for', (kind, make) => {
  make()
  expect(() => readWhole(at('kind'))).toThrow(
    expect.objectContaining({ code: 'source-irregular', message: expect.stringContaining(kind) }),
  )
  rmSync(at('kind'), { recursive: true })
})

test('a socket is refused as what it is', async () => {
  const server = createServer().listen(at('socket'))
  await once(server, 'listening')
  const irregular = expect.objectContaining({
    code: 'source-irregular',
    message: expect.stringContaining('a socket'),
  })
  for (const reads of [readIfThere, readWhole]) expect(() => reads(at('socket'))).toThrow(irregular)
  server.close()
})

test('what the system refuses is an error of ours with its reason', () => {
  symlinkSync('loop', at('loop'))
  for (const reads of [readIfThere, readWhole])
    expect(() => reads(at('loop'))).toThrow(
      expect.objectContaining({ code: 'source-unreadable', message: expect.stringContaining('ELOOP') }),
    )
})

describe('a source', () => {
  const SOPS_DOTENV = 'A=ENC[AES256_GCM,x]\nsops_mac=ENC[x]\nsops_version=3\n'
  const CONFLICT = '<<<<<<< HEAD\nA=1\n=======\nA=2\n>>>>>>> x\n'

  function source(kind: 'secret' | 'encrypted' | 'plaintext', name = 'A'): Source {
    if (kind === 'secret') return { role: 'secret', path: at('source'), name }
    return { role: 'env-file', path: at('source'), plaintextAllowed: kind === 'plaintext' }
  }
  function outcome(content: string | Buffer, ...more: Parameters<typeof source>): string {
    writeFileSync(at('source'), content)
    try {
      return read(source(...more)).format
    } catch (error) {
      return error instanceof DisintoError ? error.code : String(error)
    }
  }

  test.each([
    [SOPS_DOTENV, 'sops-dotenv'],
    ['{"A":"x","sops":{}}', 'sops-json'],
    ['{"data":"x","sops":{}}', 'sops-binary'],
    ['age-encryption.org/v1\n-> X', 'age'],
    ['', 'source-empty'],
    ['x', 'source-not-encrypted'],
    [CONFLICT, 'source-conflict'],
    [`${CONFLICT}${SOPS_DOTENV}`, 'source-conflict'],
    ['\xff\xfe', 'source-utf16'],
    ['\xfe\xff', 'source-utf16'],
    ['\xff', 'source-not-encrypted'],
    ['\xfe\xfe', 'source-not-encrypted'],
    ['A=1\r\nsops_mac\r\n', 'source-crlf'],
    ['A=1\r\n', 'source-not-encrypted'],
    ['<<<<<<< HEAD\nA=1\n', 'source-not-encrypted'],
    ['A=1\n>>>>>>> x\n', 'source-not-encrypted'],
    [' <<<<<<< HEAD\n >>>>>>> x\n', 'source-not-encrypted'],
  ])('for a secret, %j: %s', (content, wanted) => {
    expect(outcome(Buffer.from(content, 'latin1'), 'secret')).toBe(wanted)
  })

  test('for a secret called data, what looks like SOPS binary is the secret of that name', () => {
    expect(outcome('{"data":"x","sops":{}}', 'secret', 'data')).toBe('sops-json')
    expect(outcome('{"data":"x","sops":{}}', 'encrypted')).toBe('sops-binary')
  })

  test('for the env file, an age file has no names', () => {
    expect(outcome('age-encryption.org/v1\n-> X', 'encrypted')).toBe('source-not-encrypted')
  })

  test.each([
    ['', 'plaintext'],
    ['A=1\n', 'plaintext'],
    [SOPS_DOTENV, 'sops-dotenv'],
    ['A=ENC[AES256_GCM,x]\n', 'source-not-encrypted'],
    ['A=ENC[AES256_GCM,x]\r\nsops_x=1\r\n', 'source-crlf'],
    [`A=ENC[AES256_GCM,x]\n${CONFLICT}`, 'source-conflict'],
    [CONFLICT, 'plaintext'],
    ['\xff\xfeA\x00', 'source-utf16'],
  ])('for an env file that may be plaintext, %j: %s', (content, wanted) => {
    expect(outcome(Buffer.from(content, 'latin1'), 'plaintext')).toBe(wanted)
  })

  test('comes back whole', () => {
    writeFileSync(at('source'), 'A=1\n')
    const from = source('plaintext')
    expect(read(from)).toEqual({ source: from, bytes: Buffer.from('A=1\n'), format: 'plaintext' })
  })
})
