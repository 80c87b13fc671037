/** What must be undone on every way out that a process sees: its end, an error, and signals. */

const undoings = new Set<() => void>()
const SIGNALS = ['SIGINT', 'SIGTERM', 'SIGHUP', 'SIGQUIT'] as const
type Taker = (signal: NodeJS.Signals) => void

const listening = new Set<NodeJS.Signals>()
/** The last one gets what comes. */
const takers: Taker[] = []

function undoAll(): void {
  for (const undo of undoings) {
    undoings.delete(undo)
    try {
      undo()
    } catch {
      // The others still have to be undone.
    }
  }
}

function listen(signals: readonly NodeJS.Signals[] = SIGNALS): void {
  if (listening.size === 0) process.on('exit', undoAll)
  for (const signal of signals) {
    if (listening.has(signal)) continue
    listening.add(signal)
    process.on(signal, () => (takers.at(-1) ?? dieOf)(signal))
  }
}

/**
 * Has signals, INT, TERM, HUP, QUIT and `more`, handed over instead of ending us; returns what ends that. What is to be
 * undone is undone at our end all the same.
 */
export function takeSignals(take: Taker, more: readonly NodeJS.Signals[] = []): () => void {
  listen([...SIGNALS, ...more])
  takers.push(take)
  return () => {
    if (takers.includes(take)) takers.splice(takers.lastIndexOf(take), 1)
  }
}

/** Ends this process as the signal would have ended it, so that a shell or make sees what happened. */
export function dieOf(signal: NodeJS.Signals): void {
  undoAll()
  // A prompt that was open has turned off echo and line editing.
  if (process.stdin.isTTY && process.stdin.isRaw) process.stdin.setRawMode(false)
  process.removeAllListeners(signal)
  process.kill(process.pid, signal)
}

/** Has something undone when the process ends; gives what takes that back. `undo` must be synchronous. */
export function whenLeaving(undo: () => void): () => void {
  listen()
  undoings.add(undo)
  return () => {
    undoings.delete(undo)
  }
}

/** Runs something that has the terminal, an editor for example: what Ctrl-C means is for it to decide. */
export async function lendTerminal<Result>(work: () => Promise<Result>): Promise<Result> {
  const release = takeSignals((signal) => {
    if (signal !== 'SIGINT' && signal !== 'SIGQUIT') dieOf(signal)
  })
  return work().finally(release)
}
