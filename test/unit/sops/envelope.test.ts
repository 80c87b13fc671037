import { describe, expect, it } from 'vitest'
import { parseEnvelope } from '../../../src/sops/envelope.ts'
import { SopsFault } from '../../../src/sops/fault.ts'
import { parseJson } from '../../../src/sops/json.ts'

const AGE = [{ recipient: 'age1x', enc: 'armor' }]
const GOOD = { age: AGE, lastmodified: '2026-11-25T00:00:00Z', mac: 'ENC[]', version: '3.13.2' }

async function declines(sops: object, rest: object = {}): Promise<string | undefined> {
  const envelope = await parseEnvelope(Buffer.from(JSON.stringify({ ...rest, sops })), 'sops-json')
  return 'declines' in envelope ? envelope.declines : undefined
}

const DOTENV = `A=x
sops_age__list_0__map_enc=armor
sops_age__list_0__map_recipient=age1x
sops_lastmodified=2026-11-25T00:00:00Z
sops_mac=ENC[]
sops_version=3.13.2
`

describe('what builtin declines', () => {
  it('is nothing that age and the default rule need', async () => {
    expect(await declines(GOOD)).toBeUndefined()
    expect(
      await declines({ ...GOOD, kms: null, pgp: [], unencrypted_suffix: '_x', mac_only_encrypted: true }),
    ).toBeUndefined()
    expect('declines' in (await parseEnvelope(Buffer.from(DOTENV), 'sops-dotenv'))).toBe(false)
  })

  it.each([
    [{ kms: [{}], age: [] }, 'it has AWS KMS keys'],
    [{ gcp_kms: [{}], age: null }, 'it has GCP KMS keys'],
    [{ hckms: [{}], age: [] }, 'it has HuaweiCloud KMS keys'],
    [{ azure_kv: [{}], age: [] }, 'it has Azure Key Vault keys'],
    [{ hc_vault: [{}], age: [] }, 'it has HashiCorp Vault keys'],
    [{ pgp: [{}], age: [] }, 'it has PGP keys'],
    [{ key_groups: [{}, {}] }, 'it has key groups'],
    [{ shamir_threshold: 2 }, 'it has a Shamir threshold'],
    [{ more: 1 }, 'its metadata has entries unknown here'],
    [{ encrypted_regex: '(?<=a)A' }, 'its encrypted_regex might mean something else here'],
    [{ lastmodified: '2026-11-25T00:00:00+01:00' }, 'its lastmodified is not in the form sops writes'],
    [{ version: '3.14.0-rc.1' }, 'its version is unusual'],
    [{ age: [{ recipient: 'age1x', enc: 'a', more: 1 }] }, 'its age keys have entries unknown here'],
  ])('%j: %s', async (more, reason) => {
    expect(await declines({ ...GOOD, ...more })).toBe(reason)
  })

  it.each(['kms', 'gcp_kms', 'hckms', 'azure_kv', 'hc_vault', 'pgp'])(
    'keys of another kind beside age are told, and whoever allows kinds decides: %s',
    async (kind) => {
      const text = JSON.stringify({ A: 'x', sops: { ...GOOD, [kind]: [{}] } })
      expect(await parseEnvelope(Buffer.from(text), 'sops-json')).toMatchObject({ otherKeys: [kind] })
    },
  )

  it.each([
    ['2024-02-29', true],
    ['2023-02-29', false],
    ['2026-04-31', false],
    ['2026-12-31', true],
    ['2026-13-01', false],
    ['2026-00-01', false],
    ['2026-01-00', false],
    ['2026-01-32', false],
    ['2026-01-99', false],
  ])('is not a day there is: %s', async (day, exists) => {
    expect((await declines({ ...GOOD, lastmodified: `${day}T23:59:59Z` })) === undefined).toBe(exists)
    expect(await declines({ ...GOOD, lastmodified: `${day}T24:00:00Z` })).toBeDefined()
  })

  it('is YAML, INI and timestamps', async () => {
    expect(await parseEnvelope(Buffer.alloc(0), 'sops-yaml')).toEqual({ declines: 'it is SOPS YAML' })
    expect(await parseEnvelope(Buffer.alloc(0), 'sops-ini')).toEqual({ declines: 'it is SOPS INI' })
    expect(await declines(GOOD, { A: 'ENC[AES256_GCM,data:a,iv:a,tag:a,type:time]' })).toBe(
      'it holds a timestamp',
    )
  })

  it('is known from flattened metadata too', async () => {
    const more = (line: string) => parseEnvelope(Buffer.from(`${DOTENV}${line}\n`), 'sops-dotenv')
    expect(await more('sops_kms__list_0__map_arn=x')).toMatchObject({ otherKeys: ['kms'] })
    expect(await more('sops_pgp__list_0__map_fp=x')).toMatchObject({ otherKeys: ['pgp'] })
    expect(await more('sops_key_groups__list_0__map_age__list_0__map_enc=x')).toEqual({
      declines: 'it has key groups',
    })
    const enc = 'sops_age__list_0__map_enc=armor'
    const rest = DOTENV.replaceAll(/sops_age.*\n/g, '')
    const lines = DOTENV.replace(enc, `${enc}\\nmore`)
    expect(await parseEnvelope(Buffer.from(lines), 'sops-dotenv')).toMatchObject({
      keys: [{ enc: 'armor\nmore' }],
    })
    expect(await parseEnvelope(Buffer.from(`${rest}sops_age=x\n`), 'sops-dotenv')).toEqual({
      declines: 'its age keys are no list',
    })
    expect(await more('sops_age__list_0__map_more=x')).toEqual({
      declines: 'its age keys have entries unknown here',
    })
  })
})

