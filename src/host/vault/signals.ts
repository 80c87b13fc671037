/** Signals to us, kept until there is somebody to hand them to. */

import { takeSignals } from '../files/cleanup.ts'

/** What a command in a container may want to hear of, besides what ends a program. */
const FOR_COMMANDS: readonly NodeJS.Signals[] = ['SIGUSR1', 'SIGUSR2']
/** So many of one kind are a person who has had enough. */
const ENOUGH = 3

export class Signals {
  #first: NodeJS.Signals | undefined
  readonly #counts = new Map<NodeJS.Signals, number>()
  readonly #takers = new Set<(signal: NodeJS.Signals) => void>()

  /** Takes signals from here on: none of them ends this process any more. */
  listen(): void {
    takeSignals((signal) => {
      this.#first ??= signal
      const count = (this.#counts.get(signal) ?? 0) + 1
      this.#counts.set(signal, count)
      const told = count >= ENOUGH && !FOR_COMMANDS.includes(signal) ? 'SIGKILL' : signal
      for (const take of this.#takers) take(told)
    }, FOR_COMMANDS)
  }

  /** The first signal that came; undefined as long as there is none. */
  get first(): NodeJS.Signals | undefined {
    return this.#first
  }

  /** Hands over every signal from now on; returns what ends that. */
  handTo(take: (signal: NodeJS.Signals) => void): () => void {
    this.#takers.add(take)
    return () => {
      this.#takers.delete(take)
    }
  }
}
