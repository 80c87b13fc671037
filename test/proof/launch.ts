/** The same program started twice by the same parent, bare and through the shim, and what the probe saw. */
import { spawnSync } from 'node:child_process'
import { chmodSync, mkdtempSync, readFileSync, realpathSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { SHIM } from '../helpers/parts.ts'
import { entrypointWords } from './entrypoint.ts'

const LAUNCHER = fileURLToPath(new URL('launch.py', import.meta.url))
export const PROBE = readFileSync(new URL('probe.sh', import.meta.url), 'utf8')

/** Throws, naming it, unless the program is there. */
export function need(...programs: string[]): void {
  for (const program of programs) {
    const words = program === 'docker' ? ['version'] : ['--version']
    const { error, status } = spawnSync(program, words, { stdio: 'ignore' })
    if (error !== undefined || status !== 0) throw new Error(`needs the program ${program}`)
  }
}

/** Python itself: a version manager's wrapper would put variables and limits of its own between us. */
let python: string | undefined
export function pythonPath(): string {
  if (python !== undefined) return python
  const words = ['-c', 'import sys; print(sys.executable)']
  const { stdout, status } = spawnSync('python3', words, { encoding: 'utf8' })
  if (status !== 0) throw new Error('needs the program python3')
  python = realpathSync(stdout.trim())
  return python
}

export interface Conditions {
  readonly stdio?: 'pipe' | 'socket' | 'tty' | 'file' | 'nonblock' | 'null'
  readonly raw?: boolean
  readonly closed?: readonly number[]
  /** Descriptors that the program gets besides. */
  readonly extra?: readonly number[]
  readonly group?: 'own' | 'session'
  readonly cwd?: string
  readonly umask?: number
  readonly nice?: number
  readonly idle?: boolean
  readonly affinity?: readonly number[]
  readonly oom?: number
  readonly ignore?: readonly string[]
  readonly block?: readonly string[]
  readonly limits?: Readonly<Record<string, readonly [soft: number, hard: number]>>
  /** Strings of latin1, each byte as it is. */
  readonly env?: readonly string[]
  /** Words that run the words after them, in place. */
  readonly through?: readonly string[]
  /** Arguments of the command, in latin1. */
  readonly words?: readonly string[]
  /** Options of the shim. */
  readonly options?: readonly string[]
}

export interface Launched {
  readonly pid: number
  readonly ppid: number
  readonly pgrp: number
  readonly session: number
  readonly status: number | null
  readonly signal: string | null
  /** The most it had resident, in bytes. */
  readonly memory: number
  readonly output: string
  readonly after: unknown
}

export type Facts = Readonly<Record<string, string | undefined>>
/** `image`: by the words of the image's ENTRYPOINT. */
export type How = 'bare' | 'shim' | 'image'

/** By its own path: what stands first in the chain is executed without PATH. */
const pathOf = (program: string) =>
  spawnSync('sh', ['-c', 'command -v "$1"', 'sh', program], { encoding: 'utf8' }).stdout.trim()

/** Starts words under conditions, and waits for their end. */
export function launch(argv: readonly string[], conditions: Conditions, scratch: string): Launched {
  const [first = ''] = argv
  const spec = {
    cwd: scratch,
    file: join(scratch, 'file'),
    ...conditions,
    program: first.includes('/') ? first : pathOf(first),
    argv,
    env: conditions.env ?? [`PATH=${process.env['PATH']}`, 'B=2', 'A=1'],
  }
  const { stdout, stderr, status } = spawnSync(pythonPath(), [LAUNCHER, JSON.stringify(spec)], {
    encoding: 'utf8',
    env: {},
  })
  if (status !== 0) throw new Error(`launch.py: ${stderr}`)
  return JSON.parse(stdout) as Launched
}

export const shimWords = (): readonly string[] => [process.execPath, SHIM]

/** What the probe wrote, with ids as what they are: two processes have no pid in common. */
export function factsOf(report: string, ids: Readonly<Record<string, number>>): Facts {
  const names = new Map(Object.entries(ids).map(([name, id]) => [String(id), name]))
  const facts: Record<string, string | undefined> = {}
  for (const line of report.trimEnd().split('\n')) {
    const tab = line.indexOf('\t')
    const name = line.slice(0, tab)
    const value = line.slice(tab + 1)
    const isId = /^(?:pid|ppid|pgrp|session|tpgid|status\.(?:PPid|NSpid))$/.test(name)
    if (isId) facts[name] = names.get(value) ?? value
    // gVisor numbers those that come from outside in no order.
    else if (/^fd\.\d+$/.test(name))
      facts[name] = value.replace(/^(pipe|socket|host):\[\d+\]$/, '$1').replace(/\/disinto-probe-\w+/, '')
    else facts[name] = value
  }
  return facts
}

/**
 * What the probe wrote in a container, with the names of the container and of a directory outside taken out. The
 * environment is sorted: Docker and Podman take what is both in the image and in a flag in another order each time.
 */
export function containerFacts(report: string, directory: string): Facts {
  const pid = Number(/^pid\t(\d+)$/m.exec(report)?.[1])
  const facts: Record<string, string | undefined> = {
    ...factsOf(report, { 'the child': pid }),
    'is process 1': String(pid === 1),
  }
  const environ = Buffer.from(facts['environ'] ?? '', 'base64')
    .toString('latin1')
    .split('\0')
  facts['environ'] = environ
    .filter((entry) => entry !== '')
    .sort(byText)
    .join('\n')
  for (const [name, value] of Object.entries(facts)) {
    facts[name] = value?.replaceAll(/\b[0-9a-f]{64}\b/g, 'CONTAINER').replaceAll(directory, 'SCRATCH')
  }
  return facts
}

/** Runs the probe. What it wrote, and how it ended. */
export function probe(how: How, conditions: Conditions): { facts: Facts; launched: Launched } {
  const scratch = realpathSync(mkdtempSync(join(tmpdir(), 'disinto-probe-')))
  try {
    chmodSync(scratch, 0o777)
    const report = join(scratch, 'report')
    const command = ['sh', '-c', PROBE, 'probe', report, ...(conditions.words ?? [])]
    const chain = { bare: [], shim: shimWords(), image: entrypointWords() }[how]
    const options = how === 'bare' ? [] : [...(conditions.options ?? []), '--']
    const argv = [...(conditions.through ?? []), ...chain, ...options, ...command]
    const launched = launch(argv, conditions, scratch)
    let text: string
    try {
      text = readFileSync(report, 'utf8')
    } catch {
      const told = Buffer.from(launched.output, 'base64').toString()
      throw new Error(`${how}: no report; it ended with ${launched.status ?? launched.signal}: ${told}`)
    }
    const { pid, ppid, pgrp, session } = launched
    const facts: Record<string, string | undefined> = {
      ...factsOf(text, { 'the session': session, 'the group': pgrp, 'the parent': ppid, 'the child': pid }),
    }
    for (const [name, value] of Object.entries(facts)) facts[name] = value?.replaceAll(scratch, 'SCRATCH')
    const argvBytes = Buffer.from(facts['argv'] ?? '', 'base64').toString('latin1')
    facts['argv'] = argvBytes.replace(PROBE, 'PROBE').replaceAll(scratch, 'SCRATCH').replaceAll('\0', '\n')
    facts['environ'] = Buffer.from(facts['environ'] ?? '', 'base64')
      .toString('latin1')
      .replaceAll('\0', '\n')
    facts['end'] = `${launched.status ?? launched.signal}`
    facts['output'] = Buffer.from(launched.output, 'base64').toString('latin1')
    facts['termios after'] = JSON.stringify(launched.after)
    return { facts, launched }
  } finally {
    rmSync(scratch, { recursive: true, force: true })
  }
}

/** What differs, by name: `[bare, through the shim]`. */
export type Difference = Readonly<Record<string, readonly [string | undefined, string | undefined]>>

/** By UTF-16 code units. */
export const byText = (a: string, b: string): number => Number(a > b) - Number(a < b)

export function difference(bare: Facts, shim: Facts): Difference {
  const names = [...new Set([...Object.keys(bare), ...Object.keys(shim)])].sort(byText)
  return Object.fromEntries(
    names.filter((name) => bare[name] !== shim[name]).map((name) => [name, [bare[name], shim[name]]]),
  )
}
