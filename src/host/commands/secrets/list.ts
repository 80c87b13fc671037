/** `disinto secrets list`: what there is, for whom and since when. Needs no key. */

import type { Identity } from '../../../age/identities.ts'
import { readKeyring } from '../../../age/sources.ts'
import { DisintoError, quote } from '../../../errors.ts'
import { read } from '../../../load/read.ts'
import { prepareBuiltin } from '../../../sops/builtin.ts'
import type { HostCommand } from '../../cli/command.ts'
import { outsideOf, inventory } from '../../store/inventory.ts'
import { isForOthers } from '../../store/open.ts'
import type { Outside } from '../../../sops/outside.ts'
import { shownRecipient } from '../../access/recipients.ts'
import { since } from '../../store/since.ts'
import type { Source } from '../../../nouns.ts'

/** What the key at hand makes of a file; `unknown` where that takes sops, or there is no key. */
type State = 'opens' | 'not by this key' | 'damaged' | 'unknown'

/** Opens a file in process; nothing of what is in it is kept. */
async function stateOf(source: Source, identities: readonly Identity[]): Promise<State> {
  try {
    const document = read(source)
    if (identities.length === 0) return 'unknown'
    const prepared = await prepareBuiltin(document, identities)
    if ('declines' in prepared) return 'unknown'
    await prepared.open()
    return 'opens'
  } catch (error) {
    if (isForOthers(error)) return 'not by this key'
    if (error instanceof DisintoError && error.code !== 'engine-declines') return 'damaged'
    return 'unknown'
  }
}

interface Row {
  readonly name: string
  readonly file: string
  readonly format: string
  readonly recipients: readonly string[]
  readonly lastModified: string | null
  readonly state: State
  /** Whether its value stands in the file as it is. */
  readonly clear: boolean
}

/** A link to nothing, a directory, a file of another user. */
const UNREADABLE: Pick<Outside, 'format' | 'names' | 'recipients' | 'lastModified' | 'clear'> = {
  format: undefined,
  names: [],
  recipients: [],
  lastModified: undefined,
  clear: [],
}

const MARKS: Readonly<Record<State, string>> = {
  opens: '',
  'not by this key': '(this key does not open it)',
  damaged: '(damaged, or not encrypted)',
  unknown: '',
}

function shortened(recipients: readonly string[]): string {
  return recipients
    .map((recipient) =>
      recipient.startsWith('age1') ? `${recipient.slice(0, 12)}…` : shownRecipient(recipient),
    )
    .join(' ')
}

function table(rows: readonly Row[]): string {
  const cells = rows.map(
    ({ name, file, format, recipients, lastModified, state, clear }) =>
      [
        name,
        file,
        format,
        since(lastModified ?? undefined),
        shortened(recipients) || '-',
        `${MARKS[state]}${clear ? '(not encrypted: plaintext)' : ''}`,
      ] as const,
  )
  const all = [['NAME', 'FILE', 'FORMAT', 'CHANGED', 'RECIPIENTS', ''] as const, ...cells]
  const widths = [0, 1, 2, 3, 4].map((at) => Math.max(...all.map((row) => (row[at] ?? '').length)))
  return all
    .map((row) =>
      row
        .map((cell, at) => cell.padEnd(widths[at] ?? 0))
        .join('  ')
        .trimEnd(),
    )
    .map((line) => `${line}\n`)
    .join('')
}

/** The names to list for a file; a mark where it does not say. */
function namesShown(source: Source, names: readonly string[]): readonly string[] {
  if (source.role === 'secret') return [source.name]
  return names.length === 0 ? ['?'] : names
}

export const list: HostCommand = {
  name: 'secrets list',
  about: 'show the names, recipients and ages of the secrets',
  usage: '[OPTION ...]',
  details: `Needs no key: names, recipients and the time of the last change stand in the
files in the clear. With a key, says which files it does not open.`,
  examples: ['disinto secrets list', 'disinto secrets list --json | jq -r ".[].name"'],
  options: [{ name: 'json', about: 'JSON: name, file, format, recipients, lastModified, state, clear' }],
  words: [0, 0],
  run: async ({ context, on }) => {
    const { project, variables, workingDirectory, print, speak } = context
    const { identities } = await readKeyring(variables, workingDirectory)
    const rows: Row[] = []
    for (const source of inventory(project)) {
      const { format, names, recipients, lastModified, clear } = await outsideOf(source).catch(
        () => UNREADABLE,
      )
      const state = await stateOf(source, identities)
      const file = source.path.slice(project.root.length + 1)
      const shown = namesShown(source, names)
      for (const name of shown)
        rows.push({
          name: on('json') ? name : quote(name),
          file: on('json') ? file : quote(file),
          format: format ?? 'none',
          recipients,
          lastModified: lastModified ?? null,
          state,
          clear: clear.includes(names.length === 0 ? 'data' : name),
        })
    }
    if (on('json')) print(`${JSON.stringify(rows, null, 2)}\n`)
    else if (rows.length === 0) speak.note('no secrets yet: disinto secrets add NAME')
    else print(table(rows))
    return 0
  },
}
