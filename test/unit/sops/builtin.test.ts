import { createHash, randomBytes } from 'node:crypto'
import { inspect } from 'node:util'
import { describe, expect, it } from 'vitest'
import { sealAgeFile } from '../../../src/age/file.ts'
import { type Identity, parseIdentities } from '../../../src/age/identities.ts'
import { generateKey, generatePostQuantumKey } from '../../../src/age/keygen.ts'
import { DisintoError } from '../../../src/errors.ts'
import { textOf } from '../../../src/load/dotenv.ts'
import { detectFormat } from '../../../src/load/format.ts'
import type { Document, Format, KeyType } from '../../../src/nouns.ts'
import { openBuiltin, prepareBuiltin } from '../../../src/sops/builtin.ts'
import { encryptValue } from '../../../src/sops/cipher.ts'
import { CannotHold, sealDotenv, sealJson, unholdableLine } from '../../../src/sops/seal.ts'

const PATH = 'secrets/A.enc'
const SECRET = 'correct horse battery staple'
const mine = generateKey()
const other = generateKey()
const identities = parseIdentities(mine.text)

function documentOf(bytes: Buffer, format: Format | undefined = detectFormat(bytes)): Document {
  return {
    source: { role: 'secret', name: 'A', path: PATH } as Document['source'],
    bytes,
    format: format ?? 'sops-json',
  }
}

async function refusal(bytes: Buffer, ids: readonly Identity[] = identities): Promise<DisintoError> {
  const error = await Promise.resolve()
    .then(() => openBuiltin(documentOf(bytes), ids))
    .then(() => undefined)
    .catch((thrown: unknown) => thrown)
  if (!(error instanceof DisintoError)) throw new Error('opened, or failed without an error of ours')
  expect(inspect(error, { depth: 9 }) + error.hint).not.toContain(SECRET)
  return error
}

