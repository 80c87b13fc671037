/** What an image says of itself: whether the shim is its entrypoint, and where it looks. */
import { type Options, parseOptions } from '../../load/options.ts'
import type { HostContext } from '../context.ts'
import { askDocker } from './docker.ts'
import type { Model, Service } from './model.ts'

export interface Image {
  readonly entrypoint: readonly string[]
  /** What follows the entrypoint: the command, or options of the shim before it. */
  readonly command: readonly string[]
  readonly environment: ReadonlyMap<string, string>
}

/** Whether words start the shim. */
export const startsShim = (words: readonly string[]): boolean => words.some(isShim)

const isShim = (word: string): boolean => /disinto\/entrypoint\.js|disinto-entrypoint/.test(word)

/** How a container starts the shim, less what it becomes; undefined where it does not. */
export interface ShimCall {
  /** The words up to the shim, and those that are its options. */
  readonly words: readonly string[]
  /** What they and the variables say together. */
  readonly options: Options
}

/** The call of the shim among the words that a container is started with. Throws option-value and the like. */
export async function shimCall({ entrypoint, command, environment }: Image): Promise<ShimCall | undefined> {
  const all = [...entrypoint, ...command]
  const at = all.findIndex(isShim)
  if (at < 0) return undefined
  const rest = all.slice(at + 1)
  const options = await parseOptions(rest, environment)
  const given = rest.slice(0, rest.length - options.command.length).filter((word) => word !== '--')
  return { words: [...all.slice(0, at + 1), ...given], options }
}

/** The image of a service, as compose calls one that it builds. */
export const imageOf = (model: Model, { name, image }: Service): string => image ?? `${model.name}-${name}`

/** Fields of a container or image: the whole would hold the values of `environment:`, too. */
const FIELDS = '{{json .Config.Entrypoint}}\n{{json .Config.Env}}\n{{json .Config.Cmd}}'

const wordsIn = (value: unknown): string[] => (Array.isArray(value) ? value.map(String) : [])

/** Reads what inspect prints of FIELDS. */
export function readFields(printed: string): Image | undefined {
  const [entrypoint = 'null', environment = 'null', command = 'null'] = printed.split('\n')
  try {
    const lines: unknown = JSON.parse(environment)
    return {
      entrypoint: wordsIn(JSON.parse(entrypoint)),
      command: wordsIn(JSON.parse(command)),
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
