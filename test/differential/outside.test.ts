import { spawnSync } from 'node:child_process'
import { describe, expect, test } from 'vitest'
import { detectFormat } from '../../src/load/format.ts'
import { readOutside } from '../../src/sops/outside.ts'
import { readYamlTree } from '../../src/sops/outside-yaml.ts'

const SOPS = process.env['SOPS_PROGRAM'] ?? 'sops'
const ME = 'age16wufy8djxz3ug7qkd2aexn4q7lawynwxltcpw0ryhdkw9ku5kutsfu4vt3'

const outside = (text: string) => {
  const bytes = Buffer.from(text)
  return readOutside(bytes, detectFormat(bytes), readYamlTree)
}

/** What stock sops makes of a plaintext. */
function encrypted(type: string, text: string, ...words: string[]): string {
  const { status, stdout, stderr } = spawnSync(
    SOPS,
    [
      '--config',
      '/dev/null',
      'encrypt',
      '--filename-override',
      'x',
      ...words,
      '--input-type',
      type,
      '--output-type',
      type,
    ],
    { input: text, encoding: 'utf8' },
  )
  if (status !== 0) throw new Error(stderr)
  return stdout
}

const SSH = 'ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIOMa4LUTxnToRMG45/qeQ/kPkRGCSoWgPJ5piH+p9+pn user@host'

describe('a file of stock sops, seen from outside', () => {
  test('takes no public key in a comment or a name for a recipient', async () => {
    const text = encrypted('dotenv', 'A=1\n', '--age', ME)
    const other = 'age16gsxhup0z40xqrqdjftjceqhkurjd5js7734kdy0a46slcm98pdsmm7peg'
    expect((await outside(`# contact ${other}\n${text}`)).recipients).toEqual([ME])
  })

  test.each(['dotenv', 'json', 'yaml', 'ini'])(
    'written by sops as %s, has its SSH key as well',
    async (type) => {
      const plain = { dotenv: 'A=1\n', json: '{"A":"1"}', yaml: 'A: "1"\n', ini: 'A = 1\n' }[type] ?? ''
      const found = await outside(encrypted(type, plain, '--age', `${ME},${SSH}`))
      expect(found.recipients).toEqual([ME, SSH])
      expect(found.names).toEqual(['A'])
      expect(found.clear).toEqual([])
      expect(found.version).toMatch(/^3\./)
      expect(found.mac).toMatch(/^ENC\[/)
      expect(found.ageKeys[0]?.enc).toMatch(/^-----BEGIN AGE ENCRYPTED FILE-----\n/)
    },
  )

  test('hides no name that looks like metadata', async () => {
    const text = encrypted('dotenv', 'version=1\nencrypted_password=2\nmac=3\nA__list_1=4\n', '--age', ME)
    expect((await outside(text)).names).toEqual(['version', 'encrypted_password', 'mac', 'A__list_1'])
  })

  test.each(['dotenv', 'json', 'yaml'])(
    'tells the values that a rule left in the clear in %s',
    async (type) => {
      const plain =
        {
          dotenv: '# why\nA=1\nB=2\nC=\n',
          json: '{"A":"1","B":"2","C":""}',
          yaml: '# why\nA: 1\nB: [2]\nC: ""\n',
        }[type] ?? ''
      const { clear, rule, clearComments } = await outside(
        encrypted(type, plain, '--age', ME, '--encrypted-regex', '^A$'),
      )
      expect(clear).toEqual(['B'])
      expect(rule).toEqual({ name: 'encrypted_regex', text: '^A$' })
      expect(clearComments).toBe(type === 'json' ? 0 : 1)
    },
  )
})
