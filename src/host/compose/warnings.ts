/** What `up` and `doctor` say of a stack before it starts. */
import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { readRegular } from '../../load/read.ts'
import { quote } from '../../quote.ts'
import type { Secret } from '../../secret.ts'
import type { Warning } from '../../speak.ts'
import type { HostContext } from '../context.ts'
import { AGENTS } from '../project.ts'
import {
  exposuresByPlace,
  exposuresOf,
  isSecretive,
  placesInWords,
  type Told,
  toldIn,
  wayOut,
} from './exposures.ts'
import type { ComposeSources } from './files.ts'
import { type Image, startsShim } from './images.ts'
import type { Model, Service } from './model.ts'
import { readMarked } from './read.ts'

/** What people have told of names: in `.env.example`, and in the compose file. */
export function readTold({ project }: HostContext, model: Model): Told {
  const path = join(project.root, '.env.example')
  let text = ''
  try {
    text = existsSync(path) ? readRegular(path).toString() : ''
  } catch {
    // Then it has told nothing.
  }
  const { secrets, config } = toldIn(text)
  return { secrets, config: new Set([...config, ...model.config]) }
}

/** Whether a service's image starts the shim; one that is not on this machine is known by the service's name. */
export function hasShim({ name, entrypoint }: Service, image: Image | undefined): boolean {
  if (entrypoint !== undefined && entrypoint.length > 0) return startsShim(entrypoint)
  return image === undefined ? name === AGENTS || name === 'vault-runner' : startsShim(image.entrypoint)
}

/** The names that stand in clear in a container because of `env_file:`. */
function envFileNotices(service: Service, told: Told, references: ReadonlySet<string>): Warning[] {
  if (service.envFiles.length === 0) return []
  const names = [...service.environment.keys()].filter(
    (name) => isSecretive(name, told) && !references.has(name),
  )
  if (names.length === 0) return []
  return [
    {
      code: 'inspect-shows',
      message: `${quote(service.name)}: docker inspect shows the values of ${names.map(quote).join(', ')} (env_file: ${service.envFiles.map(quote).join(', ')})`,
      hint: 'remove env_file: where the image has the shim: disinto up mounts the file for it; what is not secret may stay, in a file of its own',
    },
  ]
}

/** Secrets and configs that compose takes from a variable: it copies the value into the container's layer. */
function layerNotices(model: Model, names: ReadonlySet<string>): Warning[] {
  return model.fromEnvironment.flatMap(({ section, name, variable }) => {
    const services = model.services.filter(({ secrets }) => section === 'configs' || secrets.includes(name))
    if (!names.has(variable) || services.length === 0) return []
    return [
      {
        code: 'secret-on-disk',
        message: `${services.map((service) => quote(service.name)).join(', ')}: ${section}: ${quote(name)}: compose writes the value of ${quote(variable)} into the container's layer, in plaintext on disk`,
        hint:
          section === 'secrets'
            ? `in its place, on the service: x-disinto: {secrets: {${name}: ${variable}}}, which keeps the value in memory only, at the same path (docs/grants.md); with ${variable} in a file of its own: disinto secrets grant ${services[0]?.name ?? 'SERVICE'} ${variable}`
            : `remove environment: ${variable}, as an image with the shim (docs/install.md) keeps it in memory only`,
      },
    ]
  })
}

/** What a stack is known by before it starts. */
export interface Known {
  readonly sources: ComposeSources
  readonly model: Model
  readonly images: ReadonlyMap<string, Image>
  /** The names that have a value. */
  readonly names: ReadonlySet<string>
  /** Needed where compose opens files by them. */
  readonly values: ReadonlyMap<string, Secret>
}

/**
 * Returns what is to be said of a stack: one notice a service for what docker would show of secrets, and for what it
 * would write to disk.
 */
export async function noticesOf(
  context: HostContext,
  { sources, model, images, names, values }: Known,
): Promise<Warning[]> {
  const told = readTold(context, model)
  const referred = new Set(sources.references.map(({ name }) => name))
  const secretive = new Set([...referred].filter((name) => names.has(name) && isSecretive(name, told)))
  const marked = secretive.size === 0 ? undefined : await readMarked(context, sources, secretive, values)
  const exposures =
    marked === undefined
      ? exposuresByPlace(sources.references, secretive)
      : exposuresOf(marked.model, marked.standIns)
  const shown = exposures.map((exposure) => {
    const service = model.services.find(({ name }) => name === exposure.holder)
    const shim = service !== undefined && hasShim(service, images.get(service.name))
    return {
      code: 'inspect-shows',
      message: `${quote(exposure.holder)}: docker inspect shows the values of ${placesInWords(exposure)}`,
      hint: wayOut(exposure, shim),
    }
  })
  const files = model.services.flatMap((service) => envFileNotices(service, told, referred))
  return [
    ...shown,
    ...files,
    ...layerNotices(model, new Set([...referred].filter((name) => names.has(name)))),
  ]
}