describe('the builtin engine', () => {
  it('opens dotenv to its text, comments and order kept', async () => {
    const text = '# first\nB=2\n#\nA="quoted # not a comment"\nC_unencrypted=x\\ny\nB=again\n'
    const sealed = await sealDotenv(text, [other.recipient, mine.recipient])
    expect(sealed.toString()).toContain('C_unencrypted=x\\ny\n')
    const opened = await openBuiltin(documentOf(sealed), identities)
    expect(opened.kind === 'items' && textOf(opened.items).toString()).toBe(text)
  })

  it('opens JSON to exact values, in order', async () => {
    const values = [
      ['Z', 'line\nfeed\r\n'],
      ['10', ''],
      ['A', '\u0000 ü "'],
    ] as const
    const opened = await openBuiltin(documentOf(await sealJson(values, [mine.recipient])), identities)
    expect(opened).toEqual({ kind: 'values', values, covers: 'all' })
  })

  it('opens age files, binary and armored', async () => {
    for (const armored of [false, true]) {
      const sealed = await sealAgeFile(Buffer.from(SECRET), [other.recipient, mine.recipient], { armored })
      expect(await openBuiltin(documentOf(sealed), identities)).toEqual({
        kind: 'bytes',
        bytes: Buffer.from(SECRET),
      })
    }
  })

  it('opens what is for a post-quantum key', async () => {
    const quantum = await generatePostQuantumKey()
    const ids = parseIdentities(quantum.text)
    const json = await sealJson([['A', SECRET]], [other.recipient, quantum.recipient])
    expect(await openBuiltin(documentOf(json), ids)).toEqual({
      kind: 'values',
      values: [['A', SECRET]],
      covers: 'all',
    })
    const age = await sealAgeFile(Buffer.from(SECRET), [quantum.recipient])
    expect(await openBuiltin(documentOf(age), ids)).toEqual({ kind: 'bytes', bytes: Buffer.from(SECRET) })
    const tampered = json.toString().replace(/ENC\[AES256_GCM,data:../, 'ENC[AES256_GCM,data:AA')
    expect((await refusal(Buffer.from(tampered), ids)).code).toBe('file-tampered')
    expect((await refusal(json, parseIdentities((await generatePostQuantumKey()).text))).code).toBe(
      'key-wrong',
    )
  })

  it('says which recipients a file is for when no identity fits', async () => {
    const error = await refusal(await sealJson([['A', SECRET]], [other.recipient]))
    expect(error.code).toBe('key-wrong')
    expect(error.message).toContain(other.recipient)
    expect((await refusal(await sealAgeFile(Buffer.from(SECRET), [other.recipient]))).code).toBe('key-wrong')
  })

  it('says where it looked when there is no identity at all', async () => {
    const error = await refusal(await sealJson([['A', SECRET]], [mine.recipient]), [])
    expect(error.code).toBe('key-missing')
    expect((await refusal(await sealAgeFile(Buffer.from(SECRET), [mine.recipient]), [])).code).toBe(
      'key-missing',
    )
  })

  it('calls a file tampered whose copy of the data key for us is broken', async () => {
    const sealed = await sealJson([['A', SECRET]], [mine.recipient])
    const text = sealed.toString().replace(/(BEGIN AGE ENCRYPTED FILE-----\\n)(.{10})../, '$1$2AA')
    expect((await refusal(Buffer.from(text))).code).toBe('file-tampered')
  })

  it('refuses values that were swapped, dropped, reordered or emptied', async () => {
    const sealed = (
      await sealJson(
        [
          ['A', 'one'],
          ['B', 'two'],
          ['C', ''],
        ],
        [mine.recipient],
      )
    ).toString()
    const [a = '', b = ''] = [...sealed.matchAll(/^\t"[AB]": .*\n/gm)].map(([line]) => line)
    const value = (line: string) => line.slice(line.indexOf(':'))
    for (const text of [
      sealed.replace(value(a), value(b)),
      sealed.replace(a, ''),
      sealed.replace(a + b, b + a),
      sealed.replace(value(a), ': "",\n'),
      sealed.replace('"C": ""', '"C": "plain"'),
      sealed.replace('"C": ""', '"C_unencrypted": "plain"'),
    ]) {
      expect(text).not.toBe(sealed)
      expect((await refusal(Buffer.from(text))).code).toBe('file-tampered')
    }
  })

  it('refuses lists, maps and null by name', async () => {
    const sealed = (await sealJson([['A', 'one']], [mine.recipient])).toString()
    for (const [odd, what] of [
      ['[1]', 'a list'],
      ['{"x": 1}', 'a map'],
      ['null', 'null'],
    ] as const) {
      const error = await refusal(Buffer.from(sealed.replace('{', `{"ODD": ${odd},`)))
      expect(error.code).toBe('value-type')
      expect(error.message).toContain(`ODD is ${what}`)
    }
  })

  it('declines, from what is readable without a key', async () => {
    const sealed = await sealJson([['A', 'one']], [mine.recipient])
    const kms = documentOf(Buffer.from(sealed.toString().replace('"sops": {', '"sops": {"kms": [{}],')))
    const reason = async (document: Document, ids = identities) => {
      const prepared = await prepareBuiltin(document, ids)
      return 'declines' in prepared ? prepared.declines : undefined
    }
    expect(await reason(kms)).toBe('it has AWS KMS keys')
    await expect(openBuiltin(kms, identities)).rejects.toThrow(/AWS KMS/)
    expect(await reason(documentOf(sealed))).toBeUndefined()
    const ssh = documentOf(Buffer.from(sealed.toString().replace(mine.recipient, 'ssh-ed25519 AAAA')))
    expect(await reason(ssh)).toContain('SSH key or a plugin')
    const plugin = parseIdentities('AGE-PLUGIN-YUBIKEY-1XXX')
    expect(await reason(documentOf(sealed), plugin)).toContain('a plugin identity')
    expect(await reason(documentOf(sealed), [...plugin, ...identities])).toBeUndefined()
    const damaged = documentOf(Buffer.from('A=x\nsops_mac=x\n'), 'sops-dotenv')
    await expect(reason(damaged)).rejects.toMatchObject({ code: 'file-tampered' })
  })
})

/** A SOPS file made by hand, with a data key that is known here. */
class Crafted {
  readonly #key = randomBytes(32)

  /** A value of a type that our own sealing never writes. */
  value(name: string, type: string, plain: string | Buffer): string {
    return encryptValue(Buffer.from(plain), type, this.#key, `${name}:`)
  }

  /** A copy of the data key: for `recipient`, and labelled as if it were for `label`. */
  async copy(recipient: string, label = recipient) {
    const enc = await sealAgeFile(this.#key, [recipient], { armored: true })
    return { recipient: label, enc: enc.toString('latin1') }
  }

  /** JSON of these members, each as it is to stand there, with a MAC over `covered`. */
  async json(
    members: ReadonlyArray<readonly [name: string, value: unknown]>,
    covered: string | Buffer,
    more: object = {},
  ): Promise<Buffer> {
    const sops = { age: [await this.copy(mine.recipient)], ...this.#end(covered), ...more }
    const lines = [...members, ['sops', sops] as const]
    return Buffer.from(
      `{${lines.map(([name, value]) => `${JSON.stringify(name)}:${JSON.stringify(value)}`).join(',')}}`,
    )
  }

  async dotenv(lines: string, covered: string | Buffer): Promise<Buffer> {
    const { recipient, enc } = await this.copy(mine.recipient)
    const age = { age__list_0__map_recipient: recipient, age__list_0__map_enc: enc.replaceAll('\n', '\\n') }
    const metadata = Object.entries({ ...age, ...this.#end(covered) })
    return Buffer.from(`${lines}\n${metadata.map(([name, value]) => `sops_${name}=${value}\n`).join('')}`)
  }

  #end(covered: string | Buffer) {
    const lastmodified = '2026-11-25T00:00:00Z'
    const digest = Buffer.from(createHash('sha512').update(covered).digest('hex').toUpperCase())
    return { lastmodified, mac: encryptValue(digest, 'str', this.#key, lastmodified), version: '3.13.3' }
  }
}

describe('values that sops writes from other formats and by other commands', () => {
  const file = new Crafted()

  it('are numbers and booleans, as sops prints them', async () => {
    const json = await file.json(
      [
        ['I', file.value('I', 'int', '-5')],
        ['F', file.value('F', 'float', '1e6')],
        ['n_unencrypted', 1.5],
        ['B', file.value('B', 'bool', 'true')],
      ],
      '-510000001.5True',
    )
    expect(await openBuiltin(documentOf(json), identities)).toEqual({
      kind: 'values',
      values: [
        ['I', '-5'],
        ['F', '1E+06'],
        ['n_unencrypted', '1.5'],
        ['B', 'true'],
      ],
      covers: 'all',
    })
    const dotenv = await file.dotenv(
      `I=${file.value('I', 'int', '7')}\nT=${file.value('T', 'str', Buffer.from('a\nb\xff\n', 'latin1'))}`,
      Buffer.from('7a\nb\xff\n', 'latin1'),
    )
    expect(await openBuiltin(documentOf(dotenv), identities)).toEqual({
      kind: 'items',
      items: [
        { kind: 'value', line: 1, name: Buffer.from('I'), bytes: Buffer.from('7') },
        { kind: 'value', line: 2, name: Buffer.from('T'), bytes: Buffer.from('a\\nb\xff\\n', 'latin1') },
      ],
      covers: 'all',
    })
  })

  it('are left to sops in forms that only Go reads', async () => {
    const json = await file.json([['F', file.value('F', 'float', '0x1p-2')]], '0.25')
    expect(await refusal(json)).toMatchObject({
      code: 'engine-declines',
      message: `${PATH}: the builtin engine can't open it: it holds a number in a form that only sops reads`,
    })
  })

  it('are refused by name where they are no text', async () => {
    const json = await file.json([['A', file.value('A', 'str', Buffer.from([0xff]))]], Buffer.from([0xff]))
    expect(await refusal(json)).toMatchObject({
      code: 'value-not-utf8',
      message: `${PATH}: the value of A is not UTF-8 text`,
    })
  })

  it('are told by name where they are in the clear and the MAC covers only the others', async () => {
    const sealed = await sealJson(
      [
        ['A', 'x'],
        ['a_unencrypted', 'y'],
        ['b_unencrypted', ''],
      ],
      [mine.recipient],
      { macOnlyEncrypted: true },
    )
    expect(await openBuiltin(documentOf(sealed), identities)).toMatchObject({
      kind: 'values',
      covers: 'encrypted',
      unproved: ['a_unencrypted'],
    })
    const dotenv = await sealDotenv('# c\nA=x\na_unencrypted=y\n', [mine.recipient], {
      macOnlyEncrypted: true,
    })
    expect(await openBuiltin(documentOf(dotenv), identities)).toMatchObject({
      kind: 'items',
      covers: 'encrypted',
      unproved: ['a_unencrypted'],
    })
  })
})

describe('a SOPS binary file', () => {
  const file = new Crafted()
  const content = Buffer.from([0, 0xff, 0x0a])
  const data = file.value('data', 'str', content)

  it('is the bytes of its value `data`', async () => {
    expect(await openBuiltin(documentOf(await file.json([['data', data]], content)), identities)).toEqual({
      kind: 'bytes',
      bytes: content,
    })
    const more = await file.json(
      [
        ['x_unencrypted', 'x'],
        ['data', data],
      ],
      Buffer.concat([Buffer.from('x'), content]),
    )
    expect(await openBuiltin(documentOf(more, 'sops-binary'), identities)).toEqual({
      kind: 'bytes',
      bytes: content,
    })
  })

  it('is refused without one, with two, and where that is no text', async () => {
    const open = async (json: Buffer) => openBuiltin(documentOf(json, 'sops-binary'), identities)
    const noText = {
      code: 'value-type',
      message: `${PATH}: data is not the text of a file, not a value an environment can hold`,
    }
    await expect(open(await file.json([], ''))).rejects.toMatchObject(noText)
    await expect(
      open(await file.json([['data', file.value('data', 'int', '1')]], '1')),
    ).rejects.toMatchObject(noText)
    const twice = await file.json(
      [
        ['data', data],
        ['data', data],
      ],
      Buffer.concat([content, content]),
    )
    await expect(open(twice)).rejects.toMatchObject({
      code: 'name-twice',
      message: expect.stringMatching(/^secrets\/A\.enc: data is set twice/),
    })
  })
})

describe('the copies of a data key', () => {
  const file = new Crafted()
  const json = async (...age: object[]) => file.json([['A', file.value('A', 'str', SECRET)]], SECRET, { age })
  const tampered = {
    code: 'file-tampered',
    message: `${PATH}: was changed after it was encrypted, or is damaged`,
  }
  const broken = { recipient: mine.recipient, enc: 'no age file' }
  const third = generateKey()
  const both = [...parseIdentities(third.text), ...identities]

  it('are tried in their order, whatever their labels say, until one opens', async () => {
    const good = await file.copy(mine.recipient, other.recipient)
    const opens = { values: [['A', SECRET]] }
    expect(await openBuiltin(documentOf(await json(good)), identities)).toMatchObject(opens)
    expect(await openBuiltin(documentOf(await json(broken, good)), both)).toMatchObject(opens)
  })

  it('are damage where one is broken, or is not for us and says so, and none opens', async () => {
    const lies = await file.copy(other.recipient, mine.recipient)
    for (const age of [[broken], [broken, await file.copy(other.recipient)], [lies]]) {
      expect(await refusal(await json(...age))).toMatchObject(tampered)
      expect(await refusal(await json(...age), both)).toMatchObject(tampered)
    }
  })

  it('are told by their labels where none is for us', async () => {
    const copies = [await file.copy(other.recipient), await file.copy(third.recipient)]
    expect(await refusal(await json(...copies))).toMatchObject({
      code: 'key-wrong',
      message: `${PATH}: none of the age identities at hand opens it; it is encrypted to ${other.recipient}, ${third.recipient}`,
    })
  })
})

describe('who might open it with sops', () => {
  const file = new Crafted()
  const plugin = parseIdentities('AGE-PLUGIN-YUBIKEY-1XXX')
  const quantum = generatePostQuantumKey()
  const cannotUse = "there is a plugin identity, which it can't use"
  const declined = async (document: Document, ids: readonly Identity[]) => {
    const prepared = await prepareBuiltin(document, ids)
    return 'declines' in prepared ? prepared.declines : 'nobody else'
  }
  const made = async (recipients: readonly string[], more: object = {}) => {
    const age = recipients.map((recipient) => ({ recipient, enc: 'any' }))
    return documentOf(await file.json([], '', { age, ...more }))
  }

  it('is nobody else where one of the recipients is ours, of either kind', async () => {
    const ours = await quantum
    const its = parseIdentities(ours.text)
    const ssh = 'ssh-ed25519 AAAA'
    expect(await declined(await made([ssh, mine.recipient]), identities)).toBe('nobody else')
    expect(await declined(await made([ssh, ours.recipient]), its)).toBe('nobody else')
    expect(await declined(await made([ssh, ours.recipient]), [...identities, ...its])).toBe('nobody else')
    const other = 'it is encrypted to a recipient of an SSH key or a plugin'
    expect(await declined(await made([ssh, ours.recipient]), identities)).toBe(other)
    expect(await declined(await made([ssh, ours.recipient]), plugin)).toBe(other)
    expect(await declined(await made([ssh, mine.recipient]), its)).toBe(other)
  })

  it('is whoever has an identity that only sops can use', async () => {
    const document = await made([other.recipient])
    expect(await declined(document, identities)).toBe('nobody else')
    expect(await declined(document, [...identities, ...plugin])).toBe(cannotUse)
    expect(await declined(document, [])).toBe('nobody else')
  })

  it('is whoever may use another kind of key, where that is allowed', async () => {
    const document = await made([mine.recipient], { pgp: [{}], kms: [{}] })
    const reason = async (allowed: ReadonlySet<KeyType>) => prepareBuiltin(document, identities, allowed)
    expect(await reason(new Set(['age', 'kms']))).toEqual({ declines: 'it has AWS KMS keys' })
    expect(await reason(new Set(['pgp']))).toEqual({ declines: 'it has PGP keys' })
    expect(await reason(new Set(['age']))).toHaveProperty('open')
  })

  it('is nobody for what is no SOPS file, and sops for formats of its own', async () => {
    const bytes = Buffer.from('A=1\n')
    expect(await declined(documentOf(bytes, 'plaintext'), identities)).toBe('it is no SOPS file')
    expect(await declined(documentOf(bytes, 'sops-yaml'), identities)).toBe('it is SOPS YAML')
  })

  describe('an age file', () => {
    const of = (...types: string[]) => {
      const stanzas = types.map((type) => `-> ${type}\nYWJj\n`).join('')
      return documentOf(Buffer.from(`age-encryption.org/v1\n${stanzas}--- ${'A'.repeat(43)}\n`))
    }

    it.each([
      ['scrypt', ['scrypt']],
      ['ssh-ed25519, piv-p256', ['ssh-ed25519', 'piv-p256']],
      ['nothing', []],
    ])('tells by what it is encrypted: %s', async (title, types) => {
      expect(await declined(of(...types), identities)).toBe(`it is encrypted by ${title}`)
    })

    it('is for us where one stanza is of a kind that we open, unless all identities are for others', async () => {
      for (const type of ['X25519', 'mlkem768x25519']) {
        const document = of('ssh-ed25519', type)
        expect(await declined(document, identities)).toBe('nobody else')
        expect(await declined(document, [...identities, ...plugin])).toBe('nobody else')
        expect(await declined(document, plugin)).toBe(cannotUse)
        expect(await declined(document, [])).toBe('nobody else')
      }
    })

    it('that is damaged is refused as such', async () => {
      const bytes = Buffer.from('age-encryption.org/v1\n-> X25519\n')
      await expect(prepareBuiltin(documentOf(bytes), identities)).rejects.toMatchObject({
        code: 'file-tampered',
      })
      const sealed = await sealAgeFile(Buffer.from(SECRET), [other.recipient])
      expect(await refusal(sealed)).toMatchObject({
        code: 'key-wrong',
        message: `${PATH}: none of the age identities at hand opens it`,
      })
    })
  })
})

describe('sealing', () => {
  it('makes every value and file key anew', async () => {
    const one = (
      await sealJson(
        [
          ['A', 'x'],
          ['B', 'x'],
        ],
        [mine.recipient],
      )
    ).toString()
    const two = (
      await sealJson(
        [
          ['A', 'x'],
          ['B', 'x'],
        ],
        [mine.recipient],
      )
    ).toString()
    const ivs = [...(one + two).matchAll(/iv:([^,]*)/g)].map(([, iv]) => iv)
    expect(new Set(ivs).size).toBe(6)
    expect(ivs.every((iv) => Buffer.from(iv ?? '', 'base64').length === 32)).toBe(true)
  })

  it('says which line or name a format can not hold', async () => {
    expect(unholdableLine('A=1\n\n# c\nno assignment\n')).toMatchObject({ line: 4 })
    expect(unholdableLine('A="one\ntwo"\n')).toMatchObject({ line: 2 })
    expect(unholdableLine('sops_A=1')).toMatchObject({ line: 1 })
    expect(unholdableLine('A=1\n\n# c\n=\n')).toBeUndefined()
    await expect(sealDotenv('nothing', [mine.recipient])).rejects.toThrow(CannotHold)
    await expect(
      sealJson(
        [
          ['A', '1'],
          ['A', '2'],
        ],
        [mine.recipient],
      ),
    ).rejects.toThrow(CannotHold)
    await expect(sealJson([['sops', '1']], [mine.recipient])).rejects.toThrow(CannotHold)
    await expect(sealJson([['A', '1']], [])).rejects.toThrow(CannotHold)
  })

  it('never takes an empty suffix for "leave everything in the clear"', async () => {
    const sealed = await sealJson([['A', SECRET]], [mine.recipient], {
      rule: { name: 'unencrypted_suffix', text: '' },
    })
    expect(sealed.toString()).not.toContain(SECRET)
  })
})
