import { existsSync, mkdirSync, readdirSync, readFileSync, statSync, symlinkSync } from 'node:fs'
import { join } from 'node:path'
import { afterEach, describe, expect, test, vi } from 'vitest'
import { sealAgeFile } from '../../../../src/age/file.ts'
import { generateKey } from '../../../../src/age/keygen.ts'
import { acceptRules, isAcceptedAsIs } from '../../../../src/host/access/accepted.ts'
import { claimPlace } from '../../../../src/host/access/accepted-record.ts'
import { keyAt } from '../../../../src/host/access/keys.ts'
import { rulesOf } from '../../../../src/host/access/rules.ts'
import { ensureServiceKey, grantService, namesOfCopy, refuseCopy } from '../../../../src/host/store/grant.ts'
import { grantFiles, revokeFiles } from '../../../../src/host/store/grant-files.ts'
import { grantsOf, nameFor, sourceOf } from '../../../../src/host/store/grants.ts'
import { envSource, outsideOf, readOutsideOf } from '../../../../src/host/store/inventory.ts'
import { read } from '../../../../src/load/read.ts'
import { sealJson } from '../../../../src/sops/seal.ts'
import { person } from '../../../helpers/person.ts'
import { MARK, Place } from '../../../helpers/place.ts'

vi.mock('@inquirer/confirm', async () => (await import('../../../helpers/person.ts')).prompt)
afterEach(() => void vi.restoreAllMocks())

const ENV = '^\\.env(\\.enc)?$'
const SECRETS = '^secrets/[^/]+\\.enc$'
const onlyFor = (secret: string) => `^secrets/${secret}\\.enc$`

type Rule = readonly [pattern: string, ...age: string[]]

/** A project with our key, where rules are written and, unless told otherwise, accepted. */
class Ruled extends Place {
  readonly me = this.key.recipient

  constructor() {
    super()
    this.withKey()
  }

  async rule(rules: readonly Rule[], accept = true): Promise<void> {
    const made = rules.map(([pattern, ...age]) => ({ path_regex: pattern, age }))
    this.write('.sops.yaml', JSON.stringify({ creation_rules: made }))
    if (accept) await acceptRules(this.context(), await rulesOf(this.root))
  }

  /** The usual rules: all is for us alone. */
  async usual(): Promise<this> {
    await this.rule([
      [ENV, this.me],
      [SECRETS, this.me],
    ])
    return this
  }

  async service(name: string): Promise<string> {
    await claimPlace(this.context())
    return (await keyAt(this.context().project.serviceKeyFile(name) ?? '')).recipient
  }

  async readers(secret: string): Promise<readonly string[]> {
    return (await outsideOf(sourceOf(this.context().project, secret))).recipients
  }

  async states(): Promise<string[]> {
    return (await grantsOf(this.context())).map(
      ({ service, secret, state }) => `${service} ${secret} ${state}`,
    )
  }
}

describe('what services were granted', () => {
  test('is told by the rules and by the files', async () => {
    const place = new Ruled()
    const [web, db] = [await place.service('web'), await place.service('db')]
    await place.rule([
      [ENV, place.me, web],
      ...['GRANTED', 'LOCKED', 'ABSENT', 'BROKEN'].map((name): Rule => [onlyFor(name), place.me, web]),
      [SECRETS, place.me, db],
    ])
    await place.secret('GRANTED', [place.me, web])
    await place.secret('STRAY', [place.me, web])
    await place.secret('LOCKED')
    await place.secret('NOBODY')
    mkdirSync(join(place.root, 'secrets', 'BROKEN.enc'))
    await place.envFile('A=1\n', [place.me, web])
    expect(await place.states()).toEqual([
      'web .env.enc granted',
      'web BROKEN locked',
      'web GRANTED granted',
      'web LOCKED locked',
      'web STRAY stray',
      'web ABSENT absent',
    ])
    const [grant] = await grantsOf(place.context())
    expect(grant?.path).toBe(join(place.root, '.env.enc'))
  })

  test('is unaccepted where nobody here has accepted the rules, and by the first ones what they say', async () => {
    const place = new Ruled()
    const web = await place.service('web')
    const granting: readonly Rule[] = [
      [onlyFor('A'), place.me, web],
      [ENV, place.me],
      [SECRETS, place.me],
    ]
    await place.secret('A', [place.me, web])
    await place.rule(granting, false)
    expect(await place.states()).toEqual(['web A granted'])
    await place.usual()
    expect(await place.states()).toEqual(['web A stray'])
    await place.rule(granting, false)
    expect(await place.states()).toEqual(['web A unaccepted'])
  })

  test('is stray without rules, and nothing without keys', async () => {
    const place = new Ruled()
    const key = generateKey()
    await place.secret('A', [place.me, key.recipient])
    expect(await place.states()).toEqual([])
    const web = await place.service('web')
    await place.secret('B', [place.me, web])
    expect(await place.states()).toEqual(['web B stray'])
  })

  test('is no .env.enc that is not there yet for the agents, whom the rules name before', async () => {
    const place = new Ruled()
    const [agents, web] = [await place.service('agents'), await place.service('web')]
    await place.rule([
      [ENV, place.me, agents, web],
      [onlyFor('A'), place.me, agents],
    ])
    expect(await place.states()).toEqual(['agents A absent', 'web .env.enc absent'])
  })

  test('is called by the name that the service gets', () => {
    expect(['A', 'A@web', '.env.enc'].map(nameFor)).toEqual(['A', 'A', '.env.enc'])
  })
})

