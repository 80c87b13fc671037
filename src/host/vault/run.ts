/** One approved action, with the secrets it asked for and no others (DESIGN.md §5). */
import { rmSync } from 'node:fs'
import { basename, join } from 'node:path'
import { generateKey } from '../../age/keygen.ts'
import { sealJson } from '../../sops/seal.ts'
import { statusOfSignal } from '../process.ts'
import { IMAGE_KEYS, IMAGE_ROOT } from '../compose/mounts.ts'
import { composeWords } from '../compose/settings.ts'
import type { HostContext } from '../context.ts'
import { failure } from '../errors.ts'
import { whenLeaving } from '../files/cleanup.ts'
import { VAULT_RUNNER } from '../project.ts'
import { checkExpiry } from './approval.ts'
import { claim, digestOf, noteRun } from './claim.ts'
import {
  checkContainer,
  createContainer,
  environmentText,
  type Making,
  removeContainer,
  removeUnusedNetworks,
} from './container.ts'
import type { MemoryDirectory } from '../../memory-directory.ts'
import { leftMemoryDirectories, makeMemoryDirectory } from './memory.ts'
import type { Mount } from './mounts.ts'
import type { Proposal } from './proposal.ts'
import { type Ended, openRecord, type RunRecord, type Started } from './record.ts'
import { prepareRun, type Ready, type Request } from './request.ts'
import { lastLinesOf, writeResult } from './result.ts'
import { hasTerminal, type Outcome, runContainer } from './runner.ts'
import type { Signals } from './signals.ts'

/** Where the proposal is in the container, less its ending. */
export const PROPOSAL = `${IMAGE_ROOT}/proposal`

const placeOf = ({ format }: Proposal): string => `${PROPOSAL}.${format}`

/** The files that the container gets: the run key, the secrets encrypted to it, and the proposal. */
async function fill(directory: MemoryDirectory, { entries, proposal }: Ready): Promise<void> {
  const { text, recipient } = generateKey()
  directory.directory('age')
  directory.write('age/keys.txt', text)
  directory.directory('secrets')
  for (const { name, value } of entries) {
    directory.write(`secrets/${name}.enc`, await sealJson([[name, value.reveal()]], [recipient]))
  }
  // For the command, which is not root.
  directory.write('proposal', proposal.bytes, 0o644)
}

function bindsOf(directory: string, proposal: Proposal): Mount[] {
  const places: ReadonlyArray<readonly [string, string]> = [
    ['age', IMAGE_KEYS],
    ['secrets', `${IMAGE_ROOT}/secrets`],
    ['proposal', placeOf(proposal)],
  ]
  return places.map(([from, target]) => ({
    type: 'bind',
    source: join(directory, from),
    target,
    readOnly: true,
  }))
}

/** Removes what runs that were killed have left: their containers, then their directories. */
export async function sweep(context: HostContext): Promise<void> {
  for (const path of leftMemoryDirectories(context.variables)) {
    await removeContainer(context, basename(path))
    rmSync(path, { recursive: true, force: true })
  }
}

/** Says what would be mounted and run. */
export function describeRun({ proposal, service, command, approvedBy }: Ready): string {
  const { path, secrets, files, minutes, terms } = proposal
  const words = command.length > 0 ? JSON.stringify(command) : 'that of the service'
  const lines = [
    `proposal   ${path} -> ${placeOf(proposal)}`,
    ...secrets.map(
      (name) =>
        `secret     secrets/${name}.enc -> ${IMAGE_ROOT}/secrets/${name}.enc (for the run key)${
          files.includes(name) ? ', as a file' : ''
        }`,
    ),
    `key        a run key, made for this run -> ${IMAGE_KEYS}/keys.txt`,
    ...service.mounts.map(({ source, target }) => `mount      ${source ?? 'a new volume'} -> ${target}`),
    `require    ${secrets.join(',')}`,
    `service    ${VAULT_RUNNER}`,
    `command    ${words}`,
    ...(minutes === undefined ? [] : [`ends       after ${minutes} minutes at the latest`]),
    ...(approvedBy === undefined
      ? []
      : [`approved   by ${approvedBy}${terms?.expires === undefined ? '' : `, until ${terms.expires}`}`]),
  ]
  return `${lines.join('\n')}\n`
}

/** A run on its way. */
interface Job {
  readonly ready: Ready
  readonly request: Request
  readonly io: RunIo
}

