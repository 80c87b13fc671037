import { chmodSync, mkdirSync, readFileSync, statSync, symlinkSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { generateKey, generatePostQuantumKey } from '../../../../src/age/keygen.ts'
import {
  foreignKeys,
  keyAt,
  makeKeyDirectory,
  newKey,
  ownersOf,
  ownRecipients,
  recipientsOfFile,
  recipientsOfServices,
  warnOfKeyFiles,
  wasFirst,
} from '../../../../src/host/access/keys.ts'
import { failure } from '../../../../src/host/errors.ts'
import { Place } from '../../../helpers/place.ts'

const unusable = (reason: string) =>
  expect.objectContaining({ code: 'key-unusable', message: expect.stringContaining(reason) })

describe('the keys at hand', () => {
  test('are those of the usual file, and none where there is none', async () => {
    expect(await ownRecipients(new Place().context())).toEqual([])
    const place = new Place().withKey()
    expect(await ownRecipients(place.context())).toEqual([place.key.recipient])
  })

  test('that can’t be read are an error: a new one would open nothing of what there is', async () => {
    const place = new Place()
    place.write('/home/.config/sops/age/keys.txt', 'AGE-SECRET-KEY-1\n')
    await expect(ownRecipients(place.context())).rejects.toEqual(unusable('line 1'))
  })

  test('in a file that a variable names and that is not there yet are none', async () => {
    const place = new Place()
    expect(await ownRecipients(place.context({ SOPS_AGE_KEY_FILE: join(place.home, 'new') }))).toEqual([])
    symlinkSync('loop', join(place.home, 'loop'))
    const loop = place.context({ SOPS_AGE_KEY_FILE: join(place.home, 'loop') })
    await expect(ownRecipients(loop)).rejects.toEqual(unusable('ELOOP'))
  })

  test('that another program uses are told by their kind, each once', async () => {
    const place = new Place()
    place.write('/home/.config/sops/age/keys.txt', 'AGE-PLUGIN-X-1\nAGE-PLUGIN-Y-1\n')
    expect(await foreignKeys(place.context())).toEqual(['a plugin identity'])
    expect(await ownRecipients(place.context())).toEqual([])
    expect(await foreignKeys(new Place().withKey().context())).toEqual([])
  })

  test('that others can read are warned about', () => {
    const closed = new Place().withKey()
    warnOfKeyFiles(closed.context())
    expect(closed.said).toEqual([])
    const open = new Place().withKey(0o644)
    for (const path of ['', 'home', 'home/.config', 'home/.config/sops', 'home/.config/sops/age'])
      chmodSync(join(open.base, path), 0o755)
    warnOfKeyFiles(open.context())
    expect(open.said).toEqual([
      expect.stringMatching(/^warning: .*keys\.txt: other users can read this key$/),
    ])
  })
})

test('the services with a key are those of the directories that have one', async () => {
  const context = new Place().withKey().context()
  const { recipient } = await keyAt(context.project.serviceKeyFile('web') ?? '')
  const { serviceKeysDir = '' } = context.project
  writeFileSync(join(serviceKeysDir, 'project.json'), '{}')
  mkdirSync(join(serviceKeysDir, 'empty'))
  expect([...(await recipientsOfServices(context))]).toEqual([['web', [recipient]]])
})

describe('a key file', () => {
  test('has the recipients of its identities', async () => {
    const place = new Place()
    const [one, other] = [generateKey(), await generatePostQuantumKey()]
    const path = place.write('keys', `${one.text}${other.text}AGE-PLUGIN-X-1\n`)
    expect(await recipientsOfFile(path)).toEqual([one.recipient, other.recipient])
    expect(await recipientsOfFile(join(place.root, 'none'))).toBeUndefined()
  })

  test('that is none, or that can’t be read, is an error', async () => {
    const place = new Place()
    await expect(recipientsOfFile(place.write('keys', 'x'))).rejects.toEqual(unusable('line 1'))
    await expect(recipientsOfFile(place.root)).rejects.toEqual(unusable('EISDIR'))
  })

  test('is made where there is none, for its owner alone, and used where there is one', async () => {
    const place = new Place()
    const path = join(place.home, 'below/this/keys.txt')
    const made = await keyAt(path)
    expect(made).toEqual({ recipient: expect.stringMatching(/^age1[a-z0-9]{58}$/), made: true })
    expect(statSync(path).mode & 0o777).toBe(0o600)
    expect(statSync(join(path, '..')).mode & 0o777).toBe(0o700)
    expect(await recipientsOfFile(path)).toEqual([made.recipient])
    const before = readFileSync(path, 'utf8')
    expect(await keyAt(path)).toEqual({ recipient: made.recipient, made: false })
    expect(readFileSync(path, 'utf8')).toBe(before)
  })

  test('that holds no identity is not written over', async () => {
    const path = new Place().write('keys', '# nothing\n')
    await expect(keyAt(path)).rejects.toEqual(unusable('it holds no identity'))
    expect(readFileSync(path, 'utf8')).toBe('# nothing\n')
  })

  test('whose directory can’t be made is an error with its path', () => {
    const path = join(new Place().write('file', ''), 'x/keys.txt')
    expect(() => makeKeyDirectory(path)).toThrow(
      expect.objectContaining({ code: 'write-failed', message: expect.stringContaining(path) }),
    )
  })

  test('is made once by many at the same time', async () => {
    const path = join(new Place().home, 'keys.txt')
    const all = await Promise.all(Array.from({ length: 8 }, () => keyAt(path)))
    expect(new Set(all.map(({ recipient }) => recipient)).size).toBe(1)
    expect(all.filter(({ made }) => made)).toHaveLength(1)
  })

  test('is of the kind that is wanted', async () => {
    expect((await newKey(false)).recipient).toMatch(/^age1[a-z0-9]{58}$/)
    expect((await newKey(true)).recipient).toMatch(/^age1pq1/)
    expect((await keyAt(join(new Place().home, 'keys.txt'), true)).recipient).toMatch(/^age1pq1/)
  })
})

describe('whose a recipient is', () => {
  test('is told for our keys and those of services; a key that can’t be read tells nothing', async () => {
    const place = new Place().withKey()
    const context = place.context()
    const directory = context.project.serviceKeysDir ?? ''
    for (const service of ['agents', 'bad', 'empty']) mkdirSync(join(directory, service), { recursive: true })
    const agent = await keyAt(join(directory, 'agents/keys.txt'))
    writeFileSync(join(directory, 'bad/keys.txt'), 'x')
    expect([...(await ownersOf(context))]).toEqual([
      [agent.recipient, 'service agents'],
      [place.key.recipient, 'you'],
    ])
  })

  test('is told for nobody where there are no keys', async () => {
    expect((await ownersOf(new Place().context())).size).toBe(0)
    const bad = new Place()
    bad.write('/home/.config/sops/age/keys.txt', 'x')
    expect((await ownersOf(bad.context())).size).toBe(0)
  })
})

test('another was first where a file exists, and in no other error', () => {
  expect(wasFirst(failure('file-exists', { path: '/p' }))).toBe(true)
  expect(wasFirst(failure('recipient-bad'))).toBe(false)
  expect(wasFirst(new Error('file-exists'))).toBe(false)
})
