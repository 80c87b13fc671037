import { randomBytes } from 'node:crypto'
import { describe, expect, test } from 'vitest'
import { AgeFault } from '../../../src/age/fault.ts'
import { checkHeader, encodeBase64, parseHeader, type Stanza, writeHeader } from '../../../src/age/header.ts'
import fc from '../../helpers/property.ts'

const KEY = Buffer.alloc(16, 7)
const MAC = encodeBase64(Buffer.alloc(32))

function fault(text: string): string {
  try {
    parseHeader(Buffer.from(text, 'latin1'))
  } catch (error) {
    if (error instanceof AgeFault && error.kind === 'header') return error.message
    throw error
  }
  return 'none'
}
/** A header of these lines between the first and the last. */
const around = (...lines: string[]) => ['age-encryption.org/v1', ...lines, `--- ${MAC}`, ''].join('\n')

describe('a header', () => {
  test('is read as it was written, whatever its stanzas', () => {
    const word = fc.string({ minLength: 1, unit: fc.constantFrom('a', '!', '~', '-', '0') })
    const body = fc.oneof(fc.nat(100), fc.constantFrom(0, 47, 48, 49, 96)).map((size) => randomBytes(size))
    const stanza = fc.record({ type: word, args: fc.array(word, { maxLength: 3 }), body })
    fc.assert(
      fc.property(fc.array(stanza, { maxLength: 4 }), (stanzas: Stanza[]) => {
        const bytes = writeHeader(stanzas, KEY)
        const header = parseHeader(Buffer.concat([bytes, Buffer.from('payload\n')]))
        expect(header.stanzas).toEqual(stanzas)
        expect(header.bytes.equals(bytes)).toBe(true)
        expect(() => checkHeader(header, KEY)).not.toThrow()
        expect(() => checkHeader(header, Buffer.alloc(16))).toThrow('the header was changed')
      }),
    )
  })

  test('whose bodies fill their lines ends them with an empty one', () => {
    const text = writeHeader([{ type: 'X', args: [], body: Buffer.alloc(48) }], KEY).toString()
    expect(text).toContain(`-> X\n${'A'.repeat(64)}\n\n---`)
  })

  test.each([
    ['version line', 'age-encryption.org/v2\n'],
    ['header: it has no end', 'age-encryption.org/v1'],
    ['header: it has no end', '\nx'.slice(1)],
    ['header: it has no end', around('-> X', 'QQ').slice(0, -1)],
    ['stanza', around('', '')],
    ['stanza', around('-> ', '')],
    ['stanza', around('->X', '')],
    ['stanza', around('x-> X', '')],
    ['stanza', around('-> X  Y', '')],
    ['stanza', around('-> X ', '')],
    ['stanza', around('-> \x7f', '')],
    ['stanza body', around('-> X', 'QR')],
    ['stanza body', around('-> X', 'QQ==')],
    ['stanza body', around('-> X', 'A'.repeat(68), '')],
    ['stanza body', around('-> X', 'A'.repeat(64))],
    ['last line', `age-encryption.org/v1\n---${MAC}\n`],
    ['last line', `age-encryption.org/v1\n--- ${MAC}=\n`],
    ['last line', `age-encryption.org/v1\n--- ${MAC.slice(0, -4)}\n`],
    ['last line', 'age-encryption.org/v1\n---\n'],
  ])('malformed %s: %j', (what, text) => {
    expect(fault(text)).toBe(`malformed ${what}`)
  })

  test.each([[around()], [around('-> X', '')], [around('-> X', 'A'.repeat(64), 'QQ')]])(
    '%j is one',
    (text) => {
      expect(fault(text)).toBe('none')
    },
  )
})
