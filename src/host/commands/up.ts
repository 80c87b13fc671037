/** `disinto up` and `disinto restart`: the stack with the mounts of what exists now. */
import { failure } from '../../errors.ts'
import type { HostCommand, Invocation } from '../cli/command.ts'
import type { HostContext } from '../context.ts'
import {
  askDocker,
  checkEngine,
  lastLine,
  readComposeModel,
  runCompose,
  statusOfCompose,
} from '../compose/docker.ts'
import { prepareStack } from '../compose/stack.ts'

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

/** Says where to look when compose has failed, in its own words, which may be few. */
function afterCompose({ speak }: HostContext, status: number): number {
  const ours = statusOfCompose(status)
  if (ours === 1) speak.note('docker compose failed: see above; disinto doctor looks for the usual mistakes')
  return ours
}

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
    const status = await runCompose(context, ['up', ...(stays ? [] : ['--detach']), ...given], {
      values,
      override,
    })
    if (given.some((word) => word.startsWith('--exit-code-from'))) return status
    return afterCompose(context, status)
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
    if (created !== 0) return afterCompose(context, created)
    const words = ['restart', ...composeArguments(invocation)]
    return afterCompose(context, await runCompose(context, words, { values, override }))
  },
}

/** The services that have a container, running or not; a vault-run's is none of the stack. */
async function servicesUp({ context }: Invocation): Promise<string[]> {
  const { name } = await readComposeModel(context)
  const label = 'label=com.docker.compose'
  const filters = ['--filter', `${label}.project=${name}`, '--filter', `${label}.oneoff=False`]
  const format = '{{.Label "com.docker.compose.service"}}'
  const ended = await askDocker(context, ['ps', '--all', ...filters, '--format', format])
  if (ended.status !== 0) throw failure('engine-silent', lastLine(ended))
  const names = ended.stdout.toString().split('\n')
  return [...new Set(names.filter((service) => service !== ''))]
}
