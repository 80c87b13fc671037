/** `disinto secrets list`: what there is, for whom and since when. Needs no key. */

import type { Identity } from '../../../age/identities.ts'
import { readKeyring } from '../../../age/sources.ts'
import { DisintoError } from '../../../errors.ts'
import { documentOf, readWhole } from '../../../load/read.ts'
import type { Document, Source } from '../../../nouns.ts'
import { quote } from '../../../quote.ts'
import { prepareBuiltin } from '../../../sops/builtin.ts'
import type { Outside } from '../../../sops/outside.ts'
import { recipientNames, type Show } from '../../access/recipient-names.ts'
import type { HostCommand } from '../../cli/command.ts'
import { daysUntil, readDueDates, SOON_DAYS } from '../../store/due.ts'
import { inventory, readOutsideOf } from '../../store/inventory.ts'
import { isForOthers } from '../../store/open.ts'
import { since } from '../../store/since.ts'
import { withProgress } from '../../terminal.ts'

/** What the key at hand makes of a file; `unknown` where that takes sops, or there is no key. */
type State = 'opens' | 'not by this key' | 'damaged' | 'unknown'

/** Opens a document in process; nothing of what is in it is kept. */
async function stateOf(document: Document, identities: readonly Identity[]): Promise<State> {
  try {
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

/** What a file says of itself, read once. */
async function lookAt(
  source: Source,
  identities: readonly Identity[],
): Promise<typeof UNREADABLE & { readonly state: State }> {
  let bytes: Buffer
  try {
    bytes = readWhole(source.path)
  } catch (error) {
    return { ...UNREADABLE, state: error instanceof DisintoError ? 'damaged' : 'unknown' }
  }
  let document: Document
  try {
    document = documentOf(source, bytes)
  } catch {
    return { ...(await readOutsideOf(bytes)), state: 'damaged' }
  }
  const outside = await readOutsideOf(bytes, document.format)
  return { ...outside, state: await stateOf(document, identities) }
}

interface Row {
  readonly name: string
  readonly file: string
  readonly format: string
  readonly recipients: readonly string[]
  readonly lastModified: string | null
  /** By when it is due for change at its issuer, YYYY-MM-DD. */
  readonly due: string | null
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

/** How a day stands to today. */
function dueMark(due: string | null): string {
  if (due === null) return ''
  const days = daysUntil(due)
  if (days < 0) return '(overdue: change it at its issuer)'
  return days <= SOON_DAYS ? '(due soon: change it at its issuer)' : ''
}

function table(rows: readonly Row[], show: Show): string {
  // A column for what few projects have would be in the way of the others.
  const dated = rows.some(({ due }) => due !== null)
  const cells = rows.map(
    ({ name, file, format, recipients, lastModified, state, clear, due }) =>
      [
        name,
        file,
        format,
        since(lastModified ?? undefined),
        ...(dated ? [due ?? '-'] : []),
        recipients.map(show).join(', ') || '-',
        `${MARKS[state]}${clear ? '(not encrypted: plaintext)' : ''}${dueMark(due)}`,
      ] as const,
  )
  const head = ['NAME', 'FILE', 'FORMAT', 'CHANGED', ...(dated ? ['DUE'] : []), 'RECIPIENTS']
  const all = [[...head, ''], ...cells]
  const widths = head.map((_, at) => at).map((at) => Math.max(...all.map((row) => (row[at] ?? '').length)))
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

/** Those that have a day, the next first. */
function byDue(rows: readonly Row[]): Row[] {
  return rows
    .filter(({ due }) => due !== null)
    .sort((one, other) => ((one.due ?? '') < (other.due ?? '') ? -1 : 1))
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
  details: `Needs no key: names, recipients and the time of the last change are in the
files, unencrypted. With a key, it also says which files that key does not open. Recipients
are shown by name: you, a service, or the comment beside them in .sops.yaml.`,
  examples: [
    'disinto secrets list',
    'disinto secrets list --due',
    'disinto secrets list --json | jq -r ".[].name"',
  ],
  options: [
    { name: 'json', about: 'JSON: name, file, format, recipients, lastModified, due, state, clear' },
    { name: 'due', about: 'only those with a due date, the next first' },
    { name: 'verbose', about: 'show recipients in full' },
  ],
  ownNames: true,
  words: [0, 0],
  run: async ({ context, on }) => {
    const { project, variables, workingDirectory, print, speak } = context
    const { identities } = await readKeyring(variables, workingDirectory)
    const { dates } = readDueDates(project)
    const found: Row[] = []
    const sources = inventory(project)
    const look = async (source: Source) => {
      const { state, format, names, recipients, lastModified, clear } = await lookAt(source, identities)
      const file = source.path.slice(project.root.length + 1)
      const shown = namesShown(source, names)
      for (const name of shown)
        found.push({
          name: on('json') ? name : quote(name),
          file: on('json') ? file : quote(file),
          format: format ?? 'none',
          recipients,
          lastModified: lastModified ?? null,
          due: dates.get(name) ?? null,
          state,
          clear: clear.includes(names.length === 0 ? 'data' : name),
        })
    }
    await withProgress(variables, 'opening files', async (advance) => {
      for (const [at, source] of sources.entries()) {
        advance(at, sources.length)
        await look(source)
      }
    })
    const rows = on('due') ? byDue(found) : found
    if (on('json')) print(`${JSON.stringify(rows, null, 2)}\n`)
    else if (found.length === 0) speak.note('no secrets yet: disinto secrets add NAME')
    else if (rows.length === 0) speak.note('no secret has a due date: disinto secrets add NAME --due DAY')
    else {
      const { short, whole } = await recipientNames(context)
      print(table(rows, on('verbose') ? whole : short), (visible, paint) =>
        visible
          .replace(/^.*/, (head) => paint('bold', head))
          .replaceAll(/\((?:this key|damaged|not encrypted|overdue|due soon).*/g, (mark) =>
            paint('yellow', mark),
          ),
      )
    }
    return 0
  },
}
