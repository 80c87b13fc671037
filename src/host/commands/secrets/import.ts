/** `disinto secrets import`: the values of another env file, into .env.enc. */
import { existsSync } from 'node:fs'
import { resolve } from 'node:path'
import { diagnoseText, problemWarnings } from '../../../load/diagnosis.ts'
import { read } from '../../../load/read.ts'
import type { Document } from '../../../nouns.ts'
import { quote } from '../../../quote.ts'
import { keysWithout } from '../../../sops/master-key.ts'
import { ensureRules } from '../../access/first-use.ts'
import { ownRecipients } from '../../access/keys.ts'
import { recipientNames } from '../../access/recipient-names.ts'
import type { HostCommand, Invocation } from '../../cli/command.ts'
import { confirmed } from '../../cli/prompt.ts'
import { failure } from '../../errors.ts'
import { toSopsText } from '../../migrate/sops-text.ts'
import {
  type EnvContent,
  followers,
  namesIn,
  openEnvFile,
  sayRestartIsDue,
  withValue,
  writeEnvFile,
} from '../../store/env-file.ts'
import { meaningOf, withLine } from '../../store/env-text.ts'
import { envSource, readOutsideOf } from '../../store/inventory.ts'
import { allowed, entriesOf, openWith } from '../../store/open.ts'

function documentAt(path: string): Document {
  if (!existsSync(path)) throw failure('file-missing', { path })
  return read({ role: 'env-file', path, plaintextAllowed: true })
}

/** The content with the lines of a text, which keep their references where those mean the same. */
async function withText(content: EnvContent, text: string, values: ReadonlyMap<string, string>) {
  if (content.kind === 'json') return withValues(content, values)
  const made = await toSopsText(text)
  if (made.apart.size > 0) throw failure('value-unholdable', { name: [...made.apart.keys()].join(', ') })
  let merged: EnvContent = content
  for (const line of made.text.split('\n')) {
    const isOne = line.includes('=') && !line.startsWith('#')
    if (isOne) merged = { kind: 'dotenv', text: withLine(merged.text, line) }
  }
  const now = await meaningOf(merged.text)
  const own = await meaningOf(made.text)
  // A reference to a name that only .env.enc has stayed as it is in the file: here it would be filled in.
  const changed = [...own].filter(([name, value]) => now.get(name) !== value)
  return withValues(merged, new Map(changed))
}

async function withValues(content: EnvContent, values: ReadonlyMap<string, string>): Promise<EnvContent> {
  let made = content
  for (const [name, value] of values) made = await withValue(made, name, value)
  return made
}

async function mayReplace({ context, on }: Invocation, names: readonly string[]): Promise<boolean> {
  if (names.length === 0 || on('force')) return true
  return confirmed(context, `.env.enc has ${names.map(quote).join(', ')} already: replace?`, '--force')
}

/** Whether those may have the values of an encrypted file who can open .env.enc, and could not open that file. */
async function mayWiden(
  { context, on }: Invocation,
  document: Document,
  envFile: Document | undefined,
  names: readonly string[],
): Promise<boolean> {
  const source = envSource(context.project)
  const readers = envFile
    ? (await readOutsideOf(envFile.bytes)).recipients
    : (await ensureRules(context)).for(source.path).recipients
  const { recipients } = await readOutsideOf(document.bytes)
  const own = await ownRecipients(context)
  const gained = keysWithout(readers, [...recipients, ...own])
  if (gained.length === 0 || on('force')) return true
  const { short } = await recipientNames(context)
  const whom = gained.map(short).join(', ')
  const what = names.map(quote).join(', ')
  return confirmed(
    context,
    `${quote(document.source.path)} can't be opened by ${whom}: let them have ${what} in .env.enc?`,
    '--force',
  )
}

export const importFile: HostCommand = {
  name: 'secrets import',
  about: 'copy the values of another env file into .env.enc',
  usage: 'FILE [OPTION ...]',
  details: `Reads dotenv text, or a file that SOPS has encrypted, as the shim reads it, and
sets each of its names in .env.enc; all other lines there stay as they are, and the same
keys can open it. FILE itself is left where it is. Who can open .env.enc and could not
open an encrypted FILE is named, and asked about.`,
  examples: ['disinto secrets import ../old/.env', 'disinto secrets import .env.production --force'],
  options: [
    { name: 'force', about: 'replace values, and let others have them, without asking' },
    { name: 'allow', value: 'NAME', about: 'allow a refused name, as the shim does' },
  ],
  words: [1, 1],
  changes: true,
  run: async (invocation) => {
    const { context, words, texts } = invocation
    const { speak, project, workingDirectory, variables } = context
    const path = resolve(workingDirectory, words[0] ?? '')
    const document = documentAt(path)
    const entries = await entriesOf(document, openWith(context), allowed(variables, texts('allow')))
    const values = new Map(entries.map(({ name, value }) => [name, value.reveal()]))
    const kept = [...values.keys()].find((name) => name === 'sops' || name.startsWith('sops_'))
    if (kept !== undefined) throw failure('name-kept', { name: kept })
    if (values.size === 0) throw failure('import-empty', { path })
    const isPlain = document.format === 'plaintext'
    const problems = isPlain ? await diagnoseText(document.bytes.toString()) : []
    for (const told of problemWarnings(path, problems)) context.speak.warning(told)
    const file = await openEnvFile(context)
    if (!isPlain && !(await mayWiden(invocation, document, file.document, [...values.keys()])))
      throw failure('interrupted-nothing')
    const old = namesIn(file.content)
    if (
      !(await mayReplace(
        invocation,
        [...values.keys()].filter((name) => old.has(name)),
      ))
    )
      throw failure('interrupted-nothing')
    const content = isPlain
      ? await withText(file.content, document.bytes.toString(), values)
      : await withValues(file.content, values)
    const others = await followers(file.content, content, new Set(values.keys()))
    await writeEnvFile(context, file, content)
    speak.note(`${quote(project.envFile)}: set ${[...values.keys()].map(quote).join(', ')}`)
    if (others.length > 0) speak.note(`also changed, as they refer to them: ${others.map(quote).join(', ')}`)
    if (isPlain) speak.note(`${quote(path)} is still there in plaintext: remove it when nothing needs it`)
    sayRestartIsDue(context)
    return 0
  },
}
