/** A whole run under strace: where its bytes went, and what words its programs were given. */
import { spawnSync } from 'node:child_process'
import { lstatSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { onTestFinished } from 'vitest'

const WRITES = 'write,pwrite64,writev,pwritev,pwritev2,sendto,sendmsg,sendmmsg,vmsplice,process_vm_writev'
const TRACED = `${WRITES},execve,execveat,openat,open,creat,memfd_create,mmap,link,linkat,symlink,symlinkat,mknodat,setxattr,fsetxattr,add_key,keyctl,io_uring_setup`

export interface Call {
  readonly name: string
  /** The line as strace wrote it, with its text turned back from hexadecimal. */
  readonly text: string
  /** What the first descriptor is: `pipe:[1]`, `/dev/pts/1`, `/tmp/file`. */
  readonly target: string
}

const unhex = (line: string) =>
  line.replaceAll(/(?:\\x[0-9a-f]{2})+/g, (bytes) =>
    Buffer.from(bytes.replaceAll('\\x', ''), 'hex').toString('latin1'),
  )

/** Words that run the words after them under strace, and what strace wrote, once they have ended. */
export function tracer(): { through: readonly string[]; calls: () => readonly Call[] } {
  const place = mkdtempSync(join(tmpdir(), 'disinto-trace-'))
  const log = join(place, 'log')
  onTestFinished(() => rmSync(place, { recursive: true, force: true }))
  const flags = ['-f', '-qq', '-yy', '-xx', '-s', '1000000', '--seccomp-bpf', '-e', `trace=${TRACED}`]
  return {
    // Without io_uring, through which Node might write without a system call.
    through: [
      'strace',
      ...flags,
      '-e',
      'inject=io_uring_setup:error=ENOSYS',
      '-e',
      'signal=none',
      '-o',
      log,
      '--',
    ],
    calls: () => parse(readFileSync(log, 'latin1')),
  }
}

function parse(log: string): Call[] {
  const calls: Call[] = []
  const unfinished = new Map<string, string>()
  for (const line of log.split('\n')) {
    const [, pid = '', rest = ''] = /^(\d+) +(.*)$/.exec(line) ?? []
    const resumed = /^<\.\.\. \w+ resumed>(.*)$/.exec(rest)
    let whole = rest
    if (resumed !== null) {
      whole = `${unfinished.get(pid) ?? ''}${resumed[1] ?? ''}`
      unfinished.delete(pid)
    } else if (rest.endsWith(' <unfinished ...>')) {
      unfinished.set(pid, rest.slice(0, -' <unfinished ...>'.length))
      continue
    }
    const [, name, at = ''] = /^(\w+)\((?:-?\w+<((?:[^<>]|<[^<>]*>)*)>)?/.exec(whole) ?? []
    if (name !== undefined) calls.push({ name, text: unhex(whole), target: unhex(at) })
  }
  return calls
}

/** How bytes may look on their way: as they are, in base64 at any offset, in JSON, in hexadecimal, in a URL. */
export function formsOf(value: string): readonly string[] {
  const bytes = Buffer.from(value)
  // Of base64 only what does not depend on the bytes before and after.
  const base64 = [0, 1, 2].map((shift) => {
    const text = Buffer.concat([Buffer.alloc(shift), bytes])
      .toString('base64')
      .replace(/=+$/, '')
    return text.slice(shift === 0 ? 0 : shift + 1, -2)
  })
  const texts = [
    value,
    JSON.stringify(value).slice(1, -1),
    encodeURIComponent(value),
    bytes.toString('hex'),
    ...base64,
    ...base64.map((text) => text.replaceAll('+', '-').replaceAll('/', '_')),
    ...value.split('\n').filter((line) => line.length >= 12),
  ]
  return [...new Set(texts)].map((text) => Buffer.from(text).toString('latin1'))
}

const holds = (text: string, forms: readonly string[]) => forms.some((form) => text.includes(form))

/** Between two processes of the run. */
const isPipe = (target: string) => /^(?:pipe:|UNIX|socket:)/.test(target)

/**
 * Calls that put one of the values where it must not be: into a file, onto a terminal, into the words of a program,
 * into a name. `allowed` says which other targets were asked for.
 */
export function leaks(
  calls: readonly Call[],
  values: readonly string[],
  allowed: (target: string) => boolean = () => false,
): string[] {
  const forms = values.flatMap(formsOf)
  return calls.flatMap(({ name, text, target }) => {
    // Of what a file shares with memory strace sees no bytes: so there must be none that can be written.
    if (name === 'mmap') {
      const shared = /PROT_WRITE[^,]*, MAP_SHARED[^,]*, (\d+)<([^>]*)>/.exec(text)
      return shared === null ? [] : [`mmap of ${shared[2]}`]
    }
    if (name === 'io_uring_setup' && !text.includes('= -1 ENOSYS')) return ['io_uring']
    if (!holds(text, forms)) return []
    if (WRITES.split(',').includes(name) && (isPipe(target) || allowed(target))) return []
    return [`${name} to ${target || 'its words'}`]
  })
}

/** Files under the directories, and their names, that hold one of the values. */
export function filesHolding(values: readonly string[], directories: readonly string[]): string[] {
  const forms = values.flatMap(formsOf)
  const found: string[] = []
  const visit = (path: string): void => {
    try {
      if (holds(Buffer.from(path).toString('latin1'), forms)) found.push(path)
      const stats = lstatSync(path)
      if (stats.isDirectory()) for (const entry of readdirSync(path)) visit(join(path, entry))
      else if (stats.isFile() && stats.size < 64 * 1024 * 1024 && holds(readFileSync(path, 'latin1'), forms))
        found.push(path)
    } catch {
      // Gone in the meantime, or not ours to read.
    }
  }
  for (const directory of directories) visit(directory)
  return found
}

/** The same by grep, for directories with much else in them: only what changed since a moment is read. */
export function newFilesHolding(
  values: readonly string[],
  directories: readonly string[],
  since: number,
): string[] {
  const minutes = String(Math.ceil((Date.now() - since) / 60_000) + 1)
  const { stdout } = spawnSync(
    'find',
    [...directories, '-xdev', '-type', 'f', '-mmin', `-${minutes}`, '-print0'],
    {
      encoding: 'utf8',
      maxBuffer: 2 ** 28,
    },
  )
  return filesHolding(
    values,
    stdout.split('\0').filter((path) => path !== '' && !path.includes('/disinto-trace-')),
  )
}
