import { execFileSync } from 'node:child_process'
import { chmodSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { describe, expect, onTestFinished, test } from 'vitest'
import { generateKey, generatePostQuantumKey, recipientOf } from '../../../src/age/keygen.ts'
import { defaultKeyFile } from '../../../src/age/places.ts'
import { readKeyring } from '../../../src/age/sources.ts'

class Home {
  readonly path = mkdtempSync(join(tmpdir(), 'disinto-sources-'))
  readonly usual = defaultKeyFile(new Map([['HOME', this.path]])) ?? ''

  constructor() {
    onTestFinished(() => rmSync(this.path, { recursive: true, force: true }))
    mkdirSync(dirname(this.usual), { recursive: true })
  }

  write(name: string, content: string): string {
    writeFileSync(join(this.path, name), content)
    return join(this.path, name)
  }

  async ring(of: Record<string, string> = {}, homes: string[] = []) {
    const variables = new Map(Object.entries({ HOME: this.path, PATH: process.env['PATH'] ?? '', ...of }))
    const { identities, unusable, files } = await readKeyring(variables, this.path, homes)
    const recipients = await Promise.all(identities.map((one) => recipientOf(one)))
    return { recipients, unusable, files }
  }
}

const [a, b, c, d] = [generateKey(), generateKey(), generateKey(), generateKey()] as const
const recipients = (...keys: ReadonlyArray<{ recipient: string }>) => keys.map(({ recipient }) => recipient)
/** A key without the comments of its file. */
const bare = ({ text }: { text: string }) => text.split('\n').find((line) => line.startsWith('AGE-')) ?? ''

describe('identities', () => {
  test('are those of the variable, the named file, the command and the usual places, in this order', async () => {
    const home = new Home()
    writeFileSync(home.usual, d.text)
    const named = home.write('named', b.text)
    const command = home.write('commanded', c.text)
    const ring = await home.ring({
      SOPS_AGE_KEY: a.text,
      SOPS_AGE_KEY_FILE: 'named',
      SOPS_AGE_KEY_CMD: `cat '${command}'`,
    })
    expect(ring).toEqual({ recipients: recipients(a, b, c, d), unusable: [], files: [named, home.usual] })
  })

  test('can be several on a line in the variable alone', async () => {
    const home = new Home()
    const line = `${bare(a)} ${bare(b)}`
    expect((await home.ring({ SOPS_AGE_KEY: line })).recipients).toEqual(recipients(a, b))
    writeFileSync(home.usual, line)
    expect(await home.ring()).toMatchObject({
      recipients: [],
      unusable: [{ place: home.usual, reason: 'line 1 is no age identity' }],
    })
  })

  test('of another home come before our own', async () => {
    const [home, other] = [new Home(), new Home()]
    writeFileSync(home.usual, a.text)
    writeFileSync(other.usual, b.text)
    expect((await home.ring({}, [other.path])).recipients).toEqual(recipients(b, a))
  })

  test('are none where there is nothing, and that is no fault', async () => {
    expect(await new Home().ring({ SOPS_AGE_KEY: '', SOPS_AGE_KEY_CMD: '' })).toMatchObject({
      recipients: [],
      unusable: [],
    })
  })
})

describe('a place that has none is remembered, and the others are read', () => {
  async function unusable(of: Record<string, string>, home = new Home()) {
    writeFileSync(home.usual, a.text)
    const ring = await home.ring(of)
    expect(ring.recipients).toEqual(recipients(a))
    return ring.unusable
  }

  test.each([
    ['an empty text', '# nothing\n', 'it holds no identity'],
    ['a public key', a.recipient, 'line 1 is a public key, not an identity'],
    ['an identity with a fault', `${a.text}\nAGE-SECRET-KEY-1Q`, /^line \d is no age identity$/],
  ])('the variable with %s', async (_, text, reason) => {
    expect(await unusable({ SOPS_AGE_KEY: text })).toEqual([
      { place: 'SOPS_AGE_KEY', reason: typeof reason === 'string' ? reason : expect.stringMatching(reason) },
    ])
  })

  test('a named file that is not there, or is a directory', async () => {
    const home = new Home()
    expect(await unusable({ SOPS_AGE_KEY_FILE: 'none' }, home)).toEqual([
      { place: join(home.path, 'none'), reason: 'ENOENT' },
    ])
    expect(await unusable({ SOPS_AGE_KEY_FILE: '.' }, home)).toEqual([{ place: home.path, reason: 'EISDIR' }])
  })

  test.each([
    ['is no program', 'nowhere-to-be-found x', 'its program does not exist'],
    ['fails', 'sh -c "echo hunter2; exit 3"', 'the command ended with status 3'],
    ['is killed', 'sh -c "kill -9 $$"', 'the command was ended by a signal'],
    ['is a blank', ' ', 'the command is empty'],
    ['says nothing', 'true', 'it holds no identity'],
  ])('a command that %s', async (_, command, reason) => {
    expect(await unusable({ SOPS_AGE_KEY_CMD: command })).toEqual([{ place: 'SOPS_AGE_KEY_CMD', reason }])
  })

  test('a command that can’t be executed', async () => {
    const home = new Home()
    const file = home.write('data', '')
    chmodSync(file, 0o600)
    expect(await unusable({ SOPS_AGE_KEY_CMD: file }, home)).toEqual([
      { place: 'SOPS_AGE_KEY_CMD', reason: "its program can't be started: EACCES" },
    ])
  })
})

test('a pipe at the usual place is not waited for', async () => {
  const home = new Home()
  execFileSync('mkfifo', [home.usual])
  expect(await home.ring()).toMatchObject({ unusable: [{ place: home.usual, reason: 'it is no file' }] })
})

test('a directory at the usual place is an error that names it', async () => {
  const home = new Home()
  mkdirSync(home.usual)
  expect(await home.ring()).toMatchObject({ unusable: [{ place: home.usual, reason: 'EISDIR' }] })
})

test('a post-quantum identity is one', async () => {
  const key = await generatePostQuantumKey()
  expect((await new Home().ring({ SOPS_AGE_KEY: key.text })).recipients).toEqual([key.recipient])
})
