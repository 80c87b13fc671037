/** The compose file read by compose itself, filled in with values or stand-ins. */
import type { Ended } from '../../child.ts'
import { Secret } from '../../secret.ts'
import { parseYaml } from '../../yaml.ts'
import type { HostContext } from '../context.ts'
import { failure } from '../errors.ts'
import { withProgress } from '../terminal.ts'
import { askDocker, lastLine } from './docker.ts'
import { encryptedNames, plainValues } from './env-files.ts'
import { type ComposeSources, readSources } from './files.ts'
import { type Model, readModel } from './model.ts'
import { composeFiles, composeWords } from './settings.ts'
import { kindOf, StandIns } from './stand-ins.ts'
import { openValues } from './values.ts'

/** How often stand-ins are chosen anew before compose's refusal is taken for the file's own fault. */
const MOST_TRIES = 24

const NO_COMPOSE =
  /is not a docker command|unknown (?:docker )?command|unknown (?:shorthand )?flag: (?:--env-file|'f')/

type Values = ReadonlyMap<string, string>

/** Has compose read its files with these values; all services, those of no active profile included. */
async function config(
  context: HostContext,
  values: Values,
  all: boolean,
  format: 'json' | 'yaml' = 'json',
): Promise<Ended> {
  const variables = new Map([...context.variables, ...values])
  const profiles = all ? ['--profile', '*'] : []
  const words = [...composeWords(context), ...profiles, 'config', '--format', format]
  const ended = await withProgress(variables, 'reading the compose file', () =>
    askDocker({ ...context, variables }, words),
  )
  if (ended.status !== 0 && NO_COMPOSE.test(ended.stderr.toString())) throw failure('compose-missing')
  return ended
}

/** What stands under `x-disinto:` in each service: compose leaves that out of its JSON, and not of its YAML. */
async function extensionsOf(
  context: HostContext,
  { text }: ComposeSources,
  values: Values,
): Promise<Map<string, unknown>> {
  if (!text.includes('x-disinto')) return new Map()
  const [path = ''] = composeFiles(context)
  let ended = await config(context, values, true, 'yaml')
  if (ended.status !== 0) ended = await config(context, values, false, 'yaml')
  if (ended.status !== 0) return new Map()
  const document = await parseYaml(path, ended.stdout.toString())
  const root: unknown = document?.toJS()
  const below = (value: unknown, key: string): unknown =>
    typeof value === 'object' && value !== null
      ? Object.entries(value).find(([name]) => name === key)?.[1]
      : undefined
  const services = below(root, 'services')
  return new Map(
    Object.entries(typeof services === 'object' && services !== null ? services : {}).flatMap(
      ([name, service]) => {
        const extension = below(service, 'x-disinto')
        return extension === undefined ? [] : [[name, extension] as const]
      },
    ),
  )
}

interface Read {
  readonly json: string | undefined
  /** compose's words when it has refused. */
  readonly refusal: string
}

/** Reads with values and stand-ins; where compose does not take a stand-in, with others. */
async function readWith(context: HostContext, given: Values, standIns: StandIns): Promise<Read> {
  let refusal = ''
  for (let tries = 0; tries < MOST_TRIES; tries += 1) {
    const ended = await config(context, new Map([...standIns.values(), ...given]), true)
    if (ended.status === 0) return { json: ended.stdout.toString(), refusal: '' }
    refusal = lastLine(ended)
    // What is wrong with a service of no active profile is wrong for nobody.
    const active = await config(context, new Map([...standIns.values(), ...given]), false)
    if (active.status === 0) return { json: active.stdout.toString(), refusal: '' }
    refusal = lastLine(active)
    if (!standIns.tryOthers(refusal)) break
  }
  return { json: undefined, refusal }
}

/** Stand-ins for every variable that the files refer to. */
function standInsForAll({ references, text }: ComposeSources): StandIns {
  return new StandIns(
    references.map(({ name }) => name),
    references,
    text,
  )
}

/** Names of which nothing can stand for the value, since compose opens or names something by it. */
const namesNeeded = ({ references }: ComposeSources): string[] => [
  ...new Set(references.filter((one) => kindOf(one) === 'value').map(({ name }) => name)),
]

/**
 * The error for files that compose refuses. Its words may hold a value or a piece of one, so they are taken from a
 * reading in which there are none; where that one goes well, it is a value that does not fit, and its name is told.
 */
