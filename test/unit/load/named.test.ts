import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { namedValues } from '../../../src/load/named.ts'
import type { Covers, Document, DotenvItem, Format, Plaintext, Source } from '../../../src/nouns.ts'

const ENV_FILE: Source = { role: 'env-file', path: '/p/.env.enc', plaintextAllowed: false }
const SECRET: Source = { role: 'secret', path: '/p/secrets/A.enc', name: 'A' }

const bytes = (text: string): Plaintext => ({ kind: 'bytes', bytes: Buffer.from(text, 'latin1') })
const pairs = (values: ReadonlyArray<readonly [string, string]>, covers: Covers = 'all'): Plaintext => ({
  kind: 'values',
  values: [...values],
  covers,
})
const items = (values: ReadonlyArray<readonly [string, string]>, covers: Covers = 'all'): Plaintext => ({
  kind: 'items',
  items: values.map(
    ([name, value], at): DotenvItem => ({
      kind: 'value',
      line: at + 1,
      name: Buffer.from(name),
      bytes: Buffer.from(value),
    }),
  ),
  covers,
})

function named(source: Source, plaintext: Plaintext, { expand = true, format = 'sops-json' as Format } = {}) {
  const document: Document = { source, bytes: Buffer.alloc(0), format }
  return namedValues(document, plaintext, { expand, home: '/home/agent' })
}

async function refusal(source: Source, plaintext: Plaintext): Promise<unknown> {
  return named(source, plaintext).then(
    () => undefined,
    (error: unknown) => error,
  )
}
const code = (wanted: string, ...said: string[]) =>
  expect.objectContaining({
    code: wanted,
    message: expect.stringMatching(new RegExp(said.map((text) => `(?=.*${text})`).join(''))),
  })

describe('the whole file as a value', () => {
  test.each([
    ['x', 'x'],
    ['x\n', 'x'],
    ['x\r\n', 'x'],
    ['x\n\n', 'x\n'],
    ['x\r', 'x\r'],
    ['\n', ''],
    ['', ''],
    ['\nx', '\nx'],
  ])('%j is %j: one final newline goes', async (content, value) => {
    expect(await named(SECRET, bytes(content))).toMatchObject({ values: [['A', value]], problems: [] })
  })

  test('that is not UTF-8 is an error that names it', async () => {
    expect(await refusal(SECRET, bytes('\xff'))).toEqual(code('value-not-utf8', 'A'))
  })
})

describe('bytes in place of the env file', () => {
  test('are dotenv text, with references and the lines of names', async () => {
    const { values, lines, problems } = await named(ENV_FILE, bytes('# c\nA=1\nB="${A} ${HOME}"\n'))
    expect(values).toEqual([
      ['A', '1'],
      ['B', '1 /home/agent'],
    ])
    expect([...lines]).toEqual([
      ['A', 2],
      ['B', 3],
    ])
    expect(problems).toEqual([{ kind: 'sops', line: 3, name: 'B', lost: false }])
  })

  test('keep references where they are not to be filled in', async () => {
    const { values } = await named(ENV_FILE, bytes('A=1\nB=${A}\n'), { expand: false })
    expect(values).toEqual([
      ['A', '1'],
      ['B', '${A}'],
    ])
  })

  test('are plaintext where nothing encrypts them, which stock sops does not read', async () => {
    const kinds = async (format: Format) =>
      (await named(ENV_FILE, bytes('A="x"\n'), { format })).problems.map(({ kind }) => kind)
    expect(await kinds('plaintext')).toEqual([])
    expect(await kinds('sops-binary')).toEqual(['sops'])
  })

  test('that are not UTF-8 are an error', async () => {
    expect(await refusal(ENV_FILE, bytes('A=\xff'))).toEqual(code('value-not-utf8', '.env'))
  })

  test('whose references would fill the memory are an error with the line', async () => {
    const lines = Array.from({ length: 60 }, (_, at) => `A${at}=\${A${at + 1}}\${A${at + 1}}`)
    expect(await refusal(ENV_FILE, bytes([...lines, 'A60=xxxxxxxx'].join('\n')))).toEqual(
      code('references-too-large', 'line'),
    )
  })

  test('with a private key that lost its quotes are an error with the line', async () => {
    const key = 'A=-----BEGIN PRIVATE KEY-----\nMIIabc+/def\nQUJDREVGabcdEFGH==\n-----END PRIVATE KEY-----\n'
    expect(await refusal(ENV_FILE, bytes(key))).toEqual(code('key-lines', 'line 3'))
  })
})

