/** What each service gets mounted, from what exists now; given to compose in memory, never written. */

import { partsOfName } from '../../load/names.ts'
import { failure } from '../errors.ts'
import { consumerOverride, type Delivery, volumesFor, writerService } from './deliveries.ts'
import { type Granted, stampOfSecrets } from './granted.ts'
import type { Model, Service } from './model.ts'

/** Where the image looks, Dockerfile.agent. */
export const IMAGE_ROOT = '/etc/disinto'
export const IMAGE_SECRETS = `${IMAGE_ROOT}/secrets`
export const IMAGE_KEYS = '/home/agent/.config/sops/age'
/** The same in other images, docs/install.md: only root can enter it. */
export const ROOT_KEYS = '/root/.config/sops/age'

export interface EnvFile {
  readonly path: string
  readonly name: '.env.enc' | '.env'
  /** Differs when the content does, and says nothing about it. */
  readonly stamp: string
}

/** A service's own key, where its image is to have it, and what is mounted beside it. */
export interface ServiceKey extends Granted {
  readonly directory: string
  /** Whether the image is Dockerfile.agent's, or made from it. */
  readonly ours: boolean
}

export interface Available {
  /** The env file, `.env.enc` or `.env`, by its absolute path; undefined when there is none. */
  readonly envFile: EnvFile | undefined
  readonly keys: ReadonlyMap<string, ServiceKey>
  /** Names that the compose file lets through, for the shim in the containers. */
  readonly allow: readonly string[]
  /** The services that get files instead, each with its key and what it was granted. */
  readonly deliveries: ReadonlyArray<{ readonly delivery: Delivery; readonly key: ServiceKey }>
  /** The project has no value yet. */
  readonly empty: boolean
}

interface Bind {
  readonly source: string
  readonly target: string
}

/** A dollar sign in a path is no variable: compose fills in variables in an override, too. */
const literal = (path: string): string => path.replaceAll('$', '$$$$')

function bind({ source, target }: Bind) {
  return {
    type: 'bind',
    source: literal(source),
    target,
    read_only: true,
    // The engine makes a directory of a missing source, as root, unless it is told not to.
    bind: { create_host_path: false },
  }
}

/** Whether a service mounts something where its image looks for the key. */
export const mountsKey = ({ mounts }: Service): boolean =>
  mounts.some(({ target }) => target === IMAGE_KEYS || target === ROOT_KEYS)

function secretMounts({ secrets }: Granted): Bind[] {
  return secrets.map(({ secret, path }) => ({ source: path, target: `${IMAGE_SECRETS}/${secret}.enc` }))
}

function mountsOf(service: Service, available: Available): Bind[] {
  const key = available.keys.get(service.name)
  if (key === undefined) return []
  const wanted: Bind[] = []
  // What the file mounts itself stays: someone meant it. `doctor` says what it means.
  if (!mountsKey(service)) wanted.push({ source: key.directory, target: key.ours ? IMAGE_KEYS : ROOT_KEYS })
  if (key.envFile && available.envFile !== undefined) {
    const { path, name } = available.envFile
    wanted.push({ source: path, target: `${IMAGE_ROOT}/${name}` })
  }
  if (!service.mounts.some(({ target }) => target === IMAGE_ROOT || target === IMAGE_SECRETS))
    wanted.push(...secretMounts(key))
  return wanted.filter(({ target }) => !service.mounts.some((mount) => mount.target === target))
}

/** What the shim in a service's image has to be told. */
function environmentOf(service: Service, { keys, allow, empty }: Available): Record<string, string> {
  const key = keys.get(service.name)
  const secrets = key?.secrets ?? []
  const listed = (variable: string, own: readonly string[]): Record<string, string> => {
    const given = service.environment.get(variable) ?? ''
    return own.length === 0 ? {} : { [variable]: [...own, given].filter((text) => text !== '').join(',') }
  }
  const renamed = secrets.flatMap(({ secret }) => {
    const parts = partsOfName(secret)
    return parts === undefined ? [] : [`${parts.name}=${secret}`]
  })
  return {
    // Whatever HOME that image has. The shim takes it out of the command's environment.
    ...(key?.ours === false && !mountsKey(service) ? { SOPS_AGE_KEY_FILE: `${ROOT_KEYS}/keys.txt` } : {}),
    // Whoever starts a stack before there is a secret means it.
    ...(empty && secrets.length === 0 && service.environment.has('DISINTO_REQUIRE_ANY')
      ? { DISINTO_REQUIRE_ANY: '0' }
      : {}),
    ...listed('DISINTO_ALLOW', [...new Set([...allow, ...service.allow])]),
    // What the file says itself comes behind it, and wins.
    ...listed('DISINTO_AS', renamed),
  }
}

/** A container whose label differs is made anew: else `up` would leave one running with the values of before. */
function labelsOf(key: ServiceKey, { envFile }: Available): Record<string, string> {
  const secrets = stampOfSecrets(key.secrets)
  return {
    ...(key.envFile && envFile !== undefined && { 'disinto.env-file': envFile.stamp }),
    ...(secrets !== '' && { 'disinto.secrets': secrets }),
  }
}

/** The override document: YAML, of which JSON is a part. */
export function overrideDocument(model: Model, available: Available): string {
  const services = model.services.flatMap((service) => {
    const key = available.keys.get(service.name)
    if (key === undefined) return []
    const labels = labelsOf(key, available)
    const volumes = mountsOf(service, available).map(bind)
    const environment = environmentOf(service, available)
    const more = Object.keys(environment).length === 0 ? {} : { environment }
    return volumes.length === 0 && Object.keys(more).length === 0
      ? []
      : [[service.name, { volumes, ...(Object.keys(labels).length > 0 && { labels }), ...more }] as const]
  })
  const delivered = available.deliveries.flatMap(({ delivery, key }) => {
    const stamp = stampOfSecrets(key.secrets)
    const binds = [{ source: key.directory, target: ROOT_KEYS }, ...secretMounts(key)].map(bind)
    const own = { file: `${ROOT_KEYS}/keys.txt`, binds }
    return [
      [delivery.service, consumerOverride(delivery, stamp)] as const,
      [delivery.writer, writerService(delivery, key.secrets, own, stamp)] as const,
    ]
  })
  const document = {
    services: Object.fromEntries([...services, ...delivered]),
    ...(delivered.length > 0 && {
      volumes: volumesFor(available.deliveries.map(({ delivery }) => delivery)),
    }),
  }
  return `${JSON.stringify(document)}\n`
}

/**
 * Throws for a mount of ours that the file spells out and whose source is not there: the engine would make a
 * directory of it. `isThere` asks the file system.
 */
export function checkSources(model: Model, isThere: (path: string) => boolean): void {
  for (const service of model.services) {
    for (const { type, source, target } of service.mounts) {
      const ours = target.startsWith(`${IMAGE_ROOT}/`) || target.startsWith(IMAGE_KEYS)
      if (type !== 'bind' || !ours || source === undefined) continue
      if (!isThere(source)) throw failure('mount-missing', { service: service.name, source, target })
    }
  }
}
