import { createHash } from 'node:crypto'
import { describe, expect, test } from 'vitest'
import { encryptValue } from '../../../src/sops/cipher.ts'
import type { Envelope, Item } from '../../../src/sops/envelope.ts'
import type { JsonValue } from '../../../src/sops/json.ts'
import { MAC_ONLY_ENCRYPTED, nestedName, openValues } from '../../../src/sops/values.ts'

const KEY = Buffer.alloc(32, 7)
const TIME = '2026-11-25T00:00:00Z'

/** A value as sops writes it, encrypted for the name. */
const encrypted = (name: string, type: string, plain: string | Buffer) =>
  encryptValue(Buffer.from(plain), type, KEY, `${name}:`)
const value = (name: string, what: JsonValue): Item => ({ kind: 'value', line: 0, name, value: what })
const comment = (text: string): Item => ({ kind: 'comment', line: 3, text })

interface Making extends Partial<Envelope> {
  /** What the MAC is over. */
  readonly covered?: string | Buffer
}

/** Names that begin with a lower-case letter are in the clear, and so are comments that do. */
const selector = {
  value: (name: string) => !/^[a-z]/.test(name),
  comment: (text: string) => !/^[a-z]/.test(text),
}

function envelopeOf(items: readonly Item[], { covered = '', ...more }: Making = {}): Envelope {
  const digest = createHash('sha512').update(covered).digest('hex').toUpperCase()
  return {
    format: 'sops-json',
    encoding: 'utf8',
    keys: [],
    otherKeys: [],
    lastModified: TIME,
    mac: encryptValue(Buffer.from(digest), 'str', KEY, TIME),
    macOnlyEncrypted: false,
    rule: { name: 'unencrypted_suffix', text: '_unencrypted' },
    items,
    selector,
    ...more,
  }
}

const open = (items: readonly Item[], making?: Making) => openValues(envelopeOf(items, making), KEY)
const text = (of: string) => ({ kind: 'text', bytes: Buffer.from(of) })

/** What a file with these items is refused for, whatever its MAC is over. */
function refusal(items: readonly Item[], making?: Making): unknown {
  try {
    return open(items, making)
  } catch (error) {
    return error
  }
}
const damaged = (message: string) => ({ name: 'SopsFault', kind: 'damaged', message })
const CHANGED = damaged('the values are not those that were encrypted')

describe('an encrypted value is of its type, and the MAC is over what Go makes of it', () => {
  test.each([
    ['str', '007', '007', text('007')],
    ['int', '007', '7', { kind: 'scalar', scalar: { authenticated: '7', shown: '7' } }],
    ['float', '1e6', '1000000', { kind: 'scalar', scalar: { authenticated: '1000000', shown: '1E+06' } }],
    ['bool', 't', 'True', { kind: 'scalar', scalar: { authenticated: 'True', shown: 'true' } }],
  ])('%s', (type, plain, covered, opened) => {
    const items = [value('A', encrypted('A', type, plain))]
    expect(open(items, { covered })).toEqual([{ kind: 'value', line: 0, name: 'A', value: opened }])
    expect(refusal(items)).toMatchObject(CHANGED)
  })

  test.each([
    ['int', '1.5', damaged('a number that is none')],
    ['float', '1e999', damaged('a number that is none')],
    ['bool', 'yes', damaged('a number that is none')],
    ['float', '0x1p-2', { kind: 'declined', message: 'it holds a number in a form that only sops reads' }],
    ['bytes', 'x', damaged('a value of an unknown type')],
    ['comment', 'x', damaged('a value of an unknown type')],
    ['time', TIME, damaged('a value of an unknown type')],
  ])('%s of %s is refused', (type, plain, why) => {
    expect(refusal([value('A', encrypted('A', type, plain))], { covered: plain })).toMatchObject(why)
  })

  test('an empty one is not encrypted, null is no value, and all else must be text', () => {
    expect(open([value('A', ''), value('B', null)])).toMatchObject([
      { value: text('') },
      { value: { kind: 'none', what: 'null' } },
    ])
    for (const odd of [true, { number: '1' }, { members: [] }])
      expect(refusal([value('A', odd)])).toMatchObject(damaged('a value that should be encrypted'))
  })

  test('it is bound to its name', () => {
    expect(refusal([value('B', encrypted('A', 'str', 'x'))], { covered: 'x' })).toMatchObject(
      damaged('a value that was changed'),
    )
  })
})

