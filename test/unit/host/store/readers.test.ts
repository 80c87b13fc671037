import { spawnSync } from 'node:child_process'
import { readdirSync, symlinkSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { sealAgeFile } from '../../../../src/age/file.ts'
import { generateKey } from '../../../../src/age/keygen.ts'
import { acceptRules, isAcceptedAsIs } from '../../../../src/host/access/accepted.ts'
import { keyAt } from '../../../../src/host/access/keys.ts'
import { type CreationRules, rulesOf } from '../../../../src/host/access/rules.ts'
import type { HostContext } from '../../../../src/host/context.ts'
import { prepareReader } from '../../../../src/host/store/add-reader.ts'
import { envSource, outsideOf, secretSource } from '../../../../src/host/store/inventory.ts'
import { documentOf, openWith, plaintextOf, withOnlyIdentity } from '../../../../src/host/store/open.ts'
import { checkReaders } from '../../../../src/host/store/proved-readers.ts'
import { type Reencryption, reencrypt } from '../../../../src/host/store/reencrypt.ts'
import { encryptBySops, rekeyBySops, rotateBySops } from '../../../../src/host/store/sops-encrypt.ts'
import { read } from '../../../../src/load/read.ts'
import type { Document, Plaintext, Source } from '../../../../src/nouns.ts'
import { sealDotenv, sealJson } from '../../../../src/sops/seal.ts'
import { SOPS } from '../../../helpers/parts.ts'
import { MARK, Place } from '../../../helpers/place.ts'

const BOB = generateKey()
const WITH_SOPS = { PATH: dirname(SOPS) }

class Ruled extends Place {
  readonly me = this.key.recipient

  constructor() {
    super()
    this.withKey()
    this.write('secrets/.keep', '')
  }

  bySops(variables: Readonly<Record<string, string>> = {}): HostContext {
    return this.context({ ...WITH_SOPS, ...variables })
  }

  async rule(...age: string[]): Promise<CreationRules> {
    this.write('.sops.yaml', JSON.stringify({ creation_rules: [{ age }] }))
    return rulesOf(this.root)
  }

  source(name: string): Source {
    const { project } = this.context()
    return name === '.env.enc' ? envSource(project) : secretSource(project, name)
  }

  document(name: string): Document {
    return read(this.source(name))
  }

  async readers(name: string): Promise<readonly string[]> {
    return (await outsideOf(this.source(name))).recipients
  }

  async opened(name: string, context = this.context()): Promise<Plaintext> {
    return plaintextOf(this.document(name), openWith(context))
  }

  /** Has stock sops encrypt a text to these, in its own place. */
  stock(name: string, type: string, text: string, age: readonly string[]): void {
    const words = ['encrypt', '--age', age.join(','), '--input-type', type, '--output-type', type]
    const { stdout, status } = spawnSync(SOPS, [...words, this.write(`x.${type}`, text)], { cwd: '/' })
    expect(status).toBe(0)
    this.write(name === '.env.enc' ? name : `secrets/${name}.enc`, stdout)
  }

  leftovers(): string[] {
    return readdirSync(this.root, { recursive: true, encoding: 'utf8' }).filter((name) =>
      name.endsWith('.tmp'),
    )
  }
}

/** An SSH key: only sops uses it. */
function sshKey(place: Place): { path: string; recipient: string } {
  const path = join(place.base, 'ssh')
  spawnSync('ssh-keygen', ['-q', '-t', 'ed25519', '-N', '', '-C', '', '-f', path])
  const { stdout } = spawnSync('ssh-keygen', ['-y', '-f', path])
  return { path, recipient: stdout.toString().trim() }
}

describe('one more reader', () => {
  test.each([
    ['JSON', 'A', async (me: string) => sealJson([['A', MARK]], [me])],
    ['dotenv', '.env.enc', async (me: string) => sealDotenv(`# note\nA=${MARK}\n`, [me])],
  ])('is added to %s, and nothing else changes', async (_, name, sealed) => {
    const place = new Ruled()
    const bytes = await sealed(place.me)
    place.write(name === 'A' ? 'secrets/A.enc' : name, bytes)
    const before = await outsideOf(place.source(name))
    const made = await prepareReader(place.context(), place.document(name), BOB.recipient, undefined)
    expect(await place.readers(name)).toEqual([place.me])
    made.commit()
    const after = await outsideOf(place.source(name))
    expect(after.recipients).toEqual([place.me, BOB.recipient])
    expect([after.mac, after.values, after.ageKeys[0]]).toEqual([
      before.mac,
      before.values,
      before.ageKeys[0],
    ])
    const asBob = place.context({ HOME: '', SOPS_AGE_KEY: BOB.text })
    expect(await place.opened(name, asBob)).toEqual(await place.opened(name))
  })

  test('is not added to what we can’t open, is no SOPS file, or is behind a link', async () => {
    const place = new Ruled()
    const add = (document: Document) => prepareReader(place.context(), document, BOB.recipient, undefined)
    await place.secret('A', [BOB.recipient])
    await expect(add(place.document('A'))).rejects.toMatchObject({ code: 'key-wrong' })
    place.write('secrets/B.enc', await sealAgeFile(Buffer.from(MARK), [place.me]))
    await expect(add(place.document('B'))).rejects.toMatchObject({ code: 'source-not-encrypted' })
    const elsewhere = await place.secret('C')
    symlinkSync(elsewhere, join(place.root, 'secrets/D.enc'))
    await expect(add(place.document('D'))).rejects.toMatchObject({ code: 'secret-link' })
    expect(place.leftovers()).toEqual([])
  })

  test('is not added where the file has changed meanwhile', async () => {
    const place = new Ruled()
    await place.secret('A')
    const made = await prepareReader(place.context(), place.document('A'), BOB.recipient, undefined)
    await place.secret('A')
    expect(() => made.commit()).toThrow(expect.objectContaining({ code: 'file-changed' }))
  })

  test('is added by sops where only that uses our key, if rules name all of before', async () => {
    const place = new Ruled()
    const ssh = sshKey(place)
    const others = generateKey().recipient
    const context = place.bySops({ HOME: '/nowhere', SOPS_AGE_SSH_PRIVATE_KEY_FILE: ssh.path })
    place.stock('A', 'json', JSON.stringify({ A: MARK }), [ssh.recipient, others])
    const add = (rules?: CreationRules) => prepareReader(context, place.document('A'), BOB.recipient, rules)
    const refused = {
      code: 'readers-unaddable',
      message: expect.stringMatching(
        /A\.enc: can't be encrypted to one more key here \(.+\); nothing was changed$/,
      ),
    }
    await expect(add()).rejects.toMatchObject(refused)
    await expect(add(await place.rule(ssh.recipient, BOB.recipient))).rejects.toMatchObject(refused)
    const rules = await place.rule(ssh.recipient, others, BOB.recipient, generateKey().recipient)
    const made = await add(rules)
    made.commit()
    expect(new Set(await place.readers('A'))).toEqual(new Set([ssh.recipient, others, BOB.recipient]))
    expect(await place.opened('A', context)).toMatchObject({ values: [['A', MARK]] })
    expect(place.leftovers()).toEqual([])
  })
})

describe('whom a file names', () => {
  async function withService() {
    const place = new Ruled()
    const { recipient } = await keyAt(place.context().project.serviceKeyFile('web') ?? '')
    return { place, recipient }
  }

  test('is believed where the key here opens it, or is not here', async () => {
    const { place, recipient } = await withService()
    await place.secret('A', [place.me, recipient, BOB.recipient])
    await checkReaders(place.context(), place.document('A'))
    await place.secret('B', [BOB.recipient])
    await checkReaders(place.context({ HOME: place.home, SOPS_AGE_KEY: '' }), place.document('B'))
  })

  test('is not believed where a service’s key is here and does not open it, whatever ours does', async () => {
    const { place, recipient } = await withService()
    const claim = async (name: string) => {
      await place.secret(name)
      const file = JSON.parse(place.read(`secrets/${name}.enc`))
      return { file, write: () => place.write(`secrets/${name}.enc`, JSON.stringify(file)) }
    }
    const wrapped = await claim('A')
    wrapped.file.sops.age[0].recipient = recipient
    const path = wrapped.write()
    const refused = {
      code: 'reader-unproved',
      message: `${path}: names the key of web, which does not open it: somebody without a key wrote that; nothing was changed`,
    }
    await expect(checkReaders(place.context(), place.document('A'))).rejects.toMatchObject(refused)
    // The data key of another file, for the service as well.
    const swapped = await claim('B')
    await place.secret('C', [recipient])
    swapped.file.sops.age.push(JSON.parse(place.read('secrets/C.enc')).sops.age[0])
    swapped.write()
    await expect(checkReaders(place.context(), place.document('B'))).rejects.toMatchObject({
      code: 'reader-unproved',
      message: expect.stringContaining('names the key of web'),
    })
  })

  test('can’t be told of several groups, and an error that is no claim stays', async () => {
    const { place, recipient } = await withService()
    const groups = [{ age: [place.me] }, { age: [recipient] }]
    place.write('.sops.yaml', JSON.stringify({ creation_rules: [{ key_groups: groups }] }))
    const words = [
      '--config',
      join(place.root, '.sops.yaml'),
      'encrypt',
      '--input-type',
      'json',
      '--output-type',
      'json',
    ]
    const { stdout } = spawnSync(SOPS, [...words, place.write('x.json', '{"A":"x"}')])
    place.write('secrets/A.enc', stdout)
    await checkReaders(place.context(), place.document('A'))
    await place.secret('B', [place.me, recipient])
    const document = place.document('B')
    await expect(
      checkReaders(place.context(), { ...document, format: 'sops-ini' }),
    ).rejects.not.toMatchObject({
      code: 'reader-unproved',
    })
  })
})

describe('sops encrypts', () => {
  const target = (place: Place, age: string) => ({
    path: join(place.root, 'secrets/A.enc'),
    config: place.write('rules.yaml', JSON.stringify({ creation_rules: [{ path_regex: 'A\\.enc$', age }] })),
    reason: 'it has to',
  })

  test('to those of the rule for the path, whatever variables of sops name', async () => {
    const place = new Ruled()
    const context = place.bySops({
      SOPS_AGE_RECIPIENTS: BOB.recipient,
      SOPS_PGP_FP: 'AB',
      SOPS_KMS_ARN: 'arn',
    })
    const bytes = await encryptBySops(context, Buffer.from('A=1\n'), 'dotenv', target(place, place.me))
    const document = documentOf(place.source('.env.enc'), bytes)
    expect(document.format).toBe('sops-dotenv')
    place.write('.env.enc', bytes)
    expect(await place.readers('.env.enc')).toEqual([place.me])
    expect(await place.opened('.env.enc')).toMatchObject({ kind: 'items' })
  })

  test('or says why not, without a word of the plaintext', async () => {
    const place = new Ruled()
    const path = join(place.root, 'secrets/A.enc')
    const wrong = encryptBySops(
      place.bySops(),
      Buffer.from(`A=${MARK}\n`),
      'dotenv',
      target(place, 'age1wrong'),
    )
    await expect(wrong).rejects.toMatchObject({
      code: 'sops-encrypt',
      message: expect.stringMatching(/secrets\/A\.enc: sops did not encrypt it: .*age1wrong/),
    })
    const odd = encryptBySops(place.bySops(), Buffer.from(`{"${MARK}`), 'json', target(place, place.me))
    await expect(odd).rejects.toMatchObject({
      code: 'sops-encrypt',
      message: expect.not.stringContaining(MARK),
    })
    const none = encryptBySops(place.context(), Buffer.from('A=1\n'), 'dotenv', target(place, place.me))
    await expect(none).rejects.toMatchObject({
      code: 'sops-needed',
      message: `${path}: needs the sops program, which is not on PATH (it has to)`,
    })
  })

  test('again, for others or with another data key, and leaves the file itself alone', async () => {
    const place = new Ruled()
    for (const [name, type, text] of [
      ['A', 'json', '{"A":7}'],
      ['B', 'yaml', 'B: 7\n'],
    ] as const) {
      place.stock(name, type, text, [place.me])
      const document = place.document(name)
      const config = JSON.stringify({ creation_rules: [{ age: [place.me, BOB.recipient] }] })
      const rekeyed = await rekeyBySops(place.bySops(), document, config)
      const rotated = await rotateBySops(place.bySops(), document)
      expect(place.document(name).bytes.equals(document.bytes)).toBe(true)
      const before = await place.opened(name, place.bySops())
      const old = await outsideOf(document.source)
      place.write(`secrets/${name}.enc`, rekeyed)
      const more = await outsideOf(document.source)
      expect([more.recipients, more.values]).toEqual([[place.me, BOB.recipient], old.values])
      expect(await place.opened(name, place.bySops())).toEqual(before)
      place.write(`secrets/${name}.enc`, rotated)
      const fresh = await outsideOf(document.source)
      expect(fresh.recipients).toEqual([place.me])
      expect(fresh.values).not.toEqual(old.values)
      expect(await place.opened(name, place.bySops())).toEqual(before)
    }
    expect(place.leftovers()).toEqual([])
  })

  test('again only where there is sops, what opens it, and no key in it that is not allowed', async () => {
    const place = new Ruled()
    place.stock('A', 'yaml', 'A: x\n', [place.me])
    const document = place.document('A')
    const { path } = document.source
    await expect(rotateBySops(place.context(), document)).rejects.toMatchObject({
      code: 'sops-needed',
      message: `${path}: needs the sops program, which is not on PATH (because of its format or its keys)`,
    })
    await expect(rotateBySops(place.bySops({ HOME: '/nowhere' }), document)).rejects.toMatchObject({
      code: 'sops-failed',
      message: expect.stringContaining('it could not be encrypted again'),
    })
    const kms =
      '    kms:\n        - arn: arn:aws:kms:eu:1:key/2\n          created_at: "2026-01-01T00:00:00Z"\n          enc: AAAA\n'
    const vault =
      '    hc_vault:\n        - vault_address: https://v\n          engine_path: t\n          key_name: k\n          created_at: "2026-01-01T00:00:00Z"\n          enc: AAAA\n'
    const named = (more: string) => ({
      ...document,
      bytes: Buffer.from(document.bytes.toString().replace('sops:\n', `sops:\n${more}`)),
    })
    await expect(rotateBySops(place.bySops(), named(kms))).rejects.toMatchObject({
      code: 'key-types-unasked',
      message: `${path}: names keys of kms, which sops would use to encrypt it again, and which are not allowed`,
    })
    await expect(
      rotateBySops(place.bySops({ DISINTO_KEY_TYPES: 'age,hc_vault' }), named(vault)),
    ).rejects.toMatchObject({
      code: 'key-types-unasked',
      message: expect.stringContaining('names keys of hc_vault'),
    })
    // JSON is given to sops without them.
    place.stock('B', 'json', '{"B":"x"}', [place.me])
    const json = place.document('B')
    const { sops, ...values } = JSON.parse(json.bytes.toString())
    const entry = { arn: 'arn:aws:kms:eu:1:key/2', created_at: '2026-01-01T00:00:00Z', enc: 'AAAA' }
    const bytes = Buffer.from(JSON.stringify({ ...values, sops: { ...sops, kms: [entry] } }))
    place.write('secrets/B.enc', await rotateBySops(place.bySops(), { ...json, bytes }))
    expect(await place.readers('B')).toEqual([place.me])
    expect(place.leftovers()).toEqual([])
  })
})

describe('files are encrypted anew', () => {
  async function prepared() {
    const place = new Ruled()
    await acceptRules(place.context(), await place.rule(place.me))
    return place
  }

  async function anew(
    place: Ruled,
    names: readonly string[],
    more: Partial<Reencryption> = {},
    age: readonly string[] = [place.me],
  ): Promise<CreationRules> {
    const old = await rulesOf(place.root)
    const rules = await place.rule(...age)
    writeFileSync(rules.path, old.text)
    const sources = names.map((name) => place.source(name))
    await reencrypt(place.bySops(), old, sources, { rules, own: [], given: () => [], ...more })
    return rules
  }

  test('each in its form, with a new data key, for those that are left, at the age of the value', async () => {
    const place = await prepared()
    const both = [place.me, BOB.recipient]
    const lastModified = new Date('2020-01-02T03:04:05Z')
    place.write(
      'secrets/JSON.enc',
      await sealJson(
        [
          ['2', MARK],
          ['1', ''],
        ],
        both,
        { now: lastModified },
      ),
    )
    place.write('secrets/BINARY.enc', await sealJson([['data', `${MARK}\n`]], both))
    place.write('.env.enc', await sealDotenv(`# note\nA=${MARK}\n`, both))
    place.stock('NUMBER', 'json', '{"A":7,"B":true}', both)
    place.stock('YAML', 'yaml', 'A: 7\nB: true\n', both)
    const names = ['JSON', 'BINARY', '.env.enc', 'NUMBER', 'YAML']
    const before = await Promise.all(names.map((name) => place.opened(name, place.bySops())))
    const outside = await Promise.all(names.map((name) => outsideOf(place.source(name))))
    const rules = await anew(place, names)
    expect(isAcceptedAsIs(place.context(), rules)).toBe(true)
    expect(place.read('.sops.yaml')).toBe(rules.text)
    for (const [at, name] of names.entries()) {
      const after = await outsideOf(place.source(name))
      expect(after.recipients).toEqual([place.me])
      expect(after.format).toBe(outside[at]?.format)
      expect(after.values).not.toEqual(outside[at]?.values)
      expect(await place.opened(name, place.bySops())).toEqual(before[at])
    }
    expect((await outsideOf(place.source('JSON'))).lastModified).toBe('2020-01-02T03:04:05Z')
    expect(place.leftovers()).toEqual([])
  })

  test('for our own keys whatever the rules say, and for those that are given', async () => {
    const place = await prepared()
    for (const name of ['A', 'B']) await place.secret(name)
    place.stock('N', 'json', '{"A":7}', [place.me])
    await anew(place, ['A', 'N'], { own: [place.me], given: () => [BOB.recipient] }, [BOB.recipient])
    for (const name of ['A', 'N']) expect(await place.readers(name)).toEqual([BOB.recipient, place.me])
    expect(await place.readers('B')).toEqual([place.me])
  })

  test('for others alone by sops, though it needs our key to do so', async () => {
    const place = await prepared()
    place.stock('N', 'json', '{"A":7}', [place.me, BOB.recipient])
    await anew(place, ['N'], {}, [BOB.recipient])
    expect(await place.readers('N')).toEqual([BOB.recipient])
    const asBob = place.context({ HOME: '', SOPS_AGE_KEY: BOB.text })
    expect(await place.opened('N', asBob)).toMatchObject({ kind: 'values' })
  })

  test('each or none: also the rules are what they were where one can’t be', async () => {
    const place = await prepared()
    await place.secret('A')
    await place.secret('B', [BOB.recipient])
    place.write('secrets/C.enc', await sealAgeFile(Buffer.from(MARK), [place.me]))
    const [rules, file] = [place.read('.sops.yaml'), place.read('secrets/A.enc')]
    let isReady = false
    const ready = async () => {
      isReady = true
    }
    const given = () => [BOB.recipient]
    await expect(anew(place, ['A', 'B'], { ready, given }, [BOB.recipient, place.me])).rejects.toMatchObject({
      code: 'key-wrong',
    })
    await expect(anew(place, ['A', 'C'], { ready })).rejects.toMatchObject({
      code: 'age-left',
      message: expect.stringContaining(join(place.root, 'secrets/C.enc')),
    })
    const mine = generateKey()
    const opener = { recipient: place.me, variables: withOnlyIdentity(place.context().variables, mine.text) }
    await expect(anew(place, ['A'], { ready, opener })).rejects.toMatchObject({ code: 'written-for-others' })
    expect([place.read('.sops.yaml'), place.read('secrets/A.enc')]).toEqual([rules, file])
    expect(isReady).toBe(false)
    expect(place.leftovers()).toEqual([])
    await anew(place, ['A'], { ready })
    expect(isReady).toBe(true)
  })

  test('not through a link, and not for a service that only a claim names', async () => {
    const place = await prepared()
    await place.secret('A')
    symlinkSync(join(place.root, 'secrets/A.enc'), join(place.root, 'secrets/B.enc'))
    await expect(anew(place, ['B'])).rejects.toMatchObject({ code: 'secret-link' })
    const { recipient } = await keyAt(place.context().project.serviceKeyFile('web') ?? '')
    const file = JSON.parse(place.read('secrets/A.enc'))
    file.sops.age.push({ ...file.sops.age[0], recipient })
    place.write('secrets/A.enc', JSON.stringify(file))
    await expect(anew(place, ['A'])).rejects.toMatchObject({ code: 'reader-unproved' })
  })

  test('with the keys that must open what they are given', async () => {
    const place = await prepared()
    await place.secret('A')
    await place.secret('B')
    const opener = {
      recipient: BOB.recipient,
      variables: withOnlyIdentity(place.context().variables, BOB.text),
    }
    await anew(place, ['A'], { opener, given: () => [BOB.recipient] }, [place.me, BOB.recipient])
    expect(await place.readers('A')).toEqual([place.me, BOB.recipient])
    // Nothing in it is given to the opener, which can't open it.
    await anew(place, ['B'], { opener })
    expect(await place.readers('B')).toEqual([place.me])
  })
})
