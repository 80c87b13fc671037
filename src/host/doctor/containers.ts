/** What runs: containers without the secrets, with old ones, or ended before their command. */
import { DisintoError } from '../../errors.ts'
import { quote } from '../../quote.ts'
import { NEVER_RAN } from '../compose/aftermath.ts'
import { type Container, containersOf } from '../compose/by-name.ts'
import { type Delivery, deliveriesOf, grantedFor } from '../compose/deliveries.ts'
import { askDocker } from '../compose/docker.ts'
import { grantedTo, stampOfSecrets } from '../compose/granted.ts'
import type { Model } from '../compose/model.ts'
import { IMAGE_ROOT } from '../compose/mounts.ts'
import { envFileOf } from '../compose/stack.ts'
import type { HostContext } from '../context.ts'
import type { Finding } from '../finding.ts'
import { type Grant, grantsOf } from '../store/grants.ts'
import { warning } from '../warnings.ts'

/** The stamps that a service's container would get from `up`; none for what it mounts itself, or does not get. */
function stampsOf(
  context: HostContext,
  model: Model,
  grants: readonly Grant[],
  name: string,
): { readonly envFile: string; readonly secrets: string } {
  const delivery = deliveriesIn(model).find((one) => one.service === name || one.writer === name)
  if (delivery !== undefined) return { envFile: '', secrets: stampOfDelivery(delivery, grants) }
  const service = model.services.find((one) => one.name === name)
  if (service === undefined || service.mounts.some(({ target }) => target.startsWith(IMAGE_ROOT)))
    return { envFile: '', secrets: '' }
  const granted = grantedTo(grants, name)
  return {
    envFile: granted.envFile ? (envFileOf(context)?.stamp ?? '') : '',
    secrets: stampOfSecrets(granted.secrets),
  }
}

function deliveriesIn(model: Model): Delivery[] {
  try {
    return deliveriesOf(model)
  } catch (error) {
    // What is wrong with them is a finding of the stack.
    if (error instanceof DisintoError) return []
    throw error
  }
}

function stampOfDelivery(delivery: Delivery, grants: readonly Grant[]): string {
  try {
    return stampOfSecrets(grantedFor(delivery, grantedTo(grants, delivery.service)))
  } catch (error) {
    if (error instanceof DisintoError) return ''
    throw error
  }
}

/** What a running container has, against what it would get now. */
function secretsFinding(
  { service, stamp, secrets }: Container,
  now: { readonly envFile: string; readonly secrets: string },
): Finding | undefined {
  const has = `${stamp}${secrets}`
  if (has === '' && `${now.envFile}${now.secrets}` !== '')
    return {
      code: 'container-without-secrets',
      severity: 'error',
      message: `${quote(service)}: its container was made without disinto's mounts, by docker compose up for example: it has no secrets`,
      hint: 'disinto up recreates it',
    }
  if (secrets !== '' && now.secrets !== secrets)
    return {
      code: 'container-older',
      severity: 'warning',
      message: `${quote(service)}: its container has outdated granted files: one was changed, granted or revoked since`,
      hint: 'disinto restart loads the current ones',
    }
  if ((secrets === '' && now.secrets !== '') || (stamp === '' && now.envFile !== ''))
    return {
      code: 'grant-unmounted',
      severity: 'warning',
      message: `${quote(service)}: its container was made before its current grants`,
      hint: 'disinto up recreates it',
    }
  return stamp !== '' && stamp !== now.envFile
    ? { severity: 'warning', ...warning('container-older', { service }) }
    : undefined
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
      hint: `disinto logs ${service} shows the reason`,
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
  const grants = await grantsOf(context)
  const findings: Finding[] = []
  for (const container of containers) {
    if (container.state === 'running') {
      const finding = secretsFinding(container, stampsOf(context, model, grants, container.service))
      if (finding !== undefined) findings.push(finding)
    } else findings.push(...(await endFinding(context, container)))
  }
  return findings
}
