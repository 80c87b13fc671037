/** Commands that hand the words which are not ours to docker compose. */
import type { Invocation } from '../cli/command.ts'
import type { HostContext } from '../context.ts'
import { checkEngine, readComposeModel, runCompose, statusOfCompose } from './docker.ts'
import { standIns } from './interpolation.ts'

/** What the commands that hand the rest to compose have in common. */
export const PASSES_ON = {
  words: [0, Number.POSITIVE_INFINITY],
  takesRest: true,
  passesOn: true,
} as const

/** The option of those that give values to compose. */
export const ALLOW = {
  name: 'allow',
  value: 'NAME',
  about: 'let a refused name through to compose, TMPDIR for example',
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

/** Runs a command of compose for which no value matters: no key is needed, and nothing is decrypted. */
export async function runWithoutValues(words: readonly string[], invocation: Invocation): Promise<number> {
  const { context } = invocation
  await checkEngine(context)
  const values = standIns(context, await readComposeModel(context))
  return statusOfCompose(await runCompose(context, [...words, ...composeArguments(invocation)], { values }))
}