describe('the key of a service', () => {
  test('is made once, for its owner alone, in a directory that is this project’s', async () => {
    const place = new Ruled()
    const { path, recipient } = await ensureServiceKey(place.context(), 'web')
    expect(path).toBe(join(place.home, '.config/sops/age/project/web/keys.txt'))
    expect(statSync(path).mode & 0o777).toBe(0o600)
    expect(place.said).toEqual([`note: web: made its key ${path}`])
    expect(JSON.parse(readFileSync(join(path, '../../project.json'), 'utf8'))).toMatchObject({
      root: place.root,
    })
    expect(await ensureServiceKey(place.context(), 'web')).toEqual({ path, recipient })
    expect(place.said).toHaveLength(1)
  })

  test('needs a home, and is not made for root by sudo', async () => {
    const place = new Place()
    await expect(ensureServiceKey(place.context({ HOME: '' }), 'web')).rejects.toMatchObject({
      code: 'no-key-place',
    })
    await ensureServiceKey(place.context(), 'web')
    vi.spyOn(process, 'getuid').mockReturnValue(0)
    const context = place.context({ SUDO_USER: 'bob' })
    await ensureServiceKey(context, 'web')
    await expect(ensureServiceKey(context, 'db')).rejects.toMatchObject({ code: 'key-by-sudo' })
  })
})

describe('an env file looks like a copy from secrets/', () => {
  const copyNames = async (place: Place, bytes: Buffer) =>
    namesOfCopy(place.context(), await readOutsideOf(bytes))

  test('when it has the MAC of a file there, be that in another form', async () => {
    const place = new Place()
    await place.secret('B')
    const path = await place.secret('A', undefined, 'X')
    const { project } = place.context()
    const { sops } = JSON.parse(place.read('secrets/A.enc'))
    await place.envFile('X=1\nY=2\n')
    const text = place.read('.env.enc').replace(/^sops_mac=.*$/m, `sops_mac=${sops.mac}`)
    expect(await copyNames(place, Buffer.from(text))).toEqual(['X', 'Y'])
    expect(await copyNames(place, readFileSync(path))).toEqual(['X'])
    expect(await copyNames(place, Buffer.from(place.read('.env.enc')))).toEqual([])
    expect(project.envFile).toBe(join(place.root, '.env.enc'))
  })

  test('when it holds nothing but what secrets/ holds', async () => {
    const place = new Place()
    await place.secret('A')
    await place.secret('B')
    // What can't be read there is no reason to take a file for a copy, or not to.
    mkdirSync(join(place.root, 'secrets', 'C.enc'))
    const env = async (text: string) => {
      await place.envFile(text)
      return copyNames(place, Buffer.from(place.read('.env.enc')))
    }
    expect(await env('A=1\nB=2\n')).toEqual(['A', 'B'])
    expect(await env('B=2\n')).toEqual(['B'])
    expect(await env('A=1\nX=2\n')).toEqual([])
    expect(await env('# nothing\n')).toEqual([])
  })

  test('when it has the form of a secret file: one member of JSON, or a binary file where there are secrets', async () => {
    const place = new Place()
    const { recipient } = place.key
    const json = (...names: string[]) =>
      sealJson(
        names.map((name) => [name, 'x'] as const),
        [recipient],
      )
    expect(await copyNames(place, await json('X'))).toEqual(['X'])
    expect(await copyNames(place, await json('X', 'Y'))).toEqual([])
    expect(await copyNames(place, await json('data'))).toEqual([])
    await place.secret('A')
    expect(await copyNames(place, await json('data'))).toEqual(['.env.enc'])
  })

  test('and is then asked about, or refused where nobody can be asked', async () => {
    const place = new Place()
    await place.secret('A')
    await place.envFile('A=1\n')
    const context = place.context()
    const document = read(envSource(context.project))
    const message = `${document.source.path}: web would be able to open A, which looks like a copy from secrets/`
    await expect(refuseCopy(context, document, 'web')).rejects.toMatchObject({
      code: 'readers-widen',
      message,
    })
    const asking = { ...context, interactive: true }
    person.answers = [false, true]
    await expect(refuseCopy(asking, document, 'web')).rejects.toMatchObject({ code: 'readers-widen' })
    expect(await refuseCopy(asking, document, 'web')).toEqual(['A'])
    expect(place.said).toEqual([`warning: ${message}`, `warning: ${message}`])
    expect(person.asked).toEqual(['Let web open it anyway? false', 'Let web open it anyway? false'])
    await place.envFile('X=1\n')
    expect(await refuseCopy(context, read(envSource(context.project)), 'web')).toEqual(['X'])
  })
})

