/** AGENTS.md says what each file says of itself. */
import { readFileSync } from 'node:fs'
import { expect, test } from 'vitest'
import { LONGEST, mapRows, pageNow } from '../../tools/map.mjs'

const page = readFileSync(new URL('../../AGENTS.md', import.meta.url), 'utf8')
const files = mapRows().filter(([name]) => name.endsWith('.ts'))

test('the map of AGENTS.md is that of the code (npm run map writes it)', () => {
  expect(page).toBe(pageNow(page))
})

test.each(files)('%s begins with a comment, whose first sentence fits into a line', (_, sentence) => {
  expect(sentence).not.toBe('')
  expect(sentence.length).toBeLessThanOrEqual(LONGEST)
})
