/** Signals between our start and the hand-over. */
import { readFileSync } from 'node:fs'
import { beforeChildren, endChildren } from '../child.ts'
import { caughtSignals } from './caught.ts'

/** Their default action dumps core (signal(7)), and ours would hold secrets. */
const CORE_SIGNALS: ReadonlySet<NodeJS.Signals> = new Set<NodeJS.Signals>([
  'SIGQUIT',
  'SIGILL',
  'SIGTRAP',
  'SIGABRT',
  'SIGBUS',
  'SIGFPE',
  'SIGSEGV',
  'SIGXCPU',
  'SIGXFSZ',
  'SIGSYS',
])

/** Their default action ends a process, and another process may send them (signal(7)); SIGPROF is V8's own. */
const ENDING: readonly NodeJS.Signals[] = [
  'SIGHUP',
  'SIGINT',
  'SIGQUIT',
  'SIGUSR1',
  'SIGUSR2',
  'SIGALRM',
  'SIGTERM',
  'SIGXCPU',
  'SIGVTALRM',
  'SIGIO',
  ...(process.platform === 'linux' ? (['SIGPWR', 'SIGSTKFLT', 'SIGSYS'] as const) : []),
]

/** Loaded only when there is a signal: node:os takes half a millisecond, and most starts meet none. */
const signalNumbers = async () => (await import('node:os')).constants.signals

/**
 * Ends this process as the signal would have. As pid 1 the kernel drops signals without a handler
 * (pid_namespaces(7)), and a core dump must not be made: there it exits with 128+n instead.
 */
export async function dieOf(signal: NodeJS.Signals): Promise<never> {
  if (process.pid !== 1 && !CORE_SIGNALS.has(signal)) {
    process.removeAllListeners(signal)
    process.kill(process.pid, signal)
  }
  process.exit(128 + (await signalNumbers())[signal])
}

const doNothing = () => {}
const listeners = new Map<NodeJS.Signals, () => void>()
/** Those that are caught up to the exec. */
let staying: readonly NodeJS.Signals[] = []

function listenTo(signals: readonly NodeJS.Signals[]): void {
  for (const signal of signals) {
    if (listeners.has(signal)) continue
    const listener = () => {
      endChildren()
      void dieOf(signal)
    }
    listeners.set(signal, listener)
    process.on(signal, listener)
  }
}

/** From here on a signal runs code of ours, which ends children first; without any, its default action is better. */
export function catchSignals(): void {
  listenTo(ENDING)
}

/** Whether a signal may dump core. A limit of 0 forbids a file, but no pipe to a program and no socket (core(5)). */
function coreIsPossible(): boolean {
  try {
    return (
      !/^Max core file size +0 /m.test(readFileSync('/proc/self/limits', 'utf8')) ||
      /^[|@]/.test(readFileSync('/proc/sys/kernel/core_pattern', 'utf8'))
    )
  } catch {
    return true
  }
}

/**
 * From here on a signal ends the shim at once, its children first, and the command does not start.
 *
 * Where the default action does that, nothing listens: what the kernel does can't come between our last look and the
 * exec. A listener is needed as pid 1, where the kernel drops what nobody catches, and `docker stop` would not be
 * noticed; from the first child on; and where a core with the key in it would be dumped. Node's own listener for
 * SIGUSR1, which opens a debugger, goes.
 *
 * SIGPIPE and SIGXFSZ get listeners that stay: Node ignores both, an ignored signal stays ignored across exec,
 * a caught one goes back to its default (execve(2)), which is what the command expects.
 */
export function openWindow(): void {
  if (process.pid === 1) staying = ENDING
  else {
    process.on('SIGUSR1', doNothing)
    process.off('SIGUSR1', doNothing)
    if (coreIsPossible()) staying = ENDING.filter((signal) => CORE_SIGNALS.has(signal))
    beforeChildren(catchSignals)
  }
  listenTo(staying)
  process.on('SIGPIPE', doNothing)
  process.on('SIGXFSZ', doNothing)
}

/**
 * Lets a signal that has arrived be seen: libuv hands signals over in the poll phase, so work without a pause
 * right up to the exec would swallow one. Two turns, as the first may already be past that phase.
 */
async function lookForSignals(): Promise<void> {
  for (let turn = 0; turn < 2; turn += 1) await new Promise((resolve) => setImmediate(resolve))
}

/**
 * Takes the listeners off again, when a supervisor has others on already: without any Node stops listening, and a
 * signal that has arrived but was not seen yet is lost.
 */
export function closeWindow(): void {
  for (const [signal, listener] of listeners) process.off(signal, listener)
}

/**
 * The last look before the exec. The listeners go, so that from here on a signal has its default action instead of
 * being taken and lost; then what they had caught is asked for. Those stay whose default action would dump a core
 * with the key in it, and as pid 1 all, as the kernel drops there what nobody catches.
 */
export async function closeForExec(): Promise<void> {
  if (listeners.size === 0) return
  await lookForSignals()
  const caught = caughtSignals()
  for (const [signal, listener] of listeners) {
    if (!staying.includes(signal)) process.off(signal, listener)
  }
  const numbers = caught()
  if (numbers.length === 0) return
  const numberOf = await signalNumbers()
  const signal = ENDING.find((name) => numbers.includes(numberOf[name]))
  if (signal !== undefined) await dieOf(signal)
}
