/**
 * Whether a proposal is approved.
 * By somebody who may do so, as it stands, for what is to be run now.
 */
import { existsSync, readdirSync, type Stats, statSync } from 'node:fs'
import { basename, dirname, join, resolve } from 'node:path'
import { errnoOf } from '../../errors.ts'
import type { HostContext } from '../context.ts'
import { failure } from '../errors.ts'
import { inPrivateDirectory } from './memory.ts'
import type { Proposal } from './proposal.ts'
import { besideProposal, readUnlinked } from './proposal-file.ts'
import { isArmored, NAMESPACE, runKeygen } from './ssh-keygen.ts'

/** `allowed_signers` (ssh-keygen(1)), where it is by default: beside the operator's key, under the project. */
const DEFAULT_NAME = 'allowed_signers'

/**
 * The file of a project of the same name, as another clone of this one is: its place differs by a hash (place.ts). Who
 * can write the repository can have a place not be found, by what .sops.yaml says.
 */
function signersOfNamesake(usual: string): string | undefined {
  const place = dirname(usual)
  const stem = basename(place).replace(/-[0-9a-f]{8}$/, '')
  try {
    return readdirSync(dirname(place))
      .filter((name) => name.replace(/-[0-9a-f]{8}$/, '') === stem)
      .map((name) => join(dirname(place), name, DEFAULT_NAME))
      .find((path) => existsSync(path))
  } catch {
    return undefined
  }
}

/**
 * Where the keys are listed that may approve; undefined where nobody keeps such a file. Throws signers-unusable, and
 * signers-elsewhere where another project of this name has one.
 */
export function signersFile(context: HostContext, named?: string): string | undefined {
  const { project, variables, workingDirectory } = context
  const told = named ?? (variables.get('DISINTO_ALLOWED_SIGNERS') || undefined)
  const usual = project.serviceKeysDir && join(project.serviceKeysDir, DEFAULT_NAME)
  const path = told === undefined ? usual : resolve(workingDirectory, told)
  if (path === undefined) return undefined
  let stats: Stats
  try {
    stats = statSync(path)
  } catch (error) {
    if (errnoOf(error) !== 'ENOENT' || told !== undefined)
      throw failure('signers-unusable', { path, reason: errnoOf(error) })
    const other = signersOfNamesake(path)
    if (other !== undefined) throw failure('signers-elsewhere', { path: other, usual: path })
    return undefined
  }
  const { uid, mode } = stats
  const others = uid !== 0 && uid !== process.getuid?.() ? 'belongs to another user' : undefined
  const open = (mode & 0o002) === 0 ? others : 'can be written by everybody'
  if (open !== undefined) throw failure('signers-unusable', { path, reason: open })
  return path
}

/** Where the default file would be, for a hint; undefined when neither HOME nor a variable says. */
export const usualSignersFile = ({ project }: HostContext): string | undefined =>
  project.serviceKeysDir && join(project.serviceKeysDir, DEFAULT_NAME)

/** The principals under which a signature may be looked up, as ssh-keygen tells them. */
async function principalsOf(context: HostContext, signature: string, signers: string): Promise<string[]> {
  const words = ['-Y', 'find-principals', '-s', signature, '-f', signers]
  const { status, stdout } = await runKeygen(context, words, Buffer.alloc(0))
  if (status !== 0) return []
  const found = stdout.split(/[\n,]/).map((text) => text.trim())
  return [...new Set(found.filter((text) => text !== '' && !text.startsWith('!')))]
}

/** Who signed these bytes, of those whom the file lists; undefined when nobody did. */
export async function signerOf(
  context: HostContext,
  bytes: Buffer,
  signature: string,
  signers: string,
): Promise<string | undefined> {
  if (!isArmored(signature)) return undefined
  return inPrivateDirectory(async (write) => {
    const path = write('signature', signature)
    for (const principal of await principalsOf(context, path, signers)) {
      const words = ['-Y', 'verify', '-n', NAMESPACE, '-I', principal, '-s', path, '-f', signers]
      if ((await runKeygen(context, words, bytes)).status === 0) return principal
    }
    return undefined
  })
}

/** Who approved a proposal; undefined where nobody keeps an allowed_signers file, so that none is needed. */
export interface Approval {
  readonly by: string | undefined
}

/**
 * Checks the signature beside a proposal, and that it has not expired. Throws approval-missing, approval-wrong and
 * approval-expired; whether it is spent is another question (claim.ts).
 */
export async function checkApproval(
  context: HostContext,
  proposal: Proposal,
  named?: string,
): Promise<Approval> {
  const { project } = context
  const signers = signersFile(context, named)
  const beside = besideProposal(proposal.path, 'sig')
  const isThere = existsSync(join(project.root, beside))
  if (signers === undefined) {
    // Without a home nobody can say that there is no such file.
    if (project.serviceKeysDir === undefined && isThere) throw failure('no-key-place')
    return { by: undefined }
  }
  if (!isThere) throw failure('approval-missing', { path: proposal.path, id: proposal.id })
  const signature = readUnlinked(project.root, beside).toString('latin1')
  const by = await signerOf(context, proposal.bytes, signature, signers)
  if (by === undefined) throw failure('approval-wrong', { path: beside, signers })
  checkExpiry(proposal)
  return { by }
}

/** Throws approval-expired when the time of an approval is over. */
export function checkExpiry({ path, terms }: Proposal, now = Date.now()): void {
  const { expires } = terms ?? {}
  if (expires === undefined) return
  const until = Date.parse(expires)
  // What can't be read as a time has passed.
  if (!(until > now)) throw failure('approval-expired', { path, when: expires })
}

/**
 * Returns the command to run: the approved one, or, where none was approved, the one that was given. `by` is who signed
 * the proposal: what nobody has signed is a word of whoever wrote the file, and no command is run for it. Throws
 * approval-command for another than was approved, and approval-command-unsigned.
 */
export function commandFor(
  { path, terms }: Proposal,
  given: readonly string[],
  by: string | undefined,
): readonly string[] {
  const named = terms?.command
  if (named === undefined) return given
  const same = named.length === given.length && named.every((word, at) => word === given[at])
  if (by === undefined && !same) throw failure('approval-command-unsigned', { path })
  if (given.length > 0 && !same) throw failure('approval-command', { path })
  return named
}
