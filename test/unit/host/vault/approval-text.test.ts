import { expect, test } from 'vitest'
import { withTerms } from '../../../../src/host/vault/approval-text.ts'
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
