import { describe, expect, test } from 'vitest'
import { diagnoseItems, diagnoseText, encodingProblem, problemWarnings } from '../../../src/load/diagnosis.ts'

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
  ])('%s', async (_, text, wanted) => {
    expect(await found(text)).toEqual(wanted)
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
  ])('%s', async (_, text, wanted) => {
    expect(await found(text, true)).toEqual(wanted)
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
  expect(encodingProblem(Buffer.from('\ufeffA=1', 'utf16le'))?.kind).toBe('utf-16')
  expect(encodingProblem(Buffer.from('A=1'))).toBe(undefined)
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
