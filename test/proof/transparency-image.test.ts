import { existsSync } from 'node:fs'
import { chmod, readFile } from 'node:fs/promises'
import { beforeAll, describe, expect, test } from 'vitest'
import { IMAGE, run, scratch, useImage } from '../image/image.ts'
import { knownInImage } from './known.ts'
import { containerFacts, difference, type Facts, need, PROBE } from './launch.ts'

useImage()
beforeAll(() => need('docker', 'script'))

const RESTORES_LIMIT = existsSync(new URL('../../src/handover/limits.ts', import.meta.url))

/** Nothing of these may tell one container from another. */
const SAME = [
  '--hostname',
  'same',
  '--env',
  'DISINTO_USER=',
  // A uid that nobody knows gets a home by it, on purpose.
  '--env',
  'DISINTO_HOME=',
  '--env',
  'DISINTO_SUMMARY=',
]

const CONDITIONS: Readonly<
  Record<string, { flags?: readonly string[]; terminal?: boolean; input?: string }>
> = {
  'nothing special': {},
  '-i': { flags: ['-i'], input: 'unread input\n' },
  '-it': { flags: ['-i', '-t'], terminal: true },
  '--init': { flags: ['--init'] },
  '--init and a soft limit below the hard one': { flags: ['--init', '--ulimit', 'nofile=1024:4096'] },
  'a soft limit below the hard one': { flags: ['--ulimit', 'nofile=1024:4096', '--ulimit', 'core=0'] },
  '--read-only': { flags: ['--read-only'] },
  '--cap-drop ALL': { flags: ['--cap-drop', 'ALL'] },
  '--cap-add and no new privileges': {
    flags: ['--cap-add', 'NET_ADMIN', '--security-opt', 'no-new-privileges'],
  },
  '--user and --group-add': { flags: ['--user', '1234:2345', '--group-add', '27'] },
  '--pids-limit': { flags: ['--pids-limit', '64'] },
  '--memory': { flags: ['--memory', '64m'] },
  '--cpuset-cpus, --cpu-shares and an oom score': {
    flags: ['--cpuset-cpus', '0', '--cpu-shares', '100', '--oom-score-adj', '300'],
  },
  'a working directory and an environment': {
    flags: [
      '--workdir',
      '/usr/share',
      '--env',
      'NODE_OPTIONS=--require "x y"',
      '--env',
      'A.B=c',
      '--env',
      'E=',
    ],
  },
}

async function probe(
  how: 'bare' | 'shim',
  { flags = [], terminal = false, input }: (typeof CONDITIONS)[string],
): Promise<Facts> {
  const directory = await scratch()
  await chmod(directory, 0o777)
  const entrypoint = how === 'bare' ? ['--entrypoint', '/bin/sh'] : []
  const words = [
    'run',
    '--rm',
    ...SAME,
    ...flags,
    ...entrypoint,
    '--volume',
    `${directory}:/probe`,
    IMAGE,
    ...(how === 'bare' ? [] : ['/bin/sh']),
    ...['-c', PROBE, 'probe', '/probe/report'],
  ]
  const line = ['docker', ...words].map((word) => `'${word.replaceAll("'", "'\\''")}'`).join(' ')
  const result = terminal
    ? await run('script', ['--quiet', '--return', '--command', line, '/dev/null'])
    : await run('docker', words, input === undefined ? {} : { input })
  const report = await readFile(`${directory}/report`, 'utf8').catch(() => {
    throw new Error(`${how}: no report: ${result.stdout}${result.stderr}`)
  })
  return {
    ...containerFacts(report, directory),
    end: String(result.exitCode),
    // That the command is root, as here, is told before it.
    said: result.stderr.replace(/^disinto: warning: DISINTO_USER is empty.*\ndisinto: hint: .*\n?/m, ''),
  }
}

describe('in the image the command can’t tell that it was not the entrypoint', () => {
  test.each(Object.entries(CONDITIONS))(
    'but for the documented differences, with %s',
    async (_, conditions) => {
      const bare = await probe('bare', conditions)
      const shim = await probe('shim', conditions)
      expect(bare['is process 1']).toBe(String(conditions.flags?.includes('--init') !== true))
      const { environ: _environ, ...rest } = knownInImage(bare)
      const known: Record<string, unknown> = rest
      // An init has the limits that we were started with, and the shim gives the soft one back.
      if (RESTORES_LIMIT && conditions.flags?.includes('--init') === true)
        delete known['limit.Max open files']
      expect(difference(bare, shim)).toEqual(known)
    },
  )
})
