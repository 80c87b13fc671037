import { execFileSync } from 'node:child_process'
import { expect, test } from 'vitest'
import { tarOf } from '../../../../src/host/vault/tar.ts'
import fc from '../../../helpers/property.ts'

test('tar(1) finds the files, with their modes, owned by root', () => {
  const archive = tarOf([
    { path: 'age/keys.txt', bytes: Buffer.from('key'), mode: 0o600 },
    { path: 'a', bytes: Buffer.alloc(0), mode: 0o644 },
    { path: 'b', bytes: Buffer.alloc(513, 'b'), mode: 0o644 },
  ])
  const list = execFileSync('tar', ['--numeric-owner', '-tvf', '-'], { input: archive, encoding: 'utf8' })
  const rows = list
    .trim()
    .split('\n')
    .map((line) => line.split(/\s+/))
  expect(rows.map(([mode, owner, size, , , path]) => [mode, owner, size, path])).toEqual([
    ['-rw-------', '0/0', '3', 'age/keys.txt'],
    ['-rw-r--r--', '0/0', '0', 'a'],
    ['-rw-r--r--', '0/0', '513', 'b'],
  ])
})

test('a file comes out as it went in, whatever its size', () => {
  const size = fc.oneof(fc.nat(2000), fc.constantFrom(0, 511, 512, 513, 1024))
  fc.assert(
    fc.property(size, (length) => {
      const bytes = Buffer.alloc(length, 'x')
      const archive = tarOf([
        { path: 'file', bytes, mode: 0o600 },
        { path: 'other', bytes: Buffer.from('y'), mode: 0o600 },
      ])
      expect(archive.length % 512).toBe(0)
      expect(execFileSync('tar', ['-xOf', '-', 'file'], { input: archive }).equals(bytes)).toBe(true)
    }),
    { numRuns: 20 },
  )
})

test('a name that does not fit is refused, and not cut', () => {
  const bytes = Buffer.alloc(0)
  expect(() => tarOf([{ path: 'é'.repeat(50), bytes, mode: 0o600 }])).not.toThrow()
  expect(() => tarOf([{ path: `${'é'.repeat(50)}x`, bytes, mode: 0o600 }])).toThrow(RangeError)
})
