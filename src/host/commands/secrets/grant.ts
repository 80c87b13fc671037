/** `disinto secrets grant`: lets a service open some secrets and no others. */
import { warnOfKeyFiles } from '../../access/keys.ts'
import type { HostCommand } from '../../cli/command.ts'
import { secretNameOf } from '../../cli/secret-name.ts'
import { checkServiceName } from '../../project.ts'
import { grantFiles } from '../../store/grant-files.ts'
import { ENV_FILE } from '../../store/grants.ts'

export const grant: HostCommand = {
  name: 'secrets grant',
  about: 'let a service of the stack open some secrets',
  usage: 'SERVICE NAME ...',
  details: `Encrypts the files of these secrets to the key of the service, which is made at
the first grant, and adds a rule for each file to .sops.yaml. The
next disinto up mounts exactly these files into the service, read-only, beside its
key. Where there is secrets/NAME@SERVICE.enc (secrets add NAME --for SERVICE), the
service gets NAME with that value. .env.enc can be granted as well: the service agents has
it already. Either every file is changed or none.`,
  examples: [
    'disinto secrets grant qwen FORGE_TOKEN ANTHROPIC_API_KEY',
    'disinto secrets grant web .env.enc',
  ],
  options: [],
  words: [2, Number.POSITIVE_INFINITY],
  changes: true,
  completes: ['service', 'grantable'],
  run: async ({ context, words }) => {
    const [service = '', ...names] = words
    checkServiceName(service)
    const wanted = names.map((word) =>
      word === ENV_FILE ? word : secretNameOf(word, 'secrets grant', context),
    )
    await grantFiles(context, service, wanted)
    warnOfKeyFiles(context)
    return 0
  },
}
