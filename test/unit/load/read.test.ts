import { mkdtempSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { readIfThere, readRegular, readWhole } from '../../../src/load/read.ts'

const directory = mkdtempSync(join(tmpdir(), 'disinto-read-'))
const at = (name: string) => join(directory, name)

test.each(['/dev/zero', '/dev/null', '/'])('a link that leads to %s is refused by every reader', (target) => {
  const link = at(`link-${target.replaceAll('/', '-')}`)
  symlinkSync(target, link)
  const irregular = expect.objectContaining({ code: 'source-irregular' })
  for (const reads of [readRegular, readIfThere, readWhole]) expect(() => reads(link)).toThrow(irregular)
})

test('what is not there is undefined where it may be absent, and an error of ours elsewhere', () => {
  writeFileSync(at('file'), 'x')
  expect(readIfThere(at('none'))).toBeUndefined()
  expect(readIfThere(at('file/below'))).toBeUndefined()
  expect(() => readWhole(at('none'))).toThrow(expect.objectContaining({ code: 'source-dangling' }))
  expect(readIfThere(at('file'))?.toString()).toBe('x')
})
