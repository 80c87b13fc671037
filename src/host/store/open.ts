/** Files of a project opened as the shim opens them, with its own code. */
import { DisintoError } from '../../errors.ts'
import { decrypt, type Entry } from '../../load/decrypt.ts'
import { detectFormat } from '../../load/format.ts'
import { keyTypesOf, type Options, parseOptions } from '../../load/options.ts'
import { read } from '../../load/read.ts'
import type { Document, Format, Open, Plaintext, Source } from '../../nouns.ts'
import { quote } from '../../quote.ts'
import { opener } from '../../sops/engines.ts'
import type { HostContext } from '../context.ts'
import { withProgress } from '../terminal.ts'

/** Opens with the keys at hand; keys are read once, when the first file wants them. */
export function openWith({ variables, workingDirectory }: HostContext): Open {
  const open = opener('auto', variables, workingDirectory)
  // A KMS or Vault may be slow to answer. Anything else that is slow is a person at a prompt of sops or a plugin.
  if ([...keyTypesOf(variables)].every((type) => type === 'age' || type === 'pgp')) return open
  return (document) =>
    withProgress(variables, `opening ${quote(document.source.path)}`, () => Promise.resolve(open(document)))
}

function withOneKey(variables: ReadonlyMap<string, string>, name: string, key: string): Map<string, string> {
  const kept = [...variables].filter(([other]) => !/^(?:SOPS_AGE_.*|XDG_CONFIG_HOME|HOME)$/.test(other))
  return new Map([...kept, [name, key]])
}

/** The variables of a run in which this key file is the only key. */
export function withOnlyKey(variables: ReadonlyMap<string, string>, keyFile: string): Map<string, string> {
  return withOneKey(variables, 'SOPS_AGE_KEY_FILE', keyFile)
}

/** The variables of a run in which this identity is the only key. */
export function withOnlyIdentity(
  variables: ReadonlyMap<string, string>,
  identity: string,
): Map<string, string> {
  return withOneKey(variables, 'SOPS_AGE_KEY', identity)
}

/** The names that DISINTO_ALLOW and --allow let through. */
export function allowed(variables: ReadonlyMap<string, string>, more: readonly string[] = []): Set<string> {
  const texts = [variables.get('DISINTO_ALLOW') ?? '', ...more]
  return new Set(texts.flatMap((text) => text.split(',')).map((name) => name.trim()))
}

async function optionsFor(allow: ReadonlySet<string>): Promise<Options> {
  // HOME is another where the command runs: references to it stay.
  return { ...(await parseOptions([], new Map())), allow }
}

/** A document of bytes that are not at its path yet, or no longer. */
export function documentOf(source: Source, bytes: Buffer): Document {
  const plaintextAllowed = source.role === 'env-file' && source.plaintextAllowed
  const format: Format = detectFormat(bytes, { plaintextAllowed }) ?? 'plaintext'
  return { source, bytes, format: format === 'sops-binary' && isNamedData(source) ? 'sops-json' : format }
}

function isNamedData(source: Source): boolean {
  return source.role === 'secret' && source.name === 'data'
}

/** The names and values of a document, each checked. */
export async function entriesOf(
  document: Document,
  open: Open,
  allow: ReadonlySet<string>,
): Promise<Entry[]> {
  const { source } = document
  // A file takes what an environment can't, and a secret file may hold it for --as-file.
  const asFile = source.role === 'secret' ? [source.name] : []
  return decrypt([document], open, { ...(await optionsFor(allow)), asFile })
}

/** The names and values of a file. */
export function entriesAt(source: Source, open: Open, allow: ReadonlySet<string>): Promise<Entry[]> {
  return entriesOf(read(source), open, allow)
}

/** What `sops decrypt` prints of a document. */
export async function plaintextOf(document: Document, open: Open): Promise<Plaintext> {
  return (await open(document)).plaintext
}

/** Whether an error only says that no key at hand opens a file. */
export function isForOthers(error: unknown): boolean {
  return error instanceof DisintoError && /^key-(?:missing|wrong|unreadable|passphrase)$/.test(error.code)
}
