/** `disinto git setup`: has git compare, merge and check encrypted files by name. */
import { realpathSync } from 'node:fs'
import type { HostCommand } from '../../cli/command.ts'
import { setUpGit, undoGit } from '../../git/setup.ts'

export const setup: HostCommand = {
  name: 'git setup',
  about: 'have git compare and merge encrypted files by name',
  usage: '[--hook] [--undo]',
  details: `Adds lines to .gitattributes (commit it) and drivers to the configuration of
this clone only, so run it once in each clone. git diff, git log -p and git show then show
names and recipients, without a key and without a value; git
merge, rebase, cherry-pick and stash pop merge by name, in memory. With
--hook, git commit and git merge refuse what disinto secrets check finds. git
starts this program by its full path, and nothing of the repository.`,
  examples: ['disinto git setup', 'disinto git setup --hook', 'disinto git setup --undo'],
  options: [
    { name: 'hook', about: 'also check what is about to be committed' },
    { name: 'undo', about: 'undo everything, hooks included' },
  ],
  words: [0, 0],
  changes: true,
  run: async ({ context, on }) => {
    const { speak } = context
    const ours = { node: process.execPath, bundle: realpathSync(process.argv[1] ?? '') }
    const undo = on('undo')
    const said = undo ? await undoGit(context) : await setUpGit(context, ours, { hook: on('hook') })
    for (const line of said) speak.note(line)
    if (said.length === 0) speak.note(undo ? 'nothing to undo' : 'everything was already set up')
    return 0
  },
}
