/**
 * A container that has been made, run to its end.
 *
 *   beginning ── a signal before the command is there ──► abandoned: the container is removed, nothing ran
 *       └─────── the command is there ──► running ── each signal is its own ──► ended: its exit status
 */
import type { ChildProcess } from 'node:child_process'
import { askDocker, dockerEnvironment } from '../compose/docker.ts'
import type { HostContext } from '../context.ts'
import { pause } from '../files/lock.ts'
import { type Started, startProgram } from '../process.ts'
import { isTerminal } from '../terminal.ts'
import { removeContainer } from './container.ts'
import type { Signals } from './signals.ts'

export interface RunOptions {
  /** Whether our standard streams are the command's; else it has none, and the engine keeps what it says. */
  readonly attached: boolean
  /** After so many minutes it is told to end. */
  readonly minutes?: number
}

export interface Outcome {
  /** The command's exit status; undefined when it never ran. */
  readonly status: number | undefined
  /** Why the engine could not start it. */
  readonly reason?: string
  readonly timedOut: boolean
}

type State = 'beginning' | 'running' | 'abandoned' | 'ended'

/** Milliseconds between telling a command to end, when its time is up, and ending it. */
const GRACE = 10_000
const MINUTE = 60_000

/** Whether the command is to have a terminal: ours. */
export const hasTerminal = (): boolean => isTerminal(0) && isTerminal(1)

/** Starts the container with our streams, or none. */
function begin(context: HostContext, container: string, attached: boolean): Started {
  const words = ['start', '--attach', ...(attached ? ['--interactive'] : []), container]
  const surroundings = { cwd: context.project.root, environment: dockerEnvironment(context) }
  return startProgram('docker', words, surroundings, {
    stdio: attached ? 'inherit' : 'ignore',
    // docker would hand on signals, too: only we get those of a terminal. With a terminal of its own the container
    // gets Ctrl-C as a letter, and docker must stay to read it.
    detached: !(attached && hasTerminal()),
  })
}

interface Told {
  readonly state: string
  readonly status: number
  readonly reason: string
}

async function stateOf(context: HostContext, container: string): Promise<Told | undefined> {
  const format = '{{.State.Status}} {{.State.ExitCode}} {{.State.Error}}'
  const told = await askDocker(context, ['inspect', '--type', 'container', '--format', format, container])
  const [state, status, ...reason] = told.stdout.toString().trim().split(' ')
  return told.status === 0 && state ? { state, status: Number(status), reason: reason.join(' ') } : undefined
}

const isOver = (told: Told | undefined): boolean => told?.state === 'exited' || told?.state === 'dead'

/** What runs in a container before the command does: its init, runc, and the shim. */
const NOT_YET = /docker-init|runc|\/opt\/disinto\/entrypoint\.js|disinto-entrypoint/

/**
 * Hands a signal to the command. Before there is one it would get lost, as the first process of a container ignores
 * what it has not asked for: then the container is ended instead. Returns what it found.
 */
async function forward(
  context: HostContext,
  container: string,
  signal: NodeJS.Signals,
): Promise<'running' | 'ended' | 'beginning'> {
  const top = await askDocker(context, ['top', container, '-eo', 'pid,args'])
  const processes = top.stdout.toString().trimEnd().split('\n').slice(1)
  const running = top.status === 0 && processes.some((line) => !NOT_YET.test(line))
  const name = running ? signal.slice('SIG'.length) : 'KILL'
  const told = await askDocker(context, ['kill', '--signal', name, container])
  if (told.status === 0) return running ? 'running' : 'beginning'
  return isOver(await stateOf(context, container)) ? 'ended' : 'beginning'
}

/** Ends a start: the engine may be about to do what it was asked for, so it is told until docker has ended. */
async function abandon(context: HostContext, container: string, child: ChildProcess): Promise<void> {
  while (child.exitCode === null && child.signalCode === null) {
    await removeContainer(context, container)
    await pause(100)
  }
  await removeContainer(context, container)
}

/** Waits for a container that runs on without docker: somebody has detached from it, or the connection broke. */
async function outlast(context: HostContext, container: string): Promise<Told | undefined> {
  for (;;) {
    const told = await stateOf(context, container)
    if (told?.state !== 'running' && told?.state !== 'paused' && told?.state !== 'restarting') return told
    await askDocker(context, ['wait', container])
  }
}

/**
 * Runs a container that has been made to its end. Signals go to the command in it; before it runs, they end the start.
 * Unless it was abandoned, the container is still there afterwards: see removeContainer.
 */
export async function runContainer(
  context: HostContext,
  container: string,
  signals: Signals,
  { attached, minutes }: RunOptions,
): Promise<Outcome> {
  let state: State = 'beginning'
  let timedOut = false
  if (signals.first !== undefined) return { status: undefined, timedOut }
  const { child, status: end } = begin(context, container, attached)
  // One signal after another, so that a later one does not overtake.
  let handed: Promise<void> = Promise.resolve()
  const take = (signal: NodeJS.Signals): void => {
    handed = handed.then(async () => {
      if (state === 'abandoned' || state === 'ended') return
      const found = await forward(context, container, signal)
      if (found === 'beginning' && state === 'beginning') {
        state = 'abandoned'
        await abandon(context, container, child)
      } else state = found === 'ended' ? 'ended' : 'running'
    })
  }
  const release = signals.handTo(take)
  const timers: NodeJS.Timeout[] = []
  const expire = () => {
    timedOut = true
    take('SIGTERM')
    timers.push(setTimeout(() => take('SIGKILL'), GRACE))
  }
  if (minutes !== undefined) timers.push(setTimeout(expire, minutes * MINUTE))
  try {
    await end
    const told = await outlast(context, container)
    // Whether the end was the command's own is known only when the last signal has been handed over.
    await handed
    if (isAbandoned(state)) return { status: undefined, timedOut }
    if (told !== undefined && isOver(told)) return { status: told.status, timedOut }
    return { status: undefined, timedOut, ...(told?.reason ? { reason: told.reason } : {}) }
  } finally {
    release()
    for (const timer of timers) clearTimeout(timer)
  }
}

/** Asked through a function, since the compiler does not see that a signal changes the state meanwhile. */
const isAbandoned = (state: State): boolean => state === 'abandoned'
