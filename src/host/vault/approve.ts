/**
 * Approves a proposal.
 * Writes the ID, the expiry and the command into it, and signs all of it.
 */
import { join } from 'node:path'
import { DisintoError } from '../../errors.ts'
import type { HostContext } from '../context.ts'
import { failure } from '../errors.ts'
import { writeFile } from '../files/write.ts'
import { secretNames } from '../store/inventory.ts'
import { checkApproval, signersFile, usualSignersFile } from './approval.ts'
import { withTerms } from './approval-text.ts'
import { spentBy } from './claim.ts'
import { inPrivateDirectory } from './memory.ts'
import { type Proposal, parseProposal, readProposal } from './proposal.ts'
import { besideProposal, readUnlinked, refuseLink } from './proposal-file.ts'
import type { ApprovalTerms } from './proposal-schema.ts'
import { checkPresent } from './request.ts'
import { findSigningKey, type SigningKey } from './signing-key.ts'
import { isArmored, NAMESPACE, runKeygen } from './ssh-keygen.ts'

export interface Approving {
  readonly id: string
  readonly allow: ReadonlySet<string>
  /** A file; git's key where none is named. */
  readonly signingKey: string | undefined
  /** Milliseconds from now; undefined for ever. */
  readonly lasts: number | undefined
  /** Empty: whichever command vault-run is given, or the service's own. */
  readonly command: readonly string[]
  readonly signers: string | undefined
}

/** Signs bytes with a key, which its agent or token may have. Throws signing-failed. */
async function sign(context: HostContext, bytes: Buffer, key: SigningKey): Promise<string> {
  const by = async (words: readonly string[]) => {
    const all = ['-q', '-Y', 'sign', '-n', NAMESPACE, ...words]
    const { status, stdout, stderr } = await runKeygen(context, all, bytes, context.interactive)
    if (status === 0 && isArmored(stdout)) return stdout
    const reason = stderr.replaceAll(/\p{Cc}+/gu, ' ').trim()
    throw failure('signing-failed', { reason: reason === '' ? `exit status ${status}` : reason })
  }
  if (key.kind === 'file') return by(['-f', key.path])
  // As git does it: a file for the public half, and -U, since the private one is in the agent.
  return inPrivateDirectory((write) => by(['-U', '-f', write('key.pub', `${key.text}\n`)]))
}

function termsOf({ id, lasts, command }: Approving): ApprovalTerms {
  return {
    id,
    ...(lasts === undefined ? {} : { expires: new Date(Date.now() + lasts).toISOString() }),
    ...(command.length === 0 ? {} : { command: [...command] }),
  }
}

/** Writes the proposal as it was signed, then its signature: until both are there, there is no approval. */
async function writeBoth({ project }: HostContext, proposal: Proposal, signature: string): Promise<void> {
  const path = join(project.root, proposal.path)
  const before = readUnlinked(project.root, proposal.path)
  if (!before.equals(proposal.bytes)) await writeFile(path, proposal.bytes, { over: before, mode: 0o644 })
  const beside = besideProposal(proposal.path, 'sig')
  refuseLink(project.root, beside)
  await writeFile(join(project.root, beside), Buffer.from(signature), { mode: 0o644 })
}

/** Says so when vault-run would not take what was just signed. */
async function warnUnlessItCounts(context: HostContext, proposal: Proposal, named?: string): Promise<void> {
  if (signersFile(context, named) === undefined) {
    const usual = usualSignersFile(context)
    context.speak.warning({
      code: 'approval-unneeded',
      message: 'approvals are not checked here: there is no file that lists who may approve',
      hint: `list their public keys, one a line, in ${usual ?? 'a file that DISINTO_ALLOWED_SIGNERS names'}: you@example.org ssh-ed25519 AAAA…`,
    })
    return
  }
  try {
    await checkApproval(context, proposal, named)
  } catch (error) {
    if (!(error instanceof DisintoError) || error.code !== 'approval-wrong') throw error
    context.speak.warning({
      code: 'approval-unlisted',
      message: `vault-run will not accept this approval: its key is not one of those in ${signersFile(context, named) ?? 'the file'}`,
      hint: 'add the public key there, or sign with one that is listed: --signing-key FILE',
    })
  }
}

/**
 * Approves the proposal as it stands, and returns it as it was signed. Throws what is wrong with it, approval-used,
 * signers-unusable, signers-elsewhere, proposal-link, signing-key-missing and signing-failed; then nothing was written.
 */
export async function approve(context: HostContext, approving: Approving): Promise<Proposal> {
  const { project } = context
  // What is wrong with that file is told before anything is written.
  signersFile(context, approving.signers)
  const proposal = readProposal(project.root, approving.id, approving.allow)
  const known = secretNames(project)
  checkPresent(proposal, new Set(known), () => known)
  const text = withTerms(proposal, termsOf(approving))
  const file = { path: proposal.path, format: proposal.format, bytes: Buffer.from(text) }
  // Read again: what is signed is what will be read.
  const signed = parseProposal(file, approving.id, approving.allow)
  const spent = spentBy(project, signed)
  if (spent !== undefined) throw failure('approval-used', { path: proposal.path, when: spent.at })
  // Whoever made a link there would have what it leads to written over: a key of ours, for example.
  refuseLink(project.root, besideProposal(signed.path, 'sig'))
  const signature = await sign(context, file.bytes, await findSigningKey(context, approving.signingKey))
  await writeBoth(context, signed, signature)
  await warnUnlessItCounts(context, signed, approving.signers)
  return signed
}
