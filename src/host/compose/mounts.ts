/** What each service gets mounted, from what exists now; given to compose in memory, never written. */
import type { Model, Service } from './model.ts'
import { failure } from '../errors.ts'

/** Where the image looks, Dockerfile.agent. */
export const IMAGE_ROOT = '/etc/disinto'
export const IMAGE_KEYS = '/home/agent/.config/sops/age'

export interface EnvFile {
  readonly path: string
  readonly name: '.env.enc' | '.env'
  /** Differs when the content does, and says nothing about it. */
  readonly stamp: string
}

export interface Available {
  /** The env file, `.env.enc` or `.env`, by its absolute path; undefined when there is none. */
  readonly envFile: EnvFile | undefined
  /** The directory of a service's own key, by service. */
  readonly keys: ReadonlyMap<string, string>
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

function mountsOf(service: Service, available: Available): Bind[] {
  const key = available.keys.get(service.name)
  if (key === undefined) return []
  const wanted: Bind[] = [{ source: key, target: IMAGE_KEYS }]
  if (available.envFile !== undefined) {
    const { path, name } = available.envFile
    wanted.push({ source: path, target: `${IMAGE_ROOT}/${name}` })
  }
  // What the file mounts itself stays: someone meant it. `doctor` says what it means.
  return wanted.filter(({ target }) => !service.mounts.some((mount) => mount.target === target))
}

/** The override document: YAML, of which JSON is a part. */
export function overrideDocument(model: Model, available: Available): string {
  // A container whose label differs is made anew: else `up` would leave one running with the values of before.
  const { envFile } = available
  const labels = envFile === undefined ? {} : { labels: { 'disinto.env-file': envFile.stamp } }
  const services = model.services
    .map((service) => [service.name, { volumes: mountsOf(service, available).map(bind), ...labels }] as const)
    .filter(([, { volumes }]) => volumes.length > 0)
  return `${JSON.stringify({ services: Object.fromEntries(services) })}\n`
}

/**
 * Throws for a mount of ours that the file spells out and whose source is not there: the engine would make a
 * directory of it. `isThere` asks the file system.
 */
export function checkSources(model: Model, isThere: (path: string) => boolean): void {
  for (const service of model.services) {
    for (const { type, source, target } of service.mounts) {
      const ours = target.startsWith(`${IMAGE_ROOT}/`) || target.startsWith(IMAGE_KEYS)
      if (type !== 'bind' || !ours || source === undefined || source.includes('$')) continue
      if (!isThere(source)) throw failure('mount-missing', { service: service.name, source, target })
    }
  }
}
