import { describe, expect, test } from 'vitest'
import { clearNames, isClear } from '../../../src/sops/clear-names.ts'

const ENC = 'ENC[AES256_GCM,data:eA==,iv:eA==,tag:eA==,type:str]'
const names = (type: 'dotenv' | 'json' | 'yaml', text: string) =>
  clearNames({ type, bytes: Buffer.from(text) })

test.each([
  ['', false],
  [null, false],
  [ENC, false],
  ['x', true],
  [` ${ENC}`, true],
  [false, true],
  [{ number: '0' }, true],
  [[], true],
])('%j is in the clear: %s', (value, clear) => {
  expect(isClear(value)).toBe(clear)
})

describe('the names in the clear', () => {
  test('of a dotenv file are those of its values alone', () => {
    expect(names('dotenv', `#x\nA=${ENC}\nB=b\nC=\nnothing\nsops_mac=m\nD=d\n`)).toEqual(['B', 'D'])
  })

  test('of JSON are all but the metadata’s, each as often as it is there', () => {
    const text = `{"A":"${ENC}","B":"b","C":"","N":5,"B":"c","sops":{"mac":"m"}}`
    expect(names('json', text)).toEqual(['B', 'N', 'B'])
    expect(names('json', '[]')).toEqual([])
    expect(names('json', '{')).toEqual([])
  })

  test('of INI, which is handed over as JSON, are those in its sections', () => {
    expect(names('json', `{"DEFAULT":{"A":"a","B":"${ENC}"},"x":{"C":"c"},"sops":{"mac":"m"}}`)).toEqual([
      'A',
      'C',
    ])
  })

  test('of the YAML that is written for sops are those of its scalars, quotes undone', () => {
    const text = `"A": "${ENC}"\n"B\\"b": "x"\n"C": ""\n"D": null\n"E": 5\n"sops": {"mac": "m"}\nF: x\n"G":"x"\n`
    expect(names('yaml', text)).toEqual(['B"b', 'E'])
  })
})
