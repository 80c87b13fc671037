/** From a child's pipe to one of our descriptors, without the patterns. */
import { write } from 'node:fs'
import type { Readable } from 'node:stream'
import { setTimeout as pause } from 'node:timers/promises'
import { promisify } from 'node:util'
import { errnoOf } from '../errors.ts'
import type { Pattern } from './forms.ts'
import { redactor } from './redactor.ts'

const writeTo: (descriptor: number, bytes: Buffer) => Promise<{ bytesWritten: number }> = promisify(write)

/** Milliseconds of silence after which a pipe that is still open counts as drained. */
const SILENCE = 50

/** Writes all of it without blocking the event loop: a slow reader must not keep signals from being forwarded. */
async function writeAll(descriptor: number, bytes: Buffer): Promise<void> {
  let rest = bytes
  while (rest.length > 0) {
    try {
      const { bytesWritten } = await writeTo(descriptor, rest)
      rest = rest.subarray(bytesWritten)
    } catch (error) {
      // A descriptor that somebody else made non-blocking.
      if (errnoOf(error) !== 'EAGAIN') throw error
      await pause(1)
    }
  }
}

export interface Relay {
  /** To be awaited once the child has ended: all it wrote is through, although a process it left may hold the pipe. */
  settled(): Promise<void>
}

/** Starts to pass on a stream to a descriptor. When our reader goes away, so does the child's: it gets SIGPIPE. */
export function relay(from: Readable, descriptor: number, patterns: readonly Pattern[]): Relay {
  const { push, end } = redactor(patterns)
  let chunks = 0
  let ended = false
  const passing = (async () => {
    try {
      for await (const chunk of from) {
        chunks += 1
        await writeAll(descriptor, push(chunk as Buffer))
      }
      await writeAll(descriptor, end())
    } catch {
      from.destroy()
    } finally {
      ended = true
    }
  })()
  return {
    settled: async () => {
      for (let seen = -1; !ended && seen !== chunks; ) {
        seen = chunks
        await Promise.race([passing, pause(SILENCE)])
      }
      if (!ended) await writeAll(descriptor, end()).catch(() => {})
    },
  }
}
