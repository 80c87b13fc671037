import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import {
  diagnoseItems,
  diagnoseText,
  encodingProblem,
  explainProblem,
  problemWarnings,
} from '../../../src/load/diagnosis.ts'

async function found(text: string, encrypted = false): Promise<string[]> {
  const problems = await diagnoseText(text, { encrypted })
  return problems.map(({ kind, line, name = '-', lost }) => `${kind} ${line} ${name}${lost ? ' lost' : ''}`)
}

describe('of plaintext', () => {
  test.each([
    ['an ordinary file', '# c\nA=1\nexport B="x y" # c\nC=\'it\'\nD=a b # c\nE="l1\nl2"\nF=${A}/x\n\n', []],
    ['a # with no blank before it', 'A=p@ss#word', ['hash 1 A lost']],
    ['a # at the beginning', '\nA=#FF0000', ['hash 2 A lost']],
    ['a comment in place of a value', 'A= # c', ['compose 1 A']],
    ['text after a closing quote', 'A="x"y', ['after-quote 1 A lost']],
    ['JSON in quotes', 'A=\'{"a":"it\'s"}\'', ['after-quote 1 A']],
    ['a quote that is not closed', 'A="x', ['unterminated 1 A lost']],
    ['a quote that another line closes', 'A="x\nB=1\nC="', ['unterminated 1 A lost']],
    ['a line that sets nothing', 'A=1\nsome words\nB', ['nothing 2 - lost', 'nothing 3 - lost']],
    ['a name twice', 'A=1\nA=2', ['twice 2 A lost']],
    ['a name twice with one value', 'A=1\nA=1', ['twice 2 A']],
    [
      'conflict markers',
      '<<<<<<< HEAD\nA=1\n=======\nA=2\n>>>>>>> x',
      ['conflict 1 - lost', 'conflict 3 - lost', 'twice 4 A lost', 'conflict 5 - lost'],
    ],
    ['a name that is none', 'A.B=1', ['name 1 - lost']],
    ['a name without braces', 'A=pa$word', ['compose 1 A']],
    ['an escaped quote', 'A="a\\"b"', ['compose 1 A']],
    ['backticks', 'A=`x`', ['compose 1 A']],
    ['two dollar signs', 'A=$$x', ['compose 1 A']],
    ['another form of reference', 'A=1\nB=${A:+x}', ['compose 2 B']],
    ['a reference to nothing', 'A=${NOPE}', ['unresolved 1 A lost']],
    ['a reference to what is set below', 'A=${B}\nB=1', ['later 1 A']],
    ['carriage returns', 'A=1\r\nB=2\r\n', ['crlf 1 -']],
    ['a byte order mark', '\ufeffA=1', ['bom 1 -']],
    ['dotenvx', 'DOTENV_PUBLIC_KEY="02a0"\nA="encrypted:xyz"', ['dotenvx 2 A lost']],
    [
      'dotenvx, the key below',
      'A="encrypted:x"\nB="x encrypted:"\nDOTENV_PUBLIC_KEY_CI="02"',
      ['dotenvx 1 A lost'],
    ],
    ['what looks like dotenvx alone', 'A="encrypted:xyz"', []],
    ['carriage returns further down', 'A=1\nB=2\r\nC=3\r\n', ['crlf 2 -']],
    ['a byte order mark and carriage returns', '\ufeffA=1\r\n', ['bom 1 -', 'crlf 1 -']],
    ['a byte order mark alone', '\ufeff', ['bom 1 -']],
    ['carriage returns below what sets nothing', 'some words\nA=1\r\n', ['nothing 1 - lost', 'crlf 2 -']],
    ['carriage returns at the beginning', '\r\nA=1', ['crlf 1 -']],
    ['a name three times', 'A=1\nA=2\nA=2', ['twice 2 A lost', 'twice 3 A']],
    [
      'a line that sets nothing between others',
      'A=x#\nwords\nA=$x',
      ['hash 1 A lost', 'nothing 2 - lost', 'twice 3 A lost', 'compose 3 A'],
    ],
    ['names that are none, twice', '1A=1\n1A=2', ['name 1 - lost', 'name 2 - lost']],
    ['several references of a line', 'A=${B}${B}${C}\nC=1', ['unresolved 1 A lost', 'later 1 A']],
    ['a reference of a name that is none', 'A.B=${C}', ['name 1 - lost']],
  ])('%s', async (_, text, wanted) => {
    expect(await found(text)).toEqual(wanted)
  })

  test.each<[what: string, values: string[], kind: string | undefined]>([
    ['a # with a blank before it', ['x #y', 'x\t#y', '"x#y"', "'x#'", '"x" #y', '"x"#y'], undefined],
    ['a # that cuts', ['x#y', '#', ' x#y', 'x#y #z'], 'hash lost'],
    ['a quote inside', ['x"y', "it's", 'x "y" z', "o'"], undefined],
    ['a quote that is open', ['"x', "'", ' "x', '"it\'s'], 'unterminated lost'],
    ['words behind double quotes', ['"x" y', '"x"y"z'], 'after-quote lost'],
    ['words behind single quotes', ["'x' y"], 'after-quote lost'],
    ['quotes inside of the same', ['"{"a":"b"}"', '\'{"a":"it\'s"}\''], 'after-quote'],
  ])('the value has %s', async (_, values, kind) => {
    for (const value of values) {
      const [first] = (await found(`A=${value}`)).filter((one) => !one.startsWith('compose'))
      expect([value, first?.replace(' 1 A', '')]).toEqual([value, kind])
    }
  })

  test.each<[what: string, values: string[], differs: boolean]>([
    [
      'plain words',
      ['x', 'x y', '"x y"', "'x y'", 'x=y', 'a\\nb', '"a\\nb\\r"', '  x', '"l1\nl2"', ''],
      false,
    ],
    ['dollar signs that are text', ['a$', '5$', '$1', '"$"', "'$x ${y}'", '$-', '"a$.b"'], false],
    [
      'dollar signs before a name',
      ['$x', 'a$B', '"$x"', '$_', '$$', '"a$$"', '${', '${1}', '"${}"', '${x'],
      true,
    ],
    ['backslashes in double quotes', ['"a\\tb"', '"\\\\"', '"a\\"b"', '"\\$"'], true],
    ['backslashes without them', ['a\\tb', "'a\\tb'", 'C:\\dir'], false],
    ['an escaped dollar sign', ['a\\$', '\\$5'], true],
    ['an escaped single quote', ["'a\\'b'"], true],
    ['backticks in front', ['`x`', ' `x`', '`'], true],
    ['backticks inside', ['x`y`', '"`x`"'], false],
    ['a comment for a value', [' #', '\t# c'], true],
    ['blanks that are rare', ['x\ty', 'x\u00a0', 'x\u2003y', '\ufeffx', 'x\v'], true],
    ['blanks that are rare in quotes', ['"x\ty"', "'x\u00a0'"], false],
    ['a line feed before it', ['\n"x"', ' \n "x"'], true],
  ])('docker compose and %s', async (_, values, differs) => {
    for (const value of values) {
      const compose = (await found(`A=${value}`)).filter((one) => one.startsWith('compose'))
      expect([value, compose]).toEqual([value, differs ? ['compose 1 A'] : []])
    }
  })

  test.each<[text: string, differs: boolean]>([
    ['B=1\nA=${B}', false],
    ['B=1\nA="${B}"', false],
    ['B=1\nA=${B:-x}${B-y}', false],
    ['B=1\nA=${B:?x}', true],
    ['B=1\nA=${B:+x}', true],
    ['B=1\nA=${B:-x', true],
    ['B=1\nA=${B:-x\nC=2', true],
    ['A=${A:-x}', true],
    ['A=1\nA=${A}2', true],
    ['AB=1\nA=${AB}', true],
    ['A =1', false],
    ['A\u00a0="x"', true],
    ['A\n=1', true],
  ])('docker compose reads %j otherwise: %s', async (text, differs) => {
    expect((await found(text)).filter((one) => one.startsWith('compose'))).toHaveLength(differs ? 1 : 0)
  })

  test.each<[text: string, kinds: string[]]>([
    ['A="x\nB="', ['unterminated 1 A lost']],
    ['A="x\n export B="', ['unterminated 1 A lost']],
    ["A='x\nB='", ['unterminated 1 A lost']],
    ['A="x\nB=1"', []],
    ['A="x B="', []],
    ['A="x\n1=1="', []],
    [`A="${'x'.repeat(300)}\nB="`, ['unterminated 1 A lost']],
  ])('quotes that were meant to open another value: %j', async (text, kinds) => {
    expect(await found(text)).toEqual(kinds)
  })

  test.each([
    ['<<<<<<<', 'conflict'],
    ['<<<<<<< HEAD', 'conflict'],
    ['||||||| base', 'conflict'],
    ['=======', 'conflict'],
    ['>>>>>>> x', 'conflict'],
    ['>>>>>>>x', 'nothing'],
    ['>>>>>>', 'nothing'],
    ['<<<<<<<<', 'nothing'],
    ['x <<<<<<<', 'nothing'],
  ])('%j is %s', async (line, kind) => {
    expect(await found(line)).toEqual([`${kind} 1 - lost`])
  })

  test.each<[what: string, lines: string[], wanted: string[]]>([
    [
      'two keys, each to its end',
      [
        'A=-----BEGIN PRIVATE KEY-----',
        'a=1',
        '-----END PRIVATE KEY-----',
        'B=2',
        'C=-----BEGIN RSA KEY-----',
        'c=3',
        '-----END RSA KEY-----',
        'D=4',
      ],
      ['key-line 2', 'nothing 3', 'key-line 6', 'nothing 7'],
    ],
    ['a key without an end', ['A=-----BEGIN KEY-----', 'b=1'], []],
    [
      'a key that ends before it begins',
      ['-----END KEY-----', 'A=-----BEGIN KEY-----', 'b=1'],
      ['nothing 1'],
    ],
    ['a key in quotes', ['A="-----BEGIN KEY-----"', 'b=1', '-----END KEY-----'], ['nothing 3']],
    [
      'a key in one line',
      ['A=-----BEGIN KEY----- x -----END KEY-----', 'b=1', '-----END KEY-----'],
      ['nothing 3'],
    ],
    [
      'a key in a key',
      ['A=-----BEGIN KEY-----', 'B=-----BEGIN KEY-----', '-----END KEY-----', 'c=1'],
      ['key-line 2', 'nothing 3'],
    ],
    ['what only mentions one', ['A=BEGIN KEY', 'b=1', '-----END KEY-----'], ['nothing 3']],
    ['base64 that a name ends', ['x'.repeat(32), 'abc==', 'abc='], ['nothing 1', 'key-line 2']],
    ['too little base64', ['x'.repeat(31), 'abc=='], ['nothing 1']],
    ['base64 that something else ends', ['x'.repeat(32), 'abc=d'], ['nothing 1']],
    ['base64 further up', ['x'.repeat(32), '', 'abc='], ['nothing 1']],
  ])('lines of %s', async (_, lines, wanted) => {
    const problems = await diagnoseText(lines.join('\n'))
    expect(problems.map(({ kind, line }) => `${kind} ${line}`)).toEqual(wanted)
  })

  test('a private key without quotes gives no piece of itself away as a name', async () => {
    const key =
      'A=-----BEGIN PRIVATE KEY-----\nMIIabc+/def\nQUJDREVGabcdEFGH==\n-----END PRIVATE KEY-----\nB=2'
    const problems = await diagnoseText(key)
    expect(problems.map(({ kind, line }) => `${kind} ${line}`)).toEqual([
      'nothing 2',
      'key-line 3',
      'nothing 4',
    ])
    expect(JSON.stringify(problems)).not.toContain('QUJD')
  })

  test('the last line of base64 is no name, an empty variable is one', async () => {
    const base64 = 'MIIEvQIBADANBgkqhkiG9w0BAQEFAASCBKcwggSjAgEAAoIBAQC7'
    expect(await found(`A=\n${base64}\nQUJDREVG=`)).toEqual(['nothing 2 - lost', 'key-line 3 - lost'])
    expect(await found(`A=${base64}\nEMPTY=`)).toEqual([])
  })
})

