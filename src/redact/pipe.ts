/** A pipe whose writing end is a descriptor that a child can be given. */
import { closeSync, constants, mkdtempSync, openSync, rmSync } from 'node:fs'
import { Socket } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Readable } from 'node:stream'

/** Any descriptor: execa takes all, but its types know those up to 9. */
export type Descriptor = 3 | 4 | 5 | 6 | 7 | 8 | 9

export interface Pipe {
  readonly reader: Readable
  readonly writer: Descriptor
  /** Our copy of the writing end, to be closed once the child has its own: else the reader never sees the end. */
  closeWriter(): void
}

/**
 * Makes a pipe through a named one, which is gone at once. Node's own pipes are sockets, and a child that opens
 * /dev/stdout or /dev/stderr can't do so on a socket (unix(7)).
 */
export async function makePipe(): Promise<Pipe> {
  const { execa } = await import('execa')
  const directory = mkdtempSync(join(tmpdir(), 'disinto-'))
  const path = join(directory, 'pipe')
  try {
    await execa('mkfifo', ['-m', '600', path])
    // Without O_NONBLOCK each of the two would wait for the other (fifo(7)).
    const reading = openSync(path, constants.O_RDONLY | constants.O_NONBLOCK)
    const writer = openSync(path, constants.O_WRONLY)
    const reader = new Socket({ fd: reading, readable: true, writable: false })
    return { reader, writer: writer as Descriptor, closeWriter: () => closeSync(writer) }
  } finally {
    rmSync(directory, { recursive: true, force: true })
  }
}
