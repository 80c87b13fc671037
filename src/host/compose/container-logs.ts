/** What the containers of the project wrote, as streams. */
import { spawn } from 'node:child_process'
import { refuseDebugLog } from '../../node-debug.ts'
import type { HostContext } from '../context.ts'
import { failure } from '../errors.ts'
import { askDocker, dockerEnvironment, lastLine } from './docker.ts'

/** The containers of the project, also those that have ended. Throws docker-missing and engine-silent. */
export async function containersOf(
  context: HostContext,
): Promise<Array<{ readonly id: string; readonly name: string }>> {
  const words = ['ps', '--all', '--no-trunc', '--format', '{{.ID}} {{.Names}}']
  const label = `label=com.docker.compose.project=${context.project.name}`
  const ended = await askDocker(context, [...words, '--filter', label])
  if (ended.status !== 0) throw failure('engine-silent', { reason: lastLine(ended) })
  return ended.stdout
    .toString()
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => {
      const [id = '', name = ''] = line.split(' ')
      return { id, name }
    })
}

/** Reads what a container wrote to its two streams; false where the engine does not keep it. */
export async function readLogs(
  context: HostContext,
  id: string,
  take: { readonly output: (chunk: Buffer) => void; readonly error: (chunk: Buffer) => void },
): Promise<boolean> {
  refuseDebugLog()
  const child = spawn('docker', ['logs', id], {
    env: Object.fromEntries(dockerEnvironment(context)),
    cwd: context.project.root,
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  child.stdout.on('data', take.output)
  child.stderr.on('data', take.error)
  return new Promise((resolve) => {
    child.on('error', () => resolve(false))
    child.on('close', (status) => resolve(status === 0))
  })
}
