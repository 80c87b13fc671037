import { execFileSync } from 'node:child_process'
import { chmodSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { generateKey } from '../../../src/age/keygen.ts'
import type { Keyring } from '../../../src/age/sources.ts'
import { textOf } from '../../../src/load/dotenv.ts'
import { detectFormat } from '../../../src/load/format.ts'
import type { Document, Format, KeyType } from '../../../src/nouns.ts'
import { findSops, oldVersion, type SopsSettings, sopsOpener, sopsRunner } from '../../../src/sops/program.ts'
import { sealDotenv, sealJson } from '../../../src/sops/seal.ts'
import { SOPS } from '../../helpers/parts.ts'
import { MARK, Place } from '../../helpers/place.ts'

const key = generateKey()
const PATH = '/p/secrets/A.enc'
const SOPS_PATH = dirname(execFileSync('/bin/sh', ['-c', 'command -v "$0"', SOPS]).toString().trim())
const HERE = { PATH: `${SOPS_PATH}:/usr/bin:/bin`, SOPS_AGE_KEY: key.text }
const ROOT = process.getuid?.() === 0

/** Text as sops itself encrypts it. */
function sealed(type: string, text: string): Buffer {
  const types = ['--input-type', type, '--output-type', type]
  const input = ['encrypt', '--age', key.recipient, ...types, '--filename-override', 'A.enc']
  return execFileSync(SOPS, ['--config', '/dev/null', ...input], { input: text })
}

function documentOf(bytes: Buffer | string, format?: Format): Document {
  const all = Buffer.from(bytes)
  return {
    source: { role: 'secret', name: 'A', path: PATH },
    bytes: all,
    format: format ?? detectFormat(all) ?? 'plaintext',
  }
}

const NO_KEYS: Keyring = { identities: [], unusable: [], files: ['/k'] }

function open(
  document: Document,
  variables: Readonly<Record<string, string>> = HERE,
  settings: Partial<SopsSettings> = {},
  reason?: string,
) {
  const usual: SopsSettings = {
    variables: new Map(Object.entries(variables)),
    workingDirectory: '/',
    keyTypes: new Set<KeyType>(['age', 'pgp']),
    homes: [],
  }
  return sopsOpener({ ...usual, ...settings }, async () => NO_KEYS)(document, reason)
}

const YAML = documentOf(sealed('yaml', `A: ${MARK}\n`))
const opened = { plaintext: { kind: 'values', values: [['A', MARK]], covers: 'all' }, keyTypes: ['age'] }

describe('sops opens', () => {
  test('YAML to exact texts, those of numbers as exec-env prints them', async () => {
    const text = `# of a test\nA: "two\\nlines"\nN: 3.0\nM: 3\nB: true\nE: ""\nT: "07"\n`
    expect((await open(documentOf(sealed('yaml', text)))).plaintext).toEqual({
      kind: 'values',
      values: [
        ['A', 'two\nlines'],
        ['N', '3.0'],
        ['M', '3'],
        ['B', 'true'],
        ['E', ''],
        ['T', '07'],
      ],
      covers: 'all',
    })
  })

  test('dotenv by its lines', async () => {
    const text = `# one\nA=${MARK}\nB_unencrypted=b\n`
    const { plaintext, keyTypes } = await open(documentOf(await sealDotenv(text, [key.recipient])))
    expect(plaintext).toMatchObject({ kind: 'items', covers: 'all' })
    expect(plaintext.kind === 'items' && textOf(plaintext.items).toString()).toBe(text)
    expect(keyTypes).toEqual(['age'])
  })

  test('binary to its bytes', async () => {
    expect(await open(documentOf(sealed('binary', 'a\0b\n'), 'sops-binary'))).toEqual({
      plaintext: { kind: 'bytes', bytes: Buffer.from('a\0b\n') },
      keyTypes: ['age'],
    })
  })

  test('INI to what stands in front, or under the name that sops has for it', async () => {
    for (const text of ['A = a\nN = 3.0\n', '[DEFAULT]\nA = a\nN = 3.0\n']) {
      const { plaintext } = await open(documentOf(sealed('ini', text), 'sops-ini'))
      expect(plaintext).toMatchObject({
        values: [
          ['A', 'a'],
          ['N', '3.0'],
        ],
      })
    }
  })

  test('a file whose MAC covers what is encrypted alone, and tells what that leaves out', async () => {
    const values = [
      ['A', 'a'],
      ['B_unencrypted', 'b'],
    ] as const
    const file = await sealJson(values, [key.recipient], { macOnlyEncrypted: true })
    expect((await open(documentOf(file))).plaintext).toMatchObject({
      covers: 'encrypted',
      unproved: ['B_unencrypted'],
    })
  })
})

describe('a value that no environment can hold is named:', () => {
  test.each([
    ['null', '{"A":"a","B":null}', 'B is null'],
    ['a map', '{"A":{"b":"c"}}', 'A is a map'],
    ['a list', '{"A":["b"]}', 'A is a list'],
  ])('%s', async (_, text, what) => {
    await expect(open(documentOf(sealed('json', text)))).rejects.toMatchObject({
      code: 'value-type',
      message: `${PATH}: ${what}, not a value an environment can hold`,
    })
  })

  test('a section of INI', async () => {
    await expect(open(documentOf(sealed('ini', '[S]\nA = a\n'), 'sops-ini'))).rejects.toMatchObject({
      message: `${PATH}: S is a map, not a value an environment can hold`,
    })
  })
})

describe('sops is not run for', () => {
  const NOT_RUN = { PATH: '/nowhere' }
  test.each<[what: string, document: Document, code: string]>([
    ['what is no SOPS file', documentOf('A=a\n', 'plaintext'), 'source-not-encrypted'],
    ['an age file', documentOf('age-encryption.org/v1\n', 'age'), 'source-not-encrypted'],
    ['several documents', documentOf(`${YAML.bytes}---\nB: b\n`, 'sops-yaml'), 'source-several'],
    ['several documents, one of them empty', documentOf(`${YAML.bytes}---`, 'sops-yaml'), 'source-several'],
    [
      'a value twice of which one proves nothing',
      documentOf('{"data":"","data":"x","sops":{"age":[{"recipient":"age1x","enc":""}]}}', 'sops-binary'),
      'name-twice',
    ],
  ])('%s', async (_, document, code) => {
    await expect(open(document, NOT_RUN)).rejects.toMatchObject({ code })
  })

  test('dashes in a text', async () => {
    const document = documentOf(YAML.bytes.toString().replace('A:', '---x: ""\nA:'), 'sops-yaml')
    await expect(open(document, NOT_RUN)).rejects.toMatchObject({ code: 'sops-missing' })
  })

  const withKeys = (entries: object) =>
    documentOf(JSON.stringify({ A: 'ENC[x]', sops: { mac: 'm', ...entries } }), 'sops-json')
  const KMS = [{ arn: 'arn:1', enc: 'x' }]
  const VAULT = [{ vault_address: 'https://v.example', enc: 'x' }]

  test('kinds of keys that may not be used, which are named', async () => {
    await expect(open(withKeys({ kms: KMS }), NOT_RUN)).rejects.toMatchObject({
      code: 'key-type-needed',
      message: expect.stringMatching(/kms/),
    })
    const vault = withKeys({ kms: KMS, hc_vault: VAULT })
    const keyTypes = new Set<KeyType>(['hc_vault'])
    await expect(open(vault, NOT_RUN, { keyTypes })).rejects.toMatchObject({
      code: 'vault-unnamed',
      message: `${PATH}: names the Vault https://v.example, which is not allowed here`,
    })
  })

  test('but for a file that names no key, to hear what sops says of it', async () => {
    await expect(open(withKeys({}), NOT_RUN)).rejects.toMatchObject({ code: 'sops-missing' })
    await expect(open(withKeys({ kms: KMS, pgp: [{ fp: 'A' }] }), NOT_RUN)).rejects.toMatchObject({
      code: 'sops-missing',
    })
  })

  test('a kind that might have opened what the others did not', async () => {
    const { sops, ...values } = JSON.parse(`${await sealJson([['A', MARK]], [generateKey().recipient])}`)
    const forOthers = (more: object) =>
      documentOf(JSON.stringify({ ...values, sops: { ...sops, ...more } }), 'sops-json')
    const run = (more: object, ...keyTypes: KeyType[]) =>
      open(forOthers(more), { PATH: HERE.PATH }, { keyTypes: new Set(['age', ...keyTypes]) })
    await expect(run({ kms: KMS })).rejects.toMatchObject({
      code: 'key-type-needed',
      message: expect.stringMatching(/kms/),
    })
    await expect(run({ hc_vault: VAULT }, 'hc_vault')).rejects.toMatchObject({ code: 'vault-unnamed' })
    await expect(run({})).rejects.toMatchObject({ code: 'key-missing' })
  })
})

describe('the key is found', () => {
  const KEY_FILE = `# of a test\n\n  ${key.text.split('\n').find((line) => line.startsWith('AGE-'))}\r\n`
  const OTHER = generateKey().text
  const run = (place: Place, variables: Readonly<Record<string, string>>, homes: string[] = []) =>
    open(YAML, { PATH: HERE.PATH, ...variables }, { workingDirectory: place.root, homes })

  test('where a variable says, from the directory that we were started in', async () => {
    const place = new Place()
    place.write('keys/k', key.text)
    expect(await run(place, { SOPS_AGE_KEY_FILE: 'keys/k' })).toEqual(opened)
  })

  test('in the usual place, also where the variable is empty', async () => {
    const place = new Place()
    place.write('/home/.config/sops/age/keys.txt', key.text)
    const found = { HOME: place.home, SOPS_AGE_KEY_FILE: '', SOPS_AGE_SSH_PRIVATE_KEY_FILE: '' }
    expect(await run(place, found)).toEqual(opened)
  })

  test.each<[what: string, text: string, variables: Readonly<Record<string, string>>]>([
    ['alone', key.text, {}],
    ['beside a file that a variable names', KEY_FILE, { SOPS_AGE_KEY_FILE: 'other' }],
    ['beside a key in a variable', KEY_FILE, { SOPS_AGE_KEY_FILE: 'other', SOPS_AGE_KEY: OTHER }],
  ])('in the home of the user to become, %s', async (_, text, variables) => {
    const place = new Place()
    place.write('other', OTHER)
    place.write('/agent/.config/sops/age/keys.txt', text)
    const homes = [join(place.base, 'nobody'), join(place.base, 'agent')]
    expect(await run(place, { HOME: place.home, ...variables }, homes)).toEqual(opened)
  })

  test('by a command, where we were started, past the rules that lie there', async () => {
    const place = new Place()
    place.write('k', key.text)
    place.write('.sops.yaml', ': no [rules')
    expect(await run(place, { SOPS_AGE_KEY_CMD: 'cat k' })).toEqual(opened)
  })
})

/** A program of ours where sops should be. */
function withProgram(script: string): { place: Place; variables: Record<string, string> } {
  const place = new Place()
  chmodSync(place.write('bin/sops', `#!/bin/sh\n${script}\n`), 0o755)
  return { place, variables: { PATH: `${join(place.root, 'bin')}:/usr/bin:/bin` } }
}

describe('a program called sops', () => {
  test.each([
    ['that is not there', ''],
    ['of a directory that is not absolute', '.:bin:'],
  ])('%s is missing, which is told with the reason why it is needed', async (_, path) => {
    await expect(open(YAML, { PATH: path }, {}, 'it is YAML')).rejects.toMatchObject({
      code: 'sops-missing',
      message: `${PATH}: needs the sops program, which is not on PATH (the builtin engine can't open it: it is YAML)`,
    })
  })

  test('is the first that is a file and can be run', () => {
    const { place, variables } = withProgram('')
    place.write('a/sops', '')
    place.write('b/sops/x', '')
    const path = ['a', 'b', 'none', 'bin'].map((name) => join(place.root, name)).join(':')
    expect(findSops(new Map([['PATH', path]]))).toBe(join(place.root, 'bin/sops'))
    expect(findSops(new Map([['PATH', `${place.root}/a`]]))).toBeUndefined()
    expect(variables['PATH']).toContain('/bin')
  })

  test.runIf(ROOT).each([
    ['it', 'bin/sops'],
    ['its directory', 'bin'],
  ])('is not run by root where others can change %s (needs root)', async (_, open777) => {
    const { place, variables } = withProgram('echo {}')
    chmodSync(join(place.root, open777), 0o777)
    const program = join(place.root, 'bin/sops')
    await expect(open(YAML, variables)).rejects.toMatchObject({
      code: 'sops-untrusted',
      message: `${PATH}: needs the sops program, but users other than root could change ${program}`,
    })
  })

  test('that can’t be started is told as such', async () => {
    const { place, variables } = withProgram('')
    place.write('bin/sops', '#!/nowhere/interpreter\n')
    await expect(open(YAML, variables)).rejects.toMatchObject({
      code: 'sops-unstartable',
      message: `${PATH}: the sops program can't be started (ENOENT)`,
    })
  })

  test.each([
    ['rubbish', 'echo rubbish'],
    ['nothing', ':'],
    ['a list', 'echo "[1]"'],
    ['a number, and then another name', `[ "$5" = json ] && echo '{"A":1}' || echo B=1`],
    ['a number, and then nothing', `[ "$5" = json ] && echo '{"A":1}'; exit 0`],
    ['a number, and then more', `[ "$5" = json ] && echo '{"A":1}' || printf 'A=1\\nB=2\\n'`],
  ])('that prints %s is no sops', async (_, script) => {
    await expect(open(YAML, withProgram(script).variables)).rejects.toMatchObject({
      code: 'sops-output',
      message: `${PATH}: sops returned something other than the decrypted file`,
    })
  })

  test('that prints other lines than a dotenv file has is no sops', async () => {
    const document = documentOf(await sealDotenv(`A=${MARK}\n`, [key.recipient]))
    const { variables } = withProgram('echo B=b')
    await expect(open(document, variables)).rejects.toMatchObject({ code: 'sops-output' })
  })

  test('has the numbers of its dotenv output, comments between them left out', async () => {
    const script = `[ "$5" = json ] && echo '{"A":1,"B":"b","A":2}' || printf '#c\\nA=1.0\\n\\nB=x\\nA=2.50\\n'`
    expect((await open(YAML, withProgram(script).variables)).plaintext).toMatchObject({
      values: [
        ['A', '1.0'],
        ['B', 'b'],
        ['A', '2.50'],
      ],
    })
  })

  test.each([
    ['--version', 'sops 3.8.1', 'sops-old'],
    ['--version', 'sops 3.13.3', 'sops-failed'],
  ])('that fails and answers %s with %j: %s', async (word, version, code) => {
    const { place, variables } = withProgram(`[ "$1" = ${word} ] && echo '${version}'; exit 1`)
    await expect(open(YAML, variables)).rejects.toMatchObject({
      code,
      message: expect.stringContaining(
        code === 'sops-old' ? `${join(place.root, 'bin/sops')} is 3.8.1` : 'exit status 1',
      ),
    })
  })

  test.each([
    ['less than a megabyte', 2 ** 20 - 1, {}, '400'],
    ['a megabyte', 2 ** 20, {}, ''],
    ['what the environment decides for', 1, { GOGC: '50' }, '50'],
  ])('collects memory less often for %s', async (_, size, more, expected) => {
    const { place, variables } = withProgram('cat >/dev/null; printf %s "$GOGC"')
    const run = sopsRunner(new Map(Object.entries({ ...variables, ...more })), place.root)
    const task = { path: PATH, missing: () => new Error('missing') as never, input: Buffer.alloc(size) }
    expect((await run(['decrypt'], task)).stdout.toString()).toBe(expected)
  })

  test('is looked for once, and started in no directory of a stranger’s, with no editor', async () => {
    const { place, variables } = withProgram('pwd; echo "$@"; echo "$EDITOR $SOPS_EDITOR"; cat')
    const run = sopsRunner(new Map(Object.entries({ ...variables, EDITOR: 'vi' })), place.root)
    const task = { path: PATH, missing: () => new Error('missing') as never, input: Buffer.from('in') }
    expect((await run(['a', 'b c'], task)).stdout.toString()).toBe('/\na b c\nfalse false\nin')
    expect((await run([], { ...task, cwd: place.home })).stdout.toString()).toContain(`${place.home}\n`)
  })

  test.each([
    [{ SOPS_AGE_KEY_CMD: 'x' }, true, '--config /dev/null w'],
    [{ SOPS_AGE_SSH_PRIVATE_KEY_CMD: 'x' }, true, '--config /dev/null w'],
    [{ SOPS_AGE_KEY_CMD: 'x', SOPS_CONFIG: 'c' }, true, 'w'],
    [{ SOPS_AGE_KEY_CMD: '' }, false, 'w'],
  ])('is started where we are if a command has the key: %j', async (more, isHere, words) => {
    const { place, variables } = withProgram('pwd; echo "$@"')
    const run = sopsRunner(new Map(Object.entries({ ...variables, ...more })), place.root)
    const { stdout } = await run(['w'], { path: PATH, missing: () => new Error('missing') as never })
    expect(stdout.toString()).toBe(`${isHere ? place.root : '/'}\n${words}\n`)
  })

  test.runIf(ROOT)('gets nothing of what others can write, from root (needs root)', async () => {
    const { place, variables } = withProgram('echo "$HOME $AWS_CONFIG_FILE $SOPS_AGE_KEY_FILE"')
    const config = place.write('/home/config', '', 0o666)
    chmodSync(config, 0o666)
    chmodSync(place.home, 0o777)
    const more = { HOME: place.home, AWS_CONFIG_FILE: config, SOPS_AGE_KEY_FILE: config }
    const run = sopsRunner(new Map(Object.entries({ ...variables, ...more })), place.root)
    const { stdout } = await run([], { path: PATH, missing: () => new Error('missing') as never })
    expect(stdout.toString()).toBe(`/root  ${config}\n`)
  })
})

test('a value that sops would print as a comment is none of its own', async () => {
  const [line = ''] = (await sealDotenv(`A=${MARK}\n`, [key.recipient])).toString().split('\n')
  const file = (await sealDotenv(`A=${MARK}\n`, [key.recipient])).toString()
  const bytes = file.replace(/^A=.*$/m, line.replace(',type:str]', ',type:comment]'))
  const { variables } = withProgram(`echo A=a`)
  await expect(open(documentOf(bytes, 'sops-dotenv'), variables)).rejects.toMatchObject({
    code: 'file-tampered',
  })
})

test.each([
  ['sops 3.8.1 (latest)', '3.8.1'],
  ['sops 3.9.4', '3.9.4'],
  ['sops version 3.7.3', '3.7.3'],
  ['sops v2.99.0', '2.99.0'],
  ['warning\nsops 3.0.10\n', '3.0.10'],
  ['sops 3.10.0', undefined],
  ['sops 3.13.3', undefined],
  ['sops 4.0.0', undefined],
  ['sops 10.1.0', undefined],
  ['not sops 3.8.1', undefined],
  ['', undefined],
])('%j is too old, or not: %s', (printed, version) => {
  expect(oldVersion(printed)).toBe(version)
})

test('a program that decrypts anew for numbers has JSON from us, too', async () => {
  const file = await sealJson([['A', MARK]], [key.recipient])
  expect(await open(documentOf(file))).toEqual(opened)
})
