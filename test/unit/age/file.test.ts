import { Decrypter, Encrypter } from 'age-encryption'
import { describe, expect, it } from 'vitest'
import { armor, dearmor } from '../../../src/age/armor.ts'
import { AgeFault } from '../../../src/age/fault.ts'
import {
  isNativeRecipient,
  openAgeFile,
  openByPackage,
  parseAgeFile,
  sealAgeFile,
  wantsPackage,
} from '../../../src/age/file.ts'
import { parseIdentities } from '../../../src/age/identities.ts'
import { generateKey, generatePostQuantumKey } from '../../../src/age/keygen.ts'
import fc from '../../helpers/property.ts'

const keys = [generateKey(), generateKey()] as const
const identities = parseIdentities(keys[1].text)
const recipients = keys.map(({ recipient }) => recipient)
const secret = keys[1].text.split('\n')[2] ?? ''

const sizes = fc.oneof(fc.nat(200), fc.constantFrom(0, 1, 48, 65535, 65536, 65537, 131072, 131073))

describe('age files', () => {
  it('open to what was sealed, by us and by the age package, and the other way round', async () => {
    const property = fc.asyncProperty(sizes, fc.boolean(), async (size, armored) => {
      const plain = Buffer.alloc(size, 'plain text ')
      const sealed = await sealAgeFile(plain, recipients, { armored })
      expect(plain.equals(await openAgeFile(sealed, identities))).toBe(true)
      const decrypter = new Decrypter()
      decrypter.addIdentity(secret)
      const binary = armored ? dearmor(sealed.toString()) : sealed
      expect(plain.equals(await decrypter.decrypt(binary))).toBe(true)
      const encrypter = new Encrypter()
      for (const recipient of recipients) encrypter.addRecipient(recipient)
      const theirs = Buffer.from(await encrypter.encrypt(plain))
      expect(plain.equals(await openAgeFile(theirs, identities))).toBe(true)
    })
    await fc.assert(property, { numRuns: 25 })
  })

  it('open to nothing when any byte was changed or is missing', async () => {
    const sealed = await sealAgeFile(Buffer.from('plain'), recipients)
    const open = async (bytes: Buffer) => await openAgeFile(bytes, identities)
    for (let at = 0; at < sealed.length; at++) {
      const flipped = Buffer.from(sealed)
      flipped[at] = (flipped[at] ?? 0) ^ 1
      await expect(open(flipped)).rejects.toThrow(AgeFault)
      await expect(open(sealed.subarray(0, at))).rejects.toThrow(AgeFault)
    }
    await expect(open(Buffer.concat([sealed, Buffer.from('x')]))).rejects.toThrow(AgeFault)
  })

  it('are armored to lines of 64 columns and back', () => {
    for (const size of [1, 47, 48, 49, 96, 1000]) {
      const bytes = Buffer.alloc(size, 7)
      expect(dearmor(armor(bytes)).equals(bytes)).toBe(true)
      expect(dearmor(`\n \n${armor(bytes).replaceAll('\n', '\r\n')}\n\t\n`).equals(bytes)).toBe(true)
    }
  })

  it('are made for recipients that go together, and for those alone', async () => {
    await expect(sealAgeFile(Buffer.from('x'), [])).rejects.toThrow(AgeFault)
    await expect(sealAgeFile(Buffer.from('x'), ['age1pq1x', keys[0].recipient])).rejects.toThrow(AgeFault)
    await expect(sealAgeFile(Buffer.from('x'), ['ssh-ed25519 AAAA'])).rejects.toThrow()
    expect(isNativeRecipient(keys[0].recipient)).toBe(true)
    expect(isNativeRecipient('age1yubikey1qwt50d05nh5vutpdzmlg5wn80xq5negm4uj9ghv0snvdd3yysf5yw3rhl3t')).toBe(
      false,
    )
    expect(isNativeRecipient('ssh-ed25519 AAAA')).toBe(false)
  })

  it('for a post-quantum key open with that key alone, and at once where none fits', async () => {
    const quantum = await generatePostQuantumKey()
    const mine = parseIdentities(quantum.text)
    const sealed = await sealAgeFile(Buffer.from('x'), [quantum.recipient])
    expect((await openAgeFile(sealed, [...identities, ...mine])).toString()).toBe('x')
    const noMatch = expect.objectContaining({ kind: 'no-match', message: 'no identity fits' })
    expect(() => openAgeFile(sealed, identities)).toThrow(noMatch)
    const other = parseIdentities((await generatePostQuantumKey()).text)
    await expect(openAgeFile(sealed, other)).rejects.toEqual(noMatch)
    const classic = await sealAgeFile(Buffer.from('x'), recipients)
    expect(() => openAgeFile(classic, mine)).toThrow(noMatch)
    const file = parseAgeFile(classic)
    expect(wantsPackage(file, mine)).toBe(false)
    expect(wantsPackage(parseAgeFile(sealed), identities)).toBe(false)
    expect(await openByPackage(file, mine)).toBeUndefined()
    expect(isNativeRecipient(quantum.recipient)).toBe(true)
  })

  it('for a post-quantum key that were changed are told as such', async () => {
    const quantum = await generatePostQuantumKey()
    const sealed = await sealAgeFile(Buffer.from('x'), [quantum.recipient])
    const at = sealed.indexOf('\n--- ') + 5
    const changed = Buffer.from(sealed)
    changed.write(changed.toString('latin1', at, at + 1) === 'A' ? 'B' : 'A', at)
    await expect(openAgeFile(changed, parseIdentities(quantum.text))).rejects.toMatchObject({ kind: 'mac' })
    const short = Buffer.from(
      sealed.toString('latin1').replace('mlkem768x25519 ', 'mlkem768x25519 x '),
      'latin1',
    )
    await expect(openAgeFile(short, parseIdentities(quantum.text))).rejects.toMatchObject({ kind: 'header' })
  })

  it('for keys that do not go together are not made', async () => {
    await expect(sealAgeFile(Buffer.from('x'), [])).rejects.toMatchObject({
      kind: 'header',
      message: 'recipients that can’t be combined',
    })
    const quantum = await generatePostQuantumKey()
    await expect(sealAgeFile(Buffer.from('x'), [quantum.recipient, keys[0].recipient])).rejects.toMatchObject(
      { kind: 'header' },
    )
  })
})
