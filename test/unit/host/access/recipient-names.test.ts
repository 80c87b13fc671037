import { describe, expect, test } from 'vitest'
import { generateKey } from '../../../../src/age/keygen.ts'
import { acceptRules } from '../../../../src/host/access/accepted.ts'
import { namesIn, recipientNames, shortRecipient } from '../../../../src/host/access/recipient-names.ts'
import { parseRules } from '../../../../src/host/access/rules.ts'
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
    ['the comment behind it, not its anchor or the one above', `# bob\n- &carol ${a} # alice\n`],
    ['its anchor, not the comment above', `# bob\n- &alice ${a}\n`],
    ['the first of two', `- ${a} # alice\n# bob: ${a}\n`],
    ['a comment of nothing but marks and it', `#  -- (alice):\n- ${a} #\n`],
    ['the comment of the first line', `#alice\n- ${a}`],
    ['the comment behind a tab', `- ${a}\t#alice\n`],
    ['the comment above it, whatever names the line below', `# alice\n- ${a}\n- x # ${b}\n`],
  ])('%s', (_, text) => {
    expect(namesIn(text).get(a)).toBe('alice')
  })

  test.each([
    ['a name of 40 characters', 'ä'.repeat(40), true],
    ['a sentence', 'ä'.repeat(41), false],
    ['characters of two units each', '😀'.repeat(40), true],
  ])('a comment that is %s, or not', (_, name, isName) => {
    expect(namesIn(`- ${a} # ${name}\n`).get(a)).toBe(isName ? name : undefined)
  })

  test.each<[what: string, text: string, name: string | undefined]>([
    ['a name of several parts', `- &team.a-b_c ${a}\n`, 'team.a-b_c'],
    ['marks in it', `- ${a} # alice (at work), x:y\n`, 'alice (at work), x:y'],
    ['a hash in it', `- ${a} # alice #1\n`, 'alice #1'],
    ['the recipient in the middle', `# for ${a} alone\n`, 'for  alone'],
    ['no name but the recipient', `# ${a}\n- ${a}\n`, undefined],
    ['another recipient', `# ${b}: bob\n- ${a}\n`, undefined],
    ['two recipients', `# alice: ${a} ${b}\n`, undefined],
    ['an empty line between', `# alice\n\n- ${a}\n`, undefined],
    ['what is no comment above', `alice: x\n- ${a}\n`, undefined],
    ['a comment behind something else above', `- x # alice\n- ${a}\n`, undefined],
  ])('what has %s is told or not', (_, text, name) => {
    expect(namesIn(text).get(a)).toBe(name)
  })

  test('nothing, where it is none', () => {
    expect(namesIn('- age1tooshort # alice\n- xage1 # bob\n').size).toBe(0)
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
    const rsa = 'ssh-rsa AAAAB3NzaC1yc2E='
    const names = namesIn(`- ${SSH} # alice\n- ${FINGERPRINT.toLowerCase()} # bob\n- ${rsa} # carol\n`)
    expect([...names]).toEqual([
      [SSH, 'alice'],
      [`pgp:${FINGERPRINT}`, 'bob'],
      [rsa, 'carol'],
    ])
    expect(namesIn(`- ${FINGERPRINT}0 # alice\n`).size).toBe(0)
  })
})

test('a recipient is cut to what tells it from others', () => {
  expect(shortRecipient(a)).toBe(`${a.slice(0, 12)}…`)
  expect(shortRecipient(`${SSH} bob@laptop`)).toBe('ssh-ed25519 ...xxxxxxxx bob@laptop')
  expect(shortRecipient(`pgp:${FINGERPRINT}`)).toBe('pgp:…19F9B5DAEA91FF86')
  expect(shortRecipient('kms:arn:aws:kms:x')).toBe('kms:arn:aws:kms:x')
  expect(shortRecipient(SSH)).toBe('ssh-ed25519 ...xxxxxxxx')
  expect(shortRecipient(`${SSH} bob\u202e`)).toBe('"ssh-ed25519 ...xxxxxxxx bob\u202e"')
  expect(shortRecipient('pgp:19F9B5DAEA91FF8')).toBe('pgp:19F9B5DAEA91FF8')
  expect(shortRecipient(`pgp:${FINGERPRINT}\n`)).toBe(`"pgp:${FINGERPRINT}\\n"`)
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

describe('here, a recipient is shown', () => {
  test('as the service whose key is here, or the name that the accepted rules have, else cut', async () => {
    const place = new Place()
    const context = place.context()
    const service = generateKey()
    const text = `creation_rules:\n  - age: ${b},${SSH}\n    pgp: ${FINGERPRINT}\n# bob: ${b}\n# carol: ${SSH}\n`
    await acceptRules(context, await parseRules(place.write('.sops.yaml', text), text))
    place.write('/home/.config/sops/age/project/web/keys.txt', service.text)
    place.write('.sops.yaml', text.replace('bob', 'eve'))
    const { short, whole } = await recipientNames(context)
    expect([service.recipient, b, `${SSH} at home`, a].map(short)).toEqual([
      'service web',
      `${b.slice(0, 12)}… "bob"`,
      'ssh-ed25519 ...xxxxxxxx at home "carol"',
      `${a.slice(0, 12)}…`,
    ])
    expect([service.recipient, b, `${SSH} at home`, a].map(whole)).toEqual([
      `${service.recipient}  (service web)`,
      `${b}  ("bob")`,
      `${SSH} at home  ("carol")`,
      a,
    ])
  })

  test('without a name where the rules can’t be read, or are not there', async () => {
    const place = new Place()
    expect((await recipientNames(place.context())).short(a)).toBe(`${a.slice(0, 12)}…`)
    place.write('.sops.yaml/x', '')
    expect((await recipientNames(place.context())).whole(a)).toBe(a)
  })
})
