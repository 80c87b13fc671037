/** The compose file: what docker inspect would show, and what containers should not get. */
import { existsSync } from 'node:fs'
import { quote } from '../../quote.ts'
import { askDocker } from '../compose/docker.ts'
import { plainValues } from '../compose/env-files.ts'
import { isSecretive, type Told } from '../compose/exposures.ts'
import { objectionsTo } from '../compose/guards.ts'
import { type Image, imageOf, imagesOf } from '../compose/images.ts'
import type { Model, Service } from '../compose/model.ts'
import { checkSources, IMAGE_KEYS, IMAGE_ROOT } from '../compose/mounts.ts'
import { type Reading, readStack } from '../compose/read.ts'
import { composeFiles, readSettings } from '../compose/settings.ts'
import { operatorsOnly } from '../compose/values.ts'
import { hasShim, noticesOf, readTold } from '../compose/warnings.ts'
import type { HostContext } from '../context.ts'
import { realPath } from '../files/real-path.ts'
import { type Finding, findingOf } from '../finding.ts'
import { AGENTS, VAULT_RUNNER } from '../project.ts'
import { grantsOf } from '../store/grants.ts'
import { inventory, outsideOf } from '../store/inventory.ts'
import { warning } from '../warnings.ts'
import { examineContainers } from './containers.ts'
import { grantFindings } from './grants.ts'

/** The names of the env files, of which compose gets those it refers to, as far as can be told without a key. */
async function knownNames(context: HostContext): Promise<Set<string>> {
  const names = new Set<string>()
  for (const source of inventory(context.project)) {
    try {
      if (source.role === 'env-file') for (const name of (await outsideOf(source)).names) names.add(name)
    } catch {
      // Its own finding.
    }
  }
  for (const name of (await plainValues(context)).keys()) names.add(name)
  return names
}

function mountFindings(service: Service, { project }: HostContext): Finding[] {
  const key = project.operatorKeyFile
  const findings: Finding[] = []
  const operators = service.mounts.find(
    ({ type, source }) =>
      type === 'bind' &&
      source !== undefined &&
      key !== undefined &&
      `${realPath(key)}/`.startsWith(`${realPath(source).replace(/\/$/, '')}/`),
  )
  if (operators !== undefined && service.name !== VAULT_RUNNER) {
    findings.push({
      code: 'operator-key-mounted',
      severity: 'warning',
      message: `${quote(service.name)}: mounts the operator's key (${quote(operators.source ?? '')}): whoever gets root in it can open every secret`,
      hint: 'remove that line from volumes: disinto up mounts a key that opens .env.enc alone',
    })
  }
  const secrets = service.mounts.some(({ target }) => target === `${IMAGE_ROOT}/secrets`)
  if (secrets && operators === undefined && !service.mounts.some(({ target }) => target === IMAGE_KEYS)) {
    findings.push({
      code: 'secrets-unopenable',
      severity: 'error',
      message: `${quote(service.name)}: mounts secrets/, but its own key does not open those files: it will not start`,
      hint: 'remove that line from volumes; what an agent always needs goes into .env.enc',
    })
  }
  return findings
}

/** Whether a variable only says where a secret is, as POSTGRES_PASSWORD_FILE does. */
const namesFile = (name: string, value: string) => name.endsWith('_FILE') && value.startsWith('/')

function serviceFindings(
  service: Service,
  context: HostContext,
  literals: ReadonlySet<string>,
  told: Told,
): Finding[] {
  const findings = mountFindings(service, context)
  const written = [...service.environment]
    .filter(
      ([name, value]) =>
        value !== '' &&
        !namesFile(name, value) &&
        isSecretive(name, told) &&
        literals.has(`${name}=${value}`),
    )
    .map(([name]) => name)
  if (written.length > 0) {
    findings.push({
      code: 'compose-literal',
      severity: 'error',
      message: `${quote(service.name)}: environment: the values of ${written.map(quote).join(', ')} are written in the compose file`,
      hint: `disinto secrets add ${written[0]}, remove it from the file, and change it at its issuer if it was committed; for what is not secret: x-disinto: {config: [${written[0]}]}`,
    })
  }
  return findings
}

/** Which images are not there; needs an engine, and says nothing where there is none. */
async function imageFindings(context: HostContext, model: Model): Promise<Finding[]> {
  const findings: Finding[] = []
  for (const name of new Set(model.services.map((service) => imageOf(model, service)))) {
    const found = await askDocker(context, ['image', 'inspect', '--format', '{{.Id}}', name])
    if (found.status !== 0 && /no such image/i.test(found.stderr.toString())) {
      findings.push({
        code: 'image-absent',
        severity: 'warning',
        message: `${quote(name)}: no such image on this machine`,
        hint: 'disinto up --build builds those with build:; the agent image: docker build -f Dockerfile.agent -t disinto-agent .',
      })
    }
  }
  return findings
}

/** What the engine will do with the settings of a service: they may take the shim, or its protection, away. */
function guardFindings(model: Model, images: ReadonlyMap<string, Image>): Finding[] {
  return model.services
    .filter((service) => service.name === AGENTS || hasShim(service, images.get(service.name)))
    .flatMap((service) => objectionsTo(service, images.get(service.name)))
    .map((objection) => ({ severity: 'error', ...objection }) as const)
}

async function findingsOf(context: HostContext, { model, sources, values }: Reading): Promise<Finding[]> {
  const told = readTold(context, model)
  const images = await imagesOf(context, model)
  const names = new Set([...(await knownNames(context)), ...context.variables.keys()])
  const notices = await noticesOf(context, { sources, model, images, names, values })
  const referred = sources.references.map(({ name }) => name)
  const findings: Finding[] = [
    ...model.services.flatMap((service) => serviceFindings(service, context, sources.literals, told)),
    ...guardFindings(model, images),
    ...grantFindings(model, await grantsOf(context).catch(() => [])),
    ...operatorsOnly(context, referred, names).map(
      (name) => ({ severity: 'warning', ...warning('secret-kept', { name }) }) as const,
    ),
    ...notices.map((notice) => ({ severity: 'error', ...notice }) as const),
  ]
  try {
    checkSources(model, existsSync)
  } catch (error) {
    findings.push(findingOf(error))
  }
  return [...findings, ...(await imageFindings(context, model)), ...(await examineContainers(context, model))]
}

/** Examines the compose file, what it makes of the secrets, and what runs. */
export async function examineStack(context: HostContext): Promise<Finding[]> {
  const { context: settled, unopened } = await readSettings(context)
  try {
    composeFiles(settled)
  } catch (error) {
    return [findingOf(error, 'note')]
  }
  const findings: Finding[] =
    unopened.length === 0
      ? []
      : [
          {
            code: 'settings-unopened',
            severity: 'warning',
            message: `${quote(context.project.envFile)}: has ${unopened.map(quote).join(', ')}, which no key at hand opens: what follows may be about another project`,
            hint: 'use a key that opens it, or set them in the environment',
          },
        ]
  let reading: Reading
  try {
    reading = await readStack(settled)
  } catch (error) {
    const finding = findingOf(error)
    // That a program is missing is said of the program.
    return /^(?:docker|compose)-missing$/.test(finding.code) ? findings : [...findings, finding]
  }
  return [...findings, ...(await findingsOf(settled, reading))]
}
