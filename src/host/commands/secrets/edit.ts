/** `disinto secrets edit`: a secret or .env.enc in the editor. The plaintext is in memory only, and only meanwhile. */
import { isUtf8 } from 'node:buffer'
import { existsSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { asDisintoError } from '../../../errors.ts'
import { checkValue } from '../../../load/decrypt.ts'
import { diagnoseText, explainProblem, type ProblemKind, problemWarnings } from '../../../load/diagnosis.ts'
import { parseDotenv, textOf } from '../../../load/dotenv.ts'
import { checkName } from '../../../load/names.ts'
import { read } from '../../../load/read.ts'
import type { Document, Source } from '../../../nouns.ts'
import { quote } from '../../../quote.ts'
import { Secret } from '../../../secret.ts'
import { rulesOf } from '../../access/rules.ts'
import type { HostCommand, Invocation } from '../../cli/command.ts'
import { editFile } from '../../cli/editor.ts'
import { sayWhatIsOdd } from '../../cli/oddities.ts'
import { confirmed } from '../../cli/prompt.ts'
import { isEnvFile, secretNameOf } from '../../cli/secret-name.ts'
import type { HostContext } from '../../context.ts'
import { failure } from '../../errors.ts'
import { memoryDirectory, privateDirectory } from '../../files/private-directory.ts'
import { checkUnlinked } from '../../files/write.ts'
import { toSopsText } from '../../migrate/sops-text.ts'
import { sayRestartIsDue } from '../../store/env-file.ts'
import { findSecret } from '../../store/find.ts'
import { envSource } from '../../store/inventory.ts'
import { allowed, entriesOf, openWith, plaintextOf } from '../../store/open.ts'
import { checkReaders } from '../../store/proved-readers.ts'
import { type Content, prepareSealed } from '../../store/seal.ts'

/** What is edited: its text for the editor, and the way back from it. */
interface Editable {
  readonly text: string
  /** Throws when the text has a mistake in it. */
  content(text: string): Promise<Content>
}

/** What an edited text is to be written as; says what is odd in it. Throws for the first mistake, by its line. */
async function envContent(context: HostContext, path: string, text: string): Promise<Content> {
  const problems = await diagnoseText(text, { encrypted: true })
  const wrong = problems.find(({ kind }) => MISTAKES.has(kind))
  if (wrong !== undefined)
    throw failure('edit-line', { path, line: wrong.line, reason: explainProblem(wrong.kind).message })
  for (const [name, value] of await parseDotenv(text)) {
    checkName(name, path, allowed(context.variables))
    checkValue(name, value, path)
  }
  const made = await toSopsText(text)
  const [apart] = made.apart.keys()
  if (apart !== undefined) throw failure('value-unholdable', { name: apart })
  for (const told of problemWarnings(path, problems)) context.speak.warning(told)
  return { kind: 'dotenv', text: made.text }
}

/** What is no NAME=value, and nobody means. */
const MISTAKES: ReadonlySet<ProblemKind> = new Set(['nothing', 'conflict', 'key-line', 'name'])

async function editableEnvFile(document: Document, { context }: Invocation): Promise<Editable> {
  const { path } = document.source
  if (document.format !== 'sops-dotenv') throw failure('edit-format', { path, format: document.format })
  const plaintext = await plaintextOf(document, openWith(context))
  if (plaintext.kind !== 'items') throw failure('edit-format', { path, format: document.format })
  const whole = textOf(plaintext.items)
  if (!isUtf8(whole)) throw failure('value-not-utf8', { path, name: '.env' })
  return {
    text: whole.toString(),
    content: (text) => envContent(context, path, text),
  }
}

async function editableSecret(document: Document, { context }: Invocation): Promise<Editable> {
  const { source } = document
  const name = source.role === 'secret' ? source.name : ''
  const [entry] = await entriesOf(document, openWith(context), new Set([name]))
  return {
    // With a final newline, as editors end every file with one.
    text: `${entry?.value.reveal() ?? ''}\n`,
    content: async (text) => {
      // One final line end goes, of Windows too, as with add.
      const value = text.replace(/\r?\n$/, '')
      if (value === '') throw failure('value-empty', { name })
      sayWhatIsOdd(context, name, new Secret(value))
      return { kind: 'json', entries: [[name, value]] }
    },
  }
}

/** Edits until it is right, given up or unchanged; undefined for unchanged. */
async function edited(
  invocation: Invocation,
  file: string,
  editable: Editable,
): Promise<Content | undefined> {
  const { context } = invocation
  for (;;) {
    await editFile(file, context.variables)
    const bytes = readFileSync(file)
    if (bytes.toString() === editable.text) return undefined
    try {
      if (!isUtf8(bytes)) throw failure('value-not-utf8', { path: file, name: 'the text' })
      return await editable.content(bytes.toString())
    } catch (thrown) {
      // Where nobody can be asked, the editor is a program, and would make the same mistake again.
      if (!context.interactive) throw thrown
      context.speak.error(asDisintoError(thrown))
      if (!(await confirmed(context, 'Back to the editor? (No drops your changes)', '', true)))
        throw failure('interrupted-nothing')
    }
  }
}

async function place({ context, on }: Invocation): Promise<string | undefined> {
  const memory = memoryDirectory(context.variables)
  if (memory !== undefined || on('on-disk')) return memory
  if (!context.interactive) throw failure('edit-no-tmpfs')
  const question = 'No tmpfs here: the plaintext would be on disk while you edit. Go on?'
  if (!(await confirmed(context, question, '--on-disk'))) throw failure('interrupted-nothing')
  return undefined
}

async function sourceFor({ context, words }: Invocation): Promise<Source> {
  const { project } = context
  const word = words[0] ?? ''
  if (!isEnvFile(word, context)) {
    const name = secretNameOf(word, 'secrets edit', context)
    const source = await findSecret(project, name)
    if (source.role !== 'secret') throw failure('secret-in-env-file', { name })
    return source
  }
  if (!existsSync(project.envFile)) throw failure('env-file-missing', { path: project.envFile })
  return envSource(project)
}

export const edit: HostCommand = {
  name: 'secrets edit',
  about: 'change a secret, or .env.enc, in your editor',
  usage: 'NAME|.env.enc [OPTION ...]',
  details: `Decrypts to a private directory in memory (tmpfs), starts VISUAL or EDITOR, and
encrypts the result. Unchanged text is not written; after a mistake it offers the editor
again. The plaintext is always removed, after a signal as well.`,
  examples: ['disinto secrets edit .env.enc', 'EDITOR="code --wait" disinto secrets edit CLAWHUB_TOKEN'],
  options: [{ name: 'on-disk', about: 'edit in the temporary directory if there is no tmpfs' }],
  words: [1, 1],
  completes: ['secret-or-env-file'],
  changes: true,
  run: async (invocation) => {
    const { context } = invocation
    const source = await sourceFor(invocation)
    // Before the editor: what was typed there would be lost.
    checkUnlinked(context.project.root, source.path)
    const rules = await rulesOf(context.project.root)
    const document = read(source)
    await checkReaders(context, document)
    const editable = await (source.role === 'secret' ? editableSecret : editableEnvFile)(document, invocation)
    const directory = privateDirectory(await place(invocation))
    const file = join(directory.path, source.role === 'secret' ? source.name : '.env')
    writeFileSync(file, editable.text, { mode: 0o600, flag: 'wx' })
    let content: Content | undefined
    try {
      content = await edited(invocation, file, editable)
    } finally {
      directory.remove()
    }
    if (content === undefined) {
      context.speak.note(`${quote(source.path)}: unchanged, so not written`)
      return 0
    }
    const sealed = await prepareSealed(context, content, { source, rules, mustOpen: true }, document.bytes)
    sealed.commit()
    context.speak.note(`${quote(source.path)}: changed`)
    if (source.role === 'env-file') sayRestartIsDue(context)
    return 0
  },
}
