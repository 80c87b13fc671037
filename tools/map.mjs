/**
 * Writes the map of src in AGENTS.md, between `<!-- map -->` and `<!-- /map -->`: of each file, the first sentence of
 * the comment that it begins with.
 *
 *   npm run map
 *
 * test/unit/map.test.ts holds the page equal to what this would write.
 */
import { readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'

const PAGE = fileURLToPath(new URL('../AGENTS.md', import.meta.url))
const SRC = new URL('../src/', import.meta.url)

/** No sentence of the map is longer. */
export const LONGEST = 90
/** The column that sentences begin in. */
const COLUMN = 28

/**
 * The text of the comment that a file begins with, in one line; empty where there is none.
 * @param {string} text
 */
function openingComment(text) {
  const [, comment = ''] = /^(?:#!.*\n)?\/\*\*(.*?)\*\//s.exec(text) ?? []
  return comment
    .split('\n')
    .map((line) => line.replace(/^\s*\* ?/, '').trim())
    .join(' ')
    .trim()
}

/**
 * The first sentence that a file says of itself, without its full stop.
 * @param {string} text
 */
export function sentenceOf(text) {
  const [sentence = ''] = /^.*?(?=[.;](?:\s|$)|$)/.exec(openingComment(text)) ?? []
  // A source in parentheses may itself be cut in two.
  return sentence.replace(/\s*\([^)]*$/, '')
}

/**
 * The files of a directory, each directory's own files before its directories.
 * @param {URL} directory
 * @param {number} depth
 * @returns {Array<[name: string, sentence: string]>}
 */
function filesIn(directory, depth) {
  const entries = readdirSync(directory, { withFileTypes: true }).sort((one, other) =>
    one.name < other.name ? -1 : 1,
  )
  const indent = '  '.repeat(depth)
  /** @type {Array<[name: string, sentence: string]>} */
  const rows = []
  for (const { name } of entries.filter((entry) => entry.name.endsWith('.ts')))
    rows.push([`${indent}${name}`, sentenceOf(readFileSync(new URL(name, directory), 'utf8'))])
  for (const { name } of entries.filter((entry) => entry.isDirectory()))
    rows.push([`${indent}${name}/`, ''], ...filesIn(new URL(`${name}/`, directory), depth + 1))
  return rows
}

/** The files of src, each with its sentence, indented as they lie. */
export const mapRows = () => filesIn(SRC, 1)

/**
 * The page with the map as it would be now.
 * @param {string} page
 */
export function pageNow(page) {
  const lines = [
    'src/',
    ...mapRows().map(([name, sentence]) => `${name.padEnd(COLUMN)} ${sentence}`.trimEnd()),
  ]
  return page.replace(
    /(?<=<!-- map -->\n).*?(?=<!-- \/map -->)/s,
    () => `\`\`\`\n${lines.join('\n')}\n\`\`\`\n`,
  )
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  writeFileSync(PAGE, pageNow(readFileSync(PAGE, 'utf8')))
}
