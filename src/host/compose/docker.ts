/** docker and its compose: what they are given, and what their failures mean. */
import { spawn } from 'node:child_process'
import { existsSync } from 'node:fs'
import { constants } from 'node:os'
import { delimiter, join, resolve } from 'node:path'
import { isatty } from 'node:tty'
import { capture, type Ended } from '../../child.ts'
import { errnoOf } from '../../errors.ts'
import { KEY_VARIABLES } from '../../nouns.ts'
import type { Secret } from '../../secret.ts'
import type { HostContext } from '../context.ts'
import { type Model, readModel } from './model.ts'
import { failure } from '../errors.ts'

/** The names compose looks for, in its order; each may have an override beside it. */
const FILES = ['compose.yaml', 'compose.yml', 'docker-compose.yml', 'docker-compose.yaml']

/** The compose files of the project, as compose itself would find them. */
export function composeFiles({ project, variables }: HostContext): string[] {
  const named = variables.get('COMPOSE_FILE')
  if (named !== undefined && named !== '') {
    const separator = variables.get('COMPOSE_PATH_SEPARATOR') || delimiter
    return named.split(separator).map((file) => resolve(project.root, file))
  }
  const found = FILES.map((name) => join(project.root, name)).find((path) => existsSync(path))
  if (found === undefined) throw failure('compose-file-missing', { root: project.root })
  const overrides = ['yaml', 'yml'].map((ending) => found.replace(/ya?ml$/, `override.${ending}`))
  return [found, ...overrides.filter((path) => existsSync(path)).slice(0, 1)]
}

/**
 * The words before compose's own command. `--env-file`: compose would read all of a plaintext `.env` by itself, while
 * it is to have the variables that its file refers to.
 */
export function composeWords(context: HostContext): string[] {
  return ['compose', '--env-file', '/dev/null', ...composeFiles(context).flatMap((file) => ['--file', file])]
}

/** Our environment without keys, and the values; what is set there already wins, as in compose. */
export function dockerEnvironment(
  { variables }: HostContext,
  values: ReadonlyMap<string, Secret> = new Map(),
): Map<string, string> {
  const environment = new Map(variables)
  for (const name of KEY_VARIABLES) environment.delete(name)
  for (const [name, value] of values) if (!environment.get(name)) environment.set(name, value.reveal())
  return environment
}

/** Runs docker to its end and gives what it printed. */
export async function askDocker(
  context: HostContext,
  words: readonly string[],
  values: ReadonlyMap<string, Secret> = new Map(),
): Promise<Ended> {
  try {
    return await capture('docker', words, dockerEnvironment(context, values), context.project.root)
  } catch (error) {
    if (errnoOf(error) === 'ENOENT') throw failure('docker-missing')
    throw error
  }
}

/** The last line that a program wrote to standard error, without control characters. */
export function lastLine({ stderr }: Ended): string {
  const lines = stderr
    .toString()
    .replaceAll(/\p{Cc}+/gu, '\n')
    .split('\n')
  return (
    lines
      .filter((line) => line.trim() !== '')
      .at(-1)
      ?.trim() ?? 'no reason given'
  )
}

const NO_COMPOSE =
  /is not a docker command|unknown (?:docker )?command|unknown (?:shorthand )?flag: (?:--env-file|'f')/

/** What the compose file says, read by compose; needs no engine. */
export async function readComposeModel(context: HostContext): Promise<Model> {
  const words = [...composeWords(context), '--profile', '*', 'config', '--no-interpolate', '--format', 'json']
  const ended = await askDocker(context, words)
  if (ended.status === 0) return readModel(ended.stdout.toString())
  const reason = lastLine(ended)
  if (NO_COMPOSE.test(ended.stderr.toString())) throw failure('compose-missing')
  throw failure('compose-file-wrong', { path: composeFiles(context)[0] ?? '', reason })
}

/** Throws unless there are docker, compose, and an engine that answers; the engine's version. */
export async function checkEngine(context: HostContext): Promise<string> {
  const ended = await askDocker(context, ['version', '--format', '{{.Server.Version}}'])
  if (ended.status !== 0) throw failure('engine-silent', { reason: lastLine(ended) })
  return ended.stdout.toString().trim()
}

/** 128 and the signal's number, as shells say it. */
export const statusOfSignal = (signal: NodeJS.Signals): number => 128 + (constants.signals[signal] ?? 0)

/** compose's exit status for words that it does not understand. */
const COMPOSE_USAGE = 16

/** Our own exit status for what compose ended with: 0, 1, 2, or that of a signal. */
export function statusOfCompose(status: number): number {
  if (status === COMPOSE_USAGE) return 2
  return status === 0 || status > 128 ? status : 1
}

export interface ComposeRun {
  readonly values?: ReadonlyMap<string, Secret>
  /** A compose document that is laid over the files, through a pipe. */
  readonly override?: string
}

/** Runs compose with our terminal or streams; its exit status. Signals to us reach it. */
export function runCompose(
  context: HostContext,
  words: readonly string[],
  { values, override }: ComposeRun = {},
): Promise<number> {
  const all = [...composeWords(context), ...(override === undefined ? [] : ['--file', '-']), ...words]
  return new Promise((done, failed) => {
    const child = spawn('docker', all, {
      cwd: context.project.root,
      env: Object.fromEntries(dockerEnvironment(context, values)),
      stdio: [override === undefined ? 'inherit' : 'pipe', 'inherit', 'inherit'],
    })
    // Nothing is left to undo here, and compose ends in its own way.
    for (const signal of ['SIGINT', 'SIGQUIT', 'SIGTERM', 'SIGHUP'] as const) {
      process.removeAllListeners(signal)
      process.on(signal, () => {
        // A terminal sends Ctrl-C to both of us, and compose takes a second one for "at once".
        const twice = (signal === 'SIGINT' || signal === 'SIGQUIT') && (isatty(0) || isatty(2))
        if (!twice) child.kill(signal)
      })
    }
    // A compose that ends before it has read this says why itself.
    child.stdin?.on('error', () => {})
    child.stdin?.end(override)
    child.on('error', (error) => failed(errnoOf(error) === 'ENOENT' ? failure('docker-missing') : error))
    child.on('close', (status, signal) => done(status ?? statusOfSignal(signal ?? 'SIGTERM')))
  })
}
