/** `disinto secrets recipients list`: who can open what, by the rules and by the files. */
import { quote } from '../../../../errors.ts'
import type { HostCommand } from '../../../cli/command.ts'
import { type CreationRules, findRules } from '../../../access/rules.ts'
import { outsideOf, envSource, inventory, secretSource } from '../../../store/inventory.ts'
import { isSameSet } from '../../../access/recipients.ts'
import { ownersOf } from '../../../access/keys.ts'

function recipientsBy(rules: CreationRules | undefined, path: string): readonly string[] {
  try {
    return rules?.for(path).recipients ?? []
  } catch {
    return []
  }
}

export const recipientsList: HostCommand = {
  name: 'secrets recipients list',
  about: 'show who can open which file',
  usage: '[OPTION ...]',
  details: `For each file, the recipients it is encrypted to; a mark says where the rules of
.sops.yaml say otherwise. Needs no key; with keys, marks which recipient is you and which a service.`,
  examples: ['disinto secrets recipients list', 'disinto secrets recipients list --json'],
  options: [{ name: 'json', about: 'JSON: file, recipients, expected' }],
  words: [0, 0],
  run: async ({ context, on }) => {
    const { project, print } = context
    const rules = await findRules(project.root)
    const rows = []
    for (const source of inventory(project)) {
      const { recipients } = await outsideOf(source)
      const file = source.path.slice(project.root.length + 1)
      rows.push({
        file,
        recipients,
        expected: recipientsBy(rules, source.path),
      })
    }
    if (on('json')) {
      print(`${JSON.stringify(rows, null, 2)}\n`)
      return 0
    }
    const owners = await ownersOf(context)
    const shown = (recipient: string) => {
      const owner = owners.get(recipient)
      return `    ${recipient}${owner === undefined ? '' : `  (${owner})`}\n`
    }
    const ruled = [
      ['new .env.enc', envSource(project).path],
      ['new secrets', secretSource(project, 'NAME').path],
    ] as const
    for (const [what, path] of ruled)
      print(
        `${what}, by .sops.yaml:\n${recipientsBy(rules, path).map(shown).join('') || '    nobody: there is no rule\n'}`,
      )
    for (const { file, recipients, expected } of rows) {
      const differs = isSameSet(recipients, expected)
        ? ''
        : '  (not as .sops.yaml has it: disinto secrets rotate-key, or sops updatekeys)'
      print(`${quote(file)}:${differs}\n${recipients.map(shown).join('') || '    not told in the file\n'}`)
    }
    return 0
  },
}
