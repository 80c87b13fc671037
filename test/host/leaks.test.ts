/** What the host command writes, by its system calls: no plaintext but where it is asked for. */
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { Host, MARK } from './host.ts'

const WRITES = 'write,pwrite64,writev,pwritev,sendto,sendmsg,execve'

/** The traced calls of a run that have a secret in them. */
function tell(host: Host, words: readonly string[], input = ''): string[] {
  const log = join(host.base, 'trace')
  const through = ['strace', '-f', '-qq', '-s', '1000000', '-e', `trace=${WRITES}`, '-o', log]
  const { status, stderr } = host.run(words, { input, through })
  expect(status, stderr).toBe(0)
  const lines = readFileSync(log, 'utf8').split('\n')
  expect(lines.length).toBeGreaterThan(3)
  return lines.filter((line) => line.includes(MARK)).map((line) => line.replace(/^\d+ +(\w+\(\d+).*$/, '$1'))
}

describe('no system call writes a value', () => {
  test('of keygen, add, migrate, list, verify, rotate-key, recipients and rm; show writes to standard output', () => {
    const host = new Host()
    expect(tell(host, ['secrets', 'add', 'TOKEN'], MARK)).toEqual([])
    host.write('.env', `A=${MARK}\nB='x\n\\n${MARK}'\n`)
    const { recipient } = host.stranger()
    for (const words of [
      ['secrets', 'migrate', '--dry-run'],
      ['secrets', 'migrate'],
      ['secrets', 'list'],
      ['secrets', 'verify'],
      ['secrets', 'rotate-key'],
      ['secrets', 'recipients', 'add', recipient],
      ['secrets', 'recipients', 'rm', recipient],
      ['secrets', 'rm', 'B', '--force'],
    ])
      expect(tell(host, words), words.join(' ')).toEqual([])
    expect(tell(host, ['secrets', 'show', 'TOKEN'])).toEqual(['write(1'])
    expect(host.holding(MARK)).toEqual(['trace'])
  })
})
