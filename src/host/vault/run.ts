/** One approved action, with the secrets it asked for and no others (DESIGN.md §5). */
import { rmSync } from 'node:fs'
import { basename, join } from 'node:path'
import type { MemoryDirectory } from '../../memory-directory.ts'
import type { HostContext } from '../context.ts'
import { failure } from '../errors.ts'
import { whenLeaving } from '../files/cleanup.ts'
import { statusOfSignal } from '../process.ts'
import { VAULT_RUNNER } from '../project.ts'
import { withProgress } from '../terminal.ts'
import { checkExpiry } from './approval.ts'
import { claim, digestOf, noteRun } from './claim.ts'
import {
  checkContainer,
  createContainer,
  environmentText,
  type Making,
  removeContainer,
  removeUnusedNetworks,
  requireImage,
} from './container.ts'
import { describeRun } from './describe.ts'
import {
  checkConnection,
  doesNotSee,
  filesOf,
  handOverByBinds,
  handOverByVolumes,
  isElsewhere,
  proposalPlace,
  removeVolumes,
} from './hand-over.ts'
import { leftMemoryDirectories, makeMemoryDirectory } from './memory.ts'
import type { Mount } from './mounts.ts'
import { type Ended, openRecord, type RunRecord, type Started } from './record.ts'
import { prepareRun, type Ready, type Request } from './request.ts'
import { lastLinesOf, writeResult } from './result.ts'
import { hasTerminal, type Outcome, runContainer } from './runner.ts'
import type { Signals } from './signals.ts'

/** Removes what runs that were killed have left: their containers, then their directories. */
export async function sweep(context: HostContext): Promise<void> {
  for (const path of leftMemoryDirectories(context.variables)) {
    await removeContainer(context, basename(path))
    await removeVolumes(context, basename(path))
    rmSync(path, { recursive: true, force: true })
  }
}

/** What every run sets itself, whatever the service says. */
const RUN_VARIABLES = [
  'DISINTO_ONLY',
  'DISINTO_REQUIRE',
  'DISINTO_ALLOW',
  'DISINTO_PROPOSAL',
  'DISINTO_AS_FILE',
]

/** A run on its way. */
interface Job {
  readonly ready: Ready
  readonly request: Request
  readonly io: RunIo
}

/** What the container is made of; its files are handed over in one way or the other. */
function makingOf({ ready, request, io }: Job, directory: MemoryDirectory, mounts: readonly Mount[]): Making {
  const { proposal, service, project, command, values } = ready
  const names = proposal.secrets.join(',')
  const elsewhere = mounts.some(({ inMemory }) => inMemory === true)
  const environment = new Map([
    ['DISINTO_ONLY', names],
    ['DISINTO_REQUIRE', names],
    ['DISINTO_ALLOW', [...request.allow].join(',')],
    ['DISINTO_PROPOSAL', proposalPlace(proposal, elsewhere)],
    ['DISINTO_AS_FILE', proposal.files.join(',')],
  ])
  return {
    ...{ name: directory.name, project, service, mounts, environment, command, values },
    interactive: io.attached,
    terminal: io.attached && hasTerminal(),
    environmentFile: join(directory.path, 'environment'),
  }
}

/** Makes the container with the files of the run, in whichever way they get there. */
async function makeWithFiles(context: HostContext, job: Job, directory: MemoryDirectory): Promise<Making> {
  const { entries, proposal, service } = job.ready
  const files = await filesOf(entries, proposal)
  const byVolumes = async () => {
    checkConnection(context)
    await requireImage(context, job.ready)
    const mounts = await handOverByVolumes(context, directory.name, service.image, files)
    const making = makingOf(job, directory, mounts)
    await createContainer(context, making)
    return making
  }
  directory.write('environment', environmentText(service, RUN_VARIABLES))
  if (isElsewhere(context)) return byVolumes()
  const making = makingOf(job, directory, handOverByBinds(directory, files, proposal))
  try {
    await createContainer(context, making)
    return making
  } catch (error) {
    if (!doesNotSee(error)) throw error
    return byVolumes()
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
  const directory = makeMemoryDirectory(context.variables, isElsewhere(context))
  const forget = whenLeaving(directory.remove)
  let making: Making | undefined
  try {
    if (signals.first !== undefined) return undefined
    making = await withProgress(context.variables, 'making the container', async () => {
      const made = await makeWithFiles(context, job, directory)
      await checkContainer(context, made)
      return made
    })
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
    if (making?.mounts.some(({ inMemory }) => inMemory === true) !== false)
      await removeVolumes(context, directory.name)
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
  const timeUp = outcome?.timedOut === true ? 'it ran out of time' : 'the engine gave no reason'
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
