/** `disinto secrets rm`: removes the file of a secret. */
import { rmSync } from 'node:fs'
import { errnoOf, quote } from '../../../errors.ts'
import type { HostCommand } from '../../cli/command.ts'
import { findSecret } from '../../store/find.ts'
import { confirmed } from '../../cli/prompt.ts'
import { secretNameOf } from '../../cli/secret-name.ts'
import { syncDirectory } from '../../files/write.ts'
import { failure } from '../../errors.ts'

export const rm: HostCommand = {
  name: 'secrets rm',
  about: 'remove a secret',
  usage: 'NAME [OPTION ...]',
  details: `Removes secrets/NAME.enc. What was committed stays in git's history, encrypted
to those who could open it: a secret that must not be used again is revoked at
its issuer.`,
  examples: ['disinto secrets rm CLAWHUB_TOKEN', 'disinto secrets rm CLAWHUB_TOKEN --force'],
  options: [{ name: 'force', about: 'do not ask' }],
  words: [1, 1],
  changes: true,
  completes: 'secrets',
  run: async ({ context, words, on }) => {
    const { project, speak } = context
    const name = secretNameOf(words[0] ?? '', 'secrets rm', context)
    const source = await findSecret(project, name)
    if (source.role !== 'secret') throw failure('secret-in-env-file', { name })
    if (!on('force') && !(await confirmed(context, `Remove ${quote(source.path)}?`, '--force')))
      throw failure('interrupted-nothing')
    try {
      rmSync(source.path)
      syncDirectory(project.secretsDir)
    } catch (error) {
      throw failure('write-failed', { path: source.path, reason: errnoOf(error) })
    }
    speak.note(`${quote(source.path)}: removed; revoke the value at its issuer if nobody may use it any more`)
    return 0
  },
}
