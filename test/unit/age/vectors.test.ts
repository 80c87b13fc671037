import { createHash } from 'node:crypto'
import { inflateSync } from 'node:zlib'
import * as vectors from 'cctv-age'
import { describe, expect, it } from 'vitest'
import { AgeFault, type AgeFaultKind } from '../../../src/age/fault.ts'
import { openAgeFile } from '../../../src/age/file.ts'
import { parseIdentities } from '../../../src/age/identities.ts'

interface Vector {
  readonly expect: string
  readonly fields: ReadonlyMap<string, string>
  readonly identities: string
  readonly file: Buffer
}

function parseVector(bytes: Uint8Array): Vector {
  const whole = Buffer.from(bytes)
  const end = whole.indexOf('\n\n')
  const lines = whole.toString('utf8', 0, end).split('\n')
  const pairs = lines.map((line) => line.split(/: (.*)/s, 2) as [string, string])
  const fields = new Map(pairs)
  const identities = pairs.flatMap(([name, value]) => (name === 'identity' ? [value] : [])).join('\n')
  const body = whole.subarray(end + 2)
  const file = fields.get('compressed') === 'zlib' ? inflateSync(body) : body
  return { expect: fields.get('expect') ?? '', fields, identities, file }
}

const KINDS: Record<string, AgeFaultKind> = {
  'no match': 'no-match',
  'HMAC failure': 'mac',
  'header failure': 'header',
  'payload failure': 'payload',
  'armor failure': 'armor',
}

const all = Object.entries(vectors).filter(
  (entry): entry is [string, Uint8Array] => entry[1] instanceof Uint8Array,
)

/** Passphrases are no identities: sops never writes them, and age asks for them on a terminal. */
const needsPassphrase = (name: string) => name.includes('scrypt')

/** Armor that does not begin as armor does: read as a binary file, which it is not either. */
const NO_ARMOR = ['armor_garbage_leading', 'armor_whitespace_begin']

describe('the public age test vectors', () => {
  it('are all here', () => {
    expect(all.length).toBeGreaterThan(100)
  })

  it('are in scope but for those that need a passphrase', () => {
    const outside = all
      .filter(([, bytes]) => parseVector(bytes).fields.has('passphrase'))
      .map(([name]) => name)
    expect(outside).toEqual([
      'armor_scrypt',
      'scrypt',
      'scrypt_and_x25519',
      'scrypt_bad_tag',
      'scrypt_double',
      'scrypt_extra_argument',
      'scrypt_long_file_key',
      'scrypt_no_match',
      'scrypt_not_canonical_body',
      'scrypt_not_canonical_salt',
      'scrypt_salt_long',
      'scrypt_salt_missing',
      'scrypt_salt_short',
      'scrypt_uppercase',
      'scrypt_work_factor_23',
      'scrypt_work_factor_hex',
      'scrypt_work_factor_leading_garbage',
      'scrypt_work_factor_leading_plus',
      'scrypt_work_factor_leading_zero_decimal',
      'scrypt_work_factor_leading_zero_octal',
      'scrypt_work_factor_missing',
      'scrypt_work_factor_negative',
      'scrypt_work_factor_overflow',
      'scrypt_work_factor_trailing_garbage',
      'scrypt_work_factor_wrong',
      'scrypt_work_factor_zero',
    ])
    expect(outside.filter((name) => !needsPassphrase(name))).toEqual([])
    expect(all.length - outside.length).toBeGreaterThanOrEqual(117)
  })

  for (const [name, bytes] of all) {
    const vector = parseVector(bytes)
    if (vector.fields.has('passphrase')) continue
    it(`${name}: ${vector.expect}`, async () => {
      const identities = parseIdentities(vector.identities)
      const open = async () => await openAgeFile(vector.file, identities)
      if (vector.expect === 'success') {
        const digest = createHash('sha256')
          .update(await open())
          .digest('hex')
        expect(digest).toBe(vector.fields.get('payload'))
        return
      }
      const fault = await open().catch((error: unknown) => error)
      expect(fault).toBeInstanceOf(AgeFault)
      expect((fault as AgeFault).kind).toBe(NO_ARMOR.includes(name) ? 'header' : KINDS[vector.expect])
    })
  }
})
