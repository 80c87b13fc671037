import { describe, expect, test } from 'vitest'
import { generateKey } from '../../../../src/age/keygen.ts'
import { compareStates, linesOf } from '../../../../src/host/git/compare.ts'
import { sealDotenv } from '../../../../src/sops/seal.ts'

const { recipient } = generateKey()
const other = generateKey().recipient
const noKey = async () => undefined

/** What changed between two texts of one file, as a person reads it. */
async function told(
  before: string | undefined,
  after: string | undefined,
  open: (path: string, bytes: Buffer) => Promise<ReadonlyMap<string, string> | undefined> = noKey,
  values = false,
): Promise<string[]> {
  const state = async (text: string | undefined, key: string) =>
    new Map(text === undefined ? [] : [['.env.enc', await sealDotenv(text, [key])] as const])
  const changed = await compareStates(await state(before, recipient), await state(after, other), open)
  return changed.flatMap((file) => linesOf(file, values))
}

describe('two states', () => {
  test('without a key: names, recipients, and that it can’t be told what changed', async () => {
    expect(await told('A=1\nB=2\nC=3\n', 'A=1\nB=2\nD=4\n')).toEqual([
      '.env.enc',
      '  ~ A',
      '  ~ B',
      '  - C',
      '  + D',
      `  + recipient ${other}`,
      `  - recipient ${recipient}`,
      '  encrypted again: without a key there is no telling which values changed',
    ])
  })

  test('with a key: what changed alone, and values only where they are asked for, on one line each', async () => {
    const versions = [
      new Map([
        ['A', 'A=1'],
        ['B', 'B=2'],
      ]),
      new Map([
        ['A', 'A=1'],
        ['B', 'export B=x\x1b[2Jy'],
      ]),
    ]
    const open = () => {
      let at = 0
      return async () => versions[at++]
    }
    const same = ['.env.enc', `  + recipient ${other}`, `  - recipient ${recipient}`]
    expect(await told('A=1\nB=2\n', 'A=1\nB=3\n', open())).toEqual([same[0], '  ~ B', ...same.slice(1)])
    expect(await told('A=1\nB=2\n', 'A=1\nB=3\n', open(), true)).toContain('  ~ B: 2 -> "x\\u001b[2Jy"')
  })

  test('a file that came or went, and one that is no file of ours', async () => {
    expect(await told(undefined, 'A=1\n')).toEqual(['.env.enc', '  + A', `  + recipient ${other}`])
    expect(await told('A=1\n', undefined)).toEqual(['.env.enc', '  - A', `  - recipient ${recipient}`])
    const plain = await compareStates(new Map(), new Map([['.env.enc', Buffer.from('A=1\n')]]), noKey)
    expect(plain.flatMap((file) => linesOf(file, false))).toEqual([
      '.env.enc',
      '  the new version is not encrypted',
    ])
  })
})