describe('of what was encrypted', () => {
  test.each([
    ['a value without quotes', 'A=x', []],
    ['quotes, which sops keeps', 'A="x"', ['sops 1 A']],
    [
      'a key with \\n, which sops makes line feeds',
      'A=-----BEGIN X-----\\nabc',
      ['escape 1 A lost', 'sops 1 A'],
    ],
    ['a key with \\n in quotes', 'A="-----BEGIN X-----\\nabc"', ['sops 1 A']],
    ['a key without \\n', 'A=-----BEGIN X-----', []],
    ['a \\n that is of no key', 'A=a\\nb', ['sops 1 A']],
    ['blanks at its end', 'A=x ', ['sops 1 A']],
    ['a reference', 'B=1\nA=${B}', ['sops 2 A']],
    ['no reference', "A='${B}'\nC=`${B}`", ['sops 1 A', 'compose 2 C', 'sops 2 C']],
    ['what no one else reads alike', 'A=$x', ['compose 1 A']],
  ])('%s', async (_, text, wanted) => {
    expect(await found(text, true)).toEqual(wanted)
  })

  test('references are read in the lines of the file, too', async () => {
    const item = (line: number, name: string, value: string) =>
      ({ kind: 'value', line, name: Buffer.from(name), bytes: Buffer.from(value) }) as const
    const problems = await diagnoseItems([item(3, 'A', '${B}'), item(5, 'C', '${HOME}'), item(9, 'B', '1')])
    expect(problems.map(({ kind, line }) => `${kind} ${line}`)).toEqual(['sops 3', 'later 3', 'sops 5'])
  })

  test('lines are those of the file', async () => {
    const bytes = Buffer.from('p@ss#word')
    expect(await diagnoseItems([{ kind: 'value', line: 7, name: Buffer.from('PW'), bytes }])).toEqual([
      { kind: 'hash', line: 7, name: 'PW', lost: true },
      { kind: 'sops', line: 7, name: 'PW', lost: false },
    ])
  })
})

