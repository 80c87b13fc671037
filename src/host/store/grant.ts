/** Keys of services: each opens .env.enc and nothing else (DESIGN.md §5). */
import { statSync } from 'node:fs'
import { readKeyring } from '../../age/sources.ts'
import { quote } from '../../errors.ts'
import { read } from '../../load/read.ts'
import { builtinDeclines, openBuiltin } from '../../sops/builtin.ts'
import { sopsRunner } from '../../sops/program.ts'
import { recipientsOf } from '../../sops/refusal.ts'
import { sealDotenv, sealJson } from '../../sops/seal.ts'
import type { HostContext } from '../context.ts'
import { findRules } from '../access/rules.ts'
import { makeRules } from '../access/first-use.ts'
import { keyAt } from '../access/keys.ts'
import { openWith } from './open.ts'
import { withService } from '../access/service-rule.ts'
import { writeFile } from '../files/write.ts'
import type { Document } from '../../nouns.ts'
import { failure } from '../errors.ts'

export interface ServiceKey {
  readonly path: string
  readonly recipient: string
}

/** Makes the key of a service unless it is there: 0600, in directories that are 0700. */
export async function ensureServiceKey(context: HostContext, service: string): Promise<ServiceKey> {
  const { project, speak } = context
  const path = project.serviceKeyFile(service)
  if (path === undefined) throw failure('no-key-place')
  const { recipient, made } = await keyAt(path)
  if (made) speak.note(`${quote(service)}: made the key ${quote(path)}, which is for .env.enc alone`)
  return { path, recipient }
}

async function resealed(context: HostContext, document: Document, recipients: readonly string[]) {
  const { plaintext } = await openWith(context)(document)
  if (plaintext.kind === 'values') return sealJson(plaintext.values, recipients)
  return sealDotenv(plaintext.bytes.toString(), recipients)
}

/** Encrypts .env.enc to one more recipient, the old or the new file there at every instant. */
async function addRecipient(context: HostContext, document: Document, recipient: string): Promise<void> {
  const { variables, workingDirectory, project } = context
  const { path } = document.source
  const { identities } = await readKeyring(variables, workingDirectory)
  const declined = builtinDeclines(document, identities) !== undefined || document.format === 'sops-binary'
  if (declined) {
    const type = document.format.replace('sops-', '')
    const words = ['updatekeys', '--yes', '--input-type', type, path]
    const missing = () => failure('sops-missing', { path })
    const ended = await sopsRunner(variables, workingDirectory)(words, path, missing, project.root)
    if (ended.status !== 0)
      throw failure('sops-failed', { path, text: 'updatekeys did not add the service key' })
    return
  }
  const opened = await openBuiltin(document, identities)
  const bytes = await resealed(context, document, [...(await recipientsOf(document)), recipient])
  const verify = async (written: Buffer) => {
    const again = await openBuiltin({ ...document, bytes: written }, identities)
    if (JSON.stringify(again) !== JSON.stringify(opened))
      throw failure('write-failed', { path, reason: 'it opens to something else' })
  }
  await writeFile(path, bytes, { over: document.bytes, verify })
}

function encryptedEnvFile(path: string): Document | undefined {
  try {
    statSync(path)
  } catch {
    return undefined
  }
  return read({ role: 'env-file', path, plaintextAllowed: false })
}

/** Lets a service open .env.enc: by its rule in .sops.yaml, and then in fact. Does nothing when all is so. */
export async function grantService(context: HostContext, service: string, recipient: string): Promise<void> {
  const { project, speak } = context
  const document = encryptedEnvFile(project.envFile)
  const present = document === undefined ? [] : await recipientsOf(document)
  const wanting = document !== undefined && !present.includes(recipient)
  // Before anything is changed: whoever can't open the file can't let anyone else open it.
  if (wanting) await openWith(context)(document)

  let rules = await findRules(project.root)
  const [operator] = present.filter((one) => one !== recipient)
  if (rules === undefined && operator !== undefined) rules = await makeRules(context, operator)
  if (rules !== undefined) {
    const changed = await withService(rules, project, recipient, present)
    if (changed !== rules) {
      await writeFile(rules.path, Buffer.from(changed.text), { over: Buffer.from(rules.text) })
      speak.note(`${quote(rules.path)}: ${quote(service)} may open .env.enc, too`)
    }
  }
  if (wanting) {
    await addRecipient(context, document, recipient)
    speak.note(`${quote(project.envFile)}: encrypted to ${quote(service)}, too`)
  }
}
