/** `disinto secrets revoke`: takes secrets from a service again. */
import type { HostCommand } from '../../cli/command.ts'
import { secretNameOf } from '../../cli/secret-name.ts'
import { checkServiceName } from '../../project.ts'
import { revokeFiles } from '../../store/grant-files.ts'
import { ENV_FILE } from '../../store/grants.ts'

export const revoke: HostCommand = {
  name: 'secrets revoke',
  about: 'take secrets from a service again',
  usage: 'SERVICE NAME ...',
  details: `Takes the key of the service out of the rules for these secrets, and encrypts their
files anew, with new data keys. Every file or none. The next disinto up mounts them
no more. What it does not do: make anybody forget. The service could read the values,
and git's history still has the old files; those values have to be changed at their
issuers. They are listed.`,
  examples: ['disinto secrets revoke qwen FORGE_TOKEN'],
  options: [],
  words: [2, Number.POSITIVE_INFINITY],
  changes: true,
  completes: ['service', 'grantable'],
  run: async ({ context, words }) => {
    const [service = '', ...names] = words
    checkServiceName(service)
    const wanted = names.map((word) =>
      word === ENV_FILE ? word : secretNameOf(word, 'secrets revoke', context),
    )
    await revokeFiles(context, service, wanted)
    return 0
  },
}
