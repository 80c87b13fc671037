/** One approved action, with the secrets it asked for and no others (DESIGN.md §5). */
import { rmSync } from 'node:fs'
import { basename, join } from 'node:path'
import { generateKey } from '../../age/keygen.ts'
import { decrypt, type Entry } from '../../load/decrypt.ts'
import { locate } from '../../load/locate.ts'
import { parseOptions } from '../../load/options.ts'
import { read } from '../../load/read.ts'
import { sealJson } from '../../sops/seal.ts'
import { nearest } from '../../nearest.ts'
import type { Invocation } from '../cli/command.ts'
import type { HostContext } from '../context.ts'
import { VAULT_RUNNER } from '../project.ts'
import { checkEngine, readComposeModel, statusOfSignal } from '../compose/docker.ts'
import { standIns } from '../compose/interpolation.ts'
import { leftMemoryDirectories, type MemoryDirectory, makeMemoryDirectory } from './memory.ts'
import type { Model } from '../compose/model.ts'
import { IMAGE_KEYS, IMAGE_ROOT } from '../compose/mounts.ts'
import { allowed, openWith } from '../store/open.ts'
import { type Proposal, readProposal } from './proposal.ts'
import { openRecord } from './record.ts'
import { type Outcome, removeContainer, removeUnusedNetworks, runContainer, Signals } from './runner.ts'
import { tooMuchFor } from './runner-view.ts'
import { checkService } from '../compose/stack.ts'
import { inTurn } from '../files/lock.ts'
import { failure } from '../errors.ts'

/** Where the proposal is in the container. */
export const PROPOSAL = `${IMAGE_ROOT}/proposal.json`

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
  const missing = proposal.secrets.filter((name) => !have.has(name))
  if (missing.length > 0) {
    const all = locate({ ...options, only: undefined }, workingDirectory).sources
    const known = all.flatMap((source) => (source.role === 'secret' ? [source.name] : []))
    throw failure('proposal-secret-missing', {
      path: proposal.path,
      names: missing,
      near: nearest(missing[0] ?? '', known),
    })
  }
  const entries = await decrypt(sources.map(read), openWith(context), options)
  const empty = entries.filter(({ value }) => value.reveal() === '').map(({ name }) => name)
  if (empty.length > 0) throw failure('require-unmet', { names: empty })
  return entries
}

/** The files that the container gets: the run key, the secrets encrypted to it, and the proposal. */
async function fill(
  directory: MemoryDirectory,
  entries: readonly Entry[],
  proposal: Proposal,
): Promise<void> {
  const { text, recipient } = generateKey()
  directory.directory('age')
  directory.write('age/keys.txt', text)
  directory.directory('secrets')
  for (const { name, value } of entries) {
    directory.write(`secrets/${name}.enc`, await sealJson([[name, value.reveal()]], [recipient]))
  }
  // For the command, which is not root.
  directory.write('proposal.json', proposal.bytes, 0o644)
}

const bindsOf = (directory: string): Array<readonly [string, string]> => [
  [join(directory, 'age'), IMAGE_KEYS],
  [join(directory, 'secrets'), `${IMAGE_ROOT}/secrets`],
  [join(directory, 'proposal.json'), PROPOSAL],
]

/** What runs that were killed have left: their containers, then their directories. */
async function sweep(context: HostContext): Promise<void> {
  for (const path of leftMemoryDirectories(context.variables)) {
    await removeContainer(context, basename(path))
    rmSync(path, { recursive: true, force: true })
  }
}

function dryRun({ context, rest }: Invocation, proposal: Proposal): number {
  const lines = [
    `proposal   ${proposal.path} -> ${PROPOSAL}`,
    ...proposal.secrets.map(
      (name) => `secret     secrets/${name}.enc -> ${IMAGE_ROOT}/secrets/${name}.enc (for the run key)`,
    ),
    `key        a run key, made for this run -> ${IMAGE_KEYS}/keys.txt`,
    `require    ${proposal.secrets.join(',')}`,
    `service    ${VAULT_RUNNER}`,
    `command    ${rest.length === 0 ? 'that of the service' : JSON.stringify(rest)}`,
  ]
  context.print(`${lines.join('\n')}\n`)
  return 0
}

async function inContainer(
  invocation: Invocation,
  proposal: Proposal,
  entries: readonly Entry[],
  model: Model,
  signals: Signals,
): Promise<Outcome | undefined> {
  const { context, rest } = invocation
  const directory = makeMemoryDirectory(context.variables)
  process.on('exit', directory.remove)
  try {
    await fill(directory, entries, proposal)
    if (signals.first !== undefined) return undefined
    const names = proposal.secrets.join(',')
    return await runContainer(
      context,
      {
        service: VAULT_RUNNER,
        container: directory.name,
        binds: bindsOf(directory.path),
        environment: [
          ['DISINTO_ONLY', names],
          ['DISINTO_REQUIRE', names],
          ['DISINTO_ALLOW', invocation.texts('allow').join(',')],
          ['DISINTO_PROPOSAL', PROPOSAL],
        ],
        command: rest,
        values: standIns(context, model),
      },
      signals,
    )
  } finally {
    directory.remove()
    await removeContainer(context, directory.name)
    await inTurn(context.project.name, () => removeUnusedNetworks(context, model.name))
  }
}

/** Runs one approved action as it was called for; its exit status. Throws when it did not start. */
export async function vaultRunOf(invocation: Invocation): Promise<number> {
  const { context, words } = invocation
  const { project } = context
  const allow = allowed(context.variables, invocation.texts('allow'))
  const proposal = readProposal(project.root, words[0] ?? '', allow)
  const entries = await openRequested(context, proposal, allow)
  const model = await readComposeModel(context)
  checkService(context, model, VAULT_RUNNER)
  for (const service of model.services.filter(({ name }) => name === VAULT_RUNNER)) {
    const [what] = tooMuchFor(service, project)
    if (what !== undefined) throw failure('runner-sees', { service: VAULT_RUNNER, what })
  }
  if (invocation.on('dry-run')) return dryRun(invocation, proposal)

  await checkEngine(context)
  const signals = new Signals()
  signals.listen()
  await sweep(context)
  const record = openRecord(project)
  const startedAt = new Date()
  let outcome: Outcome | undefined
  try {
    outcome = await inContainer(invocation, proposal, entries, model, signals)
  } finally {
    const signal = outcome?.status === undefined ? signals.first : undefined
    const { id, secrets } = proposal
    record.append({ id, secrets, startedAt, exitCode: outcome?.status ?? null, ...(signal && { signal }) })
    record.close()
  }
  if (outcome?.status !== undefined) return outcome.status
  if (signals.first !== undefined) return statusOfSignal(signals.first)
  throw failure('run-unstarted', { service: VAULT_RUNNER, status: String(outcome?.composeStatus ?? 'none') })
}
