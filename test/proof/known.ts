/**
 * Everything in which a start through the shim differs from a bare one; docs/threat-model.md says it in words. Each
 * is worked out from what the bare start saw, so one list holds under every condition: a Node that adds a difference
 * makes the tests fail, and so does one that takes one away.
 */
import { ENTRYPOINT } from './entrypoint.ts'
import type { Difference, Facts } from './launch.ts'

export interface Known {
  readonly title: string
  readonly of: (bare: Facts) => Difference
}

const LOWEST_KEPT = 16

function descriptorsOf(bare: Facts): number[] {
  return Object.keys(bare)
    .flatMap((name) => /^fd\.(\d+)$/.exec(name)?.[1] ?? [])
    .map(Number)
    .sort((a, b) => a - b)
}

function lost(bare: Facts): number[] {
  const open = descriptorsOf(bare)
  let firstHole = LOWEST_KEPT
  while (open.includes(firstHole)) firstHole += 1
  return open.filter((number) => number > 2 && number < firstHole)
}

const changed = (bare: Facts, name: string, value: string): Difference =>
  bare[name] === value ? {} : { [name]: [bare[name], value] }

const NO_SIGNAL = '0000000000000000'

export const KNOWN: readonly Known[] = [
  {
    title: 'the soft limit on open files is the hard one',
    of: (bare) => {
      const name = 'limit.Max open files'
      const [, hard = '', ...rest] = (bare[name] ?? '').split('|')
      return changed(bare, name, [hard, hard, ...rest].join('|'))
    },
  },
  {
    title: 'signals that were ignored have their default action',
    of: (bare) => changed(bare, 'status.SigIgn', NO_SIGNAL),
  },
  {
    title: 'signals that were blocked are not',
    of: (bare) => changed(bare, 'status.SigBlk', NO_SIGNAL),
  },
  {
    title: 'descriptors 3 to 15, and those that follow them without a hole, are closed',
    of: (bare) =>
      Object.fromEntries(
        lost(bare).flatMap((number) =>
          Object.entries(bare)
            .filter(([name]) => name === `fd.${number}` || name.startsWith(`fd.${number}.`))
            .map(([name, value]) => [name, [value, undefined] as const]),
        ),
      ),
  },
  {
    title: 'descriptors 0, 1 and 2 that were closed are /dev/null',
    of: (bare) =>
      Object.fromEntries(
        [0, 1, 2]
          .filter((number) => bare[`fd.${number}`] === undefined)
          .flatMap((number) => [
            [`fd.${number}`, [undefined, '/dev/null'] as const],
            [`fd.${number}.flags`, [undefined, '0100002'] as const],
            [`fd.${number}.pos`, [undefined, '0'] as const],
          ]),
      ),
  },
  {
    title: 'environment entries without a name, without `=`, or with a name there was before are gone',
    of: (bare) => {
      const seen = new Set<string>()
      const kept = (bare['environ'] ?? '').split('\n').filter((entry, at, all) => {
        if (entry === '') return at === all.length - 1
        const equals = entry.indexOf('=', 1)
        const name = entry.slice(0, equals)
        if (equals === -1 || seen.has(name)) return false
        seen.add(name)
        return true
      })
      return changed(bare, 'environ', kept.join('\n'))
    },
  },
]

export function knownDifference(bare: Facts): Difference {
  return Object.assign({}, ...KNOWN.map(({ of }) => of(bare)))
}

/** SIGUSR1's bit in a mask of /proc/PID/status. */
const USR1 = '0000000000000200'

/** NODE_OPTIONS as `env -u` and the shim leave it: at the end, and gone when it was empty. */
function movedNodeOptions(environ: string): string {
  const entries = environ.split('\n')
  const options = entries.filter((entry) => entry.startsWith('NODE_OPTIONS='))
  const others = entries.filter((entry) => !entry.startsWith('NODE_OPTIONS=') && entry !== '')
  return [...others, ...options.filter((entry) => entry !== 'NODE_OPTIONS='), ''].join('\n')
}

/** The same for the words of the image's ENTRYPOINT. */
export function knownInImage(bare: Facts): Difference {
  const { 'status.SigBlk': mask, environ, ...known } = knownDifference(bare)
  const before = bare['environ'] ?? ''
  const kept = environ?.[1] ?? before
  return {
    ...known,
    // `env -u NODE_OPTIONS` forgets where it stood.
    ...changed(bare, 'environ', ENTRYPOINT.includes('-u NODE_OPTIONS') ? movedNodeOptions(kept) : kept),
    // Node blocks SIGUSR1 at its start, and with this flag it stays blocked, in the command, too.
    ...(mask !== undefined && { 'status.SigBlk': mask }),
    ...(ENTRYPOINT.includes('--disable-sigusr1') && changed(bare, 'status.SigBlk', USR1)),
  }
}
