/** `disinto git textconv`: an encrypted file as names and recipients; called by git. */
import { resolve } from 'node:path'
import { errnoOf } from '../../../errors.ts'
import { readRegular } from '../../../load/read.ts'
import type { HostCommand } from '../../cli/command.ts'
import { failure } from '../../errors.ts'
import { versionMarker } from '../../git/opened.ts'
import { summaryOf } from '../../git/summary.ts'

export const textconv: HostCommand = {
  name: 'git textconv',
  about: 'show the names and recipients of a file; git calls it',
  usage: 'FILE',
  details: `git diff, git log -p and git show compare what this prints, as disinto git setup
set it up (gitattributes(5), "Performing text diffs of binary files"). No key is
needed, and no value is ever in it. With a key in a file it also shows which
values changed in a file that was encrypted again.`,
  examples: ['git config diff.disinto.textconv'],
  options: [],
  here: true,
  words: [1, 1],
  run: async ({ context, words }) => {
    const path = resolve(context.workingDirectory, words[0] ?? '')
    let bytes: Buffer
    try {
      bytes = readRegular(path)
    } catch (error) {
      throw failure('source-unreadable', { path, reason: errnoOf(error) })
    }
    const marks = await versionMarker(context)
    context.print(await summaryOf(bytes, await marks(path, bytes)))
    return 0
  },
}
