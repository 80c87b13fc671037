/**
 * Runs the terminal sessions of a page: its ```console blocks, in one bash, in a home of their own.
 *
 * A line that begins with `$ ` is a command, `> ` continues it, the rest is what it must print (both streams). `…` stands
 * for any text in a line, and alone for any lines; a number of 4000 to 4999 for any number, the same for the same;
 * spaces count as one. The home is shown as /home/you, and every command must succeed unless the next one is
 * `echo $?`. A block ```console docker needs a Docker Engine.
 */
import { execFileSync, spawnSync } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync } from 'node:fs'
import { homedir, tmpdir } from 'node:os'
import { delimiter, dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { expect } from 'vitest'

export const REPOSITORY = fileURLToPath(new URL('../../', import.meta.url))

export interface Step {
  /** Line of the page, from 1. */
  readonly line: number
  readonly command: string
  readonly expected: string
  readonly docker: boolean
}

export interface Session {
  /** What is done before, unseen. */
  readonly before?: string
  /** The agent image; without one, what needs Docker is left out. */
  readonly image?: string
}

/** The steps with one more line of a block: a command, more of it, or what it prints. */
function withLine(
  steps: readonly Step[],
  text: string,
  made: Pick<Step, 'line' | 'docker'>,
): readonly Step[] {
  if (text.startsWith('$ ')) return [...steps, { ...made, command: text.slice(2), expected: '' }]
  const last = steps.at(-1)
  if (last === undefined) return steps
  const before = steps.slice(0, -1)
  return last.expected === '' && text.startsWith('> ')
    ? [...before, { ...last, command: `${last.command}\n${text.slice(2)}` }]
    : [...before, { ...last, expected: `${last.expected}${text}\n` }]
}

/** The commands of a page, with what each must print. */
export function stepsOf(page: string): readonly Step[] {
  let steps: readonly Step[] = []
  let block: { docker: boolean } | undefined
  for (const [at, text] of page.split('\n').entries()) {
    const fence = /^```(.*)$/.exec(text)?.[1]
    if (fence === undefined) {
      if (block !== undefined) steps = withLine(steps, text, { line: at + 1, docker: block.docker })
      continue
    }
    const opens = block === undefined && /^console\b/.test(fence)
    block = opens ? { docker: / docker\b/.test(fence) } : undefined
  }
  return steps
}

const literally = (text: string) => text.replaceAll(/[\\^$.*+?()[\]{}|]/g, '\\$&')
const flat = (text: string) =>
  text
    .replaceAll(/[ \t]+/g, ' ')
    .replaceAll(/^ | $/gm, '')
    .trim()

/** Whether the output is what the page shows. */
export function matches(expected: string, output: string): boolean {
  const pids = new Set<string>()
  const piece = (text: string) =>
    literally(text).replaceAll(/\b4\d{3}\b/g, (pid) => {
      if (pids.has(pid)) return `\\k<p${pid}>`
      pids.add(pid)
      return `(?<p${pid}>\\d+)`
    })
  const pattern = flat(expected)
    .split('\n')
    .map((line) => (line === '…' ? '(?:.*\n)*?' : `${line.split('…').map(piece).join('.*?')}\n`))
    .join('')
  return new RegExp(`^${pattern}$`).test(`${flat(output)}\n`)
}

/** The same lines in any order: a container's two streams come through docker apart from each other. */
export function matchesInAnyOrder(expected: string, output: string): boolean {
  const left = output.trimEnd().split('\n')
  for (const line of expected.trimEnd().split('\n')) {
    const at = left.findIndex((candidate) => matches(line, candidate))
    if (at < 0) return false
    left.splice(at, 1)
  }
  return left.length === 0
}

/** Every `NAME_PROGRAM` that the suites name, else what is on PATH. */
function programDirectories(): string[] {
  const named = [process.env['SOPS_PROGRAM'], process.env['AGE_PROGRAM'], process.env['AGE_KEYGEN_PROGRAM']]
  return [process.execPath, ...named]
    .filter((path) => path?.includes('/') === true)
    .map((path) => dirname(path ?? ''))
}

/** Docker answers; where CI is set it must. */
export function engineAnswers(): boolean {
  return spawnSync('docker', ['info'], { stdio: 'ignore', timeout: 20_000 }).status === 0
}

/** A container that has started is not yet its command; a person takes a moment, too. */
const settle = (command: string) => (/^disinto (?:up|restart)\b/.test(command) ? 'sleep 2; ' : '')

/** Runs the steps of a page and compares each. */
export function runPage(page: string, { before = '', image }: Session = {}): void {
  const steps = stepsOf(readFileSync(join(REPOSITORY, page), 'utf8')).filter(
    (step) => image !== undefined || !step.docker,
  )
  expect(steps.length).toBeGreaterThan(0)
  const base = mkdtempSync(join(tmpdir(), 'disinto-docs-'))
  const home = join(base, 'you')
  // The engine may have a stack or image of that name already: ours is renamed on the way in and out.
  const mark = randomBytes(4).toString('hex')
  const there = (text: string) =>
    text
      .replaceAll(/\bfactory\b/g, `factory-${mark}`)
      .replaceAll('/home/you', home)
      .replaceAll(/\bdisinto-agent\b/g, image ?? 'disinto-agent')
  const back = (text: string) =>
    text
      .replaceAll(`factory-${mark}`, 'factory')
      .replaceAll(home, '/home/you')
      .replaceAll(/\x1b\[\d*[A-Za-z]/g, '')
  try {
    mkdirSync(join(home, 'disinto'), { recursive: true })
    for (const part of ['entrypoint', 'Dockerfile.agent']) {
      symlinkSync(join(REPOSITORY, part), join(home, 'disinto', part))
    }
    const end = `=${mark}=`
    const script = [
      'exec 2>&1 </dev/null',
      there(before),
      `printf '${end}%s\\n' "$?"`,
      ...steps.map(
        ({ command }) =>
          `${there(command)}\nstatus=$?; printf '${end}%s\\n' $status; ${settle(command)}(exit $status)`,
      ),
    ].join('\n')
    const { stdout, error } = spawnSync('bash', ['--norc', '--noprofile', '-c', script], {
      cwd: home,
      encoding: 'utf8',
      timeout: 240_000,
      maxBuffer: 64 * 1024 * 1024,
      env: {
        PATH: [...programDirectories(), process.env['PATH']].join(delimiter),
        HOME: home,
        TERM: 'dumb',
        LANG: 'C.UTF-8',
        SOPS_DISABLE_VERSION_CHECK: '1',
        GIT_CONFIG_NOSYSTEM: '1',
        DOCKER_CONFIG: process.env['DOCKER_CONFIG'] ?? join(homedir(), '.docker'),
        ...(process.env['DOCKER_HOST'] === undefined ? {} : { DOCKER_HOST: process.env['DOCKER_HOST'] }),
        ...(image === undefined ? {} : { AGENT_IMAGE: image }),
      },
    })
    if (error !== undefined) throw error
    const outputs = stdout.split(new RegExp(`${end}(\\d+)\n`)).slice(0, -1)
    const setup = { output: outputs[0], status: outputs[1] }
    expect(setup, 'what is done before').toMatchObject({ status: '0' })
    const wrong: string[] = []
    for (const [at, { line, command, expected, docker }] of steps.entries()) {
      const output = back(outputs[2 + 2 * at] ?? '(did not run)')
      const status = outputs[3 + 2 * at]
      const looked = steps[at + 1]?.command === 'echo $?'
      const same = matches(expected, output) || (docker && matchesInAnyOrder(expected, output))
      if (!same || (status !== '0' && !looked))
        wrong.push(
          `${page}:${line}: $ ${command}\n${output}[status ${status}]\n  but the page has:\n${expected}`,
        )
    }
    expect(wrong.join('\n')).toBe('')
  } finally {
    if (image !== undefined) removeStack(`factory-${mark}`)
    rmSync(base, { recursive: true, force: true })
  }
}

/** What a session that failed halfway left in docker. */
function removeStack(project: string): void {
  const ask = (...words: string[]) =>
    execFileSync('docker', [...words, '--filter', `label=com.docker.compose.project=${project}`], {
      encoding: 'utf8',
    })
      .split('\n')
      .filter((id) => id !== '')
  const containers = ask('ps', '--all', '--quiet')
  if (containers.length > 0)
    execFileSync('docker', ['rm', '--force', '--volumes', ...containers], { stdio: 'ignore' })
  const networks = ask('network', 'ls', '--quiet')
  if (networks.length > 0) execFileSync('docker', ['network', 'rm', ...networks], { stdio: 'ignore' })
}

export const exists = (path: string): boolean => existsSync(join(REPOSITORY, path))
