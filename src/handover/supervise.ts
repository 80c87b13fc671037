/** The command as a child, where this Node can't become it. The same contract, as far as a parent can hold it. */
import { closeSync, openSync, readFileSync, readSync } from 'node:fs'
import { constants } from 'node:os'
import { failure } from '../errors.ts'
import { refuseDebugLog } from '../node-debug.ts'
import type { Filter } from '../redact/filter.ts'
import { orderedObject, refusalOf } from './exec.ts'
import { closeWindow, dieOf } from './window.ts'

/** Can't be caught, or are raised by the process's own faults (signal(7)); SIGCHLD is about our child. */
const NOT_FORWARDED: readonly NodeJS.Signals[] = [
  'SIGKILL',
  'SIGSTOP',
  'SIGCHLD',
  'SIGSEGV',
  'SIGBUS',
  'SIGFPE',
  'SIGILL',
  'SIGABRT',
]
const STOPPING: readonly NodeJS.Signals[] = ['SIGTSTP', 'SIGTTIN', 'SIGTTOU']
/** A terminal sends these to its whole foreground group, so the child has them already. */
const FROM_TERMINAL: readonly NodeJS.Signals[] = ['SIGINT', 'SIGQUIT', 'SIGWINCH', ...STOPPING]

/** Every other signal, once: SIGPOLL is another name of SIGIO, and it would arrive twice. */
function forwarded(): NodeJS.Signals[] {
  const byNumber = new Map<number, NodeJS.Signals>()
  for (const [name, number] of Object.entries(constants.signals)) {
    if (!byNumber.has(number)) byNumber.set(number, name as NodeJS.Signals)
  }
  return [...byNumber.values()].filter((signal) => !NOT_FORWARDED.includes(signal))
}

/** Whether our process group is the terminal's foreground group (proc_pid_stat(5), fields 5 and 8). */
function inForeground(): boolean {
  try {
    const stat = readFileSync('/proc/self/stat', 'latin1')
    const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ')
    return fields[2] === fields[5]
  } catch {
    // No /proc: rather once too often than not at all.
    return false
  }
}

/**
 * Node starts children with execvp(3), which hands a file of no known format to `sh`. The kernel would not, nor
 * would Docker.
 */
function refuseUnknownFormat(file: string, word: string): void {
  const start = Buffer.alloc(4)
  try {
    const descriptor = openSync(file, 'r')
    readSync(descriptor, start)
    closeSync(descriptor)
  } catch {
    // Executable without being readable: then it is no script.
    return
  }
  const text = start.toString('latin1')
  if (!text.startsWith('#!') && text !== '\x7fELF' && process.platform === 'linux') {
    throw failure('command-not-executable', { command: word, reason: 'ENOEXEC' })
  }
}

/**
 * Runs the command with our stdio and ends as it ends: the same exit status, or the same signal (128+n as pid 1,
 * and for signals that dump core, since ours would hold secrets). Throws when it can't be started. With a
 * filter, its output and error go through that.
 */
export async function supervise(
  file: string,
  words: readonly string[],
  environment: ReadonlyMap<string, string>,
  filter?: Filter,
): Promise<never> {
  refuseDebugLog()
  const { execa } = await import('execa')
  const [typed = file, ...rest] = words
  refuseUnknownFormat(file, typed)
  let child: { kill(signal: NodeJS.Signals): boolean } | undefined
  for (const signal of forwarded()) {
    process.on(signal, () => {
      // Without a child yet, the listeners of the window end us.
      if (child !== undefined && !(FROM_TERMINAL.includes(signal) && inForeground())) child.kill(signal)
      // The shell watches us: we stop as the child does, and SIGCONT is forwarded like any other.
      if (STOPPING.includes(signal)) process.kill(process.pid, 'SIGSTOP')
    })
  }
  const running = execa(file, rest, {
    argv0: typed,
    env: orderedObject(environment),
    extendEnv: false,
    stdio: filter === undefined ? 'inherit' : ['inherit', ...filter.descriptors],
    reject: false,
    cleanup: false,
    forceKillAfterDelay: false,
    stripFinalNewline: false,
  })
  child = running
  closeWindow()
  filter?.start()
  const result = await running
  await filter?.settled()
  if (result.signal !== undefined) await dieOf(result.signal)
  if (result.exitCode === undefined) throw refusalOf(typed, result.cause)
  process.exit(result.exitCode)
}
