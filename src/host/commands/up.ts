/** `disinto up`: the stack, with the mounts of what exists now. */
import { quote } from '../../quote.ts'
import type { HostCommand, Invocation } from '../cli/command.ts'
import { lookAgain } from '../compose/aftermath.ts'
import { checkEngine, runCompose } from '../compose/docker.ts'
import { ALLOW, ALLOW_SECRET, afterCompose, composeArguments, PASSES_ON } from '../compose/pass-on.ts'
import { withSettings } from '../compose/settings.ts'
import { prepareStack } from '../compose/stack.ts'

/** Flags of compose up that keep it in the foreground. */
const ATTACHED = /^--(?:abort-on-container-|attach|exit-code-from|no-attach|menu|watch)/
const DETACHED = /^(?:-d|--detach|--wait|--no-start)/
/** After these nothing runs that could have ended. */
const STARTS_NOTHING = /^--(?:no-start|dry-run)/

async function start(invocation: Invocation): Promise<number> {
  await checkEngine(invocation.context)
  const context = await withSettings(invocation.context)
  const file = context.variables.get('COMPOSE_FILE')
  // An encrypted file is read by nobody who reviews a change.
  if (file !== invocation.context.variables.get('COMPOSE_FILE'))
    context.speak.note(`the compose file is ${quote(file ?? '')}, as the env file says`)
  const { model, values, override } = await prepareStack(context, {
    allow: invocation.texts('allow'),
    allowSecret: invocation.texts('allow-secret').flatMap((text) => text.split(',')),
  })
  const given = composeArguments(invocation)
  const attached = invocation.on('foreground') || given.some((word) => ATTACHED.test(word))
  const detach = attached || given.some((word) => DETACHED.test(word)) ? [] : ['--detach']
  const status = await runCompose(context, ['up', ...detach, ...given], { values, override })
  if (given.some((word) => word.startsWith('--exit-code-from'))) return status
  if (status !== 0 || attached || given.some((word) => STARTS_NOTHING.test(word)))
    return afterCompose(context, status)
  return (await lookAgain(context, model.name)) ? 1 : 0
}

export const up: HostCommand = {
  ...PASSES_ON,
  name: 'up',
  about: 'start the stack, with the secrets that exist now',
  usage: '[SERVICE ...] [--foreground] [FLAG OF COMPOSE UP ...]',
  details: `Mounts .env.enc (or plaintext .env) and the service's own key, read-only, as they
are now; the shim in the image decrypts there, in memory. Values for the compose
file's own \${VAR} references are decrypted here and passed to compose in its
environment. No plaintext is written anywhere. COMPOSE_PROJECT_NAME and the like work in
.env.enc as they do in .env.

Secrets that docker inspect would show are listed before anything starts. Names that are
only in secrets/ are for approved runs: --allow-secret NAME passes one to compose.
Afterwards, a service that ended at once is reported, with the message of the shim.

The first time, makes the key of the service agents and encrypts .env.enc to it.
Other flags go to docker compose up: docker compose up --help.`,
  examples: ['disinto up', 'disinto up agents --build', 'disinto up --foreground'],
  options: [
    { name: 'foreground', about: 'stay, and show the logs; Ctrl-C stops the stack' },
    ALLOW,
    ALLOW_SECRET,
  ],
  run: start,
}
