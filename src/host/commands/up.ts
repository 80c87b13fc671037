/** `disinto up`: the stack, with the mounts of what exists now. */
import type { HostCommand } from '../cli/command.ts'
import { checkEngine, runCompose } from '../compose/docker.ts'
import { ALLOW, afterCompose, composeArguments, PASSES_ON } from '../compose/pass-on.ts'
import { prepareStack } from '../compose/stack.ts'

/** Flags of compose up that keep it in the foreground. */
const ATTACHED = /^--(?:abort-on-container-|attach|exit-code-from|no-attach|menu|watch)/
const DETACHED = /^(?:-d|--detach|--wait|--no-start)/

export const up: HostCommand = {
  ...PASSES_ON,
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
