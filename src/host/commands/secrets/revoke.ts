/** `disinto secrets revoke`: takes secrets from a service again. */
import type { HostCommand } from '../../cli/command.ts'
import { secretNameOf } from '../../cli/secret-name.ts'
import { checkServiceName } from '../../project.ts'
import { revokeFiles } from '../../store/grant-files.ts'
import { ENV_FILE } from '../../store/grants.ts'

export const revoke: HostCommand = {
  name: 'secrets revoke',
  about: 'take secrets away from a service',
  usage: 'SERVICE NAME ...',
  details: `Removes the key of the service from the rules for these secrets, and encrypts
their files again, with new data keys. Either every file is changed or none. The next
disinto up no longer mounts them. It cannot undo what has been read: the service had the
values, and git's history still has the old files. Change those values at their issuers;
they are listed.`,
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
