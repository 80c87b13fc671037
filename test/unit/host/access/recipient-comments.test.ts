import { describe, expect, test } from 'vitest'
import { generateKey } from '../../../../src/age/keygen.ts'
import { withName, withoutName } from '../../../../src/host/access/recipient-comments.ts'
import { namesIn } from '../../../../src/host/access/recipient-names.ts'
import { parseRules } from '../../../../src/host/access/rules.ts'

const [a, b] = [generateKey().recipient, generateKey().recipient]
const FINGERPRINT = 'B611A2F9F11D0FF82568805119F9B5DAEA91FF86'
const SSH = `ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAI${'x'.repeat(30)}`

describe('a name that is given', () => {
  const rules = (text: string) => parseRules('/p/.sops.yaml', text)
  const TEXT = `creation_rules:\n  - age: ${a}`

  test.each(['alice', 'Zoë O’Neill', "bob's-laptop_2 @home+", 'x'.repeat(40)])(
    'stands in a comment at the end: %s',
    async (name) => {
      const named = `${TEXT}\n# ${name}: ${a}\n`
      expect((await withName(await rules(TEXT), a, name)).text).toBe(named)
      expect((await withName(await rules(`${TEXT}\n`), a, name)).text).toBe(named)
      expect(namesIn(named).get(a)).toBe(name)
    },
  )

  test('is that of the key, whatever comment an SSH key has', async () => {
    expect((await withName(await rules(TEXT), `${SSH} me@host`, 'me')).text).toBe(`${TEXT}\n# me: ${SSH}\n`)
  })

  test.each([
    '',
    ' alice',
    'alice ',
    'alice:',
    '-alice',
    'a\nb',
    'a#b',
    'a: b',
    'a\u202eb',
    'x'.repeat(41),
    a,
    FINGERPRINT,
    `x ${a}`,
  ])('is refused: %j', async (name) => {
    const given = await rules(TEXT)
    expect(() => withName(given, b, name)).toThrow(
      expect.objectContaining({
        code: 'option-value',
        message: '--name: needs a name of at most 40 letters, digits and blanks',
        hint: 'disinto help secrets recipients add shows each option with an example',
      }),
    )
  })

  test('goes with the recipient, and nothing else does', () => {
    const kept = `# ${a}\n- ${a} # alice: ${a}\n# alice: ${a} and so on\n# bob: ${b}\n# the end`
    expect(withoutName(`${kept}\n  # alice: ${a}\n#me: ${a} \n\n`, a)).toBe(`${kept}\n\n`)
    expect(withoutName(`# me: ${SSH}\n`, `${SSH} me@host`)).toBe('')
  })
})
