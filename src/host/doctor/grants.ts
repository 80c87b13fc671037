/** Grants against the stack: not mounted, mounted and not granted, or of no service. */
import { quote } from '../../quote.ts'
import { deliveriesOf, grantedFor } from '../compose/deliveries.ts'
import { grantedTo, warningsOfGrants } from '../compose/granted.ts'
import type { Model, Service } from '../compose/model.ts'
import { IMAGE_KEYS, IMAGE_SECRETS, ROOT_KEYS } from '../compose/mounts.ts'
import { type Finding, findingOf } from '../finding.ts'
import { AGENTS } from '../project.ts'
import { ENV_FILE, type Grant } from '../store/grants.ts'

/** The secret files that a service mounts by its own word, and was not granted. */
function mountedFindings(service: Service, grants: readonly Grant[]): Finding[] {
  const { name, mounts } = service
  // With a key of somebody else's choice, what it opens is told there.
  if (mounts.some(({ target }) => target === IMAGE_KEYS || target === ROOT_KEYS)) return []
  const granted = grantedTo(grants, name).secrets.map(({ secret }) => secret)
  return mounts.flatMap(({ target }): Finding[] => {
    if (!target.startsWith(`${IMAGE_SECRETS}/`) || !target.endsWith('.enc')) return []
    const secret = target.slice(IMAGE_SECRETS.length + 1, -'.enc'.length)
    if (granted.includes(secret)) return []
    return [
      {
        code: 'grant-mounted',
        severity: 'error',
        message: `${quote(name)}: mounts ${quote(secret)}, which it was not granted: it will not start`,
        hint: `disinto secrets grant ${name} ${secret}, and remove that line from volumes: disinto up mounts what is granted`,
      },
    ]
  })
}

/** Grants to services that the compose file does not have. */
function servicelessFindings(names: ReadonlySet<string>, grants: readonly Grant[]): Finding[] {
  // The first rules name the agents, whatever the stack has.
  const lost = grants.filter(
    ({ service, secret, state }) =>
      state !== 'stray' && !names.has(service) && !(service === AGENTS && secret === ENV_FILE),
  )
  return [...new Set(lost.map(({ service }) => service))].map((service) => {
    const secrets = lost.filter((grant) => grant.service === service).map(({ secret }) => secret)
    return {
      code: 'grant-serviceless',
      severity: 'warning',
      message: `${quote(service)}: was granted ${secrets.map(quote).join(', ')}, but the compose file has no such service`,
      hint: `disinto secrets revoke ${service} ${secrets.join(' ')}; or name the service in the compose file as it is called here`,
    }
  })
}

/** What is wrong with the files that services of others' images are to get. */
function deliveryFindings(model: Model, grants: readonly Grant[]): Finding[] {
  try {
    for (const delivery of deliveriesOf(model)) grantedFor(delivery, grantedTo(grants, delivery.service))
    return []
  } catch (error) {
    return [findingOf(error)]
  }
}

/** Examines what the services were granted against what the compose file has. */
export function grantFindings(model: Model, grants: readonly Grant[]): Finding[] {
  const names = new Set(model.services.map(({ name }) => name))
  return [
    ...model.services.flatMap((service) => mountedFindings(service, grants)),
    ...warningsOfGrants(grants, names).map((told): Finding => ({ ...told, severity: 'warning' })),
    ...servicelessFindings(names, grants),
    ...deliveryFindings(model, grants),
  ]
}
