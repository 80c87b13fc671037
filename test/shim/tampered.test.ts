import { describe, expect, test } from 'vitest'
import { MARK, Project } from './project.ts'

const TAMPERED = /\.env\.enc: was changed after it was encrypted, or is damaged/

/** Lines of an encrypted dotenv file: A, B, C, then the metadata. */
function changed(change: (lines: string[]) => string[]): Project {
  const project = new Project()
  project.seal('.env.enc', 'dotenv', `A=one-${MARK}\nB=two-${MARK}\nC=three-${MARK}\n`)
  project.write('.env.enc', change(project.read('.env.enc').split('\n')).join('\n'))
  return project
}

const textOf = (line = '') => line.slice(line.indexOf('=') + 1)

describe('an env file that someone changed', () => {
  const cases: Array<[string, (lines: string[]) => string[]]> = [
    [
      'a value’s ciphertext changed',
      (l) => l.map((x) => x.replace(/^A=ENC\[AES256_GCM,data:..../, 'A=ENC[AES256_GCM,data:AAAA')),
    ],
    [
      'a value’s tag changed',
      (l) => l.map((x) => (x.startsWith('A=') ? x.replace(/tag:..../, 'tag:AAAA') : x)),
    ],
    ['a value replaced by plaintext', (l) => l.map((x) => (x.startsWith('A=') ? `A=${MARK}` : x))],
    ['the MAC removed', (l) => l.filter((x) => !x.startsWith('sops_mac='))],
    ['the MAC emptied', (l) => l.map((x) => (x.startsWith('sops_mac=') ? 'sops_mac=' : x))],
    ['the date changed', (l) => l.map((x) => x.replace(/^sops_lastmodified=..../, 'sops_lastmodified=1999'))],
    ['two values swapped', ([a, b, ...rest]) => [`A=${textOf(b)}`, `B=${textOf(a)}`, ...rest]],
    ['a value dropped', ([, ...rest]) => rest],
    ['values reordered', ([a = '', b = '', ...rest]) => [b, a, ...rest]],
    ['a plaintext value added', (l) => ['EVIL=x', ...l]],
    [
      'the data key damaged',
      (l) => l.map((x) => x.replace(/AGE ENCRYPTED FILE-----\\n..../, 'AGE ENCRYPTED FILE-----\\nAAAA')),
    ],
  ]
  test.each(cases)('%s', (_, change) => {
    expect(changed(change).refused()).toMatch(/\.env\.enc: /)
  })

  test.each(cases.slice(0, -1))('%s is called tampered', (_, change) => {
    expect(changed(change).refused()).toMatch(TAMPERED)
  })
})

test('a secret file that someone changed', () => {
  const project = new Project()
  project.secret('A', MARK)
  project.write('secrets/A.enc', project.read('secrets/A.enc').replace(/"mac": ".*?"/, '"mac": ""'))
  expect(project.refused()).toMatch(/A\.enc: was changed after it was encrypted/)
})

test('one secret’s file under another’s name', () => {
  const project = new Project()
  project.secret('A', MARK)
  project.write('secrets/B.enc', project.read('secrets/A.enc'))
  expect(project.refused()).toMatch(/B\.enc: must hold B and nothing else, but holds A/)
})

test('an age file with one bit changed', () => {
  const project = new Project()
  project.age('secrets/A.enc', MARK)
  const bytes = project.bytes('secrets/A.enc')
  const last = bytes.length - 1
  bytes[last] = (bytes[last] ?? 0) ^ 1
  project.write('secrets/A.enc', bytes)
  expect(project.refused()).toMatch(/A\.enc: was changed after it was encrypted, or is damaged/)
})