function makingOf({ ready, request, io }: Job, directory: MemoryDirectory): Making {
  const { proposal, service, project, command } = ready
  const names = proposal.secrets.join(',')
  const environment = new Map([
    ['DISINTO_ONLY', names],
    ['DISINTO_REQUIRE', names],
    ['DISINTO_ALLOW', [...request.allow].join(',')],
    ['DISINTO_PROPOSAL', placeOf(proposal)],
    ...(proposal.files.length === 0 ? [] : ([['DISINTO_AS_FILE', proposal.files.join(',')]] as const)),
  ])
  return {
    name: directory.name,
    project,
    service,
    mounts: bindsOf(directory.path, proposal),
    environment,
    command,
    terminal: io.attached && hasTerminal(),
    environmentFile: join(directory.path, 'environment'),
  }
}

/** Spends the approval, or notes that there was none to spend. From here on the run counts, whatever happens. */
function spend(context: HostContext, { ready, request }: Job, run: string): void {
  const { proposal, approvedBy } = ready
  checkExpiry(proposal)
  if (approvedBy === undefined && !request.once) noteRun(context.project, proposal, run)
  else claim(context.project, proposal, run)
}

export interface RunIo {
  readonly signals: Signals
  /** Whether our standard streams are the command's. */
  readonly attached: boolean
}

function endedOf(outcome: Outcome | undefined, first: NodeJS.Signals | undefined): Ended {
  const status = outcome?.status
  return {
    exitCode: status ?? null,
    ...(status === undefined && first !== undefined ? { signal: first } : {}),
    ...(outcome?.timedOut === true ? { timedOut: true } : {}),
  }
}

/** Starts a container that has been made and looked at, and keeps the record. */
async function start(context: HostContext, job: Job, making: Making, record: RunRecord): Promise<Outcome> {
  const { ready, io } = job
  const { proposal, approvedBy, entries } = ready
  const run = making.name
  const { id, secrets, minutes } = proposal
  spend(context, job, run)
  const started: Started = {
    ...{ id, run, secrets, approvedBy },
    proposal: digestOf(proposal),
    startedAt: new Date(),
  }
  record.start(started)
  let outcome: Outcome | undefined
  try {
    outcome = await runContainer(context, run, io.signals, {
      attached: io.attached,
      ...(minutes === undefined ? {} : { minutes }),
    })
    return outcome
  } finally {
    const ended = endedOf(outcome, io.signals.first)
    record.end(started, ended)
    const values = entries.map(({ name, value }) => [name, value.reveal()] as const)
    const lines = ended.exitCode === null ? undefined : await lastLinesOf(context, run, values)
    await writeResult(context, proposal, {
      ...{ id, run, exitCode: ended.exitCode, signal: ended.signal, timedOut: ended.timedOut },
      startedAt: started.startedAt.toISOString(),
      endedAt: new Date().toISOString(),
      lines: lines ?? null,
    })
  }
}

async function inContainer(context: HostContext, job: Job): Promise<Outcome | undefined> {
  const { ready, io } = job
  const { signals } = io
  const directory = makeMemoryDirectory(context.variables)
  const forget = whenLeaving(directory.remove)
  try {
    await fill(directory, ready)
    const making = makingOf(job, directory)
    directory.write('environment', environmentText(making))
    if (signals.first !== undefined) return undefined
    const compose = [...composeWords(context), '--profile', '*']
    await createContainer(context, making, compose, ready.values)
    await checkContainer(context, making)
    if (signals.first !== undefined) return undefined
    const record = openRecord(context.project)
    try {
      return await start(context, job, making, record)
    } finally {
      record.close()
    }
  } finally {
    directory.remove()
    forget()
    await removeContainer(context, directory.name)
    if (ready.service.networks.length > 0) await removeUnusedNetworks(context, ready.project)
  }
}

/** Runs what was made ready; returns the exit status of its command. Throws when it did not start. */
export async function runReady(
  context: HostContext,
  ready: Ready,
  request: Request,
  io: RunIo,
): Promise<number> {
  const outcome = await inContainer(context, { ready, request, io })
  if (outcome?.status !== undefined) return outcome.status
  const { first } = io.signals
  if (first !== undefined) return statusOfSignal(first)
  const timeUp = outcome?.timedOut === true ? 'its time was up' : 'the engine gives no reason'
  throw failure('run-unstarted', { service: VAULT_RUNNER, reason: outcome?.reason ?? timeUp })
}

/** Runs one action as it was asked for; its exit status, or 0 for what was only described. */
export async function runOne(context: HostContext, request: Request, signals: Signals): Promise<number> {
  const ready = await prepareRun(context, request)
  if (request.dryRun) {
    context.print(describeRun(ready))
    return 0
  }
  signals.listen()
  await sweep(context)
  return runReady(context, ready, request, { signals, attached: true })
}
