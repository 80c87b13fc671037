import { expect, test } from 'vitest'
import { millisecondsOf, withTerms } from '../../../../src/host/vault/approval-text.ts'
import { parseProposal } from '../../../../src/host/vault/proposal.ts'

const BLANKS = ' '.repeat(900_000)

function proposal(text: string) {
  const file = { path: 'vault/approved/a.json', bytes: Buffer.from(text), format: 'json' as const }
  return parseProposal(file, 'a', new Set())
}

test.each([
  ['between two keys', `{"type":"a",${BLANKS}"source":"b","payload":1,"secrets":["TOKEN"]}`],
  ['before the last brace', `{"type":"a","source":"b","payload":1,"secrets":["TOKEN"]${BLANKS}}`],
  ['behind it', `{"type":"a","source":"b","payload":1,"secrets":["TOKEN"]}${BLANKS}`],
])('an approval is written in time that goes with the text, whatever the blanks: %s', (_, text) => {
  const written = withTerms(proposal(text), { id: 'a' })
  expect(written.endsWith(`,\n  "approval": {"id":"a"}\n}\n`)).toBe(true)
  expect(JSON.parse(written)).toMatchObject({ type: 'a', approval: { id: 'a' } })
})

const JSON_TEXT = '{\n  "type": "a", "source": "b",\n  "payload": 1, "secrets": ["TOKEN"]\n}\n'
const TERMS = { id: 'a', expires: '2026-11-26T12:00:00Z', command: ['x', '}\n'] }

const TOML_TEXT = 'formula = "a"\ncontext = "b"\nsecrets = ["TOKEN"]\n'

function older(text: string) {
  const file = { path: 'vault/actions/a.toml', bytes: Buffer.from(text), format: 'toml' as const }
  return parseProposal(file, 'a', new Set())
}

test('an approval in JSON stands at the end, and the next one in its place', () => {
  const head = '{\n  "type": "a", "source": "b",\n  "payload": 1, "secrets": ["TOKEN"]'
  const first = withTerms(proposal(JSON_TEXT), TERMS)
  expect(first).toBe(`${head},\n  "approval": ${JSON.stringify(TERMS)}\n}\n`)
  expect(proposal(first).terms).toEqual(TERMS)
  expect(withTerms(proposal(first), { id: 'a' })).toBe(`${head},\n  "approval": {"id":"a"}\n}\n`)
})

test('an approval in TOML is a table of its own, and the next one in its place', () => {
  const first = withTerms(older(TOML_TEXT), TERMS)
  expect(first).toBe(
    `${TOML_TEXT}\n[approval]\nid = "a"\nexpires = "2026-11-26T12:00:00Z"\ncommand = [ "x", "}\\n" ]\n`,
  )
  expect(older(first).terms).toEqual(TERMS)
  const second = `${TOML_TEXT}\n[approval]\nid = "a"\n`
  expect(withTerms(older(first), { id: 'a' })).toBe(second)
  expect(withTerms(older(TOML_TEXT.trimEnd()), { id: 'a' })).toBe(second)
})

test.each([
  JSON_TEXT.replace('\n}\n', ',\n"approval": {"id": "a"}\n}\n'),
  JSON_TEXT.replace('\n}\n', ',\n  "approval": {"id": "a"}}\n'),
  JSON_TEXT.replace('\n}\n', ',\n  "approval": {"id": "a"}\n}\n\n'),
  JSON_TEXT.replace('"type"', '"approval": {"id": "a"},\n "type"'),
])('an approval that somebody else wrote stays, and is refused: %j', (text) => {
  expect(() => withTerms(proposal(text), { id: 'a' })).toThrow(
    expect.objectContaining({
      code: 'approval-foreign',
      message:
        'vault/approved/a.json: contains an approval that disinto did not write at the end of the file',
    }),
  )
})

test.each([
  `approval = { id = "a" }\n${TOML_TEXT}`,
  `${TOML_TEXT}[approval]\nid = "a"\n[more]\n`,
  `${TOML_TEXT}\n[approval]\nid = "a"\n\n[more]\nx = 1\n`,
])('an approval that somebody else wrote in TOML is refused: %j', (text) => {
  expect(() => withTerms(older(text), { id: 'a' })).toThrow(
    expect.objectContaining({ code: 'approval-foreign' }),
  )
})

test.each([
  ['1s', 1000],
  ['90s', 90_000],
  ['2m', 120_000],
  ['2h', 7_200_000],
  ['1h30m', 5_400_000],
  ['7d', 604_800_000],
  ['1w', 604_800_000],
  ['3650d', 315_360_000_000],
  ['3650d1s', undefined],
  ['0s', undefined],
  ['0h0m', undefined],
  ['', undefined],
  ['1', undefined],
  ['s', undefined],
  ['1h 30m', undefined],
  ['1hx', undefined],
  ['x1h', undefined],
  ['-1h', undefined],
  ['1.5h', undefined],
  ['1y', undefined],
  ['1234567890s', undefined],
])('%j lasts %s ms', (text, milliseconds) => {
  expect(millisecondsOf(text)).toBe(milliseconds)
})
