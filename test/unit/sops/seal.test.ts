import { describe, expect, test } from 'vitest'
import { parseIdentities } from '../../../src/age/identities.ts'
import { generateKey } from '../../../src/age/keygen.ts'
import type { Document, SopsFormat } from '../../../src/nouns.ts'
import { openBuiltin } from '../../../src/sops/builtin.ts'
import { CannotHold, type SealOptions, sealDotenv, sealJson, unholdableLine } from '../../../src/sops/seal.ts'

const mine = generateKey()
const other = generateKey()
const CLEAR: SealOptions = { rule: { name: 'encrypted_suffix', text: '_never' } }

function open(bytes: Buffer, format: SopsFormat) {
  const document: Document = { source: { role: 'secret', name: 'A', path: 'A.enc' }, bytes, format }
  return openBuiltin(document, parseIdentities(mine.text))
}

describe('dotenv', () => {
  test('is its lines and then the metadata, a line each, with a copy of the key for everybody', async () => {
    const now = new Date('2026-11-25T01:02:03.456Z')
    const sealed = await sealDotenv('#c\n\nA=x\\ny\nB=\n', [other.recipient, mine.recipient], { now })
    const value = (type: string) => `ENC\\[AES256_GCM,data:[^,]+,iv:[^,]+,tag:[^,]+,type:${type}\\]`
    const lines = [
      `#${value('comment')}`,
      `A=${value('str')}`,
      'B=',
      'sops_age__list_0__map_enc=-----BEGIN AGE ENCRYPTED FILE-----\\\\n.*\\\\n',
      `sops_age__list_0__map_recipient=${other.recipient}`,
      'sops_age__list_1__map_enc=-----BEGIN AGE ENCRYPTED FILE-----\\\\n.*\\\\n',
      `sops_age__list_1__map_recipient=${mine.recipient}`,
      'sops_lastmodified=2026-11-25T01:02:03Z',
      `sops_mac=${value('str')}`,
      'sops_unencrypted_suffix=_unencrypted',
      'sops_version=3\\.13\\.3',
    ]
    expect(sealed.toString()).toMatch(new RegExp(`^${lines.map((line) => `${line}\n`).join('')}$`))
  })

  test.each<[what: string, options: SealOptions, clear: string, covers: string]>([
    ['the default rule', {}, 'b_unencrypted=2', 'all'],
    ['a rule of its own', { rule: { name: 'encrypted_regex', text: '^A$' } }, '# c\nb_unencrypted=2', 'all'],
    ['a MAC over what is encrypted', { macOnlyEncrypted: true }, 'b_unencrypted=2', 'encrypted'],
  ])('holds by %s what is opened again', async (_, options, clear, covers) => {
    const sealed = await sealDotenv('A=1\\n\n# c\nb_unencrypted=2\n', [mine.recipient], options)
    expect(sealed.toString()).toContain(`\n${clear}\n`)
    expect(sealed.toString()).not.toContain('A=1')
    expect(sealed.includes('\nsops_mac_only_encrypted=true\n')).toBe(covers === 'encrypted')
    expect(await open(sealed, 'sops-dotenv')).toMatchObject({
      covers,
      items: [
        { kind: 'value', bytes: Buffer.from('1\\n') },
        { kind: 'comment', bytes: Buffer.from(' c') },
        { kind: 'value', bytes: Buffer.from('2') },
      ],
    })
  })

  test.each([
    ['A=1\n\nnothing\n', 3, 'a line that is neither a comment nor NAME=value'],
    ['sops_mac=1\nnothing\n', 1, 'a name that sops keeps for itself'],
  ])('has no place for %j', async (text, line, reason) => {
    expect(unholdableLine(text)).toEqual({ line, reason })
    await expect(sealDotenv(text, [mine.recipient])).rejects.toMatchObject({
      name: 'CannotHold',
      where: line,
      message: reason,
    })
  })
})

describe('JSON', () => {
  test('is its members in their order, then the metadata, indented as sops does', async () => {
    const entries = [
      ['b', 'x\n"'],
      ['A"', ''],
    ] as const
    const sealed = await sealJson(entries, [mine.recipient], {
      ...CLEAR,
      now: new Date('2026-11-25T00:00:00Z'),
    })
    expect(sealed.toString()).toMatch(
      /^\{\n\t"b": "x\\n\\"",\n\t"A\\"": "",\n\t"sops": \{\n\t\t"age": \[\n\t\t\t\{\n\t\t\t\t"enc": "[^"]+",\n/,
    )
    expect(sealed.toString()).toMatch(
      /\n\t\t"encrypted_suffix": "_never",\n\t\t"version": "3\.13\.3"\n\t\}\n\}\n$/,
    )
    const { sops } = JSON.parse(sealed.toString())
    expect(Object.keys(sops)).toEqual(['age', 'lastmodified', 'mac', 'encrypted_suffix', 'version'])
    expect(await open(sealed, 'sops-json')).toEqual({ kind: 'values', values: entries, covers: 'all' })
  })

  test.each([
    [['A', 'A'], 'A', 'a name twice'],
    [['A', 'sops'], 'sops', 'a name that sops keeps for itself'],
  ])('has no place for %j', async (names, where, message) => {
    const sealing = sealJson(
      names.map((name) => [name, 'x'] as const),
      [mine.recipient],
    )
    await expect(sealing).rejects.toMatchObject({ name: 'CannotHold', where, message })
  })
})

test('nobody to encrypt to, or a pattern that is none of ours, is refused', async () => {
  await expect(sealJson([], [])).rejects.toMatchObject({
    where: 'recipients',
    message: 'nobody to encrypt to',
  })
  const rule = { name: 'encrypted_regex', text: '(' } as const
  await expect(sealDotenv('', [mine.recipient], { rule })).rejects.toMatchObject({
    where: 'rule',
    message: 'a pattern that only sops reads',
  })
  await expect(sealDotenv('', [mine.recipient], { rule })).rejects.toThrow(CannotHold)
})