async function refused(context: HostContext, sources: ComposeSources, given: Values): Promise<Error> {
  const [path = ''] = composeFiles(context)
  const standIns = standInsForAll(sources)
  const { json, refusal } = await readWith(context, new Map(), standIns)
  if (json === undefined) return failure('compose-file-wrong', { path, reason: standIns.named(refusal) })
  const values = standIns.values()
  const plain = await plainValues(context)
  const wrong: Array<readonly [name: string, value: string]> = []
  for (const name of standIns.names) {
    const value = given.get(name) ?? context.variables.get(name) ?? plain.get(name) ?? ''
    const ended = await config(context, new Map([...values, [name, value]]), true)
    if (ended.status !== 0) wrong.push([name, value])
  }
  const unset = wrong.filter(([, value]) => value === '').map(([name]) => name)
  if (unset.length > 0) return failure('compose-variable-missing', { path, names: unset })
  return failure('compose-value-wrong', { path, names: wrong.map(([name]) => name) })
}

export interface Reading {
  readonly model: Model
  readonly sources: ComposeSources
  /** What it was read with, beside the environment: for compose's own commands. */
  readonly values: ReadonlyMap<string, Secret>
}

function secretly(values: Values): Map<string, Secret> {
  return new Map([...values].map(([name, value]) => [name, new Secret(value)]))
}

/**
 * Reads the compose file where no value matters: only values that say which files there are, and what the project is
 * called, are decrypted. Throws compose-file-missing, compose-file-wrong, compose-value-wrong, docker-missing and
 * compose-missing, and what opening `.env.enc` throws where such a value is needed.
 */
export async function readStack(context: HostContext): Promise<Reading> {
  const sources = await readSources(context)
  const plain = await plainValues(context)
  const encrypted = await encryptedNames(context)
  const { variables } = context
  const needed = namesNeeded(sources).filter((name) => !variables.has(name) && encrypted?.has(name) !== false)
  const opened = needed.length === 0 ? new Map<string, Secret>() : await openValues(context, needed)
  const given = new Map([...opened].map(([name, value]) => [name, value.reveal()]))
  // What compose finds by itself is left to it, and what it has a word for when it is not set.
  const wanting = sources.references.filter(({ name, absent }) => {
    if (variables.has(name)) return false
    if (encrypted === undefined) return absent !== 'default' && !plain.has(name)
    return encrypted.has(name) || (absent === 'required' && (plain.get(name) ?? '') === '')
  })
  const standIns = new StandIns(
    wanting.map(({ name }) => name),
    sources.references,
    sources.text,
  )
  const { json } = await readWith(context, given, standIns)
  if (json === undefined) throw await refused(context, sources, given)
  // Else compose says of each that it is not set, which for a command that needs no value nobody has to know.
  const silent = sources.references
    .filter(({ name, absent }) => absent === 'empty' && !variables.has(name) && !plain.has(name))
    .map(({ name }) => [name, ''] as const)
  const values = secretly(new Map([...silent, ...standIns.values(), ...given]))
  const extensions = await extensionsOf(context, sources, new Map([...standIns.values(), ...given]))
  return { model: readModel(json, sources.envFiles, extensions), sources, values }
}

/** Reads the compose file with the values that the stack will have. Throws as readStack does. */
export async function readWithValues(
  context: HostContext,
  sources: ComposeSources,
  values: ReadonlyMap<string, Secret>,
): Promise<Model> {
  const given = new Map([...values].map(([name, value]) => [name, value.reveal()]))
  const { json } = await readWith(context, given, new StandIns([], []))
  if (json === undefined) throw await refused(context, sources, given)
  return readModel(json, sources.envFiles, await extensionsOf(context, sources, given))
}

/**
 * Reads the compose file with a stand-in for each of these names, so that its places in the model can be seen.
 * Returns undefined where compose takes none.
 */
export async function readMarked(
  context: HostContext,
  sources: ComposeSources,
  names: Iterable<string>,
  values: ReadonlyMap<string, Secret> = new Map(),
): Promise<{ readonly model: Model; readonly standIns: StandIns } | undefined> {
  const standIns = new StandIns(names, sources.references, sources.text)
  const marked = new Set(standIns.names)
  const given = new Map(
    [...values].flatMap(([name, value]) => (marked.has(name) ? [] : [[name, value.reveal()]])),
  )
  const { json } = await readWith(context, given, standIns)
  return json === undefined ? undefined : { model: readModel(json, sources.envFiles), standIns }
}
