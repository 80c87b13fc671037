/**
 * Writes docs/proposal.schema.json, the JSON Schema of proposals, from what the code checks; part of `npm run reference`.
 *
 *   node tools/proposal-schema.mjs     needs a Node that imports TypeScript (22.18 or later)
 *
 * test/docs/proposal-schema.test.ts holds the file equal to what this would write.
 */
import { writeFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { toJsonSchema } from '@valibot/to-json-schema'
import { PAYLOAD, PROPOSAL } from '../src/host/vault/proposal-schema.ts'

export const FILE = fileURLToPath(new URL('../docs/proposal.schema.json', import.meta.url))

/** The text of the file. */
export function proposalSchema() {
  const schema = toJsonSchema(PROPOSAL, {
    // What is anything but nothing has no name among the types.
    overrideSchema: ({ valibotSchema }) =>
      valibotSchema === PAYLOAD ? { not: { type: 'null' }, description: 'what to do' } : undefined,
  })
  const { $schema, ...rest } = schema
  const head = { $schema, title: 'A proposal of an action, for disinto vault-run' }
  return `${JSON.stringify({ ...head, ...rest }, null, 2)}\n`
}

if (process.argv[1] === fileURLToPath(import.meta.url)) writeFileSync(FILE, proposalSchema())
