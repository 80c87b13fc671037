/** What an image says of itself: whether the shim is its entrypoint, and where it looks. */
import type { HostContext } from '../context.ts'
import { askDocker } from './docker.ts'
import type { Model, Service } from './model.ts'

export interface Image {
  readonly entrypoint: readonly string[]
  readonly environment: ReadonlyMap<string, string>
}

/** Whether words start the shim. */
export const startsShim = (words: readonly string[]): boolean =>
  words.some((word) => /disinto\/entrypoint\.js|disinto-entrypoint/.test(word))

/** The image of a service, as compose calls one that it builds. */
export const imageOf = (model: Model, { name, image }: Service): string => image ?? `${model.name}-${name}`

/** Two fields of a container or image: the whole would hold the values of `environment:`, too. */
const FIELDS = '{{json .Config.Entrypoint}}\n{{json .Config.Env}}'

/** Reads what inspect prints of FIELDS. */
export function readFields(printed: string): Image | undefined {
  const [entrypoint = 'null', environment = 'null'] = printed.split('\n')
  try {
    const words: unknown = JSON.parse(entrypoint)
    const lines: unknown = JSON.parse(environment)
    return {
      entrypoint: Array.isArray(words) ? words.map(String) : [],
      environment: new Map(
        (Array.isArray(lines) ? lines : []).map((line) => {
          const text = String(line)
          const equals = text.indexOf('=')
          return [text.slice(0, equals), text.slice(equals + 1)]
        }),
      ),
    }
  } catch {
    return undefined
  }
}

/** What an image or a container is started with; undefined when there is no such thing, or no engine. */
export async function inspectFields(
  context: HostContext,
  type: 'image' | 'container',
  name: string,
): Promise<Image | undefined> {
  const ended = await askDocker(context, ['inspect', '--type', type, '--format', FIELDS, name])
  return ended.status === 0 ? readFields(ended.stdout.toString()) : undefined
}

/** The images of all services that are on this machine, by service. */
export async function imagesOf(context: HostContext, model: Model): Promise<Map<string, Image>> {
  const names = [...new Set(model.services.map((service) => imageOf(model, service)))]
  const found = new Map(
    await Promise.all(
      names.map(async (name) => [name, await inspectFields(context, 'image', name)] as const),
    ),
  )
  return new Map(
    model.services.flatMap((service) => {
      const image = found.get(imageOf(model, service))
      return image === undefined ? [] : [[service.name, image] as const]
    }),
  )
}
