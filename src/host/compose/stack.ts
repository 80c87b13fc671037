/** What exists now, told to the user and handed to compose, for `up` and `restart`. */
import { statSync } from 'node:fs'
import { dirname } from 'node:path'
import { readWhole } from '../../load/read.ts'
import { quote } from '../../quote.ts'
import type { Secret } from '../../secret.ts'
import { claimPlace } from '../access/accepted-record.ts'
import { type HostContext, ownVariables } from '../context.ts'
import { failure } from '../errors.ts'
import { isThere } from '../files/there.ts'
import { checkWithin } from '../files/write.ts'
import { AGENTS } from '../project.ts'
import { ensureServiceKey, grantService } from '../store/grant.ts'
import { type Grant, grantsOf } from '../store/grants.ts'
import { allowed } from '../store/open.ts'
import { warning } from '../warnings.ts'
import { type Delivery, deliveriesOf, grantedFor, isDelivered } from './deliveries.ts'
import { runCompose } from './docker.ts'
import { encryptedNames, plainValues } from './env-files.ts'
import { readSources } from './files.ts'
import { grantedTo, stampOf, warningsOfGrants } from './granted.ts'
import { objectionsTo } from './guards.ts'
import { type Image, imagesOf, inspectFields } from './images.ts'
import type { Model, Service } from './model.ts'
import { checkSources, type EnvFile, mountsKey, overrideDocument, type ServiceKey } from './mounts.ts'
import { readWithValues } from './read.ts'
import { composeFiles } from './settings.ts'
import { openForStack, operatorsOnly, warnOfLeftOut } from './values.ts'
import { hasShim, type Known, noticesOf } from './warnings.ts'

export interface Stack {
  readonly model: Model
  readonly values: ReadonlyMap<string, Secret>
  readonly override: string
  /** The services whose images start the shim. */
  readonly shims: ReadonlySet<string>
}

export interface Given {
  /** Names let through to compose. */
  readonly allow: readonly string[]
  /** Names of secrets/ that compose may have. */
  readonly allowSecret: readonly string[]
}

/** A hash of ciphertext; of plaintext it would be one of the secrets themselves, so there it is the time of change. */
function stampOfEnvFile({ path, name }: Pick<EnvFile, 'path' | 'name'>): string {
  if (name === '.env.enc') return stampOf(readWhole(path))
  return String(statSync(path).mtimeMs)
}

/** The env file that containers get: `.env.enc`, or plaintext where there is no other. Throws when it is no file. */
export function envFileOf({ project }: HostContext): EnvFile | undefined {
  const encrypted = isThere(project.envFile)
  if (!encrypted && !isThere(project.plainEnvFile)) return undefined
  const path = encrypted ? project.envFile : project.plainEnvFile
  let isFile: boolean
  try {
    isFile = statSync(path).isFile()
  } catch {
    throw failure('source-dangling', { path })
  }
  if (!isFile) throw failure('source-irregular', { path, kind: 'a directory or a device' })
  const found = { path, name: encrypted ? '.env.enc' : '.env' } as const
  return { ...found, stamp: stampOfEnvFile(found) }
}

/**
 * Throws link-out where the env file leads out of the project, and what envFileOf does: the containers would get what
 * whoever made the link has chosen, another project's secrets or a key of ours.
 */
function refuseLinkOut(context: HostContext): void {
  const found = envFileOf(context)
  if (found !== undefined) checkWithin(context.project.root, found.path)
}

/** Says that a plaintext file has values in it; one of comments alone has none. */
async function warnOfPlaintext(context: HostContext, encrypted: ReadonlySet<string>): Promise<void> {
  const { project, speak } = context
  const plain = [...(await plainValues(context)).keys()]
  if (plain.length === 0) return
  const path = project.plainEnvFile
  const doubled = plain.filter((name) => encrypted.has(name))
  if (!isThere(project.envFile)) {
    speak.warning(warning('plaintext-env', { path }))
  } else if (doubled.length > 0) {
    speak.warning(warning('plaintext-left', { path, names: doubled }))
  }
}

function warnOfNothing({ speak }: HostContext, service: string): void {
  speak.warning({
    code: 'grant-none',
    message: `${quote(service)}: has a key, but was granted nothing that it opens`,
    hint: `disinto secrets grant ${service} NAME; for all of .env.enc, as before: disinto secrets grant ${service} .env.enc`,
  })
}

/**
 * The key of a service with what it was granted; undefined for one that has none and needs none. The key of `agents` is
 * made, and .env.enc encrypted to it.
 */
async function keyFor(
  context: HostContext,
  service: Service,
  image: Image | undefined,
  grants: readonly Grant[],
): Promise<ServiceKey | undefined> {
  const { project } = context
  const { name } = service
  const path = project.serviceKeyFile(name)
  // An image whose command is some other user's than ours is one that docs/install.md makes.
  const ours = (image?.environment.get('DISINTO_USER') ?? 'agent') === 'agent'
  // A key that the file mounts itself, the operator's for example, is the one that counts.
  const granted = grantedTo(grants, name)
  if (mountsKey(service))
    return path === undefined ? undefined : { ...granted, directory: dirname(path), ours, envFile: true }
  if (name !== AGENTS) {
    if (path === undefined || !isThere(path)) return undefined
    await claimPlace(context)
    if (!granted.envFile && granted.secrets.length === 0) warnOfNothing(context, name)
    return { ...granted, directory: dirname(path), ours }
  }
  const key = await ensureServiceKey(context, name)
  // Nothing is encrypted yet where there is plaintext alone: no rule is needed, and nobody else's is read.
  if (isThere(project.envFile)) await grantService(context, name, key.recipient)
  return { ...granted, directory: dirname(key.path), ours }
}

