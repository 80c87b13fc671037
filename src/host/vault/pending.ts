/**
 * Every approved action that has not run yet, some at a time.
 * And, where somebody watches, those that are approved later.
 */
import { statSync } from 'node:fs'
import { join } from 'node:path'
import { asDisintoError } from '../../errors.ts'
import type { HostContext } from '../context.ts'
import { pause } from '../files/lock.ts'
import { statusOfSignal } from '../process.ts'
import { signersFile } from './approval.ts'
import { besideProposal, findProposal, proposalIds } from './proposal-file.ts'
import { prepareRun, type Request } from './request.ts'
import { runReady, sweep } from './run.ts'
import { Signals } from './signals.ts'
import { standingOf } from './standing.ts'

/** Milliseconds between two looks at the directories. */
const LOOK = 1000

export interface Unattended {
  /** At most so many side by side. */
  readonly jobs: number
  /** Goes on until a signal ends it. */
  readonly watch: boolean
}

function changeOf(path: string | undefined): string {
  try {
    return path === undefined ? '-' : String(statSync(path, { bigint: true }).mtimeNs)
  } catch {
    return '-'
  }
}

/** Differs when anything differs that decides whether an action can run: what has failed is tried again then. */
function stampOf(context: HostContext, id: string, signers: string | undefined): string {
  const { root, secretsDir } = context.project
  const { path } = findProposal(root, id)
  const files = [join(root, path), join(root, besideProposal(path, 'sig')), secretsDir]
  return [...files, signersFile(context, signers)].map(changeOf).join(' ')
}

/** Who is due, and what became of those that were. */
class Queue {
  readonly #context: HostContext
  readonly #request: Request
  readonly #signals: Signals
  readonly #tried = new Map<string, string>()
  readonly running = new Map<string, Promise<void>>()
  failed = 0

  constructor(context: HostContext, request: Request, signals: Signals) {
    this.#context = context
    this.#request = request
    this.#signals = signals
  }

  /** Whether an action is to be run now; one that was looked at as it is counts no more. */
  async #isDue(id: string): Promise<boolean> {
    const { allow, signers } = this.#request
    try {
      const stamp = stampOf(this.#context, id, signers)
      if (this.#tried.get(id) === stamp) return false
      this.#tried.set(id, stamp)
      const { state, about } = await standingOf(this.#context, id, { allow, signers })
      if (state === 'wrong') this.#tell(id, about)
      return state === 'valid' || state === 'unchecked'
    } catch (error) {
      // A file that vanished, or an ID that is none.
      this.#tell(id, asDisintoError(error).message)
      return false
    }
  }

  #tell(id: string, what: string): void {
    this.#context.speak.warning({ code: 'pending-skipped', message: `${id}: not run: ${what}` })
  }

  async #run(id: string): Promise<void> {
    const request = { ...this.#request, id }
    try {
      const ready = await prepareRun(this.#context, request)
      const io = { signals: this.#signals, attached: false }
      const status = await runReady(this.#context, ready, request, io)
      if (status !== 0) this.failed += 1
      this.#context.speak.note(`${id}: ended with ${status}`)
    } catch (error) {
      const told = asDisintoError(error)
      // Somebody else was faster: that is no failure.
      if (told.code !== 'approval-used') this.failed += 1
      this.#context.speak.error(told)
    }
  }

  /** Starts what is due, as far as there is room. */
  async fill(jobs: number): Promise<void> {
    for (const id of proposalIds(this.#context.project.root)) {
      if (this.running.size >= jobs || this.#signals.first !== undefined) return
      if (this.running.has(id) || !(await this.#isDue(id))) continue
      const run = this.#run(id).finally(() => this.running.delete(id))
      this.running.set(id, run)
    }
  }
}

/**
 * Runs every approved, unspent action once; with `watch`, also those that are approved later, until a signal comes,
 * which goes to those that run as well. Returns 0 when each ended with 0, else 1, or the status of the signal.
 */
export async function runPending(
  context: HostContext,
  request: Omit<Request, 'id' | 'command' | 'dryRun' | 'once'>,
  { jobs, watch }: Unattended,
): Promise<number> {
  const signals = new Signals()
  signals.listen()
  await sweep(context)
  const queue = new Queue(context, { ...request, id: '', command: [], dryRun: false, once: true }, signals)
  for (;;) {
    await queue.fill(jobs)
    const goesOn = watch && signals.first === undefined
    if (queue.running.size === 0 && !goesOn) break
    await Promise.race([...queue.running.values(), ...(goesOn ? [pause(LOOK)] : [])])
  }
  if (signals.first !== undefined) return statusOfSignal(signals.first)
  return queue.failed === 0 ? 0 : 1
}
