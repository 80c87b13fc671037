/** `disinto up` and `disinto restart`: the stack with the mounts of what exists now. */
import { failure } from '../errors.ts'
import type { HostCommand, Invocation } from './command.ts'
import { askDocker, checkEngine, composeWords, lastLine, readComposeModel, runCompose } from './docker.ts'
import { standIns } from './interpolation.ts'
import { prepareStack } from './stack.ts'

const ALLOW = {
  name: 'allow',
  value: 'NAME',
  about: 'let a refused name through to compose, TMPDIR for example',
}

/** Flags of compose up that keep it in the foreground. */
const ATTACHED = /^--(?:abort-on-container-|attach|exit-code-from|no-attach|menu|watch)/
const DETACHED = /^(?:-d|--detach|--wait|--no-start)/

/** compose's own words: what it was given, and what stood after `--`. */
export function composeArguments({ words, rest }: Pick<Invocation, 'words' | 'rest'>): string[] {
  return rest.length === 0 ? [...words] : [...words, '--', ...rest]
}

/** Switches that are ours, for all commands that hand the rest to compose. */
export const COMPOSE_COMMAND = {
  words: [0, Number.POSITIVE_INFINITY],
  takesRest: true,
  passesOn: true,
} as const

export const up: HostCommand = {
  ...COMPOSE_COMMAND,
  name: 'up',
  about: 'start the stack, with the secrets that exist now',
  usage: '[SERVICE ...] [--foreground] [FLAG OF COMPOSE UP ...]',
  details: `Mounts .env.enc (or plaintext .env) and the service's own key, read-only, as they
are now; the shim in the image decrypts there, in memory. Values for the compose
file's own \${VAR} references are decrypted here and passed to compose in its
environment. Nothing plaintext is written anywhere.

The first time, makes the key of the service agents and encrypts .env.enc to it.
Other flags go to docker compose up: docker compose up --help.`,
  examples: ['disinto up', 'disinto up agents --build', 'disinto up --foreground'],
  options: [{ name: 'foreground', about: 'stay, and show the logs; Ctrl-C stops the stack' }, ALLOW],
  run: async (invocation) => {
    const { context } = invocation
    await checkEngine(context)
    const { values, override } = await prepareStack(context, invocation.texts('allow'))
    const given = composeArguments(invocation)
    const stays =
      invocation.on('foreground') || given.some((word) => ATTACHED.test(word) || DETACHED.test(word))
    return runCompose(context, ['up', ...(stays ? [] : ['--detach']), ...given], { values, override })
  },
}

export const restart: HostCommand = {
  ...COMPOSE_COMMAND,
  name: 'restart',
  about: 'restart the stack, so that it reads its secrets anew',
  usage: '[SERVICE ...] [FLAG OF COMPOSE RESTART ...]',
  details: `A container whose mounts or settings have changed, after secrets migrate for
example, is made anew. Other flags go to docker compose restart.`,
  examples: ['disinto restart', 'disinto restart agents --timeout 60'],
  options: [ALLOW],
  run: async (invocation) => {
    const { context } = invocation
    await checkEngine(context)
    const running = await servicesUp(invocation)
    if (running.length === 0) throw failure('stack-down')
    const { values, override } = await prepareStack(context, invocation.texts('allow'))
    // compose restart starts containers as they are: one that mounts what has gone could not start.
    const created = await runCompose(context, ['up', '--no-start', '--no-deps', ...running], {
      values,
      override,
    })
    if (created !== 0) return created
    return runCompose(context, ['restart', ...composeArguments(invocation)], { values, override })
  },
}

/** The services that have a container, running or not. */
async function servicesUp({ context }: Invocation): Promise<string[]> {
  const model = await readComposeModel(context)
  const variables = new Map(context.variables)
  for (const [name, value] of standIns(context, model)) variables.set(name, value.reveal())
  const words = [...composeWords(context), 'ps', '--all', '--services']
  const ended = await askDocker({ ...context, variables }, words)
  if (ended.status !== 0) throw failure('engine-silent', lastLine(ended))
  const names = ended.stdout
    .toString()
    .split('\n')
    .map((name) => name.trim())
  return [...new Set(names.filter((name) => name !== ''))]
}
