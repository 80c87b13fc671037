import { execFileSync } from 'node:child_process'
import { existsSync, lstatSync, readFileSync, symlinkSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { readProposal } from '../../../../src/host/vault/proposal.ts'
import { lastLines, writeResult } from '../../../../src/host/vault/result.ts'
import { tarOf } from '../../../../src/host/vault/tar.ts'
import { Vault } from './vault.ts'

/** What a command said, in pieces of seven bytes. */
async function* said(text: string): AsyncGenerator<Buffer> {
  const bytes = Buffer.from(text)
  for (let at = 0; at < bytes.length; at += 7) yield bytes.subarray(at, at + 7)
}

const KEY = '-----BEGIN KEY-----\nYWJjZGVmZ2hpamtsbW5vcA\nMTIzNDU2Nzg5MDEyMzQ1Ng\n-----END KEY-----'

test('every value is replaced: in its forms, line by line, and short ones as they are', async () => {
  const value = 'hunter2-Zq7'
  const base64 = Buffer.from(`user:${value}`).toString('base64')
  const text = `${value}\n${base64}\n${KEY.replaceAll('\n', '\r\n')}\nonly YWJjZGVmZ2hpamtsbW5vcA\npin 4711\n`
  const lines = await lastLines(
    [said(text)],
    [
      ['TOKEN', value],
      ['KEY', KEY],
      ['PIN', '4711'],
    ],
  )
  const kept = (lines ?? []).join('\n')
  expect(lines?.[0]).toBe('[TOKEN]')
  for (const piece of [
    value,
    'YWJjZGVmZ2hpamtsbW5vcA',
    'MTIzNDU2Nzg5MDEyMzQ1Ng',
    '4711',
    Buffer.from(value).toString('base64').slice(2, -3),
  ])
    expect(kept).not.toContain(piece)
  expect(kept).toContain('only [KEY]')
  expect(kept).toContain('pin [PIN]')
})

test('the last lines are kept, and a value that begins before them is not cut in two', async () => {
  const value = Array.from({ length: 80 }, (_, at) => `line-${at}-of-a-value`).join('\n')
  const text = `${'before\n'.repeat(100)}${value}\nafter`
  const lines = await lastLines([said(text)], [['LONG', value]])
  expect(lines?.at(-1)).toBe('after')
  expect(lines?.length).toBeLessThanOrEqual(50)
  expect(lines?.join('\n')).not.toMatch(/of-a-value/)
})

test('control characters and lines without an end do no harm', async () => {
  const lines = await lastLines([said(`\u001b[2J\u0007x\n${'y'.repeat(100_000)}`)], [])
  expect(lines?.[0]).toBe('�[2J�x')
  expect(lines?.[1]).toHaveLength(1000)
})

test('with a value of one character nothing is kept', async () => {
  expect(await lastLines([said('abc')], [['A', 'b']])).toBeUndefined()
})

test('a link in place of the result is replaced, not followed', async () => {
  const vault = new Vault()
  const target = join(vault.base, 'elsewhere')
  const path = join(vault.root, 'vault/approved/p.json.result')
  symlinkSync(target, path)
  await writeResult(vault.context, readProposal(vault.root, 'p', new Set()), { exitCode: 0 })
  expect(existsSync(target)).toBe(false)
  expect(lstatSync(path).isSymbolicLink()).toBe(false)
  expect(JSON.parse(readFileSync(path, 'utf8'))).toEqual({ exitCode: 0 })
})

test('an archive is one that tar reads', () => {
  const vault = new Vault()
  const files = [
    { path: 'age/keys.txt', bytes: Buffer.from('key\n'), mode: 0o600 },
    { path: 'secrets/A.enc', bytes: Buffer.alloc(1024, 'x'), mode: 0o600 },
    { path: 'proposal/proposal.json', bytes: Buffer.alloc(0), mode: 0o644 },
  ]
  const input = tarOf(files)
  const listed = execFileSync('tar', ['--numeric-owner', '-tvf', '-'], { input, encoding: 'utf8' })
  expect(
    listed.split('\n').map((line) => line.replaceAll(/\s+/g, ' ').split(' ').slice(0, 3).join(' ')),
  ).toEqual(['-rw------- 0/0 4', '-rw------- 0/0 1024', '-rw-r--r-- 0/0 0', ''])
  execFileSync('tar', ['-xf', '-', '-C', vault.base], { input })
  for (const { path, bytes } of files) expect(readFileSync(join(vault.base, path))).toEqual(bytes)
})

test('of several streams the last fifty lines are kept, each to its last thousand characters', async () => {
  const lines = Array.from({ length: 60 }, (_, at) => `line ${at}`)
  expect(await lastLines([said(`${lines.join('\n')}\n`)], [])).toEqual(lines.slice(10))
  expect(await lastLines([said(lines.join('\n'))], [])).toEqual(lines.slice(10))
  expect(await lastLines([said('a\n\nb\r\nc\rd\n')], [])).toEqual(['a', '', 'b', 'c\uFFFDd'])
  expect(await lastLines([said('a\n'), said('b\n')], [])).toEqual(['a', 'b'])
  expect(await lastLines([said('')], [])).toEqual([])
  expect(await lastLines([], [])).toEqual([])
  const long = `${'x'.repeat(500)}${'y'.repeat(1000)}`
  expect(await lastLines([said(`${long}\n`)], [])).toEqual(['y'.repeat(1000)])
})

test('with a line of one character in a value nothing is kept, but an empty line is no such', async () => {
  expect(await lastLines([said('abc')], [['A', 'long\r\nb']])).toBeUndefined()
  expect(await lastLines([said('ab long')], [['A', 'long\n\n']])).toEqual(['ab [A]'])
  expect(await lastLines([said('ab cd')], [['A', 'cd']])).toEqual(['ab [A]'])
})

test('a result that can’t be written is warned about: the run has been', async () => {
  const vault = new Vault()
  const proposal = readProposal(vault.root, 'p', new Set())
  await writeResult(vault.context, proposal, { exitCode: 0, lines: ['x'] })
  const path = join(vault.root, 'vault/approved/p.json.result')
  expect(readFileSync(path, 'utf8')).toBe('{\n  "exitCode": 0,\n  "lines": [\n    "x"\n  ]\n}\n')
  expect(lstatSync(path).mode & 0o777).toBe(0o644)
  vault.write('vault/approved/q.json.result/x', '')
  await writeResult(vault.context, { ...proposal, path: 'vault/approved/q.json' }, {})
  expect(vault.warnings).toEqual([
    expect.objectContaining({
      code: 'result-unwritten',
      message: expect.stringMatching(/^vault\/approved\/q\.json\.result: no result: ./),
      hint: expect.any(String),
    }),
  ])
})
