/**
 * The values for compose's own `${VAR}` references: only those that its file refers to. They are decrypted in
 * memory.
 */
import { decrypt } from '../../load/decrypt.ts'
import { locate } from '../../load/locate.ts'
import { parseOptions } from '../../load/options.ts'
import { read } from '../../load/read.ts'
import { Secret } from '../../secret.ts'
import { opener } from '../../sops/engines.ts'
import type { HostContext } from '../context.ts'
import type { Model } from './model.ts'
import { visibleNames } from '../store/inventory.ts'

/**
 * Values of the names that the compose file refers to and our environment does not have. When there are none, no
 * file is opened.
 */
export async function valuesFor(
  { project, variables, workingDirectory }: HostContext,
  model: Model,
  allow: readonly string[],
): Promise<Map<string, Secret>> {
  const names = [...model.references.keys()].filter((name) => !variables.get(name))
  if (names.length === 0) return new Map()
  const words = [
    '--root',
    project.root,
    '--only',
    names.join(','),
    ...allow.flatMap((name) => ['--allow', name]),
  ]
  const options = await parseOptions(words, new Map())
  const all = locate(options, workingDirectory).sources.map(read)
  const visible = await Promise.all(all.map(visibleNames))
  // Who has no key can still start a stack whose file refers to none of the names.
  const documents = all.filter((_, at) => names.some((name) => visible[at]?.has(name) ?? true))
  const entries = await decrypt(documents, opener('auto', variables, workingDirectory), options)
  return new Map(entries.map(({ name, value }) => [name, value]))
}

/**
 * Something for every reference, where no value matters: compose reads its whole file for `down` and `logs`, too, and
 * complains of each variable that is not set.
 */
export function standIns({ variables }: HostContext, model: Model): Map<string, Secret> {
  const missing = [...model.references].filter(([name]) => variables.get(name) === undefined)
  // "1" is a text, a number and a port.
  return new Map(missing.map(([name, required]) => [name, new Secret(required ? '1' : '')]))
}

export interface Exposure {
  readonly service: string
  readonly where: string
  readonly name: string
}

/** Where Docker would keep, and show, the value of one of these names. */
export function exposuresOf(model: Model, names: ReadonlySet<string>): Exposure[] {
  return model.services.flatMap(({ name: service, stores }) =>
    stores
      .filter(({ variable }) => names.has(variable))
      .map(({ variable, where }) => ({ service, where, name: variable })),
  )
}

/** What to do about it: also shown by `doctor`. */
export const OTHER_WAY =
  'take it out: the image’s entrypoint gives it to the command; for other images, compose secrets: with environment: NAME'
