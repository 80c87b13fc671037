/** Values for compose's own `${VAR}` references: only the names that are asked for. */
import { existsSync } from 'node:fs'
import { type Loaded, openAll } from '../../load/decrypt.ts'
import { problemWarnings } from '../../load/diagnosis.ts'
import { parseOptions } from '../../load/options.ts'
import { read } from '../../load/read.ts'
import type { Source } from '../../nouns.ts'
import type { Secret } from '../../secret.ts'
import type { HostContext } from '../context.ts'
import { failure } from '../errors.ts'
import { visibleNames } from '../store/inventory.ts'
import { openWith } from '../store/open.ts'
import { warning } from '../warnings.ts'
import { encryptedEnvFile } from './env-files.ts'

/**
 * They would choose the engine that docker talks to, where it sends reports, what compose includes, or the bus that a
 * credential helper speaks to, since compose gets values in its environment.
 */
const DOCKERS = /^(?:(?:DOCKER|BUILDX|BUILDKIT|OTEL|DBUS)_|COMPOSE_EXPERIMENTAL_)/

interface Wanted {
  readonly names: readonly string[]
  /** Names let through, though a file should not set them. */
  readonly allow: readonly string[]
  /** Names of secrets/ that compose may have. */
  readonly secrets?: readonly string[]
}

async function openNamed(context: HostContext, { names, allow, secrets = [] }: Wanted): Promise<Loaded> {
  const { project } = context
  const sources: Source[] = []
  const envFile = encryptedEnvFile(project)
  if (envFile !== undefined) {
    const visible = await visibleNames(read(envFile))
    // Who has no key can still start a stack whose file refers to none of the names.
    if (names.some((name) => visible?.has(name) ?? true)) sources.push(envFile)
  }
  for (const name of secrets.filter((one) => names.includes(one)))
    sources.push({ role: 'secret', path: project.secretFile(name), name })
  if (sources.length === 0) return { entries: [], findings: [] }
  const flags = ['--only', names.join(','), ...allow.flatMap((name) => ['--allow', name])]
  const options = await parseOptions(flags, new Map())
  const loaded = await openAll(sources.map(read), openWith(context), options, context.variables.get('HOME'))
  for (const { name, document } of loaded.entries) {
    if (DOCKERS.test(name) && !allow.includes(name))
      throw failure('name-refused', {
        path: document.source.path,
        name,
        reason: 'decides which engine docker talks to',
      })
  }
  return loaded
}

const valuesIn = ({ entries }: Loaded) => new Map(entries.map(({ name, value }) => [name, value]))

/** The values that `.env.enc` has for these names. Throws as the shim does when it can't be opened. */
export async function openValues(
  context: HostContext,
  names: readonly string[],
  allow: readonly string[] = [],
): Promise<Map<string, Secret>> {
  return valuesIn(await openNamed(context, { names, allow }))
}

/** The values for the compose file, with a warning for each line that compose itself would read otherwise. */
export async function openForStack(context: HostContext, wanted: Wanted): Promise<Map<string, Secret>> {
  const loaded = await openNamed(context, wanted)
  for (const { document, problems } of loaded.findings) {
    const said = problems.filter(({ name }) => name !== undefined)
    for (const told of problemWarnings(document.source.path, said)) context.speak.warning(told)
  }
  return valuesIn(loaded)
}

/**
 * The names that the compose file refers to and that only `secrets/` has: for the operator and for approved runs, so
 * compose gets none of them unless told to.
 */
export function operatorsOnly(
  { project, variables }: HostContext,
  names: Iterable<string>,
  others: ReadonlySet<string>,
): string[] {
  return [...new Set(names)].filter(
    (name) => !variables.has(name) && !others.has(name) && existsSync(project.secretFile(name)),
  )
}

/** Says which names are left out, before compose says that they are not set. */
export function warnOfLeftOut({ speak }: HostContext, names: readonly string[]): void {
  for (const name of names) speak.warning(warning('secret-kept', { name }))
}