test('UTF-16 is told from its mark', () => {
  const utf16 = { kind: 'utf-16', line: 1, lost: true }
  expect(encodingProblem(Buffer.from('\ufeffA=1', 'utf16le'))).toEqual(utf16)
  expect(encodingProblem(Buffer.from([0xfe, 0xff, 0, 65]))).toEqual(utf16)
  for (const bytes of [[65, 61], [0xff, 65], [65, 0xfe], [0xfe, 65], [65, 0xff], [0xff], []])
    expect(encodingProblem(Buffer.from(bytes))).toBeUndefined()
})

test('a summary names lines and variables', async () => {
  const [first] = problemWarnings('/p/.env', await diagnoseText('A=x#y\nB=x#y'))
  expect(first).toEqual({
    code: 'dotenv-hash',
    message: '/p/.env: lines 1 (A), 2 (B): the value ends before a # that has no blank before it',
    hint: 'put the value in quotes',
  })
})

test('a summary counts what is more than a person would read', async () => {
  const text = 'some words\n'.repeat(75_000)
  const [first] = problemWarnings('/p/.env', await diagnoseText(text))
  expect(first?.message).toMatch(/^\/p\/\.env: lines 1, 2, .*, 100 and 74900 more: sets nothing$/)
  expect(first?.message.length).toBeLessThan(1000)
})

