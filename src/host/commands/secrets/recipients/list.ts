/** `disinto secrets recipients list`: who can open what, by the rules and by the files. */
import { quote } from '../../../../quote.ts'
import { areSameKeys, uniqueKeys } from '../../../../sops/master-key.ts'
import { newReaders } from '../../../access/accepted.ts'
import { recipientNames, type Show } from '../../../access/recipient-names.ts'
import { shownRecipient } from '../../../access/recipients.ts'
import { type CreationRules, findRules } from '../../../access/rules.ts'
import type { HostCommand } from '../../../cli/command.ts'
import type { HostContext } from '../../../context.ts'
import { envSource, inventory, outsideOf, secretSource } from '../../../store/inventory.ts'
import type { Paint } from '../../../terminal.ts'

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

/** Keys a line each, by their groups where there are several. */
function keyLines({ groups, threshold }: Omit<Ruled, 'unknown'>, show: Show): string {
  const indented = (keys: readonly string[], indent: string) =>
    keys.map((one) => `${indent}${show(one)}\n`).join('')
  if (groups.length < 2) return indented(groups.flat(), '    ')
  const parts = groups.map((keys, at) => `    group ${at + 1}:\n${indented(keys, '      ')}`)
  return `    keys of ${threshold} of these groups together\n${parts.join('')}`
}

async function warnOfUnaccepted(
  context: HostContext,
  rules: CreationRules,
  paths: readonly string[],
): Promise<void> {
  const found = await newReaders(context, rules, paths)
  const unaccepted = [...new Set(found.flatMap(({ recipients }) => recipients))]
  if (unaccepted.length > 0)
    context.speak.warning({
      code: 'recipient-unaccepted',
      message: `${quote(rules.path)}: names ${unaccepted.map(quote).join(', ')}, which nobody has accepted on this machine`,
      hint: 'find out who owns it, then run: disinto secrets recipients accept',
    })
}

const coloured = (visible: string, paint: Paint): string =>
  visible
    .replace(/^\S.*?:/, (head) => paint('bold', head))
    .replace(/\(not as .*\)/, (mark) => paint('yellow', mark))

export const recipientsList: HostCommand = {
  name: 'secrets recipients list',
  about: 'show who can open which file',
  usage: '[OPTION ...]',
  details: `For each file, all recipients it is encrypted to: age and SSH keys, PGP keys by
fingerprint, keys of a KMS or Vault by name. A mark shows where the rules of .sops.yaml
differ. Needs no key. Recipients are shown by name (you, a service, or the comment beside
them in .sops.yaml), and once in full.`,
  examples: ['disinto secrets recipients list', 'disinto secrets recipients list --json'],
  options: [
    { name: 'json', about: 'JSON: file, recipients, groups, threshold, expected' },
    { name: 'verbose', about: 'show recipients in full at every file' },
  ],
  words: [0, 0],
  run: async ({ context, on }) => {
    const { project, print } = context
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
    const names = await recipientNames(context)
    const show = on('verbose') ? names.whole : names.short
    const ruled = [
      ['new .env.enc', envSource(project).path],
      ['new secrets', secretSource(project, 'NAME').path],
    ] as const
    for (const [what, path] of ruled) {
      const { groups, threshold, unknown } = ruledBy(rules, path)
      const nobody = `    nobody: ${unknown === undefined ? 'there is no rule' : shownRecipient(unknown)}\n`
      print(`${what}, by .sops.yaml:\n${keyLines({ groups, threshold }, show) || nobody}`, coloured)
    }
    for (const { file, groups, threshold, ruled: wanted } of rows) {
      const differs =
        groups.length === 0 || hasSameGroups(groups, wanted.groups)
          ? ''
          : '  (not as .sops.yaml has it: disinto secrets recipients add or rm, or sops updatekeys)'
      print(
        `${quote(file)}:${differs}\n${keyLines({ groups, threshold }, show) || '    not stated in the file\n'}`,
        coloured,
      )
    }
    const all = uniqueKeys([
      ...ruled.flatMap(([, path]) => ruledBy(rules, path).groups.flat()),
      ...rows.flatMap(({ recipients }) => recipients),
    ])
    if (!on('verbose') && all.length > 0)
      print(`keys:\n${all.map((one) => `    ${names.whole(one)}\n`).join('')}`, coloured)
    if (rules !== undefined)
      await warnOfUnaccepted(context, rules, [
        ...ruled.map(([, path]) => path),
        ...sources.map(({ path }) => path),
      ])
    return 0
  },
}
