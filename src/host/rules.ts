/** New rules, and rules with one more recipient: what first use and the keys of services make of .sops.yaml. */
import { readFileSync } from 'node:fs'
import { errnoOf, failure } from '../errors.ts'
import { parseRules } from './creation-rules.ts'
import { changeRecipients } from './creation-rules-edit.ts'

/** The bytes of a .sops.yaml; undefined when there is none. */
export function readRules(path: string): Buffer | undefined {
  try {
    return readFileSync(path)
  } catch (error) {
    if (errnoOf(error) === 'ENOENT') return undefined
    throw failure('source-unreadable', path, errnoOf(error))
  }
}

/** The text of new rules: `.env.enc` for operators and services, secret files for operators alone. */
export function newRules(operators: readonly string[], services: readonly string[]): string {
  return `# Who may open what: the first rule whose path_regex fits a file. Read by sops and by disinto.
creation_rules:
  # The env file: the operator, and the services that get it.
  - path_regex: (^|/)\\.env(\\.enc)?$
    age: ${[...operators, ...services].join(',')}
  # Each other secret: the operator alone.
  - path_regex: (^|/)secrets/[^/]+\\.enc$
    age: ${operators.join(',')}
`
}

/** The text with one more recipient in the rule for `.env.enc`; undefined when it has it already. */
export async function withRecipient(
  text: string,
  path: string,
  recipient: string,
  _present: readonly string[],
): Promise<string | undefined> {
  const rules = await parseRules(path, text)
  const { index } = rules.for(path.replace(/\.sops\.yaml$/, '.env.enc'))
  const changed = await changeRecipients(rules, (recipients, at) =>
    at !== index || recipients.includes(recipient) ? recipients : [...recipients, recipient],
  )
  return changed.text === text ? undefined : changed.text
}
