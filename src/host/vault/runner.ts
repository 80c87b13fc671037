/** The vault-runner's container: started, ended and removed whatever happens to us. */
import { type ChildProcess, spawn } from 'node:child_process'
import { isatty } from 'node:tty'
import type { Secret } from '../../secret.ts'
import type { HostContext } from '../context.ts'
import { askDocker, composeWords, dockerEnvironment, statusOfSignal } from '../compose/docker.ts'
import { inTurn, pause } from '../files/lock.ts'

/** What a command in a container may want to hear of. */
const SIGNALS = ['SIGINT', 'SIGTERM', 'SIGHUP', 'SIGQUIT', 'SIGUSR1', 'SIGUSR2'] as const
/** So many of one kind are a person who has had enough. */
const ENOUGH = 3

/** Signals to us, kept until there is somebody to hand them to. */
export class Signals {
  #first: NodeJS.Signals | undefined
  readonly #counts = new Map<NodeJS.Signals, number>()
  #take: ((signal: NodeJS.Signals) => void) | undefined

  listen(): void {
    for (const signal of SIGNALS) {
      process.removeAllListeners(signal)
      process.on(signal, () => {
        this.#first ??= signal
        const count = (this.#counts.get(signal) ?? 0) + 1
        this.#counts.set(signal, count)
        this.#take?.(count >= ENOUGH && signal !== 'SIGUSR1' && signal !== 'SIGUSR2' ? 'SIGKILL' : signal)
      })
    }
  }

  /** The first signal that came; undefined as long as there is none. */
  get first(): NodeJS.Signals | undefined {
    return this.#first
  }

  /** Whoever takes signals from now on. */
  handTo(take: (signal: NodeJS.Signals) => void): void {
    this.#take = take
  }
}

export interface Run {
  readonly service: string
  readonly container: string
  /** Host path, container path: each read-only. */
  readonly binds: ReadonlyArray<readonly [source: string, target: string]>
  readonly environment: ReadonlyArray<readonly [name: string, value: string]>
  readonly command: readonly string[]
  /** For compose's own references. */
  readonly values: ReadonlyMap<string, Secret>
}

const hasTerminal = (): boolean => isatty(0) && isatty(1)

function runWords(context: HostContext, run: Run, terminal: boolean): string[] {
  return [
    ...composeWords(context),
    'run',
    '--no-deps',
    '--name',
    run.container,
    ...(terminal ? [] : ['--no-TTY']),
    ...run.binds.flatMap(([source, target]) => ['--volume', `${source}:${target}:ro`]),
    ...run.environment.flatMap(([name, value]) => ['--env', `${name}=${value}`]),
    run.service,
    ...run.command,
  ]
}

function ended(child: ChildProcess): Promise<number> {
  return new Promise((done, failed) => {
    child.on('error', failed)
    child.on('close', (status, signal) => done(status ?? statusOfSignal(signal ?? 'SIGTERM')))
  })
}

export interface Outcome {
  /** The command's exit status; undefined when the container never started. */
  readonly status: number | undefined
  /** compose's own. */
  readonly composeStatus: number
}

async function statusOf(context: HostContext, container: string): Promise<number | undefined> {
  const format = '{{.State.Status}} {{.State.ExitCode}}'
  const told = await askDocker(context, ['inspect', '--type', 'container', '--format', format, container])
  const [state, code] = told.stdout.toString().trim().split(' ')
  return told.status === 0 && (state === 'exited' || state === 'dead') ? Number(code) : undefined
}

/** What runs in a container before the command does: its init, runc, and the shim. */
const NOT_YET = /docker-init|runc|\/opt\/disinto\/entrypoint\.js/

/**
 * Hands a signal to the command. Before there is one it would get lost, as the first process of a container ignores
 * what it has not asked for: then the container is ended instead. Gives whether the command has it, has ended by
 * itself, or has not begun.
 */
async function forward(
  context: HostContext,
  container: string,
  signal: NodeJS.Signals,
): Promise<'taken' | 'ended' | 'not begun'> {
  const top = await askDocker(context, ['top', container, '-eo', 'pid,args'])
  const processes = top.stdout.toString().trimEnd().split('\n').slice(1)
  const running = top.status === 0 && processes.some((line) => !NOT_YET.test(line))
  const name = running ? signal.slice('SIG'.length) : 'KILL'
  const told = await askDocker(context, ['kill', '--signal', name, container])
  if (told.status === 0) return running ? 'taken' : 'not begun'
  return (await statusOf(context, container)) === undefined ? 'not begun' : 'ended'
}

const hasEnded = (child: ChildProcess): boolean => child.exitCode !== null || child.signalCode !== null

/**
 * Ends a start. docker may lose a signal while it loads compose, and the engine may make the container after all: so
 * both are told until compose has ended.
 */
async function abandon(context: HostContext, container: string, child: ChildProcess): Promise<void> {
  for (let round = 0; !hasEnded(child); round += 1) {
    const signal = round < 2 ? 'SIGTERM' : 'SIGKILL'
    try {
      // compose is a child of the docker that is ours: a group of its own, unless it has our terminal.
      if (child.pid !== undefined && !hasTerminal()) process.kill(-child.pid, signal)
    } catch {
      // Gone meanwhile.
    }
    child.kill(signal)
    await removeContainer(context, container)
    await pause(500)
  }
  // What the engine was asked for last may be there only now.
  await removeContainer(context, container)
}

/** Waits until the container runs, or will not any more. */
async function started(context: HostContext, container: string, child: ChildProcess): Promise<void> {
  const words = ['inspect', '--type', 'container', '--format', '{{.State.Status}}', container]
  while (!hasEnded(child)) {
    const told = await askDocker(context, words)
    if (told.status === 0 && told.stdout.toString().trim() !== 'created') return
    await pause(100)
  }
}

/**
 * Runs the container to its end, with our streams. Signals go to the command in it; before it runs, they end the
 * start. The container is still there afterwards: see removeContainer.
 */
export async function runContainer(context: HostContext, run: Run, signals: Signals): Promise<Outcome> {
  let end: Promise<number> = Promise.resolve(0)
  let abandoned = false
  let abandonment: Promise<void> = Promise.resolve()
  let handed: Promise<unknown> = Promise.resolve()
  // Two at once would both make the project's network, and each would take the other's away.
  await inTurn(context.project.name, async () => {
    const child = spawnRun(context, run)
    end = ended(child)
    signals.handTo((signal) => {
      const handing = forward(context, run.container, signal).then((what) => {
        if (what !== 'not begun' || abandoned) return
        abandoned = true
        abandonment = abandon(context, run.container, child)
      })
      handed = Promise.all([handed, handing])
    })
    if (signals.first !== undefined) {
      abandoned = true
      abandonment = abandon(context, run.container, child)
    }
    // Its failure to start is told below.
    end.catch(() => {})
    await started(context, run.container, child)
  })
  const composeStatus = await end
  // Whether the end was the command's own is known only when the last signal has been handed over.
  await handed
  await abandonment
  return { status: abandoned ? undefined : await statusOf(context, run.container), composeStatus }
}

function spawnRun(context: HostContext, run: Run): ChildProcess {
  const terminal = hasTerminal()
  return spawn('docker', runWords(context, run, terminal), {
    cwd: context.project.root,
    env: Object.fromEntries(dockerEnvironment(context, run.values)),
    stdio: 'inherit',
    // compose takes a signal for "leave the container to itself": only we get those of a terminal. With a terminal
    // of its own the container gets Ctrl-C as a letter, and compose must stay to read it.
    detached: !terminal,
  })
}

/** Removes a container, running or not; nothing when there is none. */
export async function removeContainer(context: HostContext, container: string): Promise<void> {
  await askDocker(context, ['rm', '--force', '--volumes', container])
}

/** Removes the networks that compose made for a project and that no container, running or not, is in. */
export async function removeUnusedNetworks(context: HostContext, project: string): Promise<void> {
  const filter = `label=com.docker.compose.project=${project}`
  const told = await askDocker(context, ['network', 'ls', '--quiet', '--filter', filter])
  for (const id of told.stdout.toString().split('\n')) {
    if (id === '') continue
    const users = await askDocker(context, ['ps', '--all', '--quiet', '--filter', `network=${id}`])
    if (users.status === 0 && users.stdout.length === 0) await askDocker(context, ['network', 'rm', id])
  }
}
