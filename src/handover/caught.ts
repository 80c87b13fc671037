/**
 * Signals that have been caught and not handed to a listener yet. libuv's handler writes each to a pipe of its event
 * loop, which the loop reads when it next polls. Between the last poll and the exec only that pipe knows of them.
 *
 * Its records are libuv's own (`uv__signal_msg_t` in src/unix/signal.c): a pointer, then the number as an int,
 * padded to a pointer's size. They have been this since libuv 1.0; where the pipe is not found as it is expected,
 * nothing is read.
 */
import { readdirSync, readFileSync, readlinkSync, readSync } from 'node:fs'

const O_NONBLOCK = 0o4000
const INTS_IN_POINTER = ['arm', 'ia32', 'mips', 'mipsel'].includes(process.arch) ? 1 : 2

/** What epoll descriptors of ours watch, each with its number as the data, as libuv does it (proc_pid_fdinfo(5)). */
function watched(descriptor: string): string[] {
  const info = readFileSync(`/proc/self/fdinfo/${descriptor}`, 'utf8')
  return [...info.matchAll(/^tfd: +(\d+) events: +\w+ data: +([0-9a-f]+) /gm)]
    .filter(([, number, data]) => Number(number) === Number.parseInt(data ?? '', 16))
    .map(([, number]) => number ?? '')
}

/** Whether reading from it returns at once. */
function isNonBlocking(descriptor: string): boolean {
  const flags = /^flags:\s+(\d+)/m.exec(readFileSync(`/proc/self/fdinfo/${descriptor}`, 'utf8'))?.[1]
  return (Number.parseInt(flags ?? '0', 8) & O_NONBLOCK) !== 0
}

/**
 * The ends of such pipes that event loops of ours read: watched, non-blocking, and both ends are ours. Node's threads
 * have loops, too; nothing is ever written to theirs.
 */
function signalPipes(): number[] {
  const links = new Map<string, string>()
  for (const descriptor of readdirSync('/proc/self/fd')) {
    try {
      links.set(descriptor, readlinkSync(`/proc/self/fd/${descriptor}`))
    } catch {
      // The directory's own descriptor, closed by now.
    }
  }
  const targets = [...links.values()]
  const isOurs = (link = '') =>
    link.startsWith('pipe:') && targets.filter((target) => target === link).length === 2
  return (
    [...links]
      .filter(([, link]) => link === 'anon_inode:[eventpoll]')
      .map(([epoll]) => watched(epoll))
      // As each loop of libuv does; an epoll that we were started with does not, if there is one.
      .filter((descriptors) => descriptors.some((one) => links.get(one) === 'anon_inode:[eventfd]'))
      .flat()
      .filter((descriptor) => isOurs(links.get(descriptor)) && isNonBlocking(descriptor))
      .map(Number)
  )
}

/** The numbers in what a pipe holds. */
function numbersIn(pipe: number): number[] {
  const records = new Int32Array(INTS_IN_POINTER * 2 * 64)
  try {
    const ints = readSync(pipe, records) / Int32Array.BYTES_PER_ELEMENT
    return [...records.subarray(0, ints)].filter((_, at) => at % (INTS_IN_POINTER * 2) === INTS_IN_POINTER)
  } catch {
    // EAGAIN: it is empty.
    return []
  }
}

/**
 * A function that gives the numbers of the signals caught since the loop last polled. Finding the pipes takes a
 * while and reading them does not, so that they can be read at the last moment. No numbers where /proc is missing, or
 * not ours to read: before Linux 5.14 that is so once another user has been become.
 */
export function caughtSignals(): () => number[] {
  let pipes: number[] = []
  try {
    pipes = signalPipes()
  } catch {
    // No /proc that we could read.
  }
  return () => pipes.flatMap(numbersIn)
}
