/**
 * vault/runs.jsonl: who ran what, and how it ended.
 * Names, never values. A line at the start and one at the end: a start without an end tells of a run that was killed, and
 * whose outcome nobody knows.
 */
import { closeSync, constants, fstatSync, fsyncSync, openSync, readSync, writeSync } from 'node:fs'
import { hostname, userInfo } from 'node:os'
import { join } from 'node:path'
import { errnoOf } from '../../errors.ts'
import { failure } from '../errors.ts'
import type { Project } from '../project.ts'
import { isObject, type Json } from './json.ts'

/** What both lines of a run say. */
export interface Started {
  readonly id: string
  /** The run's own name, by which the two lines belong together. */
  readonly run: string
  readonly secrets: readonly string[]
  /** SHA-256 of the proposal. */
  readonly proposal: string
  /** Who signed it; undefined where no approval is needed. */
  readonly approvedBy: string | undefined
  readonly startedAt: Date
}

export interface Ended {
  /** The command's exit status; null when it never started. */
  readonly exitCode: number | null
  /** The signal that ended the run before the command did. */
  readonly signal?: NodeJS.Signals
  /** Its time was up. */
  readonly timedOut?: true
}

export interface RunRecord {
  start(started: Started): void
  end(started: Started, ended: Ended): void
  close(): void
}

function person(): string {
  try {
    return userInfo().username
  } catch {
    // A user id without a name.
    return String(process.getuid?.() ?? 'unknown')
  }
}

const pathOf = ({ vaultDir }: Project): string => join(vaultDir, 'runs.jsonl')

/**
 * Opens the record for appending, before anything runs. A line is one write to the end of the file, which the kernel
 * does at once or not: several may append side by side. Throws run-unrecorded.
 */
export function openRecord(project: Project): RunRecord {
  const path = pathOf(project)
  const guarded = <Result>(work: () => Result): Result => {
    try {
      return work()
    } catch (error) {
      throw failure('run-unrecorded', { path, reason: errnoOf(error) })
    }
  }
  const { O_RDWR, O_APPEND, O_CREAT, O_NOFOLLOW } = constants
  const descriptor = guarded(() => openSync(path, O_RDWR | O_APPEND | O_CREAT | O_NOFOLLOW, 0o644))
  const append = (line: Json) =>
    guarded(() => {
      const bytes = Buffer.from(`${JSON.stringify(line)}\n`)
      // A disk that is full takes a part: the next line must not go on in it.
      if (writeSync(descriptor, bytes) !== bytes.length) {
        writeSync(descriptor, '\n')
        throw failure('run-unrecorded', { path, reason: 'ENOSPC' })
      }
      fsyncSync(descriptor)
    })
  const common = ({ id, run, secrets, proposal, approvedBy, startedAt }: Started) => ({
    id,
    run,
    secrets,
    proposal,
    ...(approvedBy === undefined ? {} : { approvedBy }),
    by: person(),
    host: hostname(),
    startedAt: startedAt.toISOString(),
  })
  return {
    start: (started) => append({ event: 'start', ...common(started) }),
    end: (started, { exitCode, signal, timedOut }) =>
      append({
        event: 'end',
        ...common(started),
        endedAt: new Date().toISOString(),
        exitCode,
        ...(signal === undefined ? {} : { signal }),
        ...(timedOut === undefined ? {} : { timedOut }),
      }),
    close: () => closeSync(descriptor),
  }
}

/** As much of the record's end as is read: enough for some ten thousand runs. */
const MOST_BYTES = 10 * 1024 * 1024

/** The end of the record, through no link, and only of a file: what stands there may be anybody's. Empty without one. */
function endOfRecord(path: string): string {
  const { O_RDONLY, O_NOFOLLOW, O_NONBLOCK, O_NOCTTY } = constants
  let descriptor: number
  try {
    descriptor = openSync(path, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY)
  } catch {
    return ''
  }
  try {
    const stats = fstatSync(descriptor)
    if (!stats.isFile()) return ''
    const length = Math.min(stats.size, MOST_BYTES)
    const bytes = Buffer.alloc(length)
    return bytes.toString('utf8', 0, readSync(descriptor, bytes, 0, length, stats.size - length))
  } finally {
    closeSync(descriptor)
  }
}

/** What the record says of the last run of each ID: its line of the end, or of the start where there is no other. */
export function lastRuns(project: Project): Map<string, Json> {
  const text = endOfRecord(pathOf(project))
  const runs = new Map<string, Json>()
  for (const line of text.split('\n')) {
    try {
      const record: unknown = JSON.parse(line)
      if (isObject(record) && typeof record['id'] === 'string') runs.set(record['id'], record)
    } catch {
      // A line that was cut short, or none.
    }
  }
  return runs
}
