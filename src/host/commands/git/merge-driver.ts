/** `disinto git merge-driver`: merges an encrypted file by name; called by git. */

import type { HostCommand } from '../../cli/command.ts'
import { failure } from '../../errors.ts'
import { mergeFiles } from '../../git/merge-files.ts'

const USAGE = '-- %O %A %B %P'

export const mergeDriver: HostCommand = {
  name: 'git merge-driver',
  about: 'merge an encrypted file by name; git calls it',
  usage: USAGE,
  details: `git calls this, as set up by disinto git setup (gitattributes(5), "Defining a
custom merge driver"): the common ancestor, our version, which gets the
result, their version, and the path. Exit status 1 is a conflict: our version
is unchanged.`,
  examples: ['git config merge.disinto.driver'],
  options: [],
  here: true,
  words: [0, 0],
  takesRest: true,
  run: async ({ context, rest }) => {
    const [ancestor, ours, theirs, path] = rest
    if (ancestor === undefined || ours === undefined || theirs === undefined || path === undefined)
      throw failure('words-missing', { command: 'git merge-driver', usage: USAGE })
    await mergeFiles(context, { ancestor, ours, theirs, path })
    return 0
  },
}
