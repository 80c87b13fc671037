/** Commands that hand the words which are not ours to docker compose. */
import { DisintoError } from '../../errors.ts'
import { quote } from '../../quote.ts'
import type { Invocation } from '../cli/command.ts'
import type { HostContext } from '../context.ts'
import { containersOf, projectInEngine, runByName } from './by-name.ts'
import { writersDocument } from './deliveries.ts'
import { checkEngine, runCompose, statusOfCompose } from './docker.ts'
import type { Model } from './model.ts'
import { type Reading, readStack } from './read.ts'
import { readSettings } from './settings.ts'

/** What the commands that hand the rest to compose have in common. */
export const PASSES_ON = {
  words: [0, Number.POSITIVE_INFINITY],
  takesRest: true,
  passesOn: true,
  completes: ['service'],
} as const

/** The options of those that give values to compose. */
export const ALLOW = {
  name: 'allow',
  value: 'NAME',
  about: 'pass a refused name to compose, TMPDIR for example',
}
export const ALLOW_SECRET = {
  name: 'allow-secret',
  value: 'NAME',
  about: 'pass compose a name that is only in secrets/',
}

/** Returns compose's own words: what it was given, and what stood after `--`. */
export function composeArguments({ words, rest }: Pick<Invocation, 'words' | 'rest'>): string[] {
  return rest.length === 0 ? [...words] : [...words, '--', ...rest]
}

/** Returns our exit status, and says where to look when compose has failed, whose own words may be few. */
export function afterCompose({ speak }: HostContext, status: number): number {
  const ours = statusOfCompose(status)
  if (ours === 1) speak.note('docker compose failed: see above; disinto doctor looks for the usual mistakes')
  return ours
}

/** The stack as it can be had: by its files, or by the name of its project alone. */
export type Reached =
  | { readonly by: 'files'; readonly context: HostContext; readonly reading: Reading; readonly name: string }
  | { readonly by: 'name'; readonly context: HostContext; readonly name: string }

/** Failures for which nothing else can be done. */
const FINAL = /^(?:docker-missing|compose-missing|engine-silent)$/

/**
 * Reads the stack as far as its files can be read; where they can't, says why, and finds the project by the
 * containers that were made from this directory. Throws docker-missing, compose-missing, engine-silent and
 * project-unclear.
 */
export async function reachStack(context: HostContext): Promise<Reached> {
  await checkEngine(context)
  let settled = context
  try {
    const { context: withSettings, unopened } = await readSettings(context)
    settled = withSettings
    if (unopened.length === 0) {
      const reading = await readStack(settled)
      return { by: 'files', context: settled, reading, name: reading.model.name }
    }
    const name = await projectInEngine(settled)
    settled.speak.note(
      `no key at hand opens .env.enc, which has ${unopened.map(quote).join(', ')}: the project is taken to be ${quote(name)}, as the engine has it`,
    )
    return { by: 'name', context: settled, name }
  } catch (error) {
    if (!(error instanceof DisintoError) || FINAL.test(error.code) || error.code === 'project-unclear')
      throw error
    const name = await projectInEngine(settled)
    // Nothing was made from here: then what is wrong with the files is all there is to say.
    if ((await containersOf(settled, name)).length === 0) throw error
    settled.speak.warning({
      code: error.code,
      message: error.message,
      hint: `${error.hint}; meanwhile the project is taken to be ${quote(name)}, as the engine has it`,
    })
    return { by: 'name', context: settled, name }
  }
}

/** The services that `up` has added; where what the file says of them is wrong, compose's own words say what is there. */
function overrideFor(model: Model): { readonly override?: string } {
  try {
    const override = writersDocument(model)
    return override === undefined ? {} : { override }
  } catch (error) {
    if (error instanceof DisintoError) return {}
    throw error
  }
}

/**
 * Runs a command of compose for which no value matters: no key is needed, nothing is decrypted but settings, and it
 * works in every state of the files.
 */
export async function runWithoutValues(words: readonly string[], invocation: Invocation): Promise<number> {
  const reached = await reachStack(invocation.context)
  const all = [...words, ...composeArguments(invocation)]
  const status =
    reached.by === 'files'
      ? await runCompose(reached.context, all, {
          values: reached.reading.values,
          ...overrideFor(reached.reading.model),
        })
      : await runByName(reached.context, reached.name, all)
  return statusOfCompose(status)
}
