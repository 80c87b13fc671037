/** How long ago something was, in the largest unit that fits. */

const UNITS: ReadonlyArray<readonly [seconds: number, one: string]> = [
  [365 * 86_400, 'year'],
  [30 * 86_400, 'month'],
  [86_400, 'day'],
  [3600, 'hour'],
  [60, 'minute'],
]

/** "3 months ago" of an RFC 3339 time; "at an unknown time" where there is none. */
export function since(time: string | undefined, now = new Date()): string {
  const then = Date.parse(time ?? '')
  if (Number.isNaN(then)) return 'at an unknown time'
  const seconds = Math.max(0, (now.getTime() - then) / 1000)
  for (const [length, one] of UNITS) {
    const count = Math.floor(seconds / length)
    if (count > 0) return `${count} ${one}${count === 1 ? '' : 's'} ago`
  }
  return 'just now'
}