describe('a service is let open .env.enc', () => {
  test('by its rule, which is accepted, and in fact; a second time nothing is to be done', async () => {
    const place = await new Ruled().usual()
    await place.envFile('A=1\nB=2\n')
    const web = await place.service('web')
    await grantService(place.context(), 'web', web)
    expect(await place.readers('.env.enc')).toEqual([place.me, web])
    const rules = await rulesOf(place.root)
    expect(rules.for(join(place.root, '.env.enc')).recipients).toEqual([place.me, web])
    expect(isAcceptedAsIs(place.context(), rules)).toBe(true)
    expect(place.said).toEqual([
      `note: ${rules.path}: web may now open .env.enc, too`,
      `note: ${join(place.root, '.env.enc')}: encrypted to web, too: A, B`,
    ])
    const before = place.read('.env.enc')
    await grantService(place.context(), 'web', web)
    expect(place.read('.env.enc')).toBe(before)
    expect(place.said).toHaveLength(2)
  })

  test('by rules that name it already, once they are accepted, and for nothing else', async () => {
    const place = await new Ruled().usual()
    await place.envFile('# nothing\n')
    const [web, bob] = [await place.service('web'), generateKey().recipient]
    const secrets: Rule = [SECRETS, place.me, bob]
    await place.rule([[ENV, place.me, web]], false)
    await expect(grantService(place.context(), 'web', web)).rejects.toMatchObject({
      code: 'recipient-unaccepted',
      message: expect.stringContaining(`names ${web} for`),
    })
    await place.rule([[ENV, place.me, web]])
    await place.rule([[ENV, place.me, web], secrets], false)
    await grantService(place.context(), 'web', web)
    expect(place.said).toEqual([
      `note: ${join(place.root, '.env.enc')}: encrypted to web, too: all that is in it`,
    ])
    await expect(grantFiles(place.context(), 'web', ['.env.enc'])).rejects.toMatchObject({
      code: 'recipient-unaccepted',
      message: expect.stringContaining(`names ${bob} for`),
    })
  })

  test('in the rules as well, where only the file names it', async () => {
    const place = await new Ruled().usual()
    const web = await place.service('web')
    await place.envFile('A=1\n', [place.me, web])
    // As they were accepted, they are not touched: doctor says what they lack.
    await grantService(place.context(), 'web', web)
    expect((await rulesOf(place.root)).for(join(place.root, '.env.enc')).recipients).toEqual([place.me])
    await place.rule([[ENV, place.me], [SECRETS]], false)
    await grantService(place.context(), 'web', web)
    expect((await rulesOf(place.root)).for(join(place.root, '.env.enc')).recipients).toEqual([place.me, web])
    // Where that can't be done it is doctor's to say, too.
    await place.rule([[ENV, place.me, generateKey().recipient]], false)
    place.said.length = 0
    await grantService(place.context(), 'web', web)
    place.write('.sops.yaml', 'creation_rules: 1\n')
    await grantService(place.context(), 'web', web)
    expect(place.said).toEqual([])
  })

  test.each(['given', 'found'])(
    'that it had (%s), and has another in place of which it has not: that is asked about',
    async (how) => {
      const place = await new Ruled().usual()
      const web = await place.service('web')
      await place.envFile('A=1\n', how === 'found' ? [place.me, web] : undefined)
      await grantService(place.context(), 'web', web)
      // Made anew with what it had.
      await place.envFile('A=2\n', [place.me])
      await grantService(place.context(), 'web', web)
      await place.envFile('A=1\nB=2\n', [place.me])
      const other = place.read('.env.enc')
      place.said.length = 0
      const message = `${join(place.root, '.env.enc')}: was encrypted to web and is not any more, and holds B, which web never had: another file may have been put in its place`
      const gone = { code: 'readers-gone', message }
      await expect(grantService(place.context(), 'web', web)).rejects.toMatchObject(gone)
      const asking = { ...place.context(), interactive: true }
      person.answers = [false, true]
      await expect(grantService(asking, 'web', web)).rejects.toMatchObject(gone)
      expect(place.read('.env.enc')).toBe(other)
      await grantService(asking, 'web', web)
      expect(person.asked).toEqual(['Let web open it anyway? false', 'Let web open it anyway? false'])
      expect(await place.readers('.env.enc')).toEqual([place.me, web])
      await place.envFile('B=3\n', [place.me])
      await grantService(place.context(), 'web', web)
      const binary = await sealJson([['data', MARK]], [place.me])
      place.write('.env.enc', binary)
      await expect(grantService(place.context(), 'web', web)).rejects.toMatchObject({
        code: 'readers-gone',
        message: expect.stringContaining('and does not say its names:'),
      })
      // Another service is another matter, and whoever says it in so many words is not asked.
      await place.envFile('B=2\n', [place.me])
      await grantFiles(place.context(), 'web', ['.env.enc'])
      await grantService(place.context(), 'db', await place.service('db'))
    },
  )

  test('with rules that are made where there are none', async () => {
    const place = new Ruled()
    await place.envFile('A=1\n')
    const { recipient } = await ensureServiceKey(place.context(), 'agents')
    await grantService(place.context(), 'agents', recipient)
    expect(await place.readers('.env.enc')).toEqual([place.me, recipient])
    expect((await rulesOf(place.root)).for(join(place.root, '.env.enc')).recipients).toEqual([
      place.me,
      recipient,
    ])
  })

  test('not where there is none, and not by whoever can’t open it', async () => {
    const place = await new Ruled().usual()
    const web = await place.service('web')
    place.write('.env', 'A=1\n')
    await grantService(place.context(), 'web', web)
    expect(existsSync(join(place.root, '.env.enc'))).toBe(false)
    await place.envFile('A=1\n', [generateKey().recipient])
    const [rules, file] = [place.read('.sops.yaml'), place.read('.env.enc')]
    await expect(grantService(place.context(), 'web', web)).rejects.toMatchObject({ code: 'key-wrong' })
    expect([place.read('.sops.yaml'), place.read('.env.enc')]).toEqual([rules, file])
    place.write('.env.enc', 'A=1\n')
    await expect(grantService(place.context(), 'web', web)).rejects.toMatchObject({
      code: 'source-not-encrypted',
    })
  })
})

