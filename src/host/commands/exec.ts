/** `disinto exec`: a command in a running container, as the user of the service's own. */
import type { HostCommand } from '../cli/command.ts'
import { runInContainer } from '../compose/exec.ts'
import { reachStack } from '../compose/pass-on.ts'
import { failure } from '../errors.ts'

export const exec: HostCommand = {
  name: 'exec',
  about: 'run a command in a running container',
  usage: 'SERVICE [--with-secrets] [--] COMMAND [ARGUMENT ...]',
  details: `As the agent's user, and without the secrets; with --with-secrets the
container's entrypoint starts it, with them. Exit status: the command's own.`,
  examples: ['disinto exec agents git status', 'disinto exec agents --with-secrets -- printenv FORGE_URL'],
  options: [{ name: 'with-secrets', about: 'load the secrets into the command’s environment' }],
  words: [1, Number.POSITIVE_INFINITY],
  completes: ['service'],
  takesRest: true,
  stopEarly: true,
  run: async ({ context, words, rest, on }) => {
    const [service = '', ...before] = words
    const command = [...before, ...rest]
    if (command.length === 0) throw failure('words-missing', { command: 'exec', usage: exec.usage })
    return runInContainer(await reachStack(context), service, command, on('with-secrets'))
  },
}
