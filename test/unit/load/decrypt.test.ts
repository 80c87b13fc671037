import { describe, expect, test } from 'vitest'
import { cannotHold, checkValue, decrypt, openAll } from '../../../src/load/decrypt.ts'
import { parseOptions } from '../../../src/load/options.ts'
import type { Document, Open, Plaintext } from '../../../src/nouns.ts'

const KIBIBYTE = 1024

const secretFile = (name: string): Document => ({
  source: { role: 'secret', path: `/p/${name}.enc`, name },
  bytes: Buffer.from(name),
  format: 'sops-json',
})
const plain = (text: string): Document => ({
  source: { role: 'env-file', path: '/p/.env', plaintextAllowed: true },
  bytes: Buffer.from(text),
  format: 'plaintext',
})
const encrypted: Document = {
  source: { role: 'env-file', path: '/p/.env.enc', plaintextAllowed: false },
  bytes: Buffer.alloc(0),
  format: 'sops-json',
}
const valuesOf = (values: ReadonlyArray<readonly [string, string]>, unproved?: string[]): Plaintext => ({
  kind: 'values',
  values,
  covers: 'all',
  ...(unproved === undefined ? {} : { unproved }),
})
/** Opens each document to its own text, under the name of the document. */
const open: Open = async ({ bytes }) => ({
  plaintext: valuesOf([[bytes.toString(), `value of ${bytes}`]]),
  by: 'builtin',
})
const optionsOf = (...words: string[]) => parseOptions(words, new Map())

describe('what an environment can hold', () => {
  test('is a string of 128 KiB with name, equals sign and final NUL, and none that has a NUL inside', () => {
    const most = 'x'.repeat(128 * KIBIBYTE - 'AB'.length - 2)
    expect(cannotHold('AB', most)).toBeUndefined()
    expect(cannotHold('AB', `${most}x`)).toBe('is too long')
    expect(cannotHold('ABC', most)).toBe('is too long')
    expect(cannotHold('AB', 'é'.repeat(64 * KIBIBYTE))).toBe('is too long')
    expect(cannotHold('A', 'a\0b')).toBe('holds a NUL byte')
  })

  test('anything else is an error that names the variable and the file', () => {
    expect(() => checkValue('A', 'x', '/p/f')).not.toThrow()
    for (const [value, code] of [
      ['\0', 'value-nul'],
      ['x'.repeat(128 * KIBIBYTE), 'value-too-long'],
    ] as const)
      expect(() => checkValue('A', value, '/p/f')).toThrow(
        expect.objectContaining({ code, message: expect.stringMatching(/^\/p\/f: .*A/) }),
      )
  })
})

describe('documents', () => {
  test('come back in their order, whichever opens first', async () => {
    const waits: Array<() => void> = []
    const late: Open = async (document, ...more) => {
      if (document.bytes.toString() === 'A') await new Promise<void>((resolve) => waits.push(resolve))
      else waits.shift()?.()
      return open(document, ...more)
    }
    const documents = ['A', 'B'].map(secretFile)
    const { entries, findings } = await openAll(documents, late, await optionsOf())
    expect(entries.map(({ name, value, by }) => [name, value.reveal(), by])).toEqual([
      ['A', 'value of A', 'builtin'],
      ['B', 'value of B', 'builtin'],
    ])
    expect(findings.map(({ document }) => document)).toEqual(documents)
  })

  test('of none there are no entries', async () => {
    expect(await openAll([], open, await optionsOf())).toEqual({ entries: [], findings: [] })
  })

  test('that fail: the first in their order is told, and what has not begun does not begin', async () => {
    const begun: string[] = []
    const fails: Open = async ({ bytes }) => {
      begun.push(bytes.toString())
      throw new Error(bytes.toString())
    }
    const names = Array.from({ length: 500 }, (_, at) => `N${at}`)
    await expect(decrypt(names.map(secretFile), fails, await optionsOf())).rejects.toThrow('N0')
    expect(begun.length).toBeLessThan(names.length)
  })

  test('in plaintext need no engine, and have references', async () => {
    const refused: Open = () => Promise.reject(new Error('asked'))
    const [entry] = await decrypt([plain('A=${HOME}/x\n')], refused, await optionsOf(), '/home/agent')
    expect(entry).toMatchObject({ name: 'A', by: undefined })
    expect(entry?.value.reveal()).toBe('/home/agent/x')
    const [kept] = await decrypt([plain('A=${HOME}/x\n')], refused, await optionsOf('--no-expand'), '/h')
    expect(kept?.value.reveal()).toBe('${HOME}/x')
  })
})