describe('files are granted', () => {
  test('by rules of their own and in fact, to a service whose key is made', async () => {
    const place = await new Ruled().usual()
    for (const name of ['A', 'B', 'C']) await place.secret(name)
    place.write('compose.yaml', 'services: {}\n')
    await grantFiles(place.context(), 'web', ['A', 'B'])
    const web = await place.service('web')
    expect(await place.states()).toEqual(['web A granted', 'web B granted'])
    expect(await place.readers('C')).toEqual([place.me])
    expect(isAcceptedAsIs(place.context(), await rulesOf(place.root))).toBe(true)
    expect(place.said.slice(1)).toEqual([
      ...['A', 'B'].map(
        (name) => `note: ${join(place.root, 'secrets', `${name}.enc`)}: encrypted to web, too`,
      ),
      'note: disinto up mounts it into web',
    ])
    place.said.length = 0
    const before = place.read('.sops.yaml')
    await grantFiles(place.context(), 'web', ['A'])
    expect(place.read('.sops.yaml')).toBe(before)
    expect(place.said[0]).toBe(`note: ${join(place.root, 'secrets', 'A.enc')}: web can already open it`)
    expect(await place.readers('A')).toEqual([place.me, web])
  })

  test('by the value that is for the service, where there is one', async () => {
    const place = await new Ruled().usual()
    for (const name of ['A', 'A@web', 'B@web']) await place.secret(name)
    await grantFiles(place.context(), 'web', ['A', 'B@web'])
    expect(await place.states()).toEqual(['web A@web granted', 'web B@web granted'])
    await expect(grantFiles(place.context(), 'db', ['A@web'])).rejects.toMatchObject({
      code: 'grant-other-service',
      message: 'A@web: is a value for a service other than db',
    })
  })

  test('with .env.enc among them', async () => {
    const place = await new Ruled().usual()
    await place.secret('A')
    await place.envFile('X=1\n')
    await grantFiles(place.context(), 'web', ['.env.enc', 'A'])
    expect(await place.states()).toEqual(['web .env.enc granted', 'web A granted'])
    expect(place.said.join('\n')).not.toContain('disinto up')
  })

  test('each or none', async () => {
    const place = await new Ruled().usual()
    await place.secret('A')
    await place.secret('B', [generateKey().recipient])
    const rules = place.read('.sops.yaml')
    await expect(grantFiles(place.context(), 'web', ['A', 'B'])).rejects.toMatchObject({ code: 'key-wrong' })
    expect(await place.readers('A')).toEqual([place.me])
    expect(place.read('.sops.yaml')).toBe(rules)
    expect(existsSync(join(place.home, '.config/sops/age/project/web'))).toBe(false)
  })

  test('each or none, also where one can’t be written: nothing is left of the others', async () => {
    const place = await new Ruled().usual()
    await place.secret('A')
    await place.secret('C', undefined, 'B')
    symlinkSync('C.enc', join(place.root, 'secrets', 'B.enc'))
    const rules = place.read('.sops.yaml')
    await expect(grantFiles(place.context(), 'web', ['A', 'B'])).rejects.toMatchObject({
      code: 'secret-link',
    })
    expect(await place.readers('A')).toEqual([place.me])
    expect(place.read('.sops.yaml')).toBe(rules)
    const left = readdirSync(place.root, { recursive: true, encoding: 'utf8' })
    expect(left.filter((name) => name.endsWith('.tmp'))).toEqual([])
  })

  test('and .env.enc only where it is no copy of a secret, and opens', async () => {
    const place = await new Ruled().usual()
    await place.secret('A')
    await place.envFile('A=1\n')
    const grant = () => grantFiles(place.context(), 'web', ['.env.enc'])
    await expect(grant()).rejects.toMatchObject({ code: 'readers-widen' })
    await place.envFile('X=1\n', [generateKey().recipient])
    await expect(grant()).rejects.toMatchObject({ code: 'key-wrong' })
    expect(existsSync(join(place.home, '.config/sops/age/project/web'))).toBe(false)
  })

  test('only where each says what it is', async () => {
    const place = await new Ruled().usual()
    const binary = place.write('secrets/A.enc', await sealJson([['data', MARK]], [place.me]))
    place.write('secrets/B.enc', await sealAgeFile(Buffer.from(MARK), [place.me]))
    await place.secret('C', undefined, 'X')
    await place.secret('PATH')
    await place.envFile('X=1\n')
    const grant = (word: string) => grantFiles(place.context(), 'web', [word])
    await expect(grant('A')).rejects.toMatchObject({
      code: 'grant-nameless',
      message: `${binary}: does not say which secret it holds, so it may be a copy of another`,
    })
    await expect(grant('B')).rejects.toMatchObject({ code: 'grant-nameless' })
    await expect(grant('C')).rejects.toMatchObject({ code: expect.stringMatching(/name|secret/) })
    await expect(grant('X')).rejects.toMatchObject({
      code: 'grant-inside',
      message: 'X: is in .env.enc, and only whole files can be granted',
    })
    await expect(grant('Y')).rejects.toMatchObject({ code: 'secret-missing' })
    // A name that takes over a command is granted as any other: who starts it must allow it.
    await grant('PATH')
  })

  test('and whom somebody else has added is not accepted by the way', async () => {
    const place = await new Ruled().usual()
    await place.secret('A')
    await place.secret('B')
    const [web, bob] = [await place.service('web'), generateKey().recipient]
    await place.rule(
      [
        [onlyFor('A'), place.me, web],
        [ENV, place.me],
        [SECRETS, place.me],
      ],
      false,
    )
    // The rule for this file alone says what is asked for.
    await grantFiles(place.context(), 'web', ['A'])
    await place.usual()
    await place.rule(
      [
        [onlyFor('A'), place.me, web],
        [ENV, place.me],
        [SECRETS, place.me],
      ],
      false,
    )
    await expect(grantFiles(place.context(), 'web', ['B'])).rejects.toMatchObject({
      code: 'recipient-unaccepted',
    })
    await place.rule(
      [
        [onlyFor('A'), place.me, web, bob],
        [ENV, place.me],
        [SECRETS, place.me],
      ],
      false,
    )
    await expect(grantFiles(place.context(), 'web', ['A'])).rejects.toMatchObject({
      message: expect.stringContaining(`names ${bob} for`),
    })
    await place.rule(
      [
        [ENV, place.me],
        [SECRETS, place.me, web],
      ],
      false,
    )
    await expect(grantFiles(place.context(), 'web', ['A'])).rejects.toMatchObject({
      code: 'recipient-unaccepted',
    })
    await place.rule(
      [
        [ENV, place.me, web],
        [SECRETS, place.me],
      ],
      false,
    )
    await place.envFile('X=1\n')
    await grantFiles(place.context(), 'web', ['.env.enc'])
  })
})