describe('what builtin refuses as damaged, as sops does', () => {
  it.each([
    ['a metadata line twice', `${DOTENV}sops_mac=ENC[]\n`],
    ['a metadata line twice', `${DOTENV}sops_age__list_0__map_enc=x\n`],
    ['a metadata line that is a list too', `${DOTENV}sops_age=x\n`],
    ['a metadata line that is a list too', `${DOTENV}sops_kms=x\nsops_kms__list_0__map_arn=x\n`],
    ['an age key is missing', DOTENV.replaceAll('list_0', 'list_1')],
    ['no MAC', DOTENV.replace(/sops_mac.*\n/, '')],
    ['no keys', DOTENV.replaceAll(/sops_age.*\n/g, '')],
    ['a line that assigns nothing', `nothing\n${DOTENV}`],
    [
      'more than one rule about what is encrypted',
      `${DOTENV}sops_encrypted_suffix=a\nsops_unencrypted_suffix=b\n`,
    ],
    ['lines that end otherwise', DOTENV.replaceAll('\n', '\r\n')],
  ])('%s: %j', async (message, text) => {
    await expect(parseEnvelope(Buffer.from(text), 'sops-dotenv')).rejects.toThrow(SopsFault)
    await expect(parseEnvelope(Buffer.from(text), 'sops-dotenv')).rejects.toMatchObject({
      kind: 'damaged',
      message,
    })
  })
})

describe('JSON', () => {
  it('keeps order, doubles and numbers as they are written', () => {
    expect(parseJson(' {"b": 1.0, "1": [true, null, {}], "b": "\\ud800x\\"" } ')).toEqual({
      members: [
        ['b', { number: '1.0' }],
        ['1', [true, null, { members: [] }]],
        ['b', '\ufffdx"'],
      ],
    })
    expect(parseJson('{"a": 1,}')).toBeUndefined()
    expect(parseJson('['.repeat(100_000))).toBeUndefined()
  })
})

