import { spawnSync } from 'node:child_process'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, onTestFinished, test } from 'vitest'
import { COMMANDS } from '../../src/host/commands.ts'
import { FLAGS } from '../../src/load/option-list.ts'
import { pages } from '../../tools/man.mjs'

/** Runs mandoc on a page; a machine without it is told so. */
function mandoc(page: string, words: readonly string[]): string {
  const directory = mkdtempSync(join(tmpdir(), 'disinto-man-'))
  onTestFinished(() => rmSync(directory, { recursive: true }))
  const file = join(directory, 'page.1')
  writeFileSync(file, page)
  const { error, stdout } = spawnSync('mandoc', [...words, file], { encoding: 'utf8' })
  if (error !== undefined) throw new Error('needs the mandoc program (Debian: apt-get install mandoc)')
  return stdout
}

test('mandoc finds nothing wrong with a manual page', async () => {
  for (const page of (await pages()).values()) expect(mandoc(page, ['-T', 'lint', '-W', 'warning'])).toBe('')
})

test('the manual has every command, and every option of the shim', async () => {
  const all = await pages()
  const host = mandoc(all.get('disinto.1') ?? '', ['-T', 'ascii', '-O', 'width=200']).replaceAll(/.\x08/g, '')
  for (const name of COMMANDS.keys()) expect(host).toContain(`disinto ${name}`)
  const shim = mandoc(all.get('disinto-entrypoint.1') ?? '', ['-T', 'ascii']).replaceAll(/.\x08/g, '')
  for (const { name } of FLAGS) expect(shim).toContain(`--${name}`)
})
