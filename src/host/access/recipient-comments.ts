/** The comments of .sops.yaml that name recipients: put in, and taken out again. */
import { bareKey } from '../../sops/master-key.ts'
import { failure } from '../errors.ts'
import { asName, cutLine, keysIn, MAX_NAME } from './recipient-names.ts'
import { type CreationRules, parseRules } from './rules.ts'

/** Names that a person can give: nothing that ends the comment, or looks like a recipient. */
const GIVEN = /^[\p{L}\p{N}][\p{L}\p{M}\p{N} ._@'’+-]*$/u

/** The rules with a comment that names a recipient. Throws option-value for what is no name. */
export function withName(rules: CreationRules, recipient: string, name: string): Promise<CreationRules> {
  if (!GIVEN.test(name) || asName(name) !== name || keysIn(name).length > 0)
    throw failure('option-value', {
      command: 'secrets recipients add',
      option: '--name',
      wanted: `a name of at most ${MAX_NAME} letters, digits and blanks`,
    })
  const end = rules.text.endsWith('\n') ? '' : '\n'
  return parseRules(rules.path, `${rules.text}${end}# ${name}: ${bareKey(recipient)}\n`)
}

/** The text of rules without the lines that only name a recipient. */
export function withoutName(text: string, recipient: string): string {
  const bare = bareKey(recipient)
  return text
    .split('\n')
    .filter((line) => {
      const { code, comment } = cutLine(line)
      return code.trim() !== '' || comment?.endsWith(`: ${bare}`) !== true
    })
    .join('\n')
}
