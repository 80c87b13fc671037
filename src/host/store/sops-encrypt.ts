/** The sops program, for what our own sealing does not do; plaintext goes to it through a pipe alone. */
import { findSops } from '../../sops/program.ts'
import type { HostContext } from '../context.ts'
import { failure } from '../errors.ts'

export type SopsType = 'dotenv' | 'json' | 'binary' | 'yaml' | 'ini'

/** sops' own words, less every one that could be a part of the plaintext. */
function harmless(text: string, plain: Buffer): string {
  const secret = plain.toString()
  return text
    .split(/\s+/)
    .filter((word) => word !== '' && word !== '|')
    .map((word) => (word.length >= 4 && secret.includes(word.replaceAll(/^\W+|\W+$/g, '')) ? '[…]' : word))
    .join(' ')
    .slice(0, 400)
}

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

/** Encrypts by the rule that `config` has for `path`. `reason` says why sops is needed. */
export async function encryptBySops(
  context: HostContext,
  plain: Buffer,
  type: SopsType,
  target: { readonly path: string; readonly config: string; readonly reason: string },
): Promise<Buffer> {
  const program = findSops(context.variables)
  if (program === undefined) throw failure('sops-needed', { path: target.path, reason: target.reason })
  const { execa } = await import('execa')
  const words = ['--config', target.config, 'encrypt', '--filename-override', target.path]
  const result = await execa(program, [...words, '--input-type', type, '--output-type', type], {
    input: plain,
    encoding: 'buffer',
    env: Object.fromEntries([...context.variables].filter(([name]) => !OVERRULING.includes(name))),
    extendEnv: false,
    cwd: context.project.root,
    reject: false,
    stripFinalNewline: false,
  })
  if (result.exitCode !== 0) {
    const text = harmless(Buffer.from(result.stderr ?? []).toString(), plain)
    throw failure('sops-encrypt', { path: target.path, text: text || 'without a word' })
  }
  return Buffer.from(result.stdout)
}
