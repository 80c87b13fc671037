import { expect, test } from 'vitest'
import { detectFormat } from '../../../src/load/format.ts'

test.each([
  ['A=ENC[x]\nsops_mac=ENC[x]\nsops_version=3\n', 'sops-dotenv'],
  ['A=x\nsops_version=3\n', undefined],
  ['# x\rsops_mac=x\nsops_version=3\n', undefined],
  ['A=x\nsops: x\n', undefined],
  ['{"A":"x","sops":{}}', 'sops-json'],
  ['  \n{"data":"x","sops":{}}', 'sops-binary'],
  ['{"data":"x","A":"y","sops":{}}', 'sops-json'],
  ['A: x\nsops:\n    mac: x\n', 'sops-yaml'],
  ['A = x\n[sops]\nmac = x\nversion = 3\n', 'sops-ini'],
  ['age-encryption.org/v1\n-> X', 'age'],
  ['-----BEGIN AGE ENCRYPTED FILE-----\n', 'age'],
  ['{"A":"x"}', undefined],
  ['{"A":"x","sops":[]}', undefined],
  ['{"A":', undefined],
  ['A=x\n', undefined],
  ['', undefined],
])('%j is %s', (text, format) => {
  expect(detectFormat(Buffer.from(text))).toBe(format)
})

test.each([
  ['A=ENC[x]\nsops_version=3\n', 'sops-dotenv'],
  ['A: x\nsops:\n    age: []\n', 'sops-yaml'],
])('where all must be encrypted, %j has lost its MAC', (text, format) => {
  expect(detectFormat(Buffer.from(text), { plaintextAllowed: false })).toBe(format)
})
