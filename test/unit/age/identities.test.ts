import { inspect } from 'node:util'
import { describe, expect, it } from 'vitest'
import { MalformedIdentity, parseIdentities } from '../../../src/age/identities.ts'
import { generateKey, generatePostQuantumKey, recipientOf } from '../../../src/age/keygen.ts'

const SECRET = 'AGE-SECRET-KEY-1EGTZVFFV20835NWYV6270LXYVK2VKNX2MMDKWYKLMGR48UAWX40Q2P2LM0'
const key = generateKey()
const secretLine = key.text.split('\n')[2] ?? ''

describe('identities', () => {
  it('are read one a line, comments, blank lines and CRLF aside', () => {
    const text = `# a comment\r\n\r\n${SECRET}\r\n${secretLine}`
    expect(parseIdentities(text).map((identity) => identity.kind)).toEqual(['x25519', 'x25519'])
  })

  it('are read several a line only when asked, as for SOPS_AGE_KEY', () => {
    const text = `${SECRET} ${secretLine}`
    expect(parseIdentities(text, { words: true })).toHaveLength(2)
    expect(() => parseIdentities(text)).toThrow(MalformedIdentity)
  })

  it.each([
    ['a wrong check sum', SECRET.replace('LM0', 'LM9')],
    ['lower case', SECRET.toLowerCase()],
    ['mixed case', SECRET.replace('EGTZ', 'egtz')],
    ['a blank before it', ` ${SECRET}`],
    ['a missing end', SECRET.slice(0, -1)],
    ['a public key', key.recipient],
    ['anything', 'hunter2'],
    ['a post-quantum key cut off', 'AGE-SECRET-KEY-PQ-1QQQQ'],
  ])('are refused with %s, by the number of the line and nothing of its content', (_, line) => {
    let thrown: unknown
    try {
      parseIdentities(`# one\n\n${line}\n`)
    } catch (error) {
      thrown = error
    }
    expect(thrown).toBeInstanceOf(MalformedIdentity)
    const what = line.startsWith('age1') ? 'a public key, not an identity' : 'no age identity'
    expect((thrown as MalformedIdentity).message).toBe(`line 3 is ${what}`)
    expect(inspect(thrown)).not.toContain(line.trim())
  })

  it.each([
    [`"${SECRET}"`, 'line 1 is in quotes'],
    [`'${SECRET}'`, 'line 1 is in quotes'],
    [`x"${SECRET}`, 'line 1 is no age identity'],
    [`\ufeff${SECRET}`, 'line 1 begins with a byte order mark'],
    [`${SECRET}\ufeff`, 'line 1 is no age identity'],
    [`${SECRET}\n# two\n${SECRET.slice(1)}`, 'line 3 is no age identity'],
    [`x${key.recipient}`, 'line 1 is no age identity'],
    [`${key.recipient}!`, 'line 1 is no age identity'],
    ['age1abc', 'line 1 is no age identity'],
  ])('that are usual mistakes are told as such: %#', (text, message) => {
    expect(() => parseIdentities(text)).toThrow(message)
  })

  it('can have any blanks between and around them where several stand on a line', () => {
    expect(parseIdentities(`  ${SECRET} \t ${secretLine}  \n\n`, { words: true })).toHaveLength(2)
  })

  it('of others have no public half that we know', async () => {
    const [foreign] = parseIdentities('AGE-PLUGIN-X-1')
    expect(foreign && (await recipientOf(foreign))).toBeUndefined()
  })

  it.each([
    ['AGE-PLUGIN-YUBIKEY-1QQQ', 'a plugin identity'],
    ['-----BEGIN OPENSSH PRIVATE KEY-----\nb3Bl\n', 'an SSH key'],
    ['age-encryption.org/v1\n-> scrypt', 'an encrypted identity file'],
    ['-----BEGIN AGE ENCRYPTED FILE-----\n', 'an encrypted identity file'],
  ])('that only another program can use are named: %#', (text, what) => {
    expect(parseIdentities(text)).toEqual([{ kind: 'foreign', what }])
  })

  it('show nothing when they are printed', async () => {
    const quantum = await generatePostQuantumKey()
    const identities = parseIdentities(`${key.text}${quantum.text}`)
    const shown = inspect(identities, { depth: 9, showHidden: true }) + JSON.stringify(identities)
    expect(shown).not.toContain('AGE-SECRET')
    expect(await Promise.all(identities.map(recipientOf))).toEqual([key.recipient, quantum.recipient])
  })

  it('are made as age-keygen makes them', () => {
    expect(key.text).toMatch(
      /^# created: \d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ\n# public key: age1[a-z0-9]{58}\nAGE-SECRET-KEY-1[A-Z0-9]{58}\n$/,
    )
  })
})
