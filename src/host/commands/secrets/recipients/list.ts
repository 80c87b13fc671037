/** `disinto secrets recipients list`: who can open what, by the rules and by the files. */
import { quote } from '../../../../errors.ts'
import { areSameKeys, bareKey } from '../../../../sops/master-key.ts'
import { newReaders } from '../../../access/accepted.ts'
import { ownersOf } from '../../../access/keys.ts'
import { shownRecipient } from '../../../access/recipients.ts'
import { type CreationRules, findRules } from '../../../access/rules.ts'
import type { HostCommand } from '../../../cli/command.ts'
import { envSource, inventory, outsideOf, secretSource } from '../../../store/inventory.ts'

type Groups = ReadonlyArray<readonly string[]>

interface Ruled {
  readonly groups: Groups
  readonly threshold: number
  /** Why there is no answer. */
  readonly unknown?: string
}

function ruledBy(rules: CreationRules | undefined, path: string): Ruled {
  if (rules === undefined) return { groups: [], threshold: 0 }
  try {
    return rules.for(path)
  } catch (error) {
    const unknown = error instanceof Error ? error.message : 'the rules can’t be read'
    return { groups: [], threshold: 0, unknown }
  }
}

function hasSameGroups(one: Groups, other: Groups): boolean {
  return one.length === other.length && one.every((keys, at) => areSameKeys(keys, other[at] ?? []))
}

export const recipientsList: HostCommand = {
  name: 'secrets recipients list',
  about: 'show who can open which file',
  usage: '[OPTION ...]',
  details: `For each file, all recipients it is encrypted to: age and SSH keys, PGP keys by
fingerprint, keys of a KMS or Vault by name. A mark says where the rules of
.sops.yaml say otherwise. Needs no key; with keys, marks which recipient is you and which a service.`,
  examples: ['disinto secrets recipients list', 'disinto secrets recipients list --json'],
  options: [{ name: 'json', about: 'JSON: file, recipients, groups, threshold, expected' }],
  words: [0, 0],
  run: async ({ context, on }) => {
    const { project, print, speak } = context
    const rules = await findRules(project.root)
    const sources = inventory(project)
    const rows = []
    for (const source of sources) {
      const { recipients, groups, threshold } = await outsideOf(source)
      const file = source.path.slice(project.root.length + 1)
      rows.push({ file, recipients, groups, threshold, ruled: ruledBy(rules, source.path) })
    }
    if (on('json')) {
      const shown = rows.map(({ ruled, ...row }) => ({
        ...row,
        expected: ruled.unknown === undefined ? ruled.groups.flat() : null,
      }))
      print(`${JSON.stringify(shown, null, 2)}\n`)
      return 0
    }
    const owners = new Map([...(await ownersOf(context))].map(([name, owner]) => [bareKey(name), owner]))
    const line = (recipient: string, indent: string) => {
      const owner = owners.get(bareKey(recipient))
      return `${indent}${shownRecipient(recipient)}${owner === undefined ? '' : `  (${owner})`}\n`
    }
    const lines = (groups: Groups, threshold: number) => {
      if (groups.length < 2)
        return groups
          .flat()
          .map((one) => line(one, '    '))
          .join('')
      const parts = groups.map(
        (keys, at) => `    group ${at + 1}:\n${keys.map((one) => line(one, '      ')).join('')}`,
      )
      return `    keys of ${threshold} of these groups together\n${parts.join('')}`
    }
    const ruled = [
      ['new .env.enc', envSource(project).path],
      ['new secrets', secretSource(project, 'NAME').path],
    ] as const
    for (const [what, path] of ruled) {
      const { groups, threshold, unknown } = ruledBy(rules, path)
      const nobody = `    nobody: ${unknown === undefined ? 'there is no rule' : shownRecipient(unknown)}\n`
      print(`${what}, by .sops.yaml:\n${lines(groups, threshold) || nobody}`)
    }
    for (const { file, groups, threshold, ruled: wanted } of rows) {
      const differs =
        groups.length === 0 || hasSameGroups(groups, wanted.groups)
          ? ''
          : '  (not as .sops.yaml has it: disinto secrets recipients add or rm, or sops updatekeys)'
      print(`${quote(file)}:${differs}\n${lines(groups, threshold) || '    not told in the file\n'}`)
    }
    const found =
      rules === undefined
        ? []
        : await newReaders(context, rules, [
            ...ruled.map(([, path]) => path),
            ...sources.map(({ path }) => path),
          ])
    const unaccepted = [...new Set(found.flatMap(({ recipients }) => recipients))]
    if (unaccepted.length > 0)
      speak.warning({
        code: 'recipient-unaccepted',
        message: `${quote(rules?.path ?? '')}: names ${unaccepted.map(quote).join(', ')}, which nobody accepted on this machine`,
        hint: 'find out whose it is; then disinto secrets recipients accept',
      })
    return 0
  },
}