describe('the tree', () => {
  it('is lines or members, each as it stands, with the encoding that brings every byte back', async () => {
    const dotenv = `#c\\n\nB=x\\ny\n${DOTENV}`
    expect(await parseEnvelope(Buffer.from(dotenv), 'sops-dotenv')).toMatchObject({
      format: 'sops-dotenv',
      encoding: 'utf8',
      items: [
        { kind: 'comment', line: 1, text: 'c\\n' },
        { kind: 'value', line: 2, name: 'B', value: 'x\ny' },
        { kind: 'value', line: 3, name: 'A', value: 'x' },
      ],
      keys: AGE,
      mac: 'ENC[]',
    })
    const bytes = Buffer.from(`A\xff=\xfe\n${DOTENV}`, 'latin1')
    expect(await parseEnvelope(bytes, 'sops-dotenv')).toMatchObject({
      encoding: 'latin1',
      items: [{ name: 'A\xff', value: '\xfe' }, { name: 'A' }],
    })
    const json = Buffer.from(JSON.stringify({ B: 'ü', sops: GOOD, A: [1], C: 5, D: true }))
    expect(await parseEnvelope(json, 'sops-binary')).toMatchObject({
      format: 'sops-binary',
      encoding: 'utf8',
      items: [
        { kind: 'value', line: 0, name: 'B', value: 'ü' },
        { kind: 'value', line: 0, name: 'A', value: [{ number: '1' }] },
        { name: 'C', value: { number: '5' } },
        { name: 'D', value: true },
      ],
    })
  })

  it('may hold a comment that looks like a timestamp', async () => {
    const text = `#ENC[AES256_GCM,data:a,iv:a,tag:a,type:time]\n${DOTENV}`
    expect(await parseEnvelope(Buffer.from(text), 'sops-dotenv')).toHaveProperty('items')
  })

  it.each([
    ['not a JSON object', '[]'],
    ['not a JSON object', '{"A": 1,}'],
    ['no metadata', '{"A": 1}'],
    ['no metadata', '{"sops": [1]}'],
    ['two metadata', '{"sops": {}, "sops": {}}'],
  ])('is refused in JSON with %s: %s', async (message, text) => {
    await expect(parseEnvelope(Buffer.from(text), 'sops-json')).rejects.toMatchObject({
      kind: 'damaged',
      message,
    })
  })

  it('is left to sops in JSON that is not UTF-8', async () => {
    const bytes = Buffer.from(JSON.stringify({ A: '\xff', sops: GOOD }), 'latin1')
    expect(await parseEnvelope(bytes, 'sops-json')).toEqual({ declines: 'it is not UTF-8' })
  })
})

describe('a pattern about what is encrypted', () => {
  const withRule = (lines: string, name: string, pattern: string, encoding: BufferEncoding = 'utf8') =>
    parseEnvelope(Buffer.from(`${lines}\n${DOTENV}sops_${name}=${pattern}\n`, encoding), 'sops-dotenv')

  it('decides, where Go means the same', async () => {
    const envelope = await withRule('#ü\nB=y', 'encrypted_regex', '^(?:A|ü)$')
    if ('declines' in envelope) throw new Error(envelope.declines)
    expect(['A', 'ü', 'B'].map((name) => envelope.selector.value(name))).toEqual([true, true, false])
  })

  it('is left to sops where it folds letters beside such as are not ASCII, or bytes are no text', async () => {
    const name = 'unencrypted_comment_regex'
    const declines = `its ${name} might mean something else here`
    expect(await withRule('#ü', name, '(?i)x')).toEqual({ declines })
    expect(await withRule('ü=x', name, '(?i)x')).toEqual({ declines })
    expect(await withRule('#u', name, '(?i)x')).toHaveProperty('items')
    // Not in the value: no pattern is held against that.
    expect(await withRule('u=ü', name, '(?i)x')).toHaveProperty('items')
    expect(await withRule('u=\xff', name, 'x', 'latin1')).toEqual({
      declines: `it has an ${name} and is not UTF-8`,
    })
    expect(await withRule('u=\xff', 'encrypted_suffix', 'x', 'latin1')).toHaveProperty('items')
  })

  it('is refused where it would take ages on these names and comments', async () => {
    // 2 ** 28 steps are the most; with the names comes A, and an end after each.
    const pattern = 'x'.repeat(2 ** 10)
    const rest = 2 ** 18 - 'A'.length - 1
    const name = (length: number) => withRule(`${'N'.repeat(length - 1)}=`, 'encrypted_regex', pattern)
    const comment = (length: number) => withRule(`#${'c'.repeat(length - 1)}`, 'encrypted_regex', pattern)
    for (const made of [name, comment]) {
      expect(await made(rest)).toHaveProperty('items')
      await expect(made(rest + 1)).rejects.toMatchObject({
        kind: 'damaged',
        message: 'a pattern too long for so many names and comments',
      })
    }
  })
})