describe('names', () => {
  const opens =
    (plaintext: Plaintext): Open =>
    async () => ({ plaintext, by: 'builtin' })

  test('that take the command over are refused, unless they are allowed', async () => {
    const path = opens(valuesOf([['PATH', '/x']]))
    await expect(decrypt([encrypted], path, await optionsOf())).rejects.toMatchObject({
      code: 'name-refused',
    })
    expect(await decrypt([encrypted], path, await optionsOf('--allow=PATH'))).toHaveLength(1)
  })

  test('that are none are told by their line alone, where there is one: they may be a piece of a value', async () => {
    const options = await optionsOf()
    await expect(decrypt([plain('A=1\nhunter.2=x\n')], open, options)).rejects.toMatchObject({
      code: 'name-bad-line',
      message: expect.not.stringContaining('hunter'),
    })
    const named = opens(valuesOf([['a.b', 'x']]))
    await expect(decrypt([encrypted], named, options)).rejects.toMatchObject({ code: 'name-bad' })
  })

  test('of --only are loaded and checked alone', async () => {
    const both = opens(
      valuesOf([
        ['A', '1'],
        ['PATH', '2'],
      ]),
    )
    const entries = await decrypt([encrypted], both, await optionsOf('--only=A'))
    expect(entries.map(({ name }) => name)).toEqual(['A'])
    const text = 'A=x#y\nB=x#y\nC\n'
    const problemsOf = async (...words: string[]) => {
      const { findings } = await openAll([plain(text)], open, await optionsOf(...words))
      return findings.flatMap(({ problems }) => problems).map(({ kind, name }) => [kind, name])
    }
    expect(await problemsOf('--only=B')).toEqual([
      ['hash', 'B'],
      ['nothing', undefined],
    ])
    expect(await problemsOf()).toHaveLength(3)
  })

  test('of values that no environment holds are an error, but not as files', async () => {
    const long = opens(valuesOf([['A', 'a\0b']]))
    await expect(decrypt([encrypted], long, await optionsOf())).rejects.toMatchObject({ code: 'value-nul' })
    expect(await decrypt([encrypted], long, await optionsOf('--as-file=A'))).toHaveLength(1)
  })

  test('that stand twice or that no MAC covers are findings', async () => {
    const twice = opens(
      valuesOf(
        [
          ['A', '1'],
          ['A', '2'],
        ],
        ['B'],
      ),
    )
    const { entries, findings } = await openAll([encrypted], twice, await optionsOf())
    expect(entries.map(({ value }) => value.reveal())).toEqual(['2'])
    expect(findings).toEqual([{ document: encrypted, problems: [], doubled: ['A'], unproved: ['B'] }])
  })
})

describe('--as', () => {
  const names = async (documents: readonly Document[], ...words: string[]) =>
    (await decrypt(documents, open, await optionsOf(...words))).map(({ name, loadedAs }) => [name, loadedAs])
  const documents = ['B', 'A@web', 'A'].map(secretFile)

  test('gives a secret under another name, behind all others, which it wins over', async () => {
    expect(await names(documents, '--as=A=A@web', '--allow=A')).toEqual([
      ['B', 'B'],
      ['A', 'A'],
      ['A', 'A@web'],
    ])
  })

  test('gives one under several names, and not under its own unless that is one', async () => {
    expect(await names([secretFile('B')], '--as=X=B,Y=B')).toEqual([
      ['X', 'B'],
      ['Y', 'B'],
    ])
  })

  test('of a secret that no file has is an error that names both', async () => {
    await expect(names([secretFile('B')], '--as=X=C')).rejects.toMatchObject({
      code: 'as-missing',
      message: expect.stringMatching(/(?=.*X)(?=.*C)/),
    })
  })

  test('of a name that --only leaves out is no matter, and one that it names is loaded alone', async () => {
    expect(await names([secretFile('B')], '--as=X=C', '--only=B')).toEqual([['B', 'B']])
    expect(await names(['B', 'D'].map(secretFile), '--as=X=B', '--only=X')).toEqual([['X', 'B']])
  })

  test('to a name that would take over the command is refused', async () => {
    await expect(names([secretFile('B')], '--as=PATH=B')).rejects.toMatchObject({ code: 'name-refused' })
    expect(await names([secretFile('B')], '--as=PATH=B', '--allow=PATH')).toEqual([['PATH', 'B']])
  })
})
