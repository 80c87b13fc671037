import { describe, expect, test } from 'vitest'
import { armor, dearmor, isArmored } from '../../../src/age/armor.ts'
import { AgeFault } from '../../../src/age/fault.ts'

const BEGIN = '-----BEGIN AGE ENCRYPTED FILE-----'
const END = '-----END AGE ENCRYPTED FILE-----'
const FULL = 'A'.repeat(64)
/** The armor around these lines. */
const around = (...lines: string[]) => [BEGIN, ...lines, END, ''].join('\n')

function fault(text: string): string {
  try {
    dearmor(text)
  } catch (error) {
    if (error instanceof AgeFault && error.kind === 'armor') return error.message
    throw error
  }
  return 'none'
}

describe('armor', () => {
  test.each([
    ['nothing', ''],
    ['of one line', around('QQ==')],
    ['of lines that are full', around(FULL, FULL)],
    ['without the last line end', around('QQ==').trimEnd()],
    ['with carriage returns', around('QQ==').replaceAll('\n', '\r\n')],
    [
      'behind 1024 blanks, and as many after',
      `${'\t\n\v\f\r '.repeat(170)}\n\n\n\n${around('QQ==')}${'\n'.repeat(1023)}`,
    ],
  ])('%s is taken', (title, text) => {
    expect(fault(text)).toBe(title === 'nothing' ? 'no armor' : 'none')
  })

  test.each([
    ['no armor', 'QQ=='],
    ['no armor', `x\n${around('QQ==')}`],
    ['no armor', `${'\n'.repeat(1025)}${around('QQ==')}`],
    ['blanks before the first line', ` ${around('QQ==')}`],
    ['no last line', `${BEGIN}\nQQ==\n`],
    ['no armor', `${END}\n${BEGIN}\nQQ==\n`],
    ['data after the last line', `${around('QQ==')}x`],
    ['data after the last line', `${around('QQ==').trimEnd()} \n`],
    ['data after the last line', `${around('QQ==').trimEnd()}\rx`],
    ['data after the last line', `${around('QQ==')}${'\n'.repeat(1024)}`],
    ['marks that are not lines of their own', `${BEGIN} \nQQ==\n${END}\n`],
    ['marks that are not lines of their own', `${BEGIN}QQ==\n${END}\n`],
    ['marks that are not lines of their own', `${BEGIN}\nQQ==${END}\n`],
    ['marks that are not lines of their own', `${BEGIN}${END}\n`],
    ['a line of the wrong length', around('QQ==', 'QQ==')],
    ['a line of the wrong length', around(`${FULL}A`)],
    ['a line of the wrong length', around('')],
    ['a line of the wrong length', around(FULL, '')],
    ['not base64', around('QR==')],
    ['not base64', around('QQ')],
    ['not base64', around('Q*==')],
    ['not base64', around(' QQ==')],
  ])('%s: %j', (message, text) => {
    expect(fault(text)).toBe(message)
  })

  test('holds what it was put around', () => {
    expect(dearmor(around('QQ==')).toString()).toBe('A')
    expect(armor(Buffer.alloc(49))).toBe(around(FULL, 'AA=='))
    expect(armor(Buffer.alloc(0))).toBe(around())
  })

  test('is told by the first line that is not blank, within what age looks at', () => {
    const told = (text: string) => isArmored(Buffer.from(text))
    expect(told(around('QQ=='))).toBe(true)
    expect(told(`${'\n'.repeat(1024)}${BEGIN}`)).toBe(true)
    expect(told(`${'\n'.repeat(2000)}${BEGIN}`)).toBe(false)
    expect(told('-----BEGIN')).toBe(true)
    expect(told(`x${BEGIN}`)).toBe(false)
    expect(told('')).toBe(false)
    expect(isArmored(Buffer.from(`xx${BEGIN}`).subarray(2))).toBe(true)
  })
})
