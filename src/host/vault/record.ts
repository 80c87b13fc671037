/** vault/runs.jsonl: who ran what, and how it ended; names, never values. */
import { closeSync, constants, fsyncSync, openSync, writeSync } from 'node:fs'
import { hostname, userInfo } from 'node:os'
import { join } from 'node:path'
import { errnoOf } from '../../errors.ts'
import type { Project } from '../project.ts'
import { failure } from '../errors.ts'

export interface RunRecord {
  readonly id: string
  readonly secrets: readonly string[]
  readonly startedAt: Date
  /** The command's exit status; null when it never started. */
  readonly exitCode: number | null
  /** The signal that ended the run before the command did. */
  readonly signal?: NodeJS.Signals
}

function person(): string {
  try {
    return userInfo().username
  } catch {
    // A user id without a name.
    return String(process.getuid?.() ?? 'unknown')
  }
}

/** Opens the record for appending, before anything runs; gives what appends to it, in one write each. */
export function openRecord({ vaultDir }: Project): { append(record: RunRecord): void; close(): void } {
  const path = join(vaultDir, 'runs.jsonl')
  let descriptor: number
  try {
    descriptor = openSync(
      path,
      constants.O_WRONLY | constants.O_APPEND | constants.O_CREAT | constants.O_NOFOLLOW,
      0o644,
    )
  } catch (error) {
    throw failure('run-unrecorded', { path, reason: errnoOf(error) })
  }
  return {
    append: ({ id, secrets, startedAt, exitCode, signal }) => {
      const record = {
        id,
        secrets,
        by: person(),
        host: hostname(),
        startedAt: startedAt.toISOString(),
        endedAt: new Date().toISOString(),
        exitCode,
        ...(signal === undefined ? {} : { signal }),
      }
      try {
        writeSync(descriptor, `${JSON.stringify(record)}\n`)
        fsyncSync(descriptor)
      } catch (error) {
        throw failure('run-unrecorded', { path, reason: errnoOf(error) })
      }
    },
    close: () => closeSync(descriptor),
  }
}
