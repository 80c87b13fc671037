/** The compose file: what docker inspect would show, and what containers should not get. */
import { existsSync, realpathSync } from 'node:fs'
import { quote } from '../../errors.ts'
import { read } from '../../load/read.ts'
import type { HostContext } from '../context.ts'
import { VAULT_RUNNER } from '../project.ts'
import { askDocker, composeFiles, composeWords, readComposeModel } from '../compose/docker.ts'
import { exposuresOf, OTHER_WAY } from '../compose/interpolation.ts'
import { outsideOf, inventory } from '../store/inventory.ts'
import type { Model, Service } from '../compose/model.ts'
import { checkSources, IMAGE_KEYS, IMAGE_ROOT } from '../compose/mounts.ts'
import { visibleNames } from '../store/inventory.ts'
import { type Finding, findingOf } from './finding.ts'

/** Names whose literal value is most likely a secret. */
const SECRETIVE = /(?:TOKEN|SECRET|PASSW(?:OR)?D|PASSPHRASE|CREDENTIALS?|PRIVATE_KEY|API_?KEY|ACCESS_KEY)$/i

/** All names that the project's files hold, as far as can be told without a key. */
async function knownNames({ project }: HostContext): Promise<Set<string>> {
  const names = new Set<string>()
  for (const source of inventory(project)) {
    try {
      if (source.role === 'secret') names.add(source.name)
      else for (const name of (await outsideOf(source)).names) names.add(name)
    } catch {
      // Its own finding.
    }
  }
  if (!existsSync(project.envFile) && existsSync(project.plainEnvFile)) {
    const document = read({ role: 'env-file', path: project.plainEnvFile, plaintextAllowed: true })
    for (const name of (await visibleNames(document)) ?? []) names.add(name)
  }
  return names
}

function mountFindings(service: Service, { project }: HostContext): Finding[] {
  const key = project.operatorKeyFile
  const real = (path: string) => (existsSync(path) ? realpathSync(path) : path)
  const findings: Finding[] = []
  const operators = service.mounts.find(
    ({ type, source }) =>
      type === 'bind' &&
      source !== undefined &&
      key !== undefined &&
      `${real(key)}/`.startsWith(`${real(source).replace(/\/$/, '')}/`),
  )
  if (operators !== undefined && service.name !== VAULT_RUNNER) {
    findings.push({
      code: 'operator-key-mounted',
      severity: 'warning',
      message: `${quote(service.name)}: mounts the operator's key (${quote(operators.source ?? '')}): whoever gets root in it can open every secret`,
      fix: 'take that line out of volumes: disinto up mounts a key that opens .env.enc alone',
    })
  }
  const secrets = service.mounts.some(({ target }) => target === `${IMAGE_ROOT}/secrets`)
  if (secrets && operators === undefined && !service.mounts.some(({ target }) => target === IMAGE_KEYS)) {
    findings.push({
      code: 'secrets-unopenable',
      severity: 'error',
      message: `${quote(service.name)}: mounts secrets/, whose files its own key does not open: it will not start`,
      fix: 'take that line out of volumes; what an agent always needs goes into .env.enc',
    })
  }
  return findings
}

function serviceFindings(service: Service, context: HostContext): Finding[] {
  const findings = mountFindings(service, context)
  for (const [name] of [...service.literals].filter(([known]) => SECRETIVE.test(known))) {
    findings.push({
      code: 'compose-literal',
      severity: 'error',
      message: `${quote(service.name)}: environment: the value of ${quote(name)} stands in the compose file`,
      fix: `disinto secrets add ${name}, take it out of the file, and change it at its issuer if it was committed`,
    })
  }
  for (const file of service.envFiles) {
    findings.push({
      code: 'inspect-shows',
      severity: 'error',
      message: `${quote(service.name)}: env_file: docker inspect shows every value of ${quote(file)}`,
      fix: 'take env_file: out: disinto up mounts the file for the image’s entrypoint',
    })
  }
  return findings
}

/** Whether the images are there; needs an engine, and says nothing where there is none. */
async function imageFindings(context: HostContext): Promise<Finding[]> {
  const listed = await askDocker(context, [...composeWords(context), 'config', '--images'])
  if (listed.status !== 0) return []
  const images = [
    ...new Set(
      listed.stdout
        .toString()
        .split('\n')
        .filter((image) => image !== ''),
    ),
  ]
  const findings: Finding[] = []
  for (const image of images) {
    const found = await askDocker(context, ['image', 'inspect', '--format', '{{.Id}}', image])
    if (found.status !== 0 && /no such image/i.test(found.stderr.toString())) {
      findings.push({
        code: 'image-absent',
        severity: 'warning',
        message: `${quote(image)}: no such image on this machine`,
        fix: 'disinto up --build builds those with build:; the agent image: docker build -f Dockerfile.agent -t disinto-agent .',
      })
    }
  }
  return findings
}

/** Examines the compose file and what it makes of the secrets. */
export async function examineStack(context: HostContext): Promise<Finding[]> {
  let model: Model
  try {
    composeFiles(context)
  } catch (error) {
    return [findingOf(error, 'note')]
  }
  try {
    model = await readComposeModel(context)
  } catch (error) {
    const finding = findingOf(error)
    return [{ ...finding, severity: /^(?:docker|compose)-missing$/.test(finding.code) ? 'warning' : 'error' }]
  }
  const findings = model.services.flatMap((service) => serviceFindings(service, context))
  for (const { service, where, name } of exposuresOf(model, await knownNames(context))) {
    findings.push({
      code: 'inspect-shows',
      severity: 'error',
      message: `${quote(service)}: ${where}: docker inspect shows the value of ${quote(name)}`,
      fix: OTHER_WAY,
    })
  }
  try {
    checkSources(model, existsSync)
  } catch (error) {
    findings.push(findingOf(error))
  }
  return [...findings, ...(await imageFindings(context))]
}