describe('a value in the clear', () => {
  const items = [value('a', 'x'), value('b', true), value('c', { number: '1.50' }), value('d', null)]

  test('is what it is, in its place in the MAC', () => {
    expect(open(items, { covered: 'xTrue1.5' })).toMatchObject([
      { name: 'a', value: text('x') },
      { name: 'b', value: { kind: 'scalar', scalar: { shown: 'true' } } },
      { name: 'c', value: { kind: 'scalar', scalar: { shown: '1.5' } } },
      { name: 'd', value: { kind: 'none', what: 'null' } },
    ])
    expect(refusal([value('a', '')])).toMatchObject([{ value: text('') }])
    expect(refusal([value('a', { members: [] })])).toMatchObject(damaged('a value of an unknown type'))
    expect(refusal([value('a', { number: '1e999' })])).toMatchObject(damaged('a number that is none'))
  })

  test('is not in the MAC of a file that covers what is encrypted alone, which begins otherwise', () => {
    const all = [...items, value('A', encrypted('A', 'str', 'y')), value('B', encrypted('B', 'int', '2'))]
    const macOnlyEncrypted = true
    const covered = Buffer.concat([MAC_ONLY_ENCRYPTED, Buffer.from('y2')])
    expect(open(all, { macOnlyEncrypted, covered })).toHaveLength(6)
    expect(refusal(all, { macOnlyEncrypted, covered: 'y2' })).toMatchObject(CHANGED)
    expect(refusal(all, { covered })).toMatchObject(CHANGED)
  })
})

describe('a comment', () => {
  const opened = (of: string) => [{ kind: 'comment', line: 3, bytes: Buffer.from(of) }]
  const sealed = (type: string, plain: string) => comment(encryptValue(Buffer.from(plain), type, KEY, ':'))

  test('is opened and not in the MAC; one that comes out as text is in it', () => {
    expect(open([sealed('comment', 'said')])).toEqual(opened('said'))
    expect(open([sealed('str', 'said')], { covered: 'said' })).toEqual(opened('said'))
    expect(refusal([sealed('str', 'said')])).toMatchObject(CHANGED)
  })

  test('stays as it is where it is in the clear, empty, or nothing that the key opens', () => {
    const other = encryptValue(Buffer.from('said'), 'comment', Buffer.alloc(32), ':')
    for (const plain of ['clear', ' Plain', '', other]) expect(open([comment(plain)])).toEqual(opened(plain))
    const cipher = encrypted('', 'comment', 'said')
    const none = { value: () => true, comment: () => false }
    expect(open([comment(cipher)], { selector: none })).toEqual(opened(cipher))
  })

  test.each([
    ['int', '5'],
    ['float', '1.5'],
    ['float', '-inf'],
    ['float', 'NaN'],
    ['float', '0x1.8p-2'],
    ['bool', 'T'],
    ['bytes', 'x'],
    ['time', '2026-11-25T00:00:00+01:00'],
  ])('of the type %s is refused for %s, which Go reads as one', (type, plain) => {
    expect(refusal([sealed(type, plain)])).toMatchObject(damaged('a comment that is a number or the like'))
  })

  test.each([
    ['int', '1.5'],
    ['float', 'x'],
    ['float', '1e999'],
    ['bool', 'yes'],
    ['time', 'noon'],
    ['other', TIME],
  ])('of the type %s stays as it is for %s, which Go does not', (type, plain) => {
    const item = sealed(type, plain)
    expect(open([item])).toEqual(opened(item.kind === 'comment' ? item.text : ''))
  })
})

test('any byte of a file that is no UTF-8 counts as it is: in names, values and comments', () => {
  const name = 'A\xff'
  const cipher = encryptValue(Buffer.from('x'), 'str', KEY, 'A:')
  const making = { encoding: 'latin1', covered: Buffer.from([0xfe]) } as const
  expect(open([value('a', '\xfe'), comment('c\xfd')], making)).toMatchObject([
    { value: { bytes: Buffer.from([0xfe]) } },
    { bytes: Buffer.from([0x63, 0xfd]) },
  ])
  // Bound to the name as UTF-8 has it, and so to another than that of the file.
  const bound = encrypted(name, 'str', 'x')
  expect(refusal([value(name, bound)], { covered: 'x' })).toMatchObject([{ name }])
  expect(refusal([value(name, bound)], { ...making, covered: 'x' })).toMatchObject({ kind: 'damaged' })
  expect(refusal([value(name, cipher)], { covered: 'x' })).toMatchObject({ kind: 'damaged' })
})

describe('a MAC counts', () => {
  const digest = createHash('sha512').update('x').digest('hex')
  const items = [value('a', 'x')]
  const good = { type: 'str', hex: digest.toUpperCase(), time: TIME, result: [{ name: 'a' }] as object }

  test.each([
    ['as text', {}],
    ['not as another type', { type: 'int', result: CHANGED }],
    ['not in lower case', { hex: digest, result: CHANGED }],
    ['not with another time', { time: '2026-11-25T00:00:01Z', result: damaged('a value that was changed') }],
  ])('%s', (_, other) => {
    const { type, hex, time, result } = { ...good, ...other }
    expect(refusal(items, { mac: encryptValue(Buffer.from(hex), type, KEY, time) })).toMatchObject(result)
  })
})

test('the first list or map among the values is named', () => {
  const named = (...items: Item[]) => nestedName(envelopeOf(items))
  const map = { members: [] }
  expect(named(comment('c'), value('A', 'x'), value('M', map), value('L', []))).toEqual({
    name: 'M',
    what: 'a map',
  })
  expect(named(value('L', []), value('M', map))).toEqual({ name: 'L', what: 'a list' })
  expect(named(comment('c'), value('A', null), value('B', { number: '1' }))).toBeUndefined()
})
