import { describe, expect, it } from 'vitest'
import { goBool, goFloat, goInt, goNumber, parseGoBool } from '../../../src/sops/scalar.ts'

describe('numbers and booleans', () => {
  it.each([
    ['3.0', '3', '3.0'],
    ['1e21', '1000000000000000000000', '1E+21'],
    ['1234567.5', '1234567.5', '1.2345675E+06'],
    ['123456.7', '123456.7', '123456.7'],
    ['0.00001', '0.00001', '1E-05'],
    ['0.0001', '0.0001', '0.0001'],
    ['1.5e-7', '0.00000015', '1.5E-07'],
    ['100000.0', '100000', '100000.0'],
    ['1e6', '1000000', '1E+06'],
    ['-0.0', '-0', '-0.0'],
    ['99999999999999999999', '100000000000000000000', '1E+20'],
    ['1.7976931348623157e308', `17976931348623157${'0'.repeat(292)}`, '1.7976931348623157E+308'],
  ])('prints %s as sops does', (text, authenticated, shown) => {
    expect(goNumber(text)).toEqual({ authenticated, shown })
  })

  it('keeps 64-bit integers exact and reads larger ones as floats', () => {
    expect(goNumber('9007199254740993')).toEqual({
      authenticated: '9007199254740993',
      shown: '9007199254740993',
    })
    expect(goNumber('9223372036854775807')).toMatchObject({ shown: '9223372036854775807' })
    expect(goNumber('9223372036854775808')).toMatchObject({ shown: '9.223372036854776E+18' })
    expect(goNumber('-0')).toEqual({ authenticated: '0', shown: '0' })
    expect(goInt('+007')).toEqual({ authenticated: '7', shown: '7' })
    expect(goInt('1_0')).toBeUndefined()
  })

  it('says of forms it does not follow that they are odd', () => {
    expect(goFloat('0x1p-2')).toBe('odd')
    expect(goFloat('inf')).toBe('odd')
    expect(goFloat('1e999')).toBeUndefined()
  })

  it('reads booleans as Go does', () => {
    expect(parseGoBool('t')).toEqual(goBool(true))
    expect(parseGoBool('False')).toEqual({ authenticated: 'False', shown: 'false' })
    expect(parseGoBool('yes')).toBeUndefined()
  })
})

const exactly = (text: string) => ({ authenticated: text, shown: text })

describe('the edges of numbers', () => {
  it.each([
    ['-9223372036854775808', exactly('-9223372036854775808')],
    ['-9223372036854775809', undefined],
    ['9223372036854775808', undefined],
    ['-0', exactly('0')],
    ['000', exactly('0')],
    [`-${'0'.repeat(30)}42`, exactly('-42')],
    ['10000000000000000000', undefined],
    ['', undefined],
    ['+', undefined],
    ['5 ', undefined],
    [' 5', undefined],
    ['5.0', undefined],
  ])('%j as an integer', (text, read) => {
    expect(goInt(text)).toEqual(read)
  })

  it.each([
    ['.5', { authenticated: '0.5', shown: '0.5' }],
    ['+5.', { authenticated: '5', shown: '5.0' }],
    ['-2.5E+3', { authenticated: '-2500', shown: '-2500.0' }],
    ['-0.00001', { authenticated: '-0.00001', shown: '-1E-05' }],
    ['0.00012', { authenticated: '0.00012', shown: '0.00012' }],
    ['12e-11', { authenticated: '0.00000000012', shown: '1.2E-10' }],
    ['1e100', { authenticated: `1${'0'.repeat(100)}`, shown: '1E+100' }],
    ['-1234567', { authenticated: '-1234567', shown: '-1.234567E+06' }],
    ['0', { authenticated: '0', shown: '0.0' }],
    ['-1e999', undefined],
    ['', 'odd'],
    ['.', 'odd'],
    ['e5', 'odd'],
    ['1e', 'odd'],
    ['1 ', 'odd'],
    [' 1', 'odd'],
    ['1_0', 'odd'],
  ])('%j as a float', (text, read) => {
    expect(goFloat(text)).toEqual(read)
  })

  it('knows the twelve booleans of Go, whole', () => {
    const [yes, no] = [
      ['1', 't', 'T', 'TRUE', 'true', 'True'],
      ['0', 'f', 'F', 'FALSE', 'false', 'False'],
    ]
    for (const text of yes) expect(parseGoBool(text)).toEqual({ authenticated: 'True', shown: 'true' })
    for (const text of no) expect(parseGoBool(text)).toEqual({ authenticated: 'False', shown: 'false' })
    for (const text of ['', 'true ', ' true', 'false ', ' false', 'tRUE', '10', '2'])
      expect(parseGoBool(text)).toBeUndefined()
  })
})
