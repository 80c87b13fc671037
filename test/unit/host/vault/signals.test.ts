import { expect, test } from 'vitest'
import { Signals } from '../../../../src/host/vault/signals.ts'

/** Until the event loop has handed a signal of ours over. */
const soon = () => new Promise((resolve) => setTimeout(resolve, 20))

async function send(...signals: NodeJS.Signals[]): Promise<void> {
  for (const signal of signals) {
    process.kill(process.pid, signal)
    await soon()
  }
}

test('signals are kept, and handed to whoever takes them, until he does no more', async () => {
  const signals = new Signals()
  signals.listen()
  expect(signals.first).toBeUndefined()
  const [one, other]: [NodeJS.Signals[], NodeJS.Signals[]] = [[], []]
  await send('SIGUSR2')
  expect(signals.first).toBe('SIGUSR2')
  const end = signals.handTo((signal) => one.push(signal))
  signals.handTo((signal) => other.push(signal))
  await send('SIGTERM', 'SIGUSR1')
  expect(signals.first).toBe('SIGUSR2')
  expect(one).toEqual(['SIGTERM', 'SIGUSR1'])
  end()
  // The third of what ends a program ends it; what a command asks for means what it means.
  await send('SIGTERM', 'SIGTERM', 'SIGUSR1', 'SIGUSR1', 'SIGINT')
  expect(one).toEqual(['SIGTERM', 'SIGUSR1'])
  expect(other).toEqual(['SIGTERM', 'SIGUSR1', 'SIGTERM', 'SIGKILL', 'SIGUSR1', 'SIGUSR1', 'SIGINT'])
})
