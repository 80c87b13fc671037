import { describe, expect, test } from 'vitest'
import { generateKey } from '../../../../src/age/keygen.ts'
import { namesIn, recipientNames, shortRecipient } from '../../../../src/host/access/recipient-names.ts'
import { Place } from '../../../helpers/place.ts'

const [a, b] = [generateKey().recipient, generateKey().recipient]
const FINGERPRINT = 'B611A2F9F11D0FF82568805119F9B5DAEA91FF86'
const SSH = `ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAI${'x'.repeat(30)}`

describe('a recipient has the name of', () => {
  test.each<[what: string, text: string]>([
    ['the comment behind it', `- ${a} # alice\n- ${b}\n`],
    ['the comment above it', `# alice\n- ${a}\n# bob\n- ${b}\n`],
    ['its anchor', `- &alice ${a}\n`],
    ['a comment that has both', `age: ${a},${b}\n# alice: ${a}\n`],
    ['the same the other way round', `age: ${a},${b}\n# ${a} (alice)\n`],
  ])('%s', (_, text) => {
    expect(namesIn(text).get(a)).toBe('alice')
  })

  test('nothing, where it would be a guess', () => {
    const texts = [
      `age: ${a},${b} # alice\n`,
      `# the admins\n- ${a}\n- ${b}\n`,
      `# ${'a sentence '.repeat(9)}\n- ${a}\n`,
      `- ${a}\n`,
      `- ${a}#alice\n`,
    ]
    expect(texts.map((text) => namesIn(text).get(a))).toEqual(texts.map(() => undefined))
  })

  test('its comment, if it is an SSH or PGP key', () => {
    const names = namesIn(`- ${SSH} # alice\n- ${FINGERPRINT} # bob\n`)
    expect([...names]).toEqual([
      [SSH, 'alice'],
      [`pgp:${FINGERPRINT}`, 'bob'],
    ])
  })
})

test('a recipient is cut to what tells it from others', () => {
  expect(shortRecipient(a)).toBe(`${a.slice(0, 12)}…`)
  expect(shortRecipient(`${SSH} bob@laptop`)).toBe('ssh-ed25519 ...xxxxxxxx bob@laptop')
  expect(shortRecipient(`pgp:${FINGERPRINT}`)).toBe('pgp:…19F9B5DAEA91FF86')
  expect(shortRecipient('kms:arn:aws:kms:x')).toBe('kms:arn:aws:kms:x')
})

test('nobody is called "you" by what .sops.yaml says', async () => {
  const place = new Place().withKey()
  const own = place.key.recipient
  place.write(
    '.sops.yaml',
    `creation_rules:\n  - key_groups:\n    - age:\n      - ${own} # eve\n      - ${b} # you\n`,
  )
  const { short, whole } = await recipientNames(place.context())
  expect(short(own)).toBe('you')
  expect(whole(own)).toBe(`${own}  (you)`)
  expect(short(b)).toBe(`${b.slice(0, 12)}… "you"`)
  expect(whole(b)).toBe(`${b}  ("you")`)
})