describe('a secret file', () => {
  test('holds its own name', async () => {
    expect((await named(SECRET, pairs([['A', 'x']]))).values).toEqual([['A', 'x']])
    expect((await named(SECRET, items([['A', 'x']]))).values).toEqual([['A', 'x']])
  })

  test.each([
    ['another name', [['B', 'x']]],
    [
      'two names',
      [
        ['A', 'x'],
        ['B', 'x'],
      ],
    ],
    ['no name', []],
  ] as const)('with %s is refused', async (_, values) => {
    expect(await refusal(SECRET, pairs(values))).toEqual(code('name-mismatch', 'secrets/A.enc'))
    expect(await refusal(SECRET, items(values))).toEqual(code('name-mismatch', 'secrets/A.enc'))
  })
})

describe('a name twice', () => {
  test('the last counts, and it is told', async () => {
    const twice = [
      ['A', '1'],
      ['B', '2'],
      ['A', '3'],
    ] as const
    expect(await named(ENV_FILE, pairs(twice))).toMatchObject({
      values: [
        ['A', '3'],
        ['B', '2'],
      ],
      doubled: ['A'],
    })
    const { values, problems, doubled } = await named(ENV_FILE, items(twice))
    expect(new Map(values)).toEqual(
      new Map([
        ['A', '3'],
        ['B', '2'],
      ]),
    )
    expect(problems.map(({ kind, name }) => [kind, name])).toEqual([['twice', 'A']])
    expect(doubled).toEqual([])
  })

  test.each([
    ['the first is empty', '', 'x', 'all'],
    ['the second is empty', 'x', '', 'all'],
    ['the MAC covers only what is encrypted', 'x', 'y', 'encrypted'],
  ] as const)('is refused where %s, since anyone can have added one', async (_, first, second, covers) => {
    const values = [
      ['A', first],
      ['A', second],
    ] as const
    expect(await refusal(ENV_FILE, pairs(values, covers))).toEqual(code('name-twice', 'A'))
    expect(await refusal(ENV_FILE, items(values, covers))).toEqual(code('name-twice', 'A'))
  })

  test('once in a file whose MAC covers only what is encrypted is no matter', async () => {
    expect(await refusal(ENV_FILE, pairs([['A', '']], 'encrypted'))).toBeUndefined()
  })
})

describe('items', () => {
  test('that come out under another name are refused with their line', async () => {
    expect(
      await refusal(
        ENV_FILE,
        items([
          ['A', '1'],
          ['export B', '2'],
          ['C=D', 'x'],
        ]),
      ),
    ).toEqual(code('item-name', 'line 3'))
  })

  test('that are not UTF-8 are an error with the name', async () => {
    const plaintext: Plaintext = {
      kind: 'items',
      items: [{ kind: 'value', line: 1, name: Buffer.from('A'), bytes: Buffer.from([0xff]) }],
      covers: 'all',
    }
    expect(await refusal(ENV_FILE, plaintext)).toEqual(code('value-not-utf8', 'A'))
  })
})

test('a secret file sets its own name, once, or is refused, whatever it holds', async () => {
  const name = fc.oneof(fc.constantFrom('A', 'B', 'A ', 'export A', 'a', ''), fc.string({ maxLength: 3 }))
  const held = fc.array(fc.tuple(name, fc.string({ maxLength: 6 })), { maxLength: 4 })
  await fc.assert(
    fc.asyncProperty(
      held,
      fc.boolean(),
      fc.constantFrom<Covers>('all', 'encrypted'),
      async (pairs_, asLines, covers) => {
        const plaintext = asLines
          ? items(
              pairs_.map(([one, value]) => [one.replaceAll(/[\n=]/g, ''), value.replaceAll('\n', '')]),
              covers,
            )
          : pairs(pairs_, covers)
        const got = await named(SECRET, plaintext).catch((error: { code?: string }) => error.code)
        if (typeof got === 'string') expect(got).toMatch(/^(?:name-mismatch|name-twice|item-name)$/)
        else {
          expect(got).toBeDefined()
          expect(got?.values.map(([one]) => one)).toEqual(['A'])
        }
      },
    ),
    { numRuns: 2000 },
  )
})
