/** Signals between our start and the hand-over. */
import { constants } from 'node:os'
import { endChildren } from '../child.ts'

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

/**
 * Ends this process as the signal would have. As pid 1 the kernel drops signals without a handler
 * (pid_namespaces(7)), and a core dump must not be made: there it exits with 128+n instead.
 */
export function dieOf(signal: NodeJS.Signals): never {
  if (process.pid !== 1 && !CORE_SIGNALS.has(signal)) {
    process.removeAllListeners(signal)
    process.kill(process.pid, signal)
  }
  process.exit(128 + constants.signals[signal])
}

const doNothing = () => {}
const listeners = new Map<NodeJS.Signals, () => void>()

/**
 * From here on a signal ends the shim at once, its children first, and the command does not start. Without a
 * listener Node as pid 1 would not even notice `docker stop`.
 *
 * SIGPIPE and SIGXFSZ get listeners that stay: Node ignores both, an ignored signal stays ignored across exec,
 * a caught one goes back to its default (execve(2)), which is what the command expects.
 */
export function openWindow(): void {
  process.on('SIGPIPE', doNothing)
  process.on('SIGXFSZ', doNothing)
  for (const signal of ENDING) {
    const listener = () => {
      endChildren()
      dieOf(signal)
    }
    listeners.set(signal, listener)
    process.on(signal, listener)
  }
}

/**
 * Lets a signal that has arrived be seen: libuv hands signals over in the poll phase, so work without a pause
 * right up to the exec would swallow one. Two turns, as the first may already be past that phase.
 */
export async function lookForSignals(): Promise<void> {
  for (let turn = 0; turn < 2; turn += 1) await new Promise((resolve) => setImmediate(resolve))
}

/**
 * Takes the listeners off again: before the exec, so that a signal has its default action from here on instead of
 * being taken and lost; or when a supervisor has others on already, as without any Node stops listening, and a
 * signal that has arrived but was not seen yet is lost. `becoming`: before the exec, when those whose default action
 * dumps core keep theirs, since the core would hold the key.
 */
export function closeWindow(becoming = false): void {
  for (const [signal, listener] of listeners) {
    if (!becoming || !CORE_SIGNALS.has(signal)) process.off(signal, listener)
  }
}
