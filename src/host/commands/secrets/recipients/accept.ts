/** `disinto secrets recipients accept`: has the rules count as they are now. */
import { quote } from '../../../../quote.ts'
import {
  acceptedRules,
  acceptFirst,
  acceptRules,
  isAcceptedAsIs,
  newInRules,
  newReaders,
} from '../../../access/accepted.ts'
import { rulesOf } from '../../../access/rules.ts'
import type { HostCommand } from '../../../cli/command.ts'
import { envSource, inventory, secretSource } from '../../../store/inventory.ts'

export const recipientsAccept: HostCommand = {
  name: 'secrets recipients accept',
  about: 'accept the recipients that .sops.yaml names now',
  usage: '',
  details: `Who may read what is written here comes from rules that were accepted on this
machine: those that were there the first time, and the changes by recipients add, rm and
rotate-key. A recipient that came in another way, with a pull request for example, is asked
about on a terminal, and refused without one, until it is accepted. Find out first who owns
the key.`,
  examples: ['disinto secrets recipients accept'],
  options: [],
  words: [0, 0],
  changes: true,
  run: async ({ context }) => {
    const { project, speak } = context
    const rules = await rulesOf(project.root)
    const accepted = await acceptedRules(context)
    if (accepted === undefined) {
      await acceptFirst(context, rules)
      return 0
    }
    if (isAcceptedAsIs(context, rules)) {
      speak.note(`${quote(rules.path)}: is accepted as it is`)
      return 0
    }
    const paths = [
      envSource(project).path,
      secretSource(project, 'NAME').path,
      ...inventory(project).map(({ path }) => path),
    ]
    const found = [...(await newReaders(context, rules, paths)), ...(await newInRules(context, rules))]
    for (const { path, recipients, loosened } of found) {
      const file = path.slice(project.root.length + 1)
      if (recipients.length > 0) speak.note(`${quote(file)}: is for ${recipients.map(quote).join(', ')}, too`)
      if (loosened) speak.note(`${quote(file)}: needs fewer keys together than before`)
    }
    await acceptRules(context, rules)
    speak.note(`${quote(rules.path)}: accepted as it is now`)
    return 0
  },
}
