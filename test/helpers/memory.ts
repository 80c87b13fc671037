import { mkdtempSync, rmSync } from 'node:fs'
import { onTestFinished } from 'vitest'

/** A directory of this test's own on a tmpfs, for XDG_RUNTIME_DIR: suites run beside each other, and all see /dev/shm. */
export function ownMemory(): string {
  const path = mkdtempSync('/dev/shm/disinto-test-')
  onTestFinished(() => rmSync(path, { recursive: true, force: true }))
  return path
}
