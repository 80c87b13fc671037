import { describe, expect, test } from 'vitest'
import { cutWords, type Flag, type Grammar } from '../../src/flags.ts'

const FLAGS: readonly Flag[] = [
  { name: 'root', value: 'DIR', about: '' },
  { name: 'json', about: '' },
  { name: 'help', about: '' },
]
const grammar = (more: Partial<Grammar> = {}): Grammar => ({
  flags: FLAGS,
  shorts: new Map([['-h', '--help']]),
  unknown: (option, near) => new Error(`unknown ${option}, near ${near}`),
  needsValue: (option) => new Error(`${option} needs a value`),
  ...more,
})
const cut = async (words: readonly string[], more?: Partial<Grammar>) => {
  const { given, words: others, rest } = await cutWords(words, grammar(more))
  return { given: Object.fromEntries(given), words: others, rest }
}

describe('flags among words', () => {
  test.each([
    [['a', '--json', 'b'], { json: [true] }, ['a', 'b'], []],
    [['--root', '/x', 'a'], { root: ['/x'] }, ['a'], []],
    [['--root=/x=y'], { root: ['/x=y'] }, [], []],
    [['--root', '--json'], { root: ['--json'] }, [], []],
    [['--root', 'a', '--root', 'b'], { root: ['a', 'b'] }, [], []],
    [['--json', 'true'], { json: [true] }, ['true'], []],
    [['--no-json'], { json: [false] }, [], []],
    [['--json=false'], { json: [false] }, [], []],
    [['-h'], { help: [true] }, [], []],
    [['-', '--', '--json', '--'], {}, ['-'], ['--json', '--']],
  ])('%j', async (words, given, others, rest) => {
    expect(await cut(words)).toEqual({ given, words: others, rest })
  })

  test('that end early leave every word after the first as it was given', async () => {
    expect(await cut(['--json', 'env', '--json', '--', 'x'], { endsAfter: 0 })).toEqual({
      given: { json: [true] },
      words: ['env', '--json', '--', 'x'],
      rest: [],
    })
  })

  test('of another program are passed on, and ours are taken', async () => {
    const words = ['up', '--build', '-d', '--root', '/x', '--timeout=3']
    expect(await cut(words, { passesOn: true })).toEqual({
      given: { root: ['/x'] },
      words: ['up', '--build', '-d', '--timeout=3'],
      rest: [],
    })
  })

  test.each([
    ['--jsn', 'unknown --jsn, near --json'],
    ['--jsn=hunter2', 'unknown --jsn, near --json'],
    ['--entirely-other', 'unknown --entirely-other, near undefined'],
    ['-x', 'unknown -x, near undefined'],
    ['--no-root', 'unknown --no-root, near --root'],
    ['--__proto__=x', 'unknown --__proto__, near undefined'],
    ['--root', '--root needs a value'],
    ['--root=', '--root needs a value'],
  ])('%s is refused, and what follows an equals sign is not repeated', async (word, message) => {
    await expect(cut([word])).rejects.toThrow(message)
  })
})
