/** docker and its compose: what they are given, and what their failures mean. */
import { capture, type Ended } from '../../child.ts'
import { errnoOf } from '../../errors.ts'
import { KEY_VARIABLES } from '../../nouns.ts'
import type { Secret } from '../../secret.ts'
import type { HostContext } from '../context.ts'
import { failure } from '../errors.ts'
import { runAttached } from '../process.ts'
import { composeWords } from './settings.ts'

/**
 * A compose file can include what is elsewhere, by git or from a registry, and its address can have a value in it. Whom
 * we call is not for a file to say: who means it says so in the environment.
 */
const REMOTES = ['COMPOSE_EXPERIMENTAL_GIT_REMOTE', 'COMPOSE_EXPERIMENTAL_OCI_REMOTE']

/** Our environment without keys, and the values; what is set there already wins, as in compose. */
export function dockerEnvironment(
  { variables }: HostContext,
  values: ReadonlyMap<string, Secret> = new Map(),
): Map<string, string> {
  const environment = new Map(variables)
  for (const name of KEY_VARIABLES) environment.delete(name)
  for (const name of REMOTES) if (!environment.get(name)) environment.set(name, 'false')
  for (const [name, value] of values) if (!environment.has(name)) environment.set(name, value.reveal())
  return environment
}

/** Runs docker to its end and returns what it printed. Throws docker-missing. */
export async function askDocker(
  context: HostContext,
  words: readonly string[],
  values: ReadonlyMap<string, Secret> = new Map(),
  input?: Buffer,
): Promise<Ended> {
  try {
    return await capture(
      'docker',
      words,
      { environment: dockerEnvironment(context, values), cwd: context.project.root },
      { input },
    )
  } catch (error) {
    if (errnoOf(error) === 'ENOENT') throw failure('docker-missing')
    throw error
  }
}

/** An env file that can't be read at all is told as it is: no text of it is in these. */
const UNREADABLE = /: (?:no such file or directory|permission denied|is a directory)$/

/** What docker says, without the line of an env file that compose quotes: a value may stand in it. */
function withoutEnvText(said: string): string {
  if (UNREADABLE.test(said)) return said
  const [, file, line] = /^(failed to read (?:[^:]|:(?! ))+)(?:: (line \d+))?: /.exec(said) ?? []
  if (file !== undefined) return line === undefined ? file : `${file}: ${line}`
  // For an env file of a service compose does not say which.
  const [, alone] = /^(line \d+|Invalid template): /.exec(said) ?? []
  return alone === undefined ? said : `an env file of a service: ${alone}`
}

/** More of a line is no help to anybody. */
const LONGEST_LINE = 500

/** The last line that docker wrote to standard error, without control characters and without text of env files. */
export function lastLine({ stderr }: Ended): string {
  const lines = stderr
    .toString()
    .replaceAll(/\p{Cc}+/gu, '\n')
    .split('\n')
  const last = lines.filter((line) => line.trim() !== '').at(-1)
  return last === undefined ? 'no reason given' : withoutEnvText(last.trim()).slice(0, LONGEST_LINE)
}

/** The lines that docker prints, empty ones left out. Throws docker-missing, and engine-silent where docker fails. */
export async function linesOfDocker(context: HostContext, words: readonly string[]): Promise<string[]> {
  const ended = await askDocker(context, words)
  if (ended.status !== 0) throw failure('engine-silent', { reason: lastLine(ended) })
  return ended.stdout
    .toString()
    .split('\n')
    .filter((line) => line !== '')
}

/** Throws engine-silent unless an engine answers, docker-missing unless there is docker; the engine's version. */
export async function checkEngine(context: HostContext): Promise<string> {
  const ended = await askDocker(context, ['version', '--format', '{{.Server.Version}}'])
  if (ended.status !== 0) throw failure('engine-silent', { reason: lastLine(ended) })
  return ended.stdout.toString().trim()
}

/** compose's exit status for words that it does not understand. */
const COMPOSE_USAGE = 16

/** Our own exit status for what compose ended with: 0, 1, 2, or that of a signal. */
export function statusOfCompose(status: number): number {
  if (status === COMPOSE_USAGE) return 2
  return status === 0 || status > 128 ? status : 1
}

export interface DockerRun {
  readonly values?: ReadonlyMap<string, Secret>
  /** What it reads from standard input; ours unless told. */
  readonly input?: string | undefined
}

/** Runs docker with our terminal or streams; its exit status. Signals to us reach it. Throws docker-missing. */
export async function runDocker(
  context: HostContext,
  words: readonly string[],
  { values, input }: DockerRun = {},
): Promise<number> {
  const environment = dockerEnvironment(context, values)
  try {
    return await runAttached('docker', words, { cwd: context.project.root, environment, input })
  } catch (error) {
    if (errnoOf(error) === 'ENOENT') throw failure('docker-missing')
    throw error
  }
}

export interface ComposeRun {
  readonly values?: ReadonlyMap<string, Secret>
  /** A compose document that is laid over the files, through a pipe. */
  readonly override?: string
}

/** Runs compose with our terminal or streams; its exit status. */
export function runCompose(
  context: HostContext,
  words: readonly string[],
  { values = new Map(), override }: ComposeRun = {},
): Promise<number> {
  const files = [...composeWords(context), ...(override === undefined ? [] : ['--file', '-'])]
  return runDocker(context, [...files, ...words], { values, input: override })
}
