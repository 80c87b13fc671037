/** One at a time: a lock that ends with its process, however that ends. */
import { createServer } from 'node:net'

/** Whoever waits longer than this waits for somebody who hangs, and goes on. */
const PATIENCE_MS = 60_000
const PAUSE_MS = 50

export const pause = (milliseconds: number): Promise<void> =>
  new Promise((resolve) => setTimeout(resolve, milliseconds))

/**
 * Does something while no other process of this user on this machine does anything under the same name. An abstract
 * socket (unix(7)) is no file: there is nothing to clear away.
 */
export async function inTurn<Result>(name: string, work: () => Promise<Result>): Promise<Result> {
  const server = createServer()
  const address = `\0disinto-${process.getuid?.() ?? 0}-${name}`
  const taken = () =>
    new Promise<boolean>((resolve) => {
      server.once('error', () => resolve(false))
      server.listen(address, () => resolve(true))
    })
  for (const until = Date.now() + PATIENCE_MS; !(await taken()) && Date.now() < until; ) {
    server.removeAllListeners('listening')
    await pause(PAUSE_MS)
  }
  try {
    return await work()
  } finally {
    server.close()
  }
}
