import { spawn } from 'node:child_process'
import { constants } from 'node:os'
import { beforeAll, describe, expect, test } from 'vitest'
import { SHIM } from '../helpers/parts.ts'
import { EXECVE, Project } from '../shim/project.ts'
import { KNOWN, knownDifference, knownInImage } from './known.ts'
import { type Conditions, difference, type Facts, launch, need, probe, shimWords } from './launch.ts'

const PATH = `PATH=${process.env['PATH']}`

/** Every one is the same start twice, by the same parent; the title says what is special about it. */
const CONDITIONS: Readonly<Record<string, Conditions & { readonly imageOnly?: boolean }>> = {
  'nothing special': {},
  'an odd umask and working directory': { umask: 0o137, cwd: '/usr/share' },
  'low limits': {
    limits: {
      CORE: [0, 0],
      CPU: [100, 200],
      DATA: [2_000_000_000, 3_000_000_000],
      FSIZE: [1_000_000_000, 2_000_000_000],
      MEMLOCK: [65_536, 65_536],
      MSGQUEUE: [1000, 2000],
      NPROC: [2000, 3000],
      STACK: [4_194_304, 8_388_608],
      SIGPENDING: [500, 600],
    },
  },
  'a soft limit on open files below the hard one': { limits: { NOFILE: [256, 4096] } },
  'a soft limit on open files that is the hard one': { limits: { NOFILE: [512, 512] } },
  'pipes as stdio': { stdio: 'pipe' },
  'sockets as stdio': { stdio: 'socket' },
  'a terminal as stdio, and as the controlling one': { stdio: 'tty' },
  'a terminal in raw mode': { stdio: 'tty', raw: true },
  'one file as standard input and output, at different offsets': { stdio: 'file' },
  'pipes that do not block': { stdio: 'nonblock' },
  '/dev/null as stdio': { stdio: 'null' },
  'standard input closed': { closed: [0] },
  'all stdio closed': { closed: [0, 1, 2] },
  'descriptors 3, 4, 5, 15, 17, 20 and 63': { extra: [3, 4, 5, 15, 17, 20, 63] },
  'descriptors 3 to 20 and 22': { extra: [...Array.from({ length: 18 }, (_, at) => at + 3), 22] },
  'a process group of its own': { group: 'own' },
  'a session of its own': { group: 'session' },
  'a nice value, one processor, an oom score': { nice: 7, affinity: [0], oom: 500 },
  'the idle scheduler': { idle: true },
  'SIGHUP, SIGINT and SIGUSR1 ignored, as nohup does': { ignore: ['SIGHUP', 'SIGINT', 'SIGUSR1'] },
  'SIGUSR2 and SIGTERM blocked': { block: ['SIGUSR2', 'SIGTERM'] },
  'another user with groups and no new privileges': {
    through: ['setpriv', '--reuid=1234', '--regid=2345', '--groups=2345,27,999', '--no-new-privs'],
  },
  'an ambient capability and a smaller bounding set': {
    through: [
      'setpriv',
      '--inh-caps=+net_bind_service',
      '--ambient-caps=+net_bind_service',
      '--bounding-set=-sys_admin,-sys_ptrace',
    ],
  },
  'securebits and a parent-death signal': {
    through: ['setpriv', '--securebits=+noroot_locked,+noroot', '--pdeathsig=keep'],
  },
  'limits by prlimit': { through: ['prlimit', '--nofile=333:3333', '--core=0', '--rss=123456:234567'] },
  'an environment in an odd order': {
    env: ['10=ten', PATH, '2=two', '__proto__=p', 'A.B-C=dots', 'EMPTY=', 'Z=\xc3\xbc', 'LINES=a\tb', '=='],
  },
  'an environment with doubles and entries that are none': {
    env: [PATH, 'A=first', 'NOTHING', 'B=b', 'A=second', '=nameless'],
  },
  'a NODE_OPTIONS that is not for the shim': {
    env: ['A=1', 'NODE_OPTIONS=--require "no such" file', PATH, 'B=2'],
    imageOnly: true,
  },
  'an empty NODE_OPTIONS': { env: ['A=1', 'NODE_OPTIONS=', PATH, 'B=2'] },
  'an empty environment but for PATH': { env: [PATH] },
  'words of every kind': {
    words: ['', ' ', '--', '-u', '$HOME', "'", '"', '\\', '\x01\x7f', '\xc3\xa9', '*', '--check', 'a=b'],
  },
}

function expectToSay(facts: Facts, names: readonly string[]): void {
  for (const name of names) expect(facts[name], `the probe says nothing of ${name}`).toBeDefined()
}