/** The key of a service that gets files, for the one that writes them. Throws files-ungranted, files-image. */
async function keyOfDelivery(
  context: HostContext,
  delivery: Delivery,
  grants: readonly Grant[],
): Promise<ServiceKey> {
  const { service, image } = delivery
  const secrets = grantedFor(delivery, grantedTo(grants, service))
  const path = context.project.serviceKeyFile(service)
  if (path === undefined) throw failure('no-key-place')
  await claimPlace(context)
  if ((await inspectFields(context, 'image', image)) === undefined)
    throw failure('files-image', { service, image })
  return { directory: dirname(path), ours: true, envFile: false, secrets }
}

/**
 * The images of the services, by service. One that is to be built and gets a key is built first: where its key has its
 * place, the image alone says.
 */
async function imagesForKeys(
  context: HostContext,
  model: Model,
  values: ReadonlyMap<string, Secret>,
): Promise<Map<string, Image>> {
  const images = await imagesOf(context, model)
  const delivers = model.services.some(isDelivered)
  const absent = model.services.filter((service) => {
    const { name, built } = service
    if (!built || images.has(name) || isDelivered(service)) return false
    const key = context.project.serviceKeyFile(name)
    // The agents' key has its place whatever their image says, but files are written by a container of it.
    return name === AGENTS ? delivers : key !== undefined && isThere(key)
  })
  if (absent.length === 0) return images
  // What went wrong it says itself, and `up` once more.
  await runCompose(context, ['build', ...absent.map(({ name }) => name)], { values })
  return imagesOf(context, model)
}

/** Says what would be shown or kept, and what can't start, before anything starts. */
async function warn(context: HostContext, known: Known): Promise<void> {
  const { speak } = context
  const { model, images } = known
  const objections = model.services
    .filter((service) => service.name === AGENTS || hasShim(service, images.get(service.name)))
    .flatMap((service) => objectionsTo(service, images.get(service.name)))
  const notices = await noticesOf(context, known)
  for (const warning of [...objections, ...notices]) speak.warning(warning)
}

/**
 * Makes the stack ready to start: keys made, .env.enc encrypted to them, values decrypted, mounts computed. Throws
 * compose-file-missing, compose-file-wrong, compose-value-wrong, mount-missing and what opening files throws.
 */
export async function prepareStack(context: HostContext, { allow, allowSecret }: Given): Promise<Stack> {
  const sources = await readSources(context)
  // What the compose file lets through is for containers: values go to docker's own environment here.
  const letThrough = [...allowed(ownVariables(context), allow)].filter((name) => name !== '')
  const wanted = [...new Set(sources.references.map(({ name }) => name))].filter(
    (name) => !context.variables.has(name),
  )
  const encrypted = await encryptedNames(context)
  await warnOfPlaintext(context, encrypted ?? new Set())
  const plain = [...(await plainValues(context)).keys()]
  const others = new Set([...(encrypted ?? []), ...plain, ...allowSecret])
  warnOfLeftOut(context, operatorsOnly(context, wanted, others))
  const values = await openForStack(context, { names: wanted, allow: letThrough, secrets: allowSecret })
  const model = await readWithValues(context, sources, values)
  checkSources(model, isThere)
  refuseLinkOut(context)
  const images = await imagesForKeys(context, model, values)
  const names = new Set([...values.keys(), ...context.variables.keys(), ...plain])
  await warn(context, { sources, model, images, names, values })
  const grants = await grantsOf(context)
  for (const warning of warningsOfGrants(grants, new Set(model.services.map(({ name }) => name))))
    context.speak.warning(warning)
  const deliveries = []
  for (const delivery of deliveriesOf(model))
    deliveries.push({ delivery, key: await keyOfDelivery(context, delivery, grants) })
  const keys = new Map<string, ServiceKey>()
  for (const service of model.services.filter((one) => !isDelivered(one))) {
    const key = await keyFor(context, service, images.get(service.name), grants)
    if (key !== undefined) keys.set(service.name, key)
  }
  // Its content may have changed just now.
  const envFile = envFileOf(context)
  const shims = new Set(
    model.services.filter((service) => hasShim(service, images.get(service.name))).map(({ name }) => name),
  )
  const empty = encrypted !== undefined && encrypted.size + plain.length === 0
  const override = overrideDocument(model, { envFile, keys, allow: model.allow, deliveries, empty })
  return { model, values, override, shims }
}

/** Throws service-missing unless the file has the service. */
export function checkService(context: HostContext, model: Model, service: string): void {
  const known = model.services.map(({ name }) => name)
  if (!known.includes(service)) {
    throw failure('service-missing', {
      path: composeFiles(context)[0] ?? context.project.composeFile,
      service,
      known,
    })
  }
}