test('a summary has one warning for each kind, in an order of its own, with names where they are none of a key’s', async () => {
  const warnings = problemWarnings('/p/a b', await diagnoseText('words\nA=$x\nB=x#y\nC=$x'))
  expect(warnings.map(({ code, message }) => `${code} ${message}`)).toEqual([
    'dotenv-hash "/p/a b": line 3 (B): the value ends before a # that has no blank before it',
    'dotenv-nothing "/p/a b": line 1: sets nothing',
    'dotenv-compose "/p/a b": lines 2 (A), 4 (C): docker compose reads it differently',
  ])
  expect(problemWarnings('/p/.env', [])).toEqual([])
})

test('a summary shows as many as are asked for, and counts the rest', async () => {
  const problems = await diagnoseText('a b\n'.repeat(3))
  const shown = (most: number) => problemWarnings('/p/.env', problems, most)[0]?.message
  expect(shown(3)).toBe('/p/.env: lines 1, 2, 3: sets nothing')
  expect(shown(2)).toBe('/p/.env: lines 1, 2 and 1 more: sets nothing')
})

test('each kind is explained by itself', () => {
  expect(explainProblem('twice')).toEqual({
    message: 'the name is set twice, and the last one is used',
    hint: 'remove one of the two',
  })
})

test('no part of a value is ever said, however it is written', async () => {
  const odd = fc.string({ unit: fc.constantFrom(...'#"\'`$ {}\\=;:-\t'), maxLength: 4 })
  const line = fc
    .tuple(fc.constantFrom('A', 'export B', 'C.D', ' E', '\ufeffF', 'G-H', 'DOTENV_KEY'), odd, odd, odd)
    // Told apart from any name: what stands after an equals sign is a value, or a part of one.
    .map(([name, before, between, after]) => `${name}=${before}hunter${between}zq7${after}`)
  const text = fc.array(line, { minLength: 1, maxLength: 5 }).map((lines) => lines.join('\n'))
  await fc.assert(
    fc.asyncProperty(text, async (written) => {
      const told = problemWarnings('/p/.env', await diagnoseText(written))
      expect(JSON.stringify(told)).not.toMatch(/hunter|zq7/)
    }),
    { numRuns: 3000 },
  )
})
