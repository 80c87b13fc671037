/** The sops program, for what our own sealing does not do; plaintext goes to it through a pipe alone. */

import { keyTypesOf } from '../../load/options.ts'
import { readRegular } from '../../load/read.ts'
import type { Document } from '../../nouns.ts'
import { quote } from '../../quote.ts'
import { uniqueKeys } from '../../sops/master-key.ts'
import { sopsRunner } from '../../sops/program.ts'
import { plainWords, unwrap } from '../../sops/refusal.ts'
import type { HostContext } from '../context.ts'
import { failure } from '../errors.ts'
import { prepareFile } from '../files/write.ts'
import { withProgress } from '../terminal.ts'

export type SopsType = 'dotenv' | 'json' | 'binary' | 'yaml' | 'ini'

/** With these sops would encrypt to whom they name, and not by the rules. */
const OVERRULING = [
  'SOPS_AGE_RECIPIENTS',
  'SOPS_PGP_FP',
  'SOPS_KMS_ARN',
  'SOPS_GCP_KMS_IDS',
  'SOPS_HUAWEICLOUD_KMS_IDS',
  'SOPS_AZURE_KEYVAULT_URLS',
  'SOPS_VAULT_URIS',
]

/** Where the file will be, the rules for it, and why sops is needed. */
export interface SopsTarget {
  readonly path: string
  readonly config: string
  readonly reason: string
}

/**
 * Encrypts by the rule that `config` has for `path`. Throws sops-needed, and sops-encrypt with sops' words, but for those
 * that the plaintext has.
 */
export async function encryptBySops(
  { variables, workingDirectory, project }: HostContext,
  plain: Buffer,
  type: SopsType,
  { path, config, reason }: SopsTarget,
): Promise<Buffer> {
  const byRules = new Map([...variables].filter(([name]) => !OVERRULING.includes(name)))
  const words = ['--config', config, 'encrypt', '--filename-override', path]
  const run = sopsRunner(byRules, workingDirectory)
  const ended = await withProgress(variables, `encrypting ${quote(path)}`, () =>
    run([...words, '--input-type', type, '--output-type', type], {
      path,
      missing: () => failure('sops-needed', { path, reason }),
      cwd: project.root,
      input: plain,
    }),
  )
  if (ended.status === 0) return ended.stdout
  // The rules are no secret: of a recipient that is wrong, sops says which.
  const rules = readRegular(config).toString()
  const text = plainWords(unwrap(ended.stderr), plain.toString(), (word) => rules.includes(word))
  throw failure('sops-encrypt', { path, text: text || 'it printed no reason' })
}

/**
 * The bytes of a file that sops may have: to open it, sops would ask every key service that its metadata names. Written
 * anew, YAML loses its comments and INI its form, so there they stay as they are, or are refused. Throws
 * key-types-unasked.
 */
async function bytesForSops(document: Document, variables: ReadonlyMap<string, string>): Promise<Buffer> {
  const { format, bytes, source } = document
  const allowed = keyTypesOf(variables)
  const { restrictKeyTypes } = await import('../../sops/restrict.ts')
  const seen = await restrictKeyTypes(document, allowed, variables)
  if (format !== 'sops-yaml' && format !== 'sops-ini') return seen.bytes
  const types = uniqueKeys([...seen.left, ...(seen.vaults.length > 0 ? ['hc_vault'] : [])])
  if (types.length > 0)
    throw failure('key-types-unasked', { path: source.path, types, allowed: [...allowed] })
  return bytes
}

/** Runs sops on a copy of a file, beside it: ciphertext alone. Returns what it prints, and what became of the copy. */
async function onCopy(
  { variables, workingDirectory }: HostContext,
  document: Document,
  words: readonly string[],
): Promise<{ readonly printed: Buffer; readonly copy: Buffer }> {
  const { source, format } = document
  const { path } = source
  const missing = () => failure('sops-needed', { path, reason: 'because of its format or its keys' })
  const copy = await prepareFile(path, await bytesForSops(document, variables), { over: 'new' })
  try {
    const type = format.replace('sops-', '')
    const run = sopsRunner(variables, workingDirectory)
    const ended = await run([...words, '--input-type', type, copy.temporary], { path, missing })
    if (ended.status !== 0)
      throw failure('sops-failed', { path, type, text: 'it could not be encrypted again' })
    return { printed: ended.stdout, copy: readRegular(copy.temporary) }
  } finally {
    copy.discard()
  }
}

/** A file with its data key for the keys of a .sops.yaml and nobody else, by `sops updatekeys`. */
export async function rekeyBySops(context: HostContext, document: Document, config: string): Promise<Buffer> {
  const rules = await prepareFile(document.source.path, Buffer.from(config), { over: 'new' })
  try {
    const words = ['--config', rules.temporary, 'updatekeys', '--yes']
    return (await onCopy(context, document, words)).copy
  } finally {
    rules.discard()
  }
}

/** A file with a new data key for the same keys, by `sops rotate`: numbers and lists stay what they are. */
export async function rotateBySops(context: HostContext, document: Document): Promise<Buffer> {
  const type = document.format.replace('sops-', '')
  return (await onCopy(context, document, ['rotate', '--output-type', type])).printed
}
