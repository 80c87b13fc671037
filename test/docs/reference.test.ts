/** docs/reference.md says what the code does: its tables are those that the code gives. */
import { readFileSync } from 'node:fs'
import { expect, test } from 'vitest'
import { checkName } from '../../src/load/names.ts'
import { codesIn, refusedNames, withTables } from '../../tools/reference.mjs'

const page = readFileSync(new URL('../../docs/reference.md', import.meta.url), 'utf8')

/** The formatter pads cells and breaks no line. */
const cells = (text: string) =>
  text
    .replaceAll(/-{3,}/g, '---')
    .replaceAll(/[ \t]+/g, ' ')
    .replaceAll(/\n+/g, '\n')

test('the tables are those of the code (npm run reference writes them)', async () => {
  expect(cells(page)).toBe(cells(await withTables(page)))
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
  for (const code of codesIn(directory)) expect(page).toContain(`\`${code}\``)
})
