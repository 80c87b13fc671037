/** Changes to the recipients in .sops.yaml; comments, order and everything else stay as they are. */
import { type CreationRules, parseRules } from './rules.ts'
import { failure } from '../errors.ts'

/** Gives the new recipients of a rule from its old ones; the same array for no change. */
export type Change = (recipients: readonly string[], index: number) => readonly string[]

function split(text: string): string[] {
  return text
    .split(',')
    .map((part) => part.trim())
    .filter((part) => part !== '')
}

/** The rules with other recipients. */
export async function changeRecipients(rules: CreationRules, change: Change): Promise<CreationRules> {
  const { isAlias, isMap, isScalar, isSeq, parseDocument } = await import('yaml')
  const document = parseDocument(rules.text)
  const list = document.get('creation_rules')
  if (!isSeq(list)) throw failure('sops-config', { path: rules.path, reason: 'has no creation rules' })
  for (const [index, rule] of list.items.entries()) {
    if (!isMap(rule)) continue
    const holders = [rule]
    const groups = rule.get('key_groups')
    if (isSeq(groups)) holders.push(...groups.items.filter(isMap))
    for (const holder of holders) {
      const named = holder.get('age', true)
      const age = isAlias(named) ? named.resolve(document) : named
      if (isScalar(age) && typeof age.value === 'string') {
        const old = split(age.value)
        const now = change(old, index)
        if (now !== old) age.value = now.join(',')
      } else if (isSeq(age)) {
        const old = age.items.map((item) => String(isScalar(item) ? item.value : item))
        const now = change(old, index)
        if (now === old) continue
        const kept = age.items.filter((_, at) => now.includes(old[at] ?? ''))
        const added = now.filter((recipient) => !old.includes(recipient))
        age.items = [...kept, ...added.map((recipient) => document.createNode(recipient))]
      }
    }
  }
  return parseRules(rules.path, document.toString({ lineWidth: 0 }))
}
