import { parse } from 'dotenv'
import { describe, expect, test } from 'vitest'
import { MARK, Project } from './project.ts'

describe('values that no environment can hold', () => {
  test('a NUL byte in JSON', () => {
    const project = new Project()
    project.seal('secrets/A.enc', 'json', `{"A":"${MARK}\\u0000"}`)
    expect(project.refused()).toMatch(/A\.enc: the value of A holds a NUL byte/)
  })

  test('a NUL byte in a binary file', () => {
    const project = new Project()
    project.seal('secrets/A.enc', 'binary', `${MARK}\0`)
    expect(project.refused()).toMatch(/A\.enc: the value of A holds a NUL byte/)
  })

  test('128 KiB with the name and more; one byte less is fine', () => {
    const project = new Project()
    const fits = 128 * 1024 - 'A='.length - 1
    project.secret('A', MARK.padEnd(fits, 'x'))
    expect(project.load().get('A')?.length).toBe(fits)
    project.secret('A', MARK.padEnd(fits + 1, 'x'))
    expect(project.refused()).toMatch(/A\.enc: the value of A is too long: the kernel allows 128 KiB/)
    project.secret('A', MARK.padEnd(1024 * 1024, 'x'))
    expect(project.refused()).toMatch(/A\.enc: the value of A is too long/)
  })

  test.each([
    ['null', 'null'],
    ['[1]', 'a list'],
    ['{"B":"x"}', 'a map'],
  ])('%s in JSON', (json, called) => {
    const project = new Project()
    project.seal('.env.enc', 'json', `{"X":"${MARK}","A":${json}}`)
    expect(project.refused()).toMatch(`.env.enc: A is ${called}, not a value`)
  })

  test('nested YAML', () => {
    const project = new Project()
    project.seal('.env.enc', 'yaml', `X: ${MARK}\nA:\n  B: c\n`)
    expect(project.refused()).toMatch(/A is a map, not a value/)
  })

  test('bytes that are not UTF-8', () => {
    const project = new Project()
    project.seal('secrets/A.enc', 'binary', Buffer.from([0xff, 0xfe, 0x41]))
    expect(project.refused()).toMatch(/A\.enc: the value of A is not UTF-8 text/)
  })
})

describe('what a file means', () => {
  const HOSTILE = {
    multi: 'one\ntwo\r\n\nthree\n',
    quotes: `"double" 'single' \`back\``,
    shell: '$HOME $(id) `id` ${X} \\ \\n #not a comment',
    blanks: '  both ends \t',
    unicode: '\u00e4 \u4e16 \u{1f511} \u202e',
    empty: '',
    equals: '=a=b=',
    pem: '-----BEGIN PRIVATE KEY-----\nMC4CAQAwBQYDK2VwBCIEIA==\n-----END PRIVATE KEY-----\n',
    enc: 'ENC[AES256_GCM,data:x,iv:y,tag:z,type:str]',
    __proto__x: 'x',
  }

  test('SOPS JSON and YAML: exact strings', () => {
    const project = new Project()
    for (const type of ['json', 'yaml'] as const) {
      // JSON is YAML.
      project.seal('.env.enc', type, JSON.stringify(HOSTILE))
      const environment = project.load()
      for (const [name, value] of Object.entries(HOSTILE)) expect(environment.get(name)).toBe(value)
    }
  })

  test('SOPS JSON: __proto__ is a name like any other', () => {
    const project = new Project()
    project.seal('.env.enc', 'json', '{"__proto__":"x","constructor":"y"}')
    const environment = project.load()
    expect([environment.get('__proto__'), environment.get('constructor')]).toEqual(['x', 'y'])
  })

  test.each(['json', 'yaml'] as const)(
    'SOPS %s: numbers and booleans as sops exec-env prints them',
    (type) => {
      const project = new Project()
      project.seal(
        '.env.enc',
        type,
        '{"I":3,"F":3.5,"W":3.0,"B":true,"N":false,"L":1234567890123456789,"E":1e21,"S":"3.0"}',
      )
      const environment = project.load()
      expect(['I', 'F', 'W', 'B', 'N', 'S'].map((name) => environment.get(name))).toEqual([
        '3',
        '3.5',
        '3.0',
        'true',
        'false',
        '3.0',
      ])
      for (const name of ['L', 'E'])
        expect(environment.get(name)).toBe(project.asExecEnv(type, '.env.enc', name))
    },
  )

  test('SOPS dotenv: what the dotenv package makes of the text that was encrypted', () => {
    const text = [
      '# comment',
      'PLAIN=value # comment',
      'HASH="a # b"',
      "SINGLE='a\\nb'",
      'DOUBLE="a\\nb"',
      'export EXPORTED=yes',
      'SPACES =  around  ',
      'EMPTY=',
      'DOLLAR=$HOME',
      'BACKTICK=`it\'s "quoted"`',
      '',
    ].join('\n')
    const project = new Project()
    project.seal('.env.enc', 'dotenv', text)
    const environment = project.load()
    const { EMPTY, ...expected } = parse(text)
    expect(Object.fromEntries([...environment].slice(2))).toEqual({ ...expected, EMPTY })
  })

  test('SOPS binary as the env file: dotenv text, quoted values over several lines included', () => {
    const project = new Project()
    project.seal('.env.enc', 'binary', `KEY="one\n${MARK}"\nB=2`)
    const environment = project.load()
    expect([environment.get('KEY'), environment.get('B')]).toEqual([`one\n${MARK}`, '2'])
  })

  test('SOPS INI without sections', () => {
    const project = new Project()
    project.seal('.env.enc', 'ini', 'A = one\nB = two words\n')
    const environment = project.load()
    expect([environment.get('A'), environment.get('B')]).toEqual(['one', 'two words'])
    project.seal('.env.enc', 'ini', `A = one\n[part]\nB = ${MARK}\n`)
    expect(project.refused()).toMatch(/part is a map/)
  })

  test('the name of the file is never asked', () => {
    const project = new Project()
    project.seal('vault.json', 'yaml', 'A: from yaml\n')
    expect(project.load(['--env-file', 'vault.json']).get('A')).toBe('from yaml')
  })
})
