/** `disinto shell`: a shell in a running container, as the user that the command has there. */
import type { HostCommand } from '../cli/command.ts'
import { runInContainer } from '../compose/exec.ts'
import { reachStack } from '../compose/pass-on.ts'
import { AGENTS } from '../project.ts'

export const shell: HostCommand = {
  name: 'shell',
  about: 'open a shell in a running container',
  usage: '[SERVICE] [--with-secrets] [-- COMMAND ...]',
  details: `As the agent's user. The shell does not have the secrets; with --with-secrets
the container's entrypoint starts it, with them. The service is agents unless named.`,
  examples: ['disinto shell', 'disinto shell agents --with-secrets', 'disinto shell agents -- git status'],
  options: [{ name: 'with-secrets', about: 'load the secrets into the shell’s environment' }],
  words: [0, 1],
  completes: ['service'],
  takesRest: true,
  run: async ({ context, words, rest, on }) => {
    const withSecrets = on('with-secrets')
    if (!withSecrets) context.speak.note('this shell does not have the secrets; --with-secrets loads them')
    const command = rest.length > 0 ? rest : ['/bin/bash']
    return runInContainer(await reachStack(context), words[0] ?? AGENTS, command, withSecrets)
  },
}
