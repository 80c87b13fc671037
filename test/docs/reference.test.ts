/** The pages of the reference say what the code does: their tables are those that the code makes. */
import { readFileSync } from 'node:fs'
import { expect, test } from 'vitest'
import { checkName } from '../../src/load/names.ts'
import { codesIn, pagesWithTables, refusedNames } from '../../tools/reference.mjs'

const read = (name: string) => readFileSync(new URL(`../../docs/${name}`, import.meta.url), 'utf8')

/** The formatter pads cells and breaks no line. */
const cells = (text: string) =>
  text
    .replaceAll(/-{3,}/g, '---')
    .replaceAll(/[ \t]+/g, ' ')
    .replaceAll(/\n+/g, '\n')

test('the tables are those of the code (npm run reference writes them)', async () => {
  for (const [name, text] of await pagesWithTables()) expect(cells(read(name)), name).toBe(cells(text))
})

test('every name that the table has is refused for the reason it gives', () => {
  const names = refusedNames()
  expect(names.length).toBeGreaterThan(250)
  for (const { pattern, reason } of names) {
    const name = pattern.replace('*', 'X')
    expect(() => checkName(name, 'FILE', new Set())).toThrow(`${name} is refused: it ${reason}`)
  }
})

test.each(['load', 'age', 'host'])('every warning of src/%s is there', (directory) => {
  for (const code of codesIn(directory)) expect(read('reference-messages.md')).toContain(`\`${code}\``)
})
