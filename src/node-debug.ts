/** NODE_DEBUG, with which Node itself prints what it is asked to keep. */
import { failure } from './errors.ts'

/** Whether Node's debug log of a section is on: names and `*`, with commas between (node(1), NODE_DEBUG). */
export function logs(section: string, setting: string): boolean {
  return setting
    .split(',')
    .map((name) =>
      name
        .trim()
        .replaceAll(/[.+?^${}()|[\]\\]/g, '\\$&')
        .replaceAll('*', '.*'),
    )
    .some((pattern) => new RegExp(`^${pattern}$`, 'i').test(section))
}

/**
 * Throws when starting a program would have Node write that program's environment, key and values and all, to
 * standard error. Node has read the variable before our first line, so that it can't be taken back.
 */
export function refuseDebugLog(): void {
  const setting = process.env['NODE_DEBUG']
  if (setting !== undefined && setting !== '' && logs('child_process', setting)) throw failure('node-debug')
}
