/**
 * What a run needs before there is a container.
 * An approved proposal, its secrets, and a service that may have them.
 */
import { decrypt, type Entry } from '../../load/decrypt.ts'
import { locate } from '../../load/locate.ts'
import { parseOptions } from '../../load/options.ts'
import { read } from '../../load/read.ts'
import { nearest } from '../../nearest.ts'
import type { Secret } from '../../secret.ts'
import { encryptedNames, plainValues } from '../compose/env-files.ts'
import type { HostContext } from '../context.ts'
import { failure } from '../errors.ts'
import { VAULT_RUNNER } from '../project.ts'
import { secretNames } from '../store/inventory.ts'
import { openWith } from '../store/open.ts'
import { checkApproval, commandFor } from './approval.ts'
import { spentBy } from './claim.ts'
import { type Proposal, readProposal } from './proposal.ts'
import { type Let, type RunnerService, readRunner } from './service.ts'

/** What somebody asks of vault-run. */
export interface Request {
  readonly id: string
  /** The command that was given; empty for the approved one, or the service's own. */
  readonly command: readonly string[]
  /** Refused names that are let through. */
  readonly allow: ReadonlySet<string>
  /** Mounts of the compose file that are let through. */
  readonly allowMounts: readonly string[]
  /** The allowed_signers file, where one is named. */
  readonly signers: string | undefined
  readonly dryRun: boolean
  /** Whether it runs once even where nobody has to approve it: nobody stands by who meant to repeat it. */
  readonly once: boolean
}

/** Everything that is needed to make the container, and nothing that is running. */
export interface Ready {
  readonly proposal: Proposal
  readonly approvedBy: string | undefined
  readonly entries: readonly Entry[]
  readonly service: RunnerService
  /** compose's name of the project. */
  readonly project: string
  readonly command: readonly string[]
  /** For compose's own references. */
  readonly values: ReadonlyMap<string, Secret>
}

/** Opens exactly the secrets that the proposal names. */
async function openRequested(
  context: HostContext,
  proposal: Proposal,
  allow: ReadonlySet<string>,
): Promise<Entry[]> {
  const { project, workingDirectory } = context
  const flags = [
    '--root',
    project.root,
    ...[...allow].flatMap((name) => (name === '' ? [] : ['--allow', name])),
  ]
  const options = await parseOptions([...flags, '--only', proposal.secrets.join(',')], new Map())
  // The env file holds what agents have: a proposal gets what is in files of their own.
  const sources = locate(options, workingDirectory).sources.filter(({ role }) => role === 'secret')
  const have = new Set(sources.map((source) => (source.role === 'secret' ? source.name : '')))
  checkPresent(proposal, have, () => {
    const all = locate({ ...options, only: undefined }, workingDirectory).sources
    return all.flatMap((source) => (source.role === 'secret' ? [source.name] : []))
  })
  const entries = await decrypt(sources.map(read), openWith(context), options)
  const empty = entries.filter(({ value }) => value.reveal() === '').map(({ name }) => name)
  if (empty.length > 0) throw failure('require-unmet', { names: empty })
  return entries
}

/** Throws proposal-secret-missing unless there is a file for each secret that a proposal asks for. */
export function checkPresent(
  { path, secrets }: Proposal,
  have: ReadonlySet<string>,
  known: () => readonly string[],
): void {
  const names = secrets.filter((name) => !have.has(name))
  if (names.length === 0) return
  throw failure('proposal-secret-missing', { path, names, near: nearest(names[0] ?? '', known()) })
}

/** The names that encrypted files hold, as far as they say without a key, and those of a plaintext `.env`. */
async function secretsOf(context: HostContext): Promise<Set<string>> {
  const { project } = context
  const plain = (await plainValues(context)).keys()
  // A file that says nothing keeps no name back; `doctor` has a finding of its own for it.
  const encrypted = await encryptedNames(context).catch(() => undefined)
  return new Set([...secretNames(project), ...plain, ...(encrypted ?? [])])
}

/** The path of the engine's socket, where it is one of this machine. */
const socketOf = (variables: ReadonlyMap<string, string>): string | undefined =>
  /^unix:\/\/(\/.+)$/.exec(variables.get('DOCKER_HOST') ?? '')?.[1]

/** What a run lets through: what was named for it, and in DISINTO_ALLOW_MOUNT. */
export async function letFor(
  context: HostContext,
  { allow, allowMounts }: Pick<Request, 'allow' | 'allowMounts'>,
): Promise<Let> {
  const engine = socketOf(context.variables)
  const always = (context.variables.get('DISINTO_ALLOW_MOUNT') ?? '').split(',').filter((name) => name !== '')
  return {
    mounts: [...allowMounts, ...always],
    names: allow,
    secrets: await secretsOf(context),
    ...(engine === undefined ? {} : { engine }),
  }
}

/** The vault-runner of the compose file; throws runner-sees when it would see what a run does not need. */
async function readService(context: HostContext, request: Request) {
  const { service, surplus, project, values } = await readRunner(context, await letFor(context, request))
  const [first] = surplus
  if (first !== undefined)
    throw failure('runner-sees', { service: VAULT_RUNNER, what: first.what, allow: first.allow })
  return { service, project, values }
}

/** Says that nobody has to approve anything here. */
function warnUnchecked(context: HostContext, { path }: Proposal): void {
  context.speak.warning({
    code: 'approval-unchecked',
    message: `${path}: runs without a signed approval`,
    hint: 'disinto help approve shows how to keep a file that lists who may approve',
  })
}

/**
 * Makes a run ready: reads the proposal, checks its approval, opens its secrets and reads the service. No container is
 * made, and nothing is written. Throws what is wrong.
 */
export async function prepareRun(context: HostContext, request: Request): Promise<Ready> {
  const { project } = context
  const proposal = readProposal(project.root, request.id, request.allow)
  // Needs no key, and takes longest: it goes on while the approval is checked.
  const reading = readService(context, request)
  reading.catch(() => {})
  const { by } = await checkApproval(context, proposal, request.signers)
  const command = commandFor(proposal, request.command, by)
  if (by === undefined) warnUnchecked(context, proposal)
  const spent = by === undefined && !request.once ? undefined : spentBy(project, proposal)
  if (spent !== undefined) throw failure('approval-used', { path: proposal.path, when: spent.at })
  const entries = await openRequested(context, proposal, request.allow)
  const service = await reading
  return { proposal, approvedBy: by, entries, command, ...service }
}
