/** The soft limit on open files, which Node raises to the hard one at its start, and forgets. */
import { spawnSync } from 'node:child_process'
import { readFileSync } from 'node:fs'

/** Programs that start one command as process 1 and never touch their own limits: `docker run --init` and its kin. */
const INITS: readonly string[] = ['docker-init', 'tini', 'dumb-init', 'catatonit', 'podman-init']

/** Soft and hard, as proc_pid_limits(5) writes them. */
function openFiles(pid: number | 'self'): readonly [soft: string, hard: string] | undefined {
  const [, soft, hard] =
    /^Max open files +(\w+) +(\w+)/m.exec(readFileSync(`/proc/${pid}/limits`, 'utf8')) ?? []
  return soft === undefined || hard === undefined ? undefined : [soft, hard]
}

/**
 * Sets the limit to what it was, where that can be known: an init that is our parent has the limits we were started
 * with. prlimit(1) does it, since JavaScript can't; without it the limit stays as Node made it.
 */
export function restoreOpenFiles(): void {
  try {
    if (process.ppid !== 1 || !INITS.includes(readFileSync('/proc/1/comm', 'utf8').trim())) return
    const was = openFiles(1)
    const is = openFiles('self')
    if (was === undefined || is === undefined || was[1] !== is[1] || was[0] === is[0]) return
    const words = ['--pid', String(process.pid), `--nofile=${was[0]}:${was[1]}`]
    spawnSync('/usr/bin/prlimit', words, { stdio: 'ignore', env: {} })
  } catch {
    // No /proc, or not ours to read.
  }
}