describe.skipIf(!EXECVE)('a start through the shim can’t be told from a bare one (Node 26)', () => {
  beforeAll(() => need('setpriv', 'prlimit', 'stty', 'ionice', 'base64'))

  test.each(Object.entries(CONDITIONS))('but for the documented differences, with %s', (_, conditions) => {
    const bare = probe('bare', conditions).facts
    expectToSay(bare, ['status.SigIgn', 'limit.Max open files', 'pid', 'cwd', 'environ', 'argv', 'end'])
    if (conditions.imageOnly !== true) {
      const shim = probe('shim', conditions).facts
      expect(difference(bare, shim), 'node and the bundle').toEqual(knownDifference(bare))
    }
    const image = probe('image', conditions).facts
    expect(difference(bare, image), 'the words of ENTRYPOINT').toEqual(knownInImage(bare))
  })

  test('each documented difference is met by some condition, and the plain start meets none but the limit', () => {
    const all = Object.values(CONDITIONS).map((conditions) => probe('bare', conditions).facts)
    for (const { title, of } of KNOWN)
      expect(
        all.some((bare) => Object.keys(of(bare)).length > 0),
        title,
      ).toBe(true)
    const [plain = {}] = all
    const met = KNOWN.filter(({ of }) => Object.keys(of(plain)).length > 0).map(({ title }) => title)
    expect(met.filter((title) => title !== KNOWN[0]?.title)).toEqual([])
  })

  test.each(['builtin', 'sops'])(
    'and by the %s engine at work, the environment has the values besides',
    (engine) => {
      const project = new Project()
      project.secret('TOKEN', 'value')
      project.seal('.env.enc', 'dotenv', 'FORGE=forge\n')
      const conditions: Conditions = {
        env: [...Object.entries(project.environment()).map(([name, value]) => `${name}=${value}`), 'A=1'],
        options: ['--root', project.directory, '--engine', engine],
        stdio: 'file',
      }
      const bare = probe('bare', conditions).facts
      const shim = probe('shim', conditions).facts
      const environ = [bare['environ'], `${bare['environ']}FORGE=forge\nTOKEN=value\n`] as const
      expect(difference(bare, shim)).toEqual({ ...knownDifference(bare), environ })
    },
  )

  test('a signal that was ignored, SIGCHLD too, is not ignored any more, and nothing else changes', () => {
    const words = ['grep', '^Sig', '/proc/self/status']
    const conditions: Conditions = { ignore: ['SIGCHLD', 'SIGHUP', 'SIGPIPE', 'SIGXFSZ'] }
    const output = (argv: readonly string[]) =>
      Buffer.from(launch(argv, conditions, '/').output, 'base64').toString()
    expect(output(words)).toContain('SigIgn:\t0000000001011001')
    expect(output([...shimWords(), '--', ...words])).toContain('SigIgn:\t0000000000000000')
  })

  test('with SIGPIPE and SIGXFSZ at their defaults the command has them at their defaults', () => {
    const { output } = launch([...shimWords(), '--', 'cat', '/proc/self/status'], {}, '/')
    expect(Buffer.from(output, 'base64').toString()).toMatch(
      /ShdPnd:\t0{16}\nSigBlk:\t0{16}\nSigIgn:\t0{16}\nSigCgt:\t0{16}\n/,
    )
  })

  test('bytes in the environment or the words that are not UTF-8 are refused, never changed', () => {
    for (const conditions of [{ env: [PATH, 'BAD=\xff'] }, { env: [PATH, 'B\xff=x'] }, { words: ['\xff'] }]) {
      const argv = [...shimWords(), '--', 'true', ...('words' in conditions ? conditions.words : [])]
      const { status, output } = launch(argv, conditions, '/')
      expect(status).toBe(125)
      expect(Buffer.from(output, 'base64').toString()).toMatch(/UTF-8/)
    }
  })
})

/** How a program ends; several at a time. */
function ended(words: readonly string[]): Promise<[number | null, NodeJS.Signals | null]> {
  const [program = '', ...rest] = words
  return new Promise((resolve) => {
    spawn(program, rest, { stdio: 'ignore' }).on('exit', (status, signal) => resolve([status, signal]))
  })
}

async function several<In, Out>(inputs: readonly In[], work: (input: In) => Promise<Out>): Promise<Out[]> {
  const outputs: Out[] = []
  const queue = inputs.entries()
  await Promise.all(
    Array.from({ length: 3 }, async () => {
      for (const [at, input] of queue) outputs[at] = await work(input)
    }),
  )
  return outputs
}

describe('the end of the command is the end of the shim', () => {
  test('with each status from 0 to 255', async () => {
    const statuses = Array.from({ length: 256 }, (_, status) => status)
    const through = await several(statuses, (status) =>
      ended([process.execPath, SHIM, '--', 'sh', '-c', `exit ${status}`]),
    )
    expect(through).toEqual(statuses.map((status) => [status, null]))
  })

  test('by each signal that ends a process', async () => {
    const names = Object.keys(constants.signals) as NodeJS.Signals[]
    const harmless = ['SIGCHLD', 'SIGCONT', 'SIGURG', 'SIGWINCH', 'SIGSTOP', 'SIGTSTP', 'SIGTTIN', 'SIGTTOU']
    const ending = names.filter((name) => !harmless.includes(name))
    const script = (name: NodeJS.Signals) => [
      'sh',
      '-c',
      `ulimit -c 0; kill -${constants.signals[name]} $$; sleep 60`,
    ]
    const bare = await several(ending, (name) => ended(script(name)))
    const through = await several(ending, (name) => ended([process.execPath, SHIM, '--', ...script(name)]))
    // Below Node 26 the shim is the parent: it must not dump a core of its own, so it exits with 128+n instead.
    const dumps = [
      'SIGQUIT',
      'SIGILL',
      'SIGTRAP',
      'SIGABRT',
      'SIGIOT',
      'SIGBUS',
      'SIGFPE',
      'SIGSEGV',
      'SIGXCPU',
      'SIGXFSZ',
      'SIGSYS',
    ]
    const expected = ending.map((name, at) =>
      !EXECVE && dumps.includes(name) ? [128 + constants.signals[name], null] : bare[at],
    )
    expect(Object.fromEntries(ending.map((name, at) => [name, through[at]]))).toEqual(
      Object.fromEntries(ending.map((name, at) => [name, expected[at]])),
    )
  })
})
