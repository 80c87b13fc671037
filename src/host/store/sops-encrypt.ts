/** The sops program, for what our own sealing does not do; plaintext goes to it through a pipe alone. */
import { readFileSync } from 'node:fs'
import { sopsRunner } from '../../sops/program.ts'
import { plainWords, unwrap } from '../../sops/refusal.ts'
import type { HostContext } from '../context.ts'
import { failure } from '../errors.ts'

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
  const ended = await sopsRunner(byRules, workingDirectory)(
    [...words, '--input-type', type, '--output-type', type],
    path,
    () => failure('sops-needed', { path, reason }),
    project.root,
    plain,
  )
  if (ended.status === 0) return ended.stdout
  // The rules are no secret: of a recipient that is wrong, sops says which.
  const rules = readFileSync(config, 'utf8')
  const text = plainWords(unwrap(ended.stderr), plain.toString(), (word) => rules.includes(word))
  throw failure('sops-encrypt', { path, text: text || 'without a word' })
}
