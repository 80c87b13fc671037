/** A look at the containers after a start, for those that ended at once. */
import { quote } from '../../quote.ts'
import type { HostContext } from '../context.ts'
import { pause } from '../files/lock.ts'
import { type Container, containersOf } from './by-name.ts'
import { askDocker } from './docker.ts'
import { type Json, objectOf } from './model.ts'

/** How long the shim may take to fail, and how often it is looked for, in milliseconds. */
const PATIENCE = 1500
const STEP = 250

/** What `docker run` and the shim end with when a command never came to run. */
export const NEVER_RAN: ReadonlyMap<number, string> = new Map([
  [125, 'the shim failed'],
  [126, 'the command could not be executed'],
  [127, 'the command was not found'],
])

interface Ended {
  readonly container: Container
  readonly status: number
}

async function endedAmong(context: HostContext, containers: readonly Container[]): Promise<Ended[]> {
  const found = await Promise.all(
    containers.map(async (container) => {
      const format = '{{.State.Running}} {{.State.ExitCode}} {{.RestartCount}}'
      const ended = await askDocker(context, [
        'inspect',
        '--type',
        'container',
        '--format',
        format,
        container.id,
      ])
      const [running, code, restarts] = ended.stdout.toString().trim().split(' ')
      const status = Number(code)
      const over = running === 'false' || Number(restarts) > 0
      return ended.status === 0 && over && NEVER_RAN.has(status) ? [{ container, status }] : []
    }),
  )
  return found.flat()
}

/** A line of a log with DISINTO_LOG=json; nothing of one that the engine has cut. */
function readLine(line: string): Json {
  try {
    return objectOf(JSON.parse(line))
  } catch {
    return {}
  }
}

/** What the shim itself wrote in a line of a container's log, as text or with DISINTO_LOG=json; nothing for other lines. */
function wordsIn(line: string): string[] {
  if (/^disinto: (?:error|hint|warning): /.test(line)) return [line.replace(/^disinto: /, '')]
  if (!line.startsWith('{"program":"disinto",')) return []
  const { level, message, hint } = readLine(line)
  if (level !== 'error' && level !== 'warning') return []
  return [`${level}: ${String(message)}`, ...(hint === undefined ? [] : [`hint: ${String(hint)}`])]
}

/** The first words that the shim itself wrote: those of the command may hold values. */
async function wordsOf(context: HostContext, { id }: Container): Promise<string[]> {
  const ended = await askDocker(context, ['logs', '--tail', '50', id])
  const lines = `${ended.stderr}\n${ended.stdout}`.split(/\r?\n/)
  return [...new Set(lines.flatMap(wordsIn))].slice(0, 4)
}

/**
 * Looks at a stack that was just started, until a service has ended with 125 to 127 or the time for that is over.
 * Says which did and why; returns whether any did.
 */
export async function lookAgain(context: HostContext, project: string): Promise<boolean> {
  for (let waited = 0; waited < PATIENCE; waited += STEP) {
    await pause(STEP)
    const containers = await containersOf(context, project)
    const ended = await endedAmong(context, containers)
    if (ended.length === 0) continue
    for (const { container, status } of ended) {
      context.speak.warning({
        code: 'service-ended',
        message: `${quote(container.service)}: ended with ${status}: ${NEVER_RAN.get(status)}`,
        hint: `disinto logs ${container.service} shows all its output`,
      })
      for (const line of await wordsOf(context, container))
        context.speak.note(`${container.service}: ${line}`)
    }
    return true
  }
  return false
}
