import { spawnSync } from 'node:child_process'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, expect, onTestFinished, test } from 'vitest'
import { sealAgeFile } from '../../src/age/file.ts'
import { parseIdentities } from '../../src/age/identities.ts'
import { generateKey } from '../../src/age/keygen.ts'
import { detectFormat } from '../../src/load/format.ts'
import type { SopsFormat } from '../../src/nouns.ts'
import { appendAgeKey } from '../../src/sops/add-recipient.ts'
import { dataKeyOf } from '../../src/sops/builtin.ts'
import { readOutside } from '../../src/sops/outside.ts'
import { readYamlTree } from '../../src/sops/outside-yaml.ts'

const SOPS = process.env['SOPS_PROGRAM'] ?? 'sops'
const mine = generateKey()
const theirs = generateKey()
const SSH = 'ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIOMa4LUTxnToRMG45/qeQ/kPkRGCSoWgPJ5piH+p9+pn user@host'

function sops(words: readonly string[], key: string, input?: string) {
  return spawnSync(SOPS, ['--config', '/dev/null', ...words], {
    ...(input !== undefined && { input }),
    encoding: 'utf8',
    env: { PATH: process.env['PATH'], HOME: '/nonexistent', SOPS_AGE_KEY: key },
  })
}

const PLAIN = {
  dotenv: '# why\nA=1\nB_clear=2\n',
  json: '{"A": 8080, "B_clear": true, "C": {"D": ["x"]}}',
  yaml: '# why\nA: 8080\nB_clear: true # told\nC:\n    D: [x]\n',
  ini: '[s]\nA = 1\n',
  binary: '\u0001\u0002 bytes',
} as const

const RULE = ['--unencrypted-suffix', '_clear']

describe.each(Object.keys(PLAIN) as Array<keyof typeof PLAIN>)(
  'one more key for a file of type %s',
  (type) => {
    test.each([
      ['of one key', [mine.recipient]],
      ['with an SSH key', [SSH, mine.recipient]],
    ])('%s opens it to the same, and every byte of before is there', async (_, recipients) => {
      const directory = mkdtempSync(join(tmpdir(), 'disinto-append-'))
      onTestFinished(() => rmSync(directory, { recursive: true }))
      const words = ['--filename-override', 'x', '--input-type', type, '--output-type', type]
      const encrypted = sops(
        ['encrypt', '--age', recipients.join(','), ...(type === 'binary' ? [] : RULE), ...words],
        '',
        PLAIN[type],
      )
      expect(encrypted.stderr).toBe('')
      const bytes = Buffer.from(encrypted.stdout)
      const format = detectFormat(bytes) as SopsFormat
      const { ageKeys } = await readOutside(bytes, format, readYamlTree)
      const dataKey = await dataKeyOf({ keys: ageKeys }, parseIdentities(mine.text))
      const enc = (await sealAgeFile(dataKey, [theirs.recipient], { armored: true })).toString('latin1')
      const more = await appendAgeKey(bytes, format, { recipient: theirs.recipient, enc })

      // What was put in is one piece: without it, the file is what it was.
      let start = 0
      while (bytes[start] === more[start]) start++
      const length = more.length - bytes.length
      expect(Buffer.concat([more.subarray(0, start), more.subarray(start + length)]).equals(bytes)).toBe(true)
      expect((await readOutside(more, format, readYamlTree)).recipients).toEqual([
        ...recipients,
        theirs.recipient,
      ])

      const path = join(directory, 'x')
      writeFileSync(path, more)
      for (const key of [mine, theirs]) {
        const opened = sops(['decrypt', '--input-type', type, '--output-type', type, path], key.text)
        expect(opened.stderr).toBe('')
        const before = sops(['decrypt', ...words], mine.text, encrypted.stdout)
        expect(opened.stdout).toBe(before.stdout)
      }
    })
  },
)
