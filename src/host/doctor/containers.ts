/** What runs: containers without the secrets, with old ones, or ended before their command. */
import { existsSync } from 'node:fs'
import { DisintoError, quote } from '../../errors.ts'
import { NEVER_RAN } from '../compose/aftermath.ts'
import { type Container, containersOf } from '../compose/by-name.ts'
import { askDocker } from '../compose/docker.ts'
import type { Model } from '../compose/model.ts'
import { IMAGE_ROOT } from '../compose/mounts.ts'
import { envFileOf } from '../compose/stack.ts'
import type { HostContext } from '../context.ts'
import { AGENTS } from '../project.ts'
import type { Finding } from './finding.ts'

/** Whether a service gets the env file from `up`, and does not mount it itself. */
function getsEnvFile({ project }: HostContext, model: Model, name: string): boolean {
  const service = model.services.find((one) => one.name === name)
  if (service === undefined || service.mounts.some(({ target }) => target.startsWith(IMAGE_ROOT)))
    return false
  const key = project.serviceKeyFile(name)
  return name === AGENTS || (key !== undefined && existsSync(key))
}

async function endFinding(context: HostContext, { id, service }: Container): Promise<Finding[]> {
  const ended = await askDocker(context, [
    'inspect',
    '--type',
    'container',
    '--format',
    '{{.State.ExitCode}}',
    id,
  ])
  const status = Number(ended.stdout.toString().trim())
  const why = ended.status === 0 ? NEVER_RAN.get(status) : undefined
  if (why === undefined) return []
  return [
    {
      code: 'service-ended',
      severity: 'error',
      message: `${quote(service)}: its container ended with ${status}: ${why}`,
      fix: `disinto logs ${service} shows the reason`,
    },
  ]
}

/** Examines the containers of the project; says nothing where no engine answers, which is another finding. */
export async function examineContainers(context: HostContext, model: Model): Promise<Finding[]> {
  let containers: readonly Container[]
  try {
    containers = await containersOf(context, model.name)
  } catch (error) {
    if (error instanceof DisintoError) return []
    throw error
  }
  const stamp = envFileOf(context)?.stamp
  const findings: Finding[] = []
  for (const container of containers) {
    const service = quote(container.service)
    if (container.state !== 'running') findings.push(...(await endFinding(context, container)))
    else if (
      container.stamp === '' &&
      stamp !== undefined &&
      getsEnvFile(context, model, container.service)
    ) {
      findings.push({
        code: 'container-without-secrets',
        severity: 'error',
        message: `${service}: its container was made without disinto's mounts, by docker compose up for example: it has no secrets`,
        fix: 'disinto up makes it anew',
      })
    } else if (container.stamp !== '' && container.stamp !== stamp) {
      findings.push({
        code: 'container-older',
        severity: 'warning',
        message: `${service}: its container has the secrets of before their last change`,
        fix: 'disinto restart gives it those of now',
      })
    }
  }
  return findings
}