describe('files are taken', () => {
  async function granted(...words: string[]): Promise<Ruled> {
    const place = await new Ruled().usual()
    for (const name of ['A', 'B', 'A@web', 'C@web']) await place.secret(name)
    await place.envFile('X=1\n')
    await grantFiles(place.context(), 'web', words)
    place.said.length = 0
    return place
  }

  test('out of the rules and in fact, and what may be known is told', async () => {
    const place = await granted('B', 'A@web', 'C@web', '.env.enc')
    const { mac } = await outsideOf(sourceOf(place.context().project, 'B'))
    await revokeFiles(place.context(), 'web', ['A', 'B'])
    expect(await place.states()).toEqual(['web .env.enc granted', 'web C@web granted'])
    expect(await place.readers('A@web')).toEqual([place.me])
    expect((await outsideOf(sourceOf(place.context().project, 'B'))).mac).not.toBe(mac)
    expect(isAcceptedAsIs(place.context(), await rulesOf(place.root))).toBe(true)
    expect(place.said).toEqual([
      'note: A@web: taken from web',
      'note: B: taken from web',
      'note: it may have read these already; change them at their issuers:',
      expect.stringMatching(/^note: {3}A@web \(changed /),
      expect.stringMatching(/^note: {3}B \(changed /),
    ])
    await revokeFiles(place.context(), 'web', ['.env.enc', '.env.enc'])
    expect(await place.states()).toEqual(['web C@web granted'])
    expect(await place.readers('.env.enc')).toEqual([place.me])
  })

  test('out of the rules, where there is no file, or none that it could open', async () => {
    const place = await new Ruled().usual()
    const web = await place.service('web')
    await place.secret('B')
    await place.rule([
      [onlyFor('A'), place.me, web],
      [onlyFor('B'), place.me, web],
      [SECRETS, place.me],
    ])
    const before = place.read('secrets/B.enc')
    await revokeFiles(place.context(), 'web', ['A', 'B'])
    expect(await place.states()).toEqual([])
    expect(place.read('secrets/B.enc')).toBe(before)
    expect(place.said).toEqual(['note: A: taken from web', 'note: B: taken from web'])
  })

  test('only where the service has a key here, and was granted them', async () => {
    const place = await granted('B')
    const revoke = (service: string, word: string) => revokeFiles(place.context(), service, [word])
    await expect(revoke('web', 'A')).rejects.toMatchObject({
      code: 'grant-missing',
      message: "web: was not granted A, and can't open it",
    })
    await expect(revoke('db', 'B')).rejects.toMatchObject({
      code: 'grant-keyless',
      message: expect.stringContaining(`(${join(place.home, '.config/sops/age/project/db/keys.txt')})`),
    })
    await place.service('db')
    await expect(revoke('db', 'B')).rejects.toMatchObject({ code: 'grant-missing' })
    await place.service('agents')
    await expect(revoke('agents', '.env.enc')).rejects.toMatchObject({ code: 'grant-agents-env' })
    await expect(revoke('agents', 'B')).rejects.toMatchObject({ code: 'grant-missing' })
    await expect(revoke('web', '.env.enc')).rejects.toMatchObject({ code: 'grant-missing' })
    await expect(revokeFiles(place.context({ HOME: '' }), 'web', ['B'])).rejects.toMatchObject({
      code: 'no-key-place',
    })
    expect(await place.states()).toEqual(['web B granted'])
  })
})
