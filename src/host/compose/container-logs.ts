/** What the containers of the project wrote, as streams. */
import type { HostContext } from '../context.ts'
import { type Streaming, streamProgram } from '../process.ts'
import { dockerEnvironment, linesOfDocker } from './docker.ts'

/** The containers of the project, also those that have ended. Throws docker-missing and engine-silent. */
export async function containersOf(
  context: HostContext,
): Promise<Array<{ readonly id: string; readonly name: string }>> {
  const words = ['ps', '--all', '--no-trunc', '--format', '{{.ID}} {{.Names}}']
  const label = `label=com.docker.compose.project=${context.project.name}`
  return (await linesOfDocker(context, [...words, '--filter', label])).map((line) => {
    const [id = '', name = ''] = line.split(' ')
    return { id, name }
  })
}

/** What a container wrote to its two streams; its status is not 0 where the engine does not keep it. */
export function logsOf(context: HostContext, container: string): Streaming {
  const environment = dockerEnvironment(context)
  return streamProgram('docker', ['logs', container], { cwd: context.project.root, environment })
}

/** Reads what a container wrote to its two streams; false where the engine does not keep it. */
export async function readLogs(
  context: HostContext,
  id: string,
  take: { readonly output: (chunk: Buffer) => void; readonly error: (chunk: Buffer) => void },
): Promise<boolean> {
  const { output, errors, status } = logsOf(context, id)
  output.on('data', take.output)
  errors.on('data', take.error)
  return (await status) === 0
}
