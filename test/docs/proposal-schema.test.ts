/** docs/proposal.schema.json is what the code checks, for editors and forges. */
import { readFileSync } from 'node:fs'
import Ajv from 'ajv'
import addFormats from 'ajv-formats'
import { expect, test } from 'vitest'
import { parseProposal } from '../../src/host/vault/proposal.ts'
import { FILE, proposalSchema } from '../../tools/proposal-schema.mjs'

const text = readFileSync(FILE, 'utf8')
const ajv = new Ajv.default({ strict: true })
addFormats.default(ajv)
const isValid = ajv.compile(JSON.parse(text))

function isTaken(proposal: unknown): boolean {
  try {
    const bytes = Buffer.from(JSON.stringify(proposal))
    parseProposal({ path: 'p.json', format: 'json', bytes }, 'p', new Set())
    return true
  } catch {
    return false
  }
}

const GOOD = { type: 'publish', source: 'agent-1', payload: { a: 1 }, secrets: ['A', 'B'] }

const cases: ReadonlyArray<readonly [what: string, proposal: unknown, good: boolean]> = [
  ['the least', GOOD, true],
  ['more keys', { ...GOOD, more: [1] }, true],
  ['a payload that is text', { ...GOOD, payload: 'x' }, true],
  ['a payload that is false', { ...GOOD, payload: false }, true],
  ['everything', { ...GOOD, id: 'p', files: ['A'], timeout_minutes: 5 }, true],
  ['an approval', { ...GOOD, approval: { id: 'p', expires: '2030-01-01T00:00:00Z', command: ['x'] } }, true],
  ['an approval with more', { ...GOOD, approval: { id: 'p', more: 1 } }, false],
  ['an approval of no ID', { ...GOOD, approval: { command: ['x'] } }, false],
  ['an approval of no words', { ...GOOD, approval: { id: 'p', command: [] } }, false],
  ['an approval until some day', { ...GOOD, approval: { id: 'p', expires: 'tomorrow' } }, false],
  ['no type', { ...GOOD, type: undefined }, false],
  ['a blank type', { ...GOOD, type: ' ' }, false],
  ['a type that is a number', { ...GOOD, type: 1 }, false],
  ['no source', { ...GOOD, source: '' }, false],
  ['no payload', { ...GOOD, payload: undefined }, false],
  ['a payload of null', { ...GOOD, payload: null }, false],
  ['no secrets', { ...GOOD, secrets: [] }, false],
  ['secrets that are text', { ...GOOD, secrets: 'A' }, false],
  ['secrets that are numbers', { ...GOOD, secrets: [1] }, false],
  ['files that are text', { ...GOOD, files: 'A' }, false],
  ['no time', { ...GOOD, timeout_minutes: 0 }, false],
  ['half a minute', { ...GOOD, timeout_minutes: 0.5 }, true],
  ['a time that is text', { ...GOOD, timeout_minutes: '5' }, false],
  ['more time than a timer has', { ...GOOD, timeout_minutes: 40_000 }, false],
  ['a list', [GOOD], false],
  ['nothing', null, false],
]

test('the file is what the code makes (npm run reference writes it)', () => {
  expect(JSON.parse(text)).toEqual(JSON.parse(proposalSchema()))
})

test.each(cases)('%s: the schema says of it what vault-run says', (_, proposal, good) => {
  expect(isTaken(proposal)).toBe(good)
  expect(isValid(JSON.parse(JSON.stringify(proposal)))).toBe(good)
})
