/** What must be undone on every way out that a process sees: its end, an error, and signals. */

const undoings = new Set<() => void>()
const SIGNALS = ['SIGINT', 'SIGTERM', 'SIGHUP', 'SIGQUIT'] as const
let listening = false
/** While another program has the terminal, Ctrl-C there is meant for it: it decides what that means. */
let terminalLent = false

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

function listen(): void {
  if (listening) return
  listening = true
  process.on('exit', undoAll)
  for (const signal of SIGNALS) {
    process.on(signal, () => {
      if (terminalLent && (signal === 'SIGINT' || signal === 'SIGQUIT')) return
      undoAll()
      dieOf(signal)
    })
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

/** Runs something that has the terminal, an editor for example. */
export async function lendTerminal<Result>(work: () => Promise<Result>): Promise<Result> {
  listen()
  terminalLent = true
  try {
    return await work()
  } finally {
    terminalLent = false
  }
}
