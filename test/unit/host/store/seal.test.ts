import { spawnSync } from 'node:child_process'
import { existsSync, readdirSync, symlinkSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { describe, expect, test, vi } from 'vitest'
import { generateKey } from '../../../../src/age/keygen.ts'
import { acceptRules } from '../../../../src/host/access/accepted.ts'
import { keyAt } from '../../../../src/host/access/keys.ts'
import { rulesOf } from '../../../../src/host/access/rules.ts'
import { envSource, outsideOf, secretSource } from '../../../../src/host/store/inventory.ts'
import { openWith, plaintextOf, withOnlyIdentity } from '../../../../src/host/store/open.ts'
import { type Content, prepareSealed, type SealTarget } from '../../../../src/host/store/seal.ts'
import { read } from '../../../../src/load/read.ts'
import type { Plaintext, Source } from '../../../../src/nouns.ts'
import { sealDotenv, sealJson } from '../../../../src/sops/seal.ts'
import { SOPS } from '../../../helpers/parts.ts'
import { person } from '../../../helpers/person.ts'
import { MARK, Place } from '../../../helpers/place.ts'

vi.mock('@inquirer/confirm', async () => (await import('../../../helpers/person.ts')).prompt)

const BOB = generateKey()
const WITH_SOPS = { PATH: dirname(SOPS) }

const json = (...entries: ReadonlyArray<readonly [string, string]>) => ({ kind: 'json', entries }) as const
const dotenv = (text: string) => ({ kind: 'dotenv', text }) as const
const binary = (bytes: string | Buffer) => ({ kind: 'binary', bytes: Buffer.from(bytes) }) as const

/** What is in the file that sops has written. */
const SEVEN: Extract<Plaintext, { kind: 'values' }> = { kind: 'values', covers: 'all', values: [['A', '7']] }

/** A project with our key, and rules that were accepted. */
class Ruled extends Place {
  readonly me = this.key.recipient
  interactive = false

  constructor() {
    super()
    this.withKey()
  }

  async rule(fields: Readonly<Record<string, unknown>>): Promise<void> {
    this.write('.sops.yaml', JSON.stringify({ creation_rules: [fields] }))
    await acceptRules(this.context(), await rulesOf(this.root))
  }

  asking() {
    return { ...this.context(WITH_SOPS), interactive: true }
  }

  source(name: string): Source {
    const { project } = this.context()
    return name === '.env.enc' ? envSource(project) : secretSource(project, name)
  }

  async target(name: string, more: Partial<SealTarget> = {}): Promise<SealTarget> {
    return { source: this.source(name), rules: await rulesOf(this.root), ...more }
  }

  /** Seals a content under a name; tells whether it was opened. */
  async seal(content: Content, name: string, more: Partial<SealTarget> = {}): Promise<boolean> {
    const made = await prepareSealed(this.context(WITH_SOPS), content, await this.target(name, more))
    made.commit()
    return made.opened
  }

  async opened(name: string): Promise<Plaintext> {
    return plaintextOf(read(this.source(name)), openWith(this.context(WITH_SOPS)))
  }

  /** What is left of a write that did not happen. */
  leftovers(): string[] {
    return readdirSync(this.root, { recursive: true, encoding: 'utf8' }).filter((name) =>
      name.endsWith('.tmp'),
    )
  }
}

async function ruled(
  fields: (place: Ruled) => Readonly<Record<string, unknown>> = ({ me }) => ({ age: me }),
) {
  const place = new Ruled()
  await place.rule(fields(place))
  place.write('secrets/.keep', '')
  return place
}

describe('a content is encrypted', () => {
  test.each<[string, Content, string, string]>([
    ['JSON', json(['B', MARK], ['A', 'x']), 'A', 'sops-json'],
    ['dotenv text', dotenv(`# note\nA=${MARK}\n`), '.env.enc', 'sops-dotenv'],
    ['text', binary(`${MARK}\n`), 'A', 'sops-binary'],
    ['bytes that are no text, by sops', binary(Buffer.from([0xff, 0, 1])), 'A', 'sops-binary'],
    ['a number, by sops', { ...json(['2', '7'], ['A', MARK]), literals: new Set(['2']) }, 'A', 'sops-json'],
  ])('of %s, and is what it was', async (_, content, name, format) => {
    const place = await ruled()
    expect(await place.seal(content, name)).toBe(true)
    const file = read(place.source(name))
    expect(file.format).toBe(format)
    expect(file.bytes.toString()).not.toContain(MARK)
    const plain = await place.opened(name)
    if (content.kind === 'json')
      expect(plain).toEqual({ kind: 'values', covers: 'all', values: content.entries })
    if (content.kind === 'binary') expect(plain).toEqual({ kind: 'bytes', bytes: content.bytes })
    if (content.kind === 'dotenv') expect(plain.kind).toBe('items')
    expect((await outsideOf(place.source(name))).recipients).toEqual([place.me])
    // A number stays one.
    const isNumber = content.kind === 'json' && content.literals !== undefined
    expect(file.bytes.toString().includes(',type:int]')).toBe(isNumber)
  })

  test('by sops to the groups of a rule, by its pattern and by what it says of the MAC', async () => {
    const carol = generateKey().recipient
    const place = await ruled(({ me }) => ({
      key_groups: [{ age: [me] }, { age: [BOB.recipient] }, { age: [carol] }],
      shamir_threshold: 2,
      encrypted_regex: '^(A|B)$',
      mac_only_encrypted: true,
    }))
    await place.seal(dotenv('A=1\n'), '.env.enc')
    const outside = await outsideOf(place.source('.env.enc'))
    expect(outside.groups).toEqual([[place.me], [BOB.recipient], [carol]])
    expect(outside).toMatchObject({
      threshold: 2,
      rule: { name: 'encrypted_regex', text: '^(A|B)$' },
      macOnlyEncrypted: true,
    })
    expect(place.leftovers()).toEqual([])
  })

  test('at the age that the value has', async () => {
    const place = await ruled()
    await place.seal(json(['A', 'x']), 'A', { lastModified: new Date('2020-01-02T03:04:05Z') })
    expect((await outsideOf(place.source('A'))).lastModified).toBe('2020-01-02T03:04:05Z')
  })

  test('for whom it was decided, without a question about rules', async () => {
    const place = await ruled(({ me }) => ({ age: [me, BOB.recipient] }))
    const audience = { groups: [[place.me]], threshold: 1, lost: [], lacking: [] }
    place.write(
      '.sops.yaml',
      JSON.stringify({ creation_rules: [{ age: [place.me, generateKey().recipient] }] }),
    )
    await place.seal(json(['A', 'x']), 'A', { audience })
    expect((await outsideOf(place.source('A'))).recipients).toEqual([place.me])
    await expect(place.seal(json(['A', 'x']), 'B')).rejects.toMatchObject({ code: 'recipient-unaccepted' })
  })

  test('by no sops where there is none: that it is needed is said, and why', async () => {
    const place = await ruled()
    const seal = async (content: Content) => prepareSealed(place.context(), content, await place.target('A'))
    const path = join(place.root, 'secrets/A.enc')
    const needs = (reason: string) => ({
      code: 'sops-needed',
      message: `${path}: needs the sops program, which is not on PATH (${reason})`,
    })
    await expect(seal(binary(Buffer.from([0xff])))).rejects.toMatchObject(needs('it is not text'))
    await expect(seal({ ...json(['A', '7']), literals: new Set(['A']) })).rejects.toMatchObject(
      needs('it has a number or a boolean'),
    )
    await place.rule({ key_groups: [{ age: [place.me] }, { age: [BOB.recipient] }] })
    await expect(seal(json(['A', 'x']))).rejects.toMatchObject(needs('its rule has several key groups'))
    expect(place.leftovers()).toEqual([])
  })
})

describe('what nobody here can open', () => {
  test('is written unopened, unless it must be opened', async () => {
    const place = await ruled(() => ({ age: BOB.recipient }))
    const path = join(place.root, 'secrets/A.enc')
    await expect(place.seal(json(['A', 'x']), 'A', { mustOpen: true })).rejects.toMatchObject({
      code: 'written-for-others',
      message: expect.stringContaining(path),
    })
    expect(existsSync(path)).toBe(false)
    expect(await place.seal(json(['A', 'x']), 'A')).toBe(false)
    const openers = withOnlyIdentity(place.context().variables, BOB.text)
    expect(await place.seal(json(['A', 'x']), 'A', { openers, mustOpen: true })).toBe(true)
  })
})

describe('a file that is there is written again', () => {
  test('for those of before whom the rules name; who loses and who lacks it is said', async () => {
    const [carol, dave] = [generateKey().recipient, generateKey().recipient]
    const place = await ruled(({ me }) => ({ age: [me, BOB.recipient, dave] }))
    const path = await place.secret('A', [place.me, carol, BOB.recipient])
    await place.seal(json(['A', 'x']), 'A')
    expect(new Set((await outsideOf(place.source('A'))).recipients)).toEqual(
      new Set([place.me, BOB.recipient]),
    )
    expect(place.said).toEqual([
      `note: ${path}: ${carol} could open it, but no accepted rule names them: they could not open the new file`,
      `note: ${path}: ${dave} could not open it, though ${join(place.root, '.sops.yaml')} names them`,
    ])
  })

  test('as somebody at a terminal says', async () => {
    const [carol, dave] = [generateKey().recipient, generateKey().recipient]
    const place = await ruled(({ me }) => ({ age: [me, dave] }))
    await place.secret('A', [place.me, carol])
    const seal = async () => {
      const made = await prepareSealed(place.asking(), json(['A', 'x']), await place.target('A'))
      made.commit()
    }
    person.answers = [false]
    await expect(seal()).rejects.toMatchObject({ code: 'interrupted-nothing' })
    expect((await outsideOf(place.source('A'))).recipients).toEqual([place.me, carol])
    person.answers = [true, false]
    await seal()
    expect((await outsideOf(place.source('A'))).recipients).toEqual([place.me])
    person.answers = [true]
    await seal()
    expect(new Set((await outsideOf(place.source('A'))).recipients)).toEqual(new Set([place.me, dave]))
    await seal()
    expect(person.asked).toEqual([
      'Write it without them? true',
      'Write it without them? true',
      'Encrypt it to them as well? false',
      'Encrypt it to them as well? false',
    ])
  })

  test('by its own rule and not by that of .sops.yaml, unless it left the value of a secret in the clear', async () => {
    const place = await ruled(({ me }) => ({ age: me, encrypted_suffix: '_S' }))
    const own = { name: 'unencrypted_suffix', text: '_clear' } as const
    place.write(
      'secrets/A.enc',
      await sealJson([['A', 'x']], [place.me], { rule: own, macOnlyEncrypted: true }),
    )
    await place.seal(json(['A', 'y']), 'A')
    expect(await outsideOf(place.source('A'))).toMatchObject({ rule: own, macOnlyEncrypted: true })
    const clear = { name: 'encrypted_suffix', text: '_none' } as const
    place.write('secrets/B_S.enc', await sealJson([['B_S', 'x']], [place.me], { rule: clear }))
    await place.seal(json(['B_S', 'y']), 'B_S')
    expect(await outsideOf(place.source('B_S'))).toMatchObject({
      rule: { name: 'encrypted_suffix', text: '_S' },
      clear: [],
    })
  })

  test('as new where it says nothing of recipients', async () => {
    const place = await ruled()
    place.write('secrets/A.enc', '{"A":"x"}')
    await place.seal(json(['A', 'y']), 'A')
    expect((await outsideOf(place.source('A'))).recipients).toEqual([place.me])
  })

  test('only while it is what was read', async () => {
    const place = await ruled()
    const old = place.write('secrets/A.enc', await sealJson([['A', 'x']], [place.me]))
    const { bytes } = read(place.source('A'))
    const first = await prepareSealed(place.context(), json(['A', 'y']), await place.target('A'), bytes)
    place.write('secrets/A.enc', await sealJson([['A', 'z']], [place.me]))
    expect(() => first.commit()).toThrow(expect.objectContaining({ code: 'file-changed' }))
    const made = await prepareSealed(place.context(), json(['A', 'y']), await place.target('A'), 'new')
    expect(() => made.commit()).toThrow(expect.objectContaining({ code: 'file-exists' }))
    expect(old).toBe(join(place.root, 'secrets/A.enc'))
  })

  test('not where it names a service whose key does not open it, if that is .env.enc', async () => {
    const place = await ruled()
    const { recipient } = await keyAt(place.context().project.serviceKeyFile('web') ?? '')
    await place.rule({ age: [place.me, recipient] })
    await place.envFile('A=1\n', [place.me])
    // A stanza under the name of the service that is not for it.
    place.write('.env.enc', place.read('.env.enc').replaceAll(place.me, recipient))
    const { bytes } = read(place.source('.env.enc'))
    const seal = async (over?: Buffer) =>
      prepareSealed(place.context(), dotenv('A=2\n'), await place.target('.env.enc'), over)
    await expect(seal(bytes)).rejects.toMatchObject({ code: 'reader-unproved' })
    // A secret file holds its own name alone, whoever it says that it is for.
    await place.secret('A', [place.me])
    place.write('secrets/A.enc', place.read('secrets/A.enc').replaceAll(place.me, recipient))
    const old = read(place.source('A')).bytes
    await prepareSealed(place.context(), json(['A', 'x']), await place.target('A'), old)
  })

  test('not through a link, and not larger than a file may be', async () => {
    const place = await ruled()
    symlinkSync(place.write('/elsewhere', ''), join(place.root, 'secrets/A.enc'))
    await expect(place.seal(json(['A', 'x']), 'A')).rejects.toMatchObject({ code: 'secret-link' })
    await expect(place.seal(json(['B', 'x'.repeat(8 * 2 ** 20)]), 'B')).rejects.toMatchObject({
      code: 'source-too-large',
      message: expect.stringContaining(join(place.root, 'secrets/B.enc')),
    })
  })
})

describe('a value is not left in the clear', () => {
  test('by a rule, in a file that is new', async () => {
    const place = await ruled(({ me }) => ({ age: me, encrypted_regex: '^B$' }))
    await expect(place.seal(json(['A', MARK]), 'A')).rejects.toMatchObject({
      code: 'rule-leaves-clear',
      message: expect.stringMatching(/A\.enc: .*\bA\b/),
    })
    await place.seal(json(['B', MARK]), 'B')
    await expect(place.seal(dotenv('# note\nB=1\n'), '.env.enc')).rejects.toMatchObject({
      code: 'rule-leaves-clear',
      message: expect.stringContaining('# …'),
    })
    expect(existsSync(join(place.root, '.env.enc'))).toBe(false)
  })

  test('that was not there before, or is another, though the file’s own rule would', async () => {
    const place = await ruled()
    const rule = { name: 'unencrypted_regex', text: '^(P|Q)$' } as const
    const seal = (text: string) => place.seal(dotenv(text), '.env.enc')
    place.write('.env.enc', await sealDotenv('P=1\nA=x\n', [place.me], { rule }))
    await seal('P=1\nA=y\n')
    await expect(seal('P=1\nQ=2\nA=y\n')).rejects.toMatchObject({ code: 'rule-leaves-clear' })
    await expect(seal('P=2\nA=y\n')).rejects.toMatchObject({
      code: 'file-leaves-clear',
      message: expect.stringMatching(
        /\.env\.enc: the value of P would be left unencrypted by the file’s own unencrypted_regex/,
      ),
    })
    // Where the accepted rule has it in the clear as well, it may change.
    await place.rule({ age: place.me, unencrypted_regex: '^P' })
    await seal('P=2\nA=y\n')
    await place.rule({ age: place.me, unencrypted_regex: rule.text })
    await seal('P=3\nA=y\n')
    await place.rule({ age: place.me, unencrypted_suffix: rule.text })
    await expect(seal('P=4\nA=y\n')).rejects.toMatchObject({ code: 'file-leaves-clear' })
  })

  test('as a comment, unless there were such in the file', async () => {
    const place = await ruled()
    const rule = { name: 'encrypted_regex', text: '^A$' } as const
    place.write('.env.enc', await sealDotenv('# old\nA=x\n', [place.me], { rule }))
    await place.seal(dotenv('# new\nA=x\n'), '.env.enc')
    place.write('.env.enc', await sealDotenv('A=x\n', [place.me], { rule }))
    await expect(place.seal(dotenv('# new\nA=x\n'), '.env.enc')).rejects.toMatchObject({
      code: 'rule-leaves-clear',
    })
  })
})

describe('what sops has written', () => {
  async function byPlace(holds: Plaintext, recipients?: (place: Ruled) => string) {
    const place = await ruled()
    const words = [
      'encrypt',
      '--age',
      recipients?.(place) ?? place.me,
      '--input-type',
      'yaml',
      '--output-type',
      'yaml',
    ]
    const { stdout } = spawnSync(SOPS, [...words, place.write('x.yaml', 'A: 7\n')])
    return { place, content: { kind: 'sealed', bytes: stdout, plaintext: holds } as const }
  }

  test('is taken as it is where it opens to what was meant', async () => {
    const { place, content } = await byPlace(SEVEN)
    expect(await place.seal(content, 'A')).toBe(true)
    expect(place.read('secrets/A.enc')).toBe(content.bytes.toString())
  })

  test('is taken unopened where nothing here can open it, unless it must be opened', async () => {
    const { place, content } = await byPlace(SEVEN)
    const seal = async (mustOpen: boolean) =>
      prepareSealed(place.context(), content, await place.target('A', { mustOpen }))
    await expect(seal(true)).rejects.toMatchObject({ code: 'sops-missing' })
    expect((await seal(false)).opened).toBe(false)
  })

  test('is refused where it does not, where it is for others, and where it is damaged', async () => {
    const differs = await byPlace({ ...SEVEN, values: [['A', '8']] })
    await expect(differs.place.seal(differs.content, 'A')).rejects.toMatchObject({
      code: 'written-differs',
      message: expect.stringContaining(join(differs.place.root, 'secrets/A.enc')),
    })
    const more = await byPlace(SEVEN, ({ me }) => `${me},${BOB.recipient}`)
    const unchecked = {
      code: 'readers-unchecked',
      message: expect.stringContaining(join(more.place.root, 'secrets/A.enc')),
    }
    await expect(more.place.seal(more.content, 'A')).rejects.toMatchObject(unchecked)
    const groups = [[more.place.me, BOB.recipient], [BOB.recipient]]
    const audience = { groups, threshold: 1, lost: [], lacking: [] }
    await expect(more.place.seal(more.content, 'A', { audience })).rejects.toMatchObject(unchecked)
    const { place, content } = await byPlace(SEVEN)
    const bytes = Buffer.from(content.bytes.toString().replace(/data:[^,]+/, 'data:AA=='))
    await expect(place.seal({ ...content, bytes }, 'A')).rejects.toMatchObject({ code: 'written-differs' })
    expect(existsSync(join(place.root, 'secrets/A.enc'))).toBe(false)
    expect(place.leftovers()).toEqual([])
  })
})
